package house

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// forbidden is what no file says. The words are written in two parts since this
// file is checked, too.
var forbidden = map[string]*regexp.Regexp{
	"an unfinished thought":        regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`),
	"a path of one machine":        regexp.MustCompile(`(^|[\s"'(=])/(wo` + `rk|tm` + `p|ro` + `ot|ho` + `me)/`),
	"a path of one machine, too":   regexp.MustCompile(`\bshar` + `ed/(design|spec|data)`),
	"the host of a module mirror":  regexp.MustCompile(`(pro` + `xy|su` + `m)\.golang\.org`),
	"a listener on any interface":  regexp.MustCompile(`Listen\w*\([^()]*"(0\.0\.0\.0|\[::\])?:\d*"`),
	"a merge that is not finished": regexp.MustCompile(`(?m)^(<{7}|>{7}) `),
}

// interopData is the one reference to a file outside the repository: messages
// that the interop tests send when they are there.
var interopData = []byte("../shar" + "ed/data/eml")

func TestForbiddenText(t *testing.T) {
	needRepository(t)
	names, err := tree(".go", ".md", ".yml", ".yaml", ".mod", ".work", ".sh", "run")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(inRoot(name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "interop/") {
			text = bytes.ReplaceAll(text, interopData, nil)
		}
		for what, pattern := range forbidden {
			for _, at := range pattern.FindAllIndex(text, -1) {
				line := 1 + bytes.Count(text[:at[0]], []byte("\n"))
				t.Errorf("%s:%d: %q is %s", name, line, text[at[0]:at[1]], what)
			}
		}
	}
}

// The commands in the documents are those that .ci/run runs.
func TestDocuments(t *testing.T) {
	needRepository(t)
	documents := map[string][]string{
		"README.md":       {"go test work", "go run ./cmd/postern demo"},
		"CONTRIBUTING.md": {"go test -race work", "go vet work", ".ci/run"},
		"SECURITY.md":     {"Insecure"},
		"CHANGELOG.md":    {"## Unreleased"},
		"LICENSE":         {"MIT License"},
	}
	for name, phrases := range documents {
		text, err := os.ReadFile(inRoot(name))
		if errors.Is(err, fs.ErrNotExist) {
			t.Logf("%s is not written yet", name)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, phrase := range phrases {
			if !bytes.Contains(text, []byte(phrase)) {
				t.Errorf("%s does not say %q", name, phrase)
			}
		}
	}
}
