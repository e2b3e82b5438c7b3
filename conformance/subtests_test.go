package conformance_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badclient"
	"github.com/seed-55a66e92/postern/conformance/internal/badserver"
	"github.com/seed-55a66e92/postern/mock"
)

// A recorder is a test that only notes what is said.
type recorder struct {
	ctx   context.Context
	name  string
	notes *[]string
}

func (r recorder) Helper()                  {}
func (r recorder) Context() context.Context { return r.ctx }
func (r recorder) note(kind, format string, args []any) {
	text, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	*r.notes = append(*r.notes, strings.TrimSpace(r.name+" "+kind+": "+text))
}
func (r recorder) Logf(format string, args ...any)   { r.note("log", format, args) }
func (r recorder) Errorf(format string, args ...any) { r.note("error", format, args) }
func (r recorder) Skipf(format string, args ...any)  { r.note("skip", format, args) }
func (r recorder) Run(name string, f func(recorder)) bool {
	*r.notes = append(*r.notes, name)
	f(recorder{r.ctx, name, r.notes})
	return true
}

func TestSubtests(t *testing.T) {
	suite := conformance.Suite{Cases: []conformance.Case{
		answering("X-1", conformance.Verdict{Outcome: conformance.Pass}),
		answering("X-2", conformance.Verdict{Outcome: conformance.Warn}),
		answering("X-3", conformance.Verdict{Outcome: conformance.Fail}),
		answering("X-4", conformance.Verdict{Outcome: conformance.Skip}),
		answering("X-5", conformance.Verdict{Outcome: conformance.Inconclusive}),
		answering("X-6", conformance.Verdict{}),
	}}
	var notes []string
	conformance.RunSuite(recorder{t.Context(), "", &notes}, suite, nobody)
	want := []string{
		"X-1",
		"X-2", "X-2 log: X-2 warn: A case",
		"X-3", "X-3 error: X-3 fail: A case",
		"X-4", "X-4 skip: X-4 skip: A case",
		"X-5", "X-5 error: X-5 inconclusive: A case",
		"X-6", "X-6 error: X-6 error: A case",
	}
	if !slices.Equal(notes, want) {
		t.Errorf("got  %q\nwant %q", notes, want)
	}
}

func TestSubtestsOfNothing(t *testing.T) {
	var notes []string
	conformance.RunSuite(recorder{t.Context(), "", &notes}, conformance.Suite{Select: []string{"C-NIX-*"}}, nobody)
	want := []string{`error: conformance: no case matches "C-NIX-*" (patterns match whole ids: write "C-TLS-*")`}
	if !slices.Equal(notes, want) {
		t.Errorf("got  %q\nwant %q", notes, want)
	}
}

// What makes a run fail as a whole makes a test fail, too.
func TestSubtestsThatProveNothing(t *testing.T) {
	skip := conformance.Suite{Cases: []conformance.Case{answering("X-1", conformance.Verdict{Outcome: conformance.Skip})}}
	var notes []string
	conformance.RunSuite(recorder{t.Context(), "", &notes}, skip, nobody)
	want := []string{"X-1", "X-1 skip: X-1 skip: A case", "error: conformance: nothing was tested: all 1 cases were skipped"}
	if !slices.Equal(notes, want) {
		t.Errorf("got  %q\nwant %q", notes, want)
	}
	_, target := newMutant(t, badserver.None)
	target.Claims, notes = []string{"DSN"}, nil
	conformance.RunSuite(recorder{t.Context(), "", &notes}, conformance.Suite{Cases: []conformance.Case{passing("X-1")}}, target)
	want = []string{"X-1", "error: conformance: the target does not offer what is claimed: DSN"}
	if !slices.Equal(notes, want) {
		t.Errorf("got  %q\nwant %q", notes, want)
	}
}

// A client with a defect fails the one subtest that is about it.
func TestRunFailsAMutant(t *testing.T) {
	var notes []string
	conformance.Run(recorder{t.Context(), "", &notes}, conformance.ClientTarget{
		Driver: naive(badclient.ContinueInClear), Network: mock.InMemory,
	})
	if want := subtests("C-TLS-01 error: C-TLS-01 fail: No sign-in without STARTTLS if TLS is required"); !slices.Equal(notes, want) {
		t.Errorf("got  %q\nwant %q", notes, want)
	}
}

// In bubbles, so does one that only time shows.
func TestBubblesFailAMutant(t *testing.T) {
	var notes []string
	bubble := func(r recorder, f func(recorder)) {
		synctest.Test(t, func(t *testing.T) { f(recorder{t.Context(), r.name, r.notes}) })
	}
	conformance.RunClientInBubbles(recorder{t.Context(), "", &notes}, bubble, naive(badclient.NoTLSTimer))
	if want := subtests("C-TMO-07 error: C-TMO-07 fail: A handshake and a write that get nowhere end in time"); !slices.Equal(notes, want) {
		t.Errorf("got  %q\nwant %q", notes, want)
	}
}

// Without them, what needs virtual time is skipped.
func TestRealTime(t *testing.T) {
	suite := conformance.Suite{Select: []string{"C-TMO-*"}}
	report, err := suite.Run(t.Context(), conformance.ClientTarget{Driver: naive(badclient.None), Network: mock.InMemory})
	if err != nil {
		t.Fatal(err)
	}
	if n := report.Count(conformance.Skip); n != len(report.Results) {
		t.Errorf("%d cases skipped, want all\n%s", n, report)
	}
}

// subtests returns the notes of a client that does well but for one remark.
func subtests(remark string) []string {
	var notes []string
	virtual := strings.HasPrefix(remark, "C-TMO")
	for _, c := range casesFor("C") {
		notes = append(notes, c.ID)
		switch {
		case strings.HasPrefix(remark, c.ID):
			notes = append(notes, remark)
		case !virtual && slices.Contains(c.Needs, "virtual time"):
			notes = append(notes, fmt.Sprintf("%s skip: %[1]s skip: %s", c.ID, c.Title))
		}
	}
	return notes
}
