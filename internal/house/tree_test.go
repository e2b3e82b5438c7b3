package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the path that the import paths of all our packages start with.
const module = "github.com/seed-55a66e92/postern"

// A source is one parsed Go file.
type source struct {
	Name string // slash-separated, relative to the root of the repository
	File *ast.File
	Text []byte
}

// Dir is the directory of the file, "." for the root.
func (s source) Dir() string { return path.Dir(s.Name) }

// Test reports whether the file belongs to a test.
func (s source) Test() bool { return strings.HasSuffix(s.Name, "_test.go") }

// Imports are the import paths that the file names.
func (s source) Imports() []string {
	var paths []string
	for _, spec := range s.File.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// position says where node n is.
func (s source) position(n ast.Node) string {
	p := files.Position(n.Pos())
	return s.Name + ":" + strconv.Itoa(p.Line)
}

// files holds the positions of everything that sources parses.
var files = token.NewFileSet()

// sources parses all Go files of the repository, once.
var sources = sync.OnceValues(func() ([]source, error) {
	names, err := tree(".go")
	if err != nil {
		return nil, err
	}
	var all []source
	for _, name := range names {
		text, err := os.ReadFile(inRoot(name))
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		all = append(all, source{Name: name, File: file, Text: text})
	}
	return all, nil
})

// goFiles returns all Go files of the repository. It skips the test where there
// is no repository, as in the module cache.
func goFiles(t *testing.T) []source {
	t.Helper()
	needRepository(t)
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func needRepository(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(inRoot(".git")); err != nil {
		t.Skip("not in the repository:", err)
	}
}

// inRoot turns a name relative to the root of the repository into a path.
func inRoot(name string) string {
	return filepath.Join("..", "..", filepath.FromSlash(name))
}

// tree lists the files of the repository whose name has one of the suffixes,
// without those of hidden directories other than .ci and without test data.
func tree(suffixes ...string) ([]string, error) {
	var names []string
	root := inRoot(".")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if name == "testdata" || strings.HasPrefix(name, ".") && name != ".." && name != ".ci" && p != root {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
			names = append(names, filepath.ToSlash(rel))
		}
		return nil
	})
	return names, err
}
