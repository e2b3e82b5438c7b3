package conformance

import (
	"context"

	"github.com/seed-55a66e92/postern/mock"
)

// RunClientInBubbles runs all cases for clients as subtests of t, each named by its
// id, for a client that connects through ClientConfig.Dial. Pass synctest.Test as
// bubble:
//
//	conformance.RunClientInBubbles(t, synctest.Test, driver)
//
// Each case then has a testing/synctest bubble and a network in memory, so that
// minutes pass in no time, and the cases run that [RunClient] skips because they
// need that.
func RunClientInBubbles[T TB[T]](t T, bubble func(T, func(T)), d Driver) {
	t.Helper()
	target := ClientTarget{Driver: d, Network: mock.InMemory}
	cases, err := Suite{}.selectedFor(target)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	for _, c := range cases {
		t.Run(c.ID, func(t T) {
			t.Helper()
			result := Result{ID: c.ID, Title: c.Title, Outcome: Error, Reason: "the bubble did not run the case"}
			bubble(t, func(t T) { result = clientAlone(t.Context(), c, target) })
			switch {
			case result.Outcome == Skip:
				t.Skipf("%s", result)
			case !result.Outcome.Good():
				t.Errorf("%s", result)
			case result.Outcome != Pass:
				t.Logf("%s", result)
			}
		})
	}
}

// clientAlone runs one case.
func clientAlone(ctx context.Context, c Case, target ClientTarget) Result {
	report, err := Suite{Cases: []Case{c}}.Run(ctx, target)
	if err != nil {
		return Result{ID: c.ID, Title: c.Title, Area: c.Area, Refs: c.Refs, Outcome: Error, Reason: err.Error()}
	}
	return report.Results[0]
}
