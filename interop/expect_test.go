package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
)

// update has the outcomes of a run written to the files of expectations. It
// leaves arguments as they are and makes up none: a test whose file lacks one
// fails until somebody has written it.
var update = flag.Bool("update", false, "write the outcomes of conformance cases to testdata/expect-*.json")

// Expectations are what one version of a peer makes of the cases: it passes all
// but those named here. A file of them is testdata/expect-NAME.json.
type expectations struct {
	Tested string               `json:"tested"` // the software with its version
	Others map[string]deviation `json:"others"`
}

// A deviation is an outcome other than pass.
type deviation struct {
	Outcome conformance.Outcome `json:"outcome"`

	// Why is the argument: what the peer does, and which clause that is about. For a
	// case that is skipped, or informs, it is the reason.
	Why string `json:"why"`
}

func expectationsFile(name string) string {
	return filepath.Join("testdata", "expect-"+name+".json")
}

// readExpectations returns those of a peer, none if there is no file yet.
func readExpectations(t *testing.T, name string) expectations {
	t.Helper()
	text, err := os.ReadFile(expectationsFile(name))
	if errors.Is(err, fs.ErrNotExist) && *update {
		return expectations{}
	}
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var e expectations
	if err := d.Decode(&e); err != nil {
		t.Fatalf("%s: %v", expectationsFile(name), err)
	}
	return e
}

// write replaces the file by what a report says, with the arguments that there
// were for the same outcomes.
func (e expectations) write(t *testing.T, name, software string, report *conformance.Report) expectations {
	t.Helper()
	now := expectations{Tested: software, Others: map[string]deviation{}}
	for _, result := range report.Results {
		if result.Outcome == conformance.Pass {
			continue
		}
		d := deviation{Outcome: result.Outcome}
		switch before := e.Others[result.ID]; {
		case result.Outcome == conformance.Skip || result.Outcome == conformance.Info:
			d.Why = result.Reason
		case before.Outcome == result.Outcome:
			d.Why = before.Why
		}
		now.Others[result.ID] = d
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(now); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(expectationsFile(name), text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return now
}

// wantOutcomes compares a report with the expectations of that name. The software
// is what has run; if it is another version than the file is of, which only those
// who install it decide, differences are shown and fail nothing.
func wantOutcomes(t *testing.T, name, software string, report *conformance.Report) {
	t.Helper()
	e := readExpectations(t, name)
	if *update {
		e = e.write(t, name, software, report)
	}
	known := make(map[string]bool)
	for _, result := range report.Results {
		known[result.ID] = true
		t.Run(result.ID, func(t *testing.T) { e.compare(t, software, result) })
	}
	for _, id := range slices.Sorted(maps.Keys(e.Others)) {
		if !known[id] {
			t.Errorf("%s: there is no case %s", expectationsFile(name), id)
		}
	}
	t.Logf("%s: %s", software, tally(report))
}

// compare compares one result with what is expected of it.
func (e expectations) compare(t *testing.T, software string, result conformance.Result) {
	t.Helper()
	want, listed := e.Others[result.ID]
	if !listed {
		want.Outcome = conformance.Pass
	}
	switch {
	case result.Outcome != want.Outcome && software != e.Tested:
		t.Skipf("%s, and %s with %s, which the expectations are of\n%s", result.Outcome, want.Outcome, e.Tested, result)
	case result.Outcome != want.Outcome:
		t.Errorf("%s, want %s (%s)\n%s", result.Outcome, want.Outcome, want.Why, result)
	case result.Outcome == conformance.Error:
		t.Errorf("no expectation makes an error of the suite good\n%s", result)
	case listed && want.Why == "":
		t.Errorf("%s lacks an argument: what is done, and which clause says what of it\n%s", want.Outcome, result)
	}
}

// tally counts outcomes.
func tally(report *conformance.Report) string {
	text := ""
	for _, o := range conformance.Outcomes() {
		if n := report.Count(o); n > 0 {
			text += fmt.Sprintf("%d %s  ", n, o)
		}
	}
	return text
}

// moduleVersion returns what go.mod requires of a module, with its name.
func moduleVersion(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if words := bytes.Fields(line); len(words) >= 2 && string(words[0]) == path {
			return filepath.Base(path) + " " + string(words[1])
		}
	}
	t.Fatalf("go.mod does not require %s", path)
	return ""
}
