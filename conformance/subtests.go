package conformance

import "context"

// TB is what [Run] needs of a test; a *testing.T is one. T is the type itself, so
// that subtests are of the same kind.
type TB[T any] interface {
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Skipf(format string, args ...any)
	Run(name string, f func(T)) bool
}

// RunClient runs all cases for clients as subtests of t, each named by its id.
func RunClient[T TB[T]](t T, d Driver) {
	t.Helper()
	RunSuite(t, Suite{}, ClientTarget{Driver: d})
}

// Run runs all cases for the target as subtests of t, each named by its id.
func Run[T TB[T]](t T, target Target) {
	t.Helper()
	RunSuite(t, Suite{}, target)
}

// RunSuite runs the selected cases for the target as subtests of t, each named by
// its id. A subtest fails if the outcome is fail, xpass, inconclusive or error. The
// test itself fails for what [Report.Err] says besides: that something is claimed
// which is not there, and that all cases were skipped.
func RunSuite[T TB[T]](t T, s Suite, target Target) {
	t.Helper()
	r, err := s.begin(t.Context(), target)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	defer r.end()
	for _, c := range r.cases {
		t.Run(c.ID, func(t T) {
			t.Helper()
			result := r.judge(t.Context(), c)
			r.report.Results = append(r.report.Results, result)
			tellTest(t, result)
		})
	}
	if err := r.finish().lacking(len(r.cases)); err != nil {
		t.Errorf("%v", err)
	}
}

// tellTest makes a result that of a test.
func tellTest[T TB[T]](t T, result Result) {
	t.Helper()
	switch {
	case result.Outcome == Skip:
		t.Skipf("%s", result)
	case !result.Outcome.Good() && !result.Provisional:
		t.Errorf("%s", result)
	case result.Outcome != Pass:
		t.Logf("%s", result)
	}
}
