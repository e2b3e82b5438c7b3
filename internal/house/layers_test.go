package house

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// A layer says what the files of one directory may import besides the standard
// library. Paths of ours are written without the module path; "..." at the end
// stands for all below.
type layer struct {
	dir   string // and all below, unless a longer dir matches
	allow []string
}

// layers is the order of the house, lowest first. Test files may import any
// core package, whatever their own layer.
var layers = []layer{
	{dir: "internal/house"},
	{dir: "internal/wire"},
	{dir: "sasl", allow: []string{"internal/wire", "github.com/emersion/go-sasl", "github.com/xdg-go/stringprep"}},
	{dir: "providers/profile"},
	{dir: "providers", allow: []string{"sasl"}},
	{dir: "providers/loopback"},
	{dir: "providers/storetest", allow: []string{"sasl", "providers"}},
	{dir: "smtp", allow: []string{"sasl", "providers/profile", "internal/wire"}},
	{dir: "mock", allow: []string{"sasl", "providers/profile", "internal/wire", "github.com/google/go-cmp/..."}},
	{dir: "conformance", allow: []string{
		"sasl", "providers", "mock/...", "internal/wire", "github.com/google/go-cmp/...",
	}},
}

// coreTests is what any test of core may import.
var coreTests = []string{
	"sasl/...", "providers", "providers/loopback", "providers/profile", "providers/storetest",
	"smtp/...", "mock/...", "conformance/...", "internal/...",
	"github.com/emersion/go-sasl", "github.com/google/go-cmp/...", "github.com/xdg-go/stringprep",
}

// coreModules is what the go.mod of core may require.
var coreModules = []string{
	"github.com/emersion/go-sasl", "github.com/google/go-cmp",
	"github.com/xdg-go/stringprep", "golang.org/x/text", // SASLprep, and what it needs
}

// ownModules are the directories of the modules besides core.
var ownModules = []string{
	"providers/google", "providers/microsoft", "providers/generic", "providers/redisstore",
	"cmd/postern", "tools", "interop", "bench",
}

func TestCoreImports(t *testing.T) {
	for _, file := range goFiles(t) {
		if _, ok := moduleOf(file.Dir()); ok {
			continue
		}
		l, ok := layerOf(file.Dir())
		if !ok {
			t.Errorf("%s: package %s has no place in the layers of this test", file.Name, file.Dir())
			continue
		}
		allowed := l.allow
		if file.Test() {
			allowed = coreTests
		}
		for _, imported := range file.Imports() {
			own, within := strings.CutPrefix(imported, module+"/")
			switch {
			case within && (own == file.Dir() || matches(l.below(), own)):
			case matches(allowed, own):
			case !within && standard(imported):
			default:
				t.Errorf("%s: package %s may not import %s", file.Name, file.Dir(), imported)
			}
		}
	}
}

// A provider's version must not depend on internals of core, which have none.
func TestOtherModulesImports(t *testing.T) {
	for _, file := range goFiles(t) {
		dir, ok := moduleOf(file.Dir())
		if !ok {
			continue
		}
		for _, imported := range file.Imports() {
			own, within := strings.CutPrefix(imported, module+"/")
			if within && internal(own) && !strings.HasPrefix(own, dir+"/") {
				t.Errorf("%s: imports %s, which is internal to another module", file.Name, imported)
			}
		}
	}
}

// Microsoft's library is for those who ask for Microsoft's tokens.
func TestMSALStays(t *testing.T) {
	for _, file := range goFiles(t) {
		for _, imported := range file.Imports() {
			own := strings.TrimPrefix(imported, module+"/")
			brings := strings.HasPrefix(imported, "github.com/AzureAD/") || under(own, "providers/microsoft")
			if brings && !under(file.Dir(), "providers/microsoft") && !under(file.Dir(), "cmd") && !under(file.Dir(), "interop") {
				t.Errorf("%s: imports %s, which brings MSAL along", file.Name, imported)
			}
		}
	}
}

func TestGoMod(t *testing.T) {
	needRepository(t)
	for _, dir := range append([]string{"."}, ownModules...) {
		text, err := os.ReadFile(inRoot(dir + "/go.mod"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(strings.TrimPrefix(line, "require "))
			switch {
			case len(fields) == 0:
			case fields[0] == "toolchain":
				t.Errorf("%s/go.mod: a toolchain line forces that toolchain on contributors", dir)
			case dir == "." && fields[0] == "go" && fields[1] != "1.25.0":
				t.Errorf("go.mod: core declares go 1.25.0, not %s", fields[1])
			case dir == "." && strings.Contains(fields[0], "/") && fields[0] != "//" && len(fields) > 1 &&
				!slices.Contains(coreModules, fields[0]):
				t.Errorf("go.mod: core may not require %s", fields[0])
			}
		}
	}
}

// below are the packages under the layer's own directory.
func (l layer) below() []string { return []string{l.dir + "/internal/..."} }

// layerOf returns the layer with the longest directory that holds dir.
func layerOf(dir string) (layer, bool) {
	var found layer
	for _, l := range layers {
		if under(dir, l.dir) && len(l.dir) > len(found.dir) {
			found = l
		}
	}
	return found, found.dir != ""
}

// moduleOf returns the directory of the module, other than core, that holds dir.
func moduleOf(dir string) (string, bool) {
	i := slices.IndexFunc(ownModules, func(m string) bool { return under(dir, m) })
	if i < 0 {
		return "", false
	}
	return ownModules[i], true
}

func under(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, parent+"/")
}

// matches reports whether path is one of patterns, which may end in "/...".
func matches(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		parent, all := strings.CutSuffix(p, "/...")
		return path == p || all && under(path, parent)
	})
}

// standard reports whether path names a package of the standard library: the
// first element of any other has a dot.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func internal(path string) bool {
	return slices.Contains(strings.Split(path, "/"), "internal")
}
