package smtp_test

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A behaviour is one entry of the table of behaviours.
type behaviour struct {
	id, text string
	tests    []string // with their directories, from the root of the module
	differs  string
}

// behaviours reads the table.
func behaviours(t *testing.T) []behaviour {
	t.Helper()
	f, err := os.Open("testdata/behaviours.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []behaviour
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		text := strings.TrimSpace(line)
		switch {
		case text == "" || text[0] == '#':
			continue
		case line == text:
			id, rest, _ := strings.Cut(text, " ")
			list = append(list, behaviour{id: id, text: strings.TrimSpace(rest)})
			continue
		case len(list) == 0:
			t.Fatalf("%q is before the first id", line)
		}
		last := &list[len(list)-1]
		if reason, ok := strings.CutPrefix(text, "differs:"); ok {
			last.differs = strings.TrimSpace(reason)
			continue
		}
		for name := range strings.FieldsSeq(text) {
			if !strings.Contains(name, ".") {
				name = "smtp." + name
			}
			last.tests = append(last.tests, name)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// Each behaviour that users rely on has a test, and each test that is named is
// there.
func TestBehaviours(t *testing.T) {
	missing := map[string]bool{}
	for letter, n := range map[string]int{"O": 9, "P": 8, "T": 10, "C": 10, "D": 4, "R": 7, "S": 4, "E": 1, "N": 10, "V": 37} {
		for i := range n {
			missing[fmt.Sprint(letter, i+1)] = true
		}
	}
	for group, n := range map[string]int{
		"GRT": 6, "HEL": 6, "REP": 15, "TMO": 7, "TLS": 16, "AUT": 18, "XOA": 5, "OAB": 1, "LGN": 1, "EXT": 1, "REG": 1,
		"TXN": 14, "SIZ": 1, "UTF": 1, "DSN": 1, "ENH": 1, "RTL": 1, "PIP": 5, "CHK": 1,
	} {
		for i := range n {
			missing[fmt.Sprintf("C-%s-%02d", group, i+1)] = true
		}
	}
	there := map[string]map[string]bool{} // by directory
	for _, b := range behaviours(t) {
		if !missing[b.id] {
			t.Errorf("%s is unknown, or there twice", b.id)
		}
		delete(missing, b.id)
		if b.text == "" || len(b.tests) == 0 {
			t.Errorf("%s: no text, or no test", b.id)
		}
		for _, test := range b.tests {
			dir, name, _ := strings.Cut(test, ".")
			if there[dir] == nil {
				there[dir] = testsOf(t, dir)
			}
			if !there[dir][name] {
				t.Errorf("%s: there is no %s", b.id, test)
			}
		}
	}
	for id := range missing {
		t.Errorf("%s is missing", id)
	}
}

// testsOf returns the names of the tests and fuzz targets in a directory.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	isTest := regexp.MustCompile(`^(Test|Fuzz)[^a-z]`)
	names := map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && isTest.MatchString(f.Name.Name) {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}
