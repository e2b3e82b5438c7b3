package house

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestPackageState looks for package-level variables that could change. It goes
// by their form: a table is a composite literal and is never assigned to, and
// what a function returns is taken to be immutable, as a compiled pattern is.
func TestPackageState(t *testing.T) {
	state := map[string][]string{} // directory: names of package-level variables
	for _, file := range goFiles(t) {
		if file.Test() {
			continue
		}
		for _, spec := range packageVars(file) {
			if why := mutable(spec); why != "" {
				t.Errorf("%s: package-level variable %s %s", file.position(spec), spec.Names[0].Name, why)
			}
			for _, n := range spec.Names {
				state[file.Dir()] = append(state[file.Dir()], n.Name)
			}
		}
	}
	for _, file := range goFiles(t) {
		if !file.Test() {
			checkAssignments(t, file, state[file.Dir()])
		}
	}
}

// packageVars returns the package-level variables of file, but for the
// assertions that a type implements an interface.
func packageVars(file source) []*ast.ValueSpec {
	var specs []*ast.ValueSpec
	for _, decl := range file.File.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			spec := s.(*ast.ValueSpec)
			embedded := g.Doc != nil && strings.Contains(directives(g.Doc), "//go:embed")
			if spec.Names[0].Name != "_" && !embedded {
				specs = append(specs, spec)
			}
		}
	}
	return specs
}

func directives(doc *ast.CommentGroup) string {
	var lines []string
	for _, c := range doc.List {
		lines = append(lines, c.Text)
	}
	return strings.Join(lines, "\n")
}

// mutable says what makes a variable one that changes, or may be changed.
func mutable(spec *ast.ValueSpec) string {
	if len(spec.Values) == 0 {
		return "has no value"
	}
	for i, value := range spec.Values {
		if strings.HasPrefix(strings.ToLower(spec.Names[i].Name), "err") {
			continue // an error that callers compare with
		}
		switch v := value.(type) {
		case *ast.CallExpr:
			if f := name(v.Fun); f == "make" || f == "new" {
				return "is made empty, to be filled"
			}
		case *ast.CompositeLit:
			if p, _, _ := strings.Cut(name(v.Type), "."); p == "sync" || p == "atomic" {
				return "guards or holds state"
			}
		case *ast.BasicLit:
			return "could be a constant"
		default: // a function, a pointer, another package's variable
			return "is a knob to turn"
		}
		if ast.IsExported(spec.Names[i].Name) {
			return "is exported, so anybody can set it"
		}
	}
	return ""
}

// checkAssignments reports assignments in file to the package-level variables
// vars or to parts of them.
func checkAssignments(t *testing.T, file source, vars []string) {
	for _, decl := range file.File.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		local := declared(f)
		ast.Inspect(f, func(n ast.Node) bool {
			var targets []ast.Expr
			switch s := n.(type) {
			case *ast.AssignStmt:
				if s.Tok != token.DEFINE {
					targets = s.Lhs
				}
			case *ast.IncDecStmt:
				targets = []ast.Expr{s.X}
			}
			for _, target := range targets {
				if v := base(target); slices.Contains(vars, v) && !local[v] {
					t.Errorf("%s: assigns to package-level variable %s", file.position(n), v)
				}
			}
			return true
		})
	}
}

// declared collects the names that f declares anywhere in it.
func declared(f *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch d := n.(type) {
		case *ast.Field:
			for _, id := range d.Names {
				names[id.Name] = true
			}
		case *ast.ValueSpec:
			for _, id := range d.Names {
				names[id.Name] = true
			}
		case *ast.AssignStmt:
			if d.Tok == token.DEFINE {
				for _, e := range d.Lhs {
					names[base(e)] = true
				}
			}
		case *ast.RangeStmt:
			if d.Tok == token.DEFINE {
				names[base(d.Key)], names[base(d.Value)] = true, true
			}
		}
		return true
	})
	return names
}

// base is the variable that an expression such as v.f[i] is a part of.
func base(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ""
		}
	}
}
