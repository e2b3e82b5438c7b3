package conformance

import (
	"context"

	"github.com/seed-55a66e92/postern/mock"
)

// RunTokenGenerator runs all cases for token generators as subtests of t, each
// named by its id. Pass synctest.Test as bubble:
//
//	conformance.RunTokenGenerator(t, synctest.Test, conformance.GeneratorTarget{New: newGenerator})
//
// Each case then has a testing/synctest bubble and a network in memory, so that
// hours pass in no time. A generator that cannot be told to use
// GeneratorConfig.HTTPClient or GeneratorConfig.Dial is run with nil instead, on
// target.Network; cases that need virtual time are skipped.
func RunTokenGenerator[T TB[T]](t T, bubble func(T, func(T)), target GeneratorTarget) {
	t.Helper()
	if bubble == nil {
		RunSuite(t, Suite{}, target)
		return
	}
	target.Network = mock.InMemory
	cases, err := Suite{}.selectedFor(target)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	for _, c := range cases {
		t.Run(c.ID, func(t T) {
			t.Helper()
			result := Result{ID: c.ID, Title: c.Title, Outcome: Error, Reason: "the bubble did not run the case"}
			bubble(t, func(t T) { result = runAlone(t.Context(), c, target) })
			tellTest(t, result)
		})
	}
}

// runAlone runs one case.
func runAlone(ctx context.Context, c Case, target Target) Result {
	report, err := Suite{Cases: []Case{c}}.Run(ctx, target)
	if err != nil {
		return Result{ID: c.ID, Title: c.Title, Area: c.Area, Refs: c.Refs, Outcome: Error, Reason: err.Error()}
	}
	return report.Results[0]
}
