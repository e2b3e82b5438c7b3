package house

import (
	"bytes"
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is the longest a Go file may be.
const maxLines = 500

func TestFileLength(t *testing.T) {
	for _, file := range goFiles(t) {
		if n := bytes.Count(file.Text, []byte("\n")); n > maxLines {
			t.Errorf("%s: %d lines; a file is one concept and has at most %d", file.Name, n, maxLines)
		}
	}
}

func TestPackageComments(t *testing.T) {
	commented := map[string]int{} // directory: files with a package comment
	for _, file := range goFiles(t) {
		if _, seen := commented[file.Dir()]; !seen {
			commented[file.Dir()] = 0
		}
		if file.File.Doc != nil && !strings.HasSuffix(file.File.Name.Name, "_test") {
			commented[file.Dir()]++
		}
	}
	for dir, n := range commented {
		if n != 1 {
			t.Errorf("%s: %d files have a package comment, want 1", dir, n)
		}
	}
}

func TestNoInit(t *testing.T) {
	for _, file := range goFiles(t) {
		for _, decl := range file.File.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: func init; nothing happens on import", file.position(f))
			}
		}
	}
}

// A sleep in a test makes it slow and flaky, and one elsewhere outlives its
// context. In a synctest bubble a sleep takes no time and is how the clock moves;
// helpers may be called in one, so a package that uses bubbles may sleep.
func TestNoSleep(t *testing.T) {
	bubbles := map[string]bool{} // directory: its tests use synctest
	for _, file := range goFiles(t) {
		if file.Test() && slices.Contains(file.Imports(), "testing/synctest") {
			bubbles[file.Dir()] = true
		}
	}
	for _, file := range goFiles(t) {
		if file.Test() && bubbles[file.Dir()] {
			continue
		}
		ast.Inspect(file.File, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && name(s) == "time.Sleep" {
				t.Errorf("%s: time.Sleep", file.position(s))
			}
			return true
		})
	}
}

// name writes an identifier, or a selector on one, as in the source.
func name(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return name(x.X) + "." + x.Sel.Name
	}
	return ""
}

// Every protocol branch has its address, and every address is explained: an RFC
// that any code names is in the comment of some package, where readers look up
// what is implemented.
func TestRFCs(t *testing.T) {
	rfc := regexp.MustCompile(`\bRFC[ -](\d{3,5})\b`)
	explained := map[string]bool{} // number
	tables := map[string]bool{}    // directory: its package comment names RFCs
	named := map[string][]string{} // number: files
	for _, file := range goFiles(t) {
		if file.Test() {
			continue
		}
		for _, m := range rfc.FindAllStringSubmatch(file.File.Doc.Text(), -1) {
			explained[m[1]] = true
			tables[file.Dir()] = true
		}
		for _, m := range rfc.FindAllSubmatch(file.Text, -1) {
			named[string(m[1])] = append(named[string(m[1])], file.Name)
		}
	}
	if !tables["smtp"] || !tables["sasl"] {
		t.Skip("the package comments of smtp and sasl do not name RFCs yet")
	}
	for _, number := range slices.Sorted(maps.Keys(named)) {
		if !explained[number] {
			t.Errorf("%s: no package comment names RFC %s", slices.Compact(named[number]), number)
		}
	}
}
