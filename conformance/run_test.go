package conformance_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/conformance"
)

// answeringInTurn returns a case that gives one outcome after the other, and the
// last one for ever.
func answeringInTurn(id string, outcomes ...conformance.Outcome) conformance.Case {
	c := answering(id, conformance.Verdict{})
	c.Client = func(context.Context, *conformance.ClientBench) conformance.Verdict {
		v := conformance.Verdict{Outcome: outcomes[0]}
		if len(outcomes) > 1 {
			outcomes = outcomes[1:]
		}
		return v
	}
	return c
}

// runOf runs cases against nobody.
func runOf(t *testing.T, s conformance.Suite, cases ...conformance.Case) *conformance.Report {
	t.Helper()
	s.Cases = cases
	report, err := s.Run(t.Context(), nobody)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// Only what is inconclusive is tried again.
func TestRetries(t *testing.T) {
	const pass, fail, open = conformance.Pass, conformance.Fail, conformance.Inconclusive
	tests := []struct {
		name     string
		retries  int
		outcomes []conformance.Outcome
		want     conformance.Outcome
		attempts int
		flaky    bool
	}{
		{"pass", 0, []conformance.Outcome{pass, fail}, pass, 1, false},
		{"fail", 0, []conformance.Outcome{fail, pass}, fail, 1, false},
		{"warn", 0, []conformance.Outcome{conformance.Warn, pass}, conformance.Warn, 1, false},
		{"error", 0, []conformance.Outcome{conformance.Error, pass}, conformance.Error, 1, false},
		{"inconclusive once", 0, []conformance.Outcome{open, pass}, pass, 2, true},
		{"inconclusive twice", 0, []conformance.Outcome{open, open, fail}, fail, 3, true},
		{"inconclusive for ever", 0, []conformance.Outcome{open}, open, 3, false},
		{"one retry", 1, []conformance.Outcome{open, open, pass}, open, 2, false},
		{"no retry", -1, []conformance.Outcome{open, pass}, open, 1, false},
		{"skip", 0, []conformance.Outcome{conformance.Skip, pass}, conformance.Skip, 0, false},
		{"skip at the second attempt", 0, []conformance.Outcome{open, conformance.Skip, pass}, open, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := runOf(t, conformance.Suite{Retries: tt.retries}, answeringInTurn("X-1", tt.outcomes...)).Results[0]
			if got.Outcome != tt.want || got.Attempts != tt.attempts || got.Flaky != tt.flaky {
				t.Errorf("%s in %d attempts, flaky %t; want %s in %d, %t", got.Outcome, got.Attempts, got.Flaky, tt.want, tt.attempts, tt.flaky)
			}
		})
	}
}

func TestStrict(t *testing.T) {
	got := runOf(t, conformance.Suite{Strict: true}, answeringInTurn("X-1", conformance.Warn))
	if got.Results[0].Outcome != conformance.Fail || got.Err() == nil || !got.Strict {
		t.Errorf("a warning is no failure: %s", got)
	}
}

// A case in dispute makes no run fail.
func TestProvisional(t *testing.T) {
	c := answeringInTurn("X-1", conformance.Fail)
	c.Stability = conformance.Provisional
	report := runOf(t, conformance.Suite{}, c, answeringInTurn("X-2", conformance.Pass))
	if err := report.Err(); err != nil || report.Core.Standing != conformance.Success {
		t.Errorf("Err is %v, standing %s; want none, success", err, report.Core.Standing)
	}
}

func TestKnownFailures(t *testing.T) {
	today := time.Date(2027, 3, 31, 23, 59, 0, 0, time.UTC)
	known := conformance.KnownFailures{"X-1": {Reason: "issue 12", Until: "2027-03-31"}}
	tests := []struct {
		name    string
		outcome conformance.Outcome
		now     time.Time
		want    conformance.Outcome
		good    bool
		reason  string
	}{
		{"fails", conformance.Fail, today, conformance.XFail, true, "known until 2027-03-31: issue 12"},
		{"warns", conformance.Warn, today, conformance.XFail, true, "issue 12"},
		{"passes", conformance.Pass, today, conformance.XPass, false, "take the entry out"},
		{"inconclusive", conformance.Inconclusive, today, conformance.Inconclusive, false, ""},
		{"fails a minute later", conformance.Fail, today.Add(time.Minute), conformance.Fail, false, "ended with 2027-03-31"},
		{"warns a minute later", conformance.Warn, today.Add(time.Minute), conformance.Fail, false, "ended with 2027-03-31"},
		{"passes a minute later", conformance.Pass, today.Add(time.Minute), conformance.XPass, false, "take the entry out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			suite := conformance.Suite{Known: known, Clock: func() time.Time { return tt.now }}
			report := runOf(t, suite, answeringInTurn("X-1", tt.outcome))
			got := report.Results[0]
			if got.Outcome != tt.want || !strings.Contains(got.Reason, tt.reason) || (report.Err() == nil) != tt.good {
				t.Errorf("got %s, err %v; want %s with %q", got, report.Err(), tt.want, tt.reason)
			}
		})
	}
}

func TestReadKnownFailures(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"good", `{"X-1": {"reason": "issue 12", "until": "2027-03-31"}}`, ""},
		{"empty", `{}`, ""},
		{"no JSON", `X-1`, "invalid character"},
		{"another field", `{"X-1": {"reason": "r", "until": "2027-03-31", "unitl": ""}}`, "unknown field"},
		{"no reason", `{"X-1": {"until": "2027-03-31"}}`, "X-1 has no reason"},
		{"no day", `{"X-1": {"reason": "r"}}`, `X-1: until is ""`},
		{"no such day", `{"X-1": {"reason": "r", "until": "2027-02-30"}}`, `X-1: until is "2027-02-30"`},
		{"no such case", `{"X-7": {"reason": "r", "until": "2027-03-31"}}`, "there is no case X-7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			known, err := conformance.ReadKnownFailures(strings.NewReader(tt.text))
			if err == nil {
				suite := conformance.Suite{Known: known, Cases: []conformance.Case{answeringInTurn("X-1", conformance.Fail)}}
				_, err = suite.Run(t.Context(), nobody)
			}
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (!errors.Is(err, conformance.ErrKnownFailures) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// depending returns a case that depends on others.
func depending(id string, on ...string) conformance.Case {
	c := answeringInTurn(id, conformance.Pass)
	c.DependsOn = on
	return c
}

// One fault is reported once: what rests on a case that failed is skipped.
func TestDependencies(t *testing.T) {
	usable := answering("X-1", conformance.Verdict{Outcome: conformance.Fail, Usable: true})
	tests := []struct {
		name string
		gate conformance.Case
		want conformance.SkipReason // of the two that follow
	}{
		{"pass", answeringInTurn("X-1", conformance.Pass), ""},
		{"fail", answeringInTurn("X-1", conformance.Fail), conformance.DependsOn("X-1")},
		{"inconclusive", answeringInTurn("X-1", conformance.Inconclusive), conformance.DependsOn("X-1")},
		{"error", answeringInTurn("X-1", conformance.Error), conformance.DependsOn("X-1")},
		{"warn", answeringInTurn("X-1", conformance.Warn), ""},
		{"skip", answeringInTurn("X-1", conformance.Skip), ""},
		{"fail, but usable", usable, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cases := []conformance.Case{tt.gate, depending("X-2", "X-1"), depending("X-3", "X-2")}
			for _, selected := range []string{"*", "X-[23]", "X-3"} { // the gate is run whether selected or not
				report := runOf(t, conformance.Suite{Select: []string{selected}}, cases...)
				for _, result := range report.Results {
					if result.ID != "X-1" && result.Skipped != tt.want {
						t.Errorf("selected %s: %s skipped for %q, want %q", selected, result.ID, result.Skipped, tt.want)
					}
				}
			}
		})
	}
}

func TestDependenciesInACircle(t *testing.T) {
	report := runOf(t, conformance.Suite{}, depending("X-1", "X-2"), depending("X-2", "X-1", "X-nowhere"))
	if n := report.Count(conformance.Pass); n != 2 {
		t.Errorf("%d pass, want 2\n%s", n, report)
	}
}

func TestExclude(t *testing.T) {
	cases := []conformance.Case{answeringInTurn("X-1", conformance.Fail), answeringInTurn("X-2", conformance.Pass)}
	report := runOf(t, conformance.Suite{Exclude: []string{"*-1"}}, cases...)
	if got := report.Results[0]; got.Outcome != conformance.Skip || got.Skipped != conformance.ByUser {
		t.Errorf("got %s, want a skip by the user", got)
	}
	if report.Core.Standing != conformance.PartialSuccess {
		t.Errorf("standing %s, want partial", report.Core.Standing)
	}
	_, err := conformance.Suite{Cases: cases, Exclude: []string{"X-9"}}.Run(t.Context(), nobody)
	if !errors.Is(err, conformance.ErrNoMatch) {
		t.Errorf("error %v, want ErrNoMatch", err)
	}
}

func TestProgress(t *testing.T) {
	var got []string
	suite := conformance.Suite{Progress: func(e conformance.Event) {
		line := string(e.Kind)
		if e.Kind != conformance.TargetKnown {
			line += " " + e.Case.ID + " " + string(e.Result.Outcome)
		}
		got = append(got, strings.TrimSpace(line))
	}}
	runOf(t, suite, answeringInTurn("X-1", conformance.Inconclusive, conformance.Pass), depending("X-2", "X-1"))
	want := []string{
		"target", "case X-1", "retried X-1 inconclusive", "case X-1", "ended X-1 pass", "case X-2", "ended X-2 pass",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// A report says when it was made only if it is told.
func TestClock(t *testing.T) {
	now := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Second); return now }
	report := runOf(t, conformance.Suite{Clock: clock}, answeringInTurn("X-1", conformance.Pass))
	if report.Started != "2027-01-02T03:04:06Z" || report.Results[0].Milliseconds != 1000 {
		t.Errorf("started %s, %d ms", report.Started, report.Results[0].Milliseconds)
	}
}

func TestStandings(t *testing.T) {
	const pass, fail, skip, warn = conformance.Pass, conformance.Fail, conformance.Skip, conformance.Warn
	tests := []struct {
		name     string
		outcomes []conformance.Outcome
		want     conformance.Standing
	}{
		{"all pass", []conformance.Outcome{pass, warn}, conformance.Success},
		{"one skipped", []conformance.Outcome{pass, skip, pass}, conformance.PartialSuccess},
		{"one failed", []conformance.Outcome{skip, fail, skip}, conformance.Failure},
		{"open", []conformance.Outcome{pass, conformance.Inconclusive}, conformance.Failure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var cases []conformance.Case
			for i, o := range tt.outcomes {
				cases = append(cases, answeringInTurn("X-"+string(rune('a'+i)), o))
			}
			report := runOf(t, conformance.Suite{}, cases...)
			if report.Core.Standing != tt.want || report.Extended.Standing != conformance.Nothing {
				t.Errorf("core %s, extended %s; want %s and nothing", report.Core.Standing, report.Extended.Standing, tt.want)
			}
		})
	}
}

// Core is what a target has to stand whatever it offers.
func TestCore(t *testing.T) {
	var core []string
	for _, c := range casesFor("S") {
		if c.Core() {
			core = append(core, c.ID)
		}
	}
	want := []string{
		"S-AUT-03", "S-AUT-05", "S-AUT-15", "S-CRL-01", "S-CRL-03", "S-CRL-07", "S-DAT-01", "S-GRT-01", "S-HEL-01",
		"S-HEL-04", "S-LIN-02", "S-REP-01", "S-REP-07", "S-SEC-01", "S-SEQ-03",
	}
	if !slices.Equal(core, want) {
		t.Errorf("core %v\nwant %v", core, want)
	}
}
