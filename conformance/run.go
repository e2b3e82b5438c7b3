package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A run is one run of a suite against one target.
type run struct {
	suite  Suite
	target Target
	cases  []Case // that are selected and for the target
	report *Report

	results map[string]Result // of the cases that were run, by id
	blocked map[string]bool   // of those, the ones that nothing can rest on
	pending map[string]bool   // the cases that are being run
}

// A preparer is a [Target] that has to be looked at before the first case.
type preparer interface {
	// prepare looks at the target, notes in the report what it finds, and returns
	// what cases are run against.
	prepare(context.Context, Suite, *Report) (prepared, error)
}

// prepared is a target that was looked at.
type prepared interface {
	Target
	// rest waits before a case is tried again.
	rest(ctx context.Context, attempt int)
	// finish adds to the report what there is to say at the end.
	finish(*Report)
	// close frees what the target holds.
	close()
}

// begin looks at the target and returns a run in which no case was run yet.
func (s Suite) begin(ctx context.Context, target Target) (*run, error) {
	cases, err := s.selectedFor(target)
	if err != nil {
		return nil, err
	}
	r := &run{
		suite: s, target: target, cases: cases, report: s.newReport(target),
		results: make(map[string]Result), blocked: make(map[string]bool), pending: make(map[string]bool),
	}
	if p, ok := target.(preparer); ok {
		if r.target, err = p.prepare(ctx, s, r.report); err != nil {
			return nil, err
		}
	}
	s.tell(Event{Kind: TargetKnown, Report: r.report, Total: len(cases)})
	return r, nil
}

// finish returns the report.
func (r *run) finish() *Report {
	if p, ok := r.target.(prepared); ok {
		p.finish(r.report)
	}
	r.report.tally()
	return r.report
}

// end frees what the target holds.
func (r *run) end() {
	if p, ok := r.target.(prepared); ok {
		p.close()
	}
}

// judge runs a case, unless that has happened: another case may depend on it.
func (r *run) judge(ctx context.Context, c Case) Result {
	if result, done := r.results[c.ID]; done {
		return result
	}
	r.pending[c.ID] = true
	defer delete(r.pending, c.ID)
	result := Result{
		ID: c.ID, Title: c.Title, Area: c.Area, Refs: c.Refs, Tiers: c.Tiers, Core: c.Core(),
		Provisional: c.Stability == Provisional,
	}
	v := r.unrunnable(ctx, c)
	if v.Outcome == "" {
		v = r.attempts(ctx, c, &result)
	}
	result.set(v)
	if v.Outcome == Fail || v.Outcome == Warn {
		result.Note = c.Note
	}
	r.blocked[c.ID] = !v.Usable && (v.Outcome == Fail || v.Outcome == Inconclusive || v.Outcome == Error)
	if r.suite.Strict && result.Outcome == Warn {
		result.Outcome, result.Reason = Fail, join("a recommendation that counts as a requirement", result.Reason)
	}
	r.suite.Known.apply(&result, r.suite.now())
	r.results[c.ID] = result
	r.suite.tell(Event{Kind: CaseEnded, Case: c, Index: r.index(c), Total: len(r.cases), Attempt: result.Attempts, Result: result})
	return result
}

// attempts runs a case until something can be said.
func (r *run) attempts(ctx context.Context, c Case, result *Result) (v Verdict) {
	begin := r.suite.clock()
	for attempt := 1; ; attempt++ {
		last := v
		event := Event{Kind: CaseBegins, Case: c, Index: r.index(c), Total: len(r.cases), Attempt: attempt}
		r.suite.tell(event)
		v = r.target.runner(c)(ctx, r.suite)
		if !v.Outcome.known() {
			v = Verdict{Outcome: Error, Reason: fmt.Sprintf("the case returned the outcome %q", v.Outcome)}
		}
		if v.Outcome == Skip && attempt > 1 { // there is no budget for another attempt
			v = last
			break
		}
		result.Attempts = attempt
		if v.Outcome != Inconclusive || attempt == r.suite.attempts() || ctx.Err() != nil {
			break
		}
		event.Kind, event.Result = CaseRetried, *result
		event.Result.set(v)
		r.suite.tell(event)
		if p, ok := r.target.(prepared); ok {
			p.rest(ctx, attempt)
		}
	}
	if v.Outcome == Skip {
		result.Attempts = 0
	}
	result.Flaky = result.Attempts > 1 && v.Outcome != Inconclusive
	if r.suite.Clock != nil {
		result.Milliseconds = r.suite.Clock().Sub(begin).Milliseconds()
	}
	return v
}

// clock is the time, if anybody wants to know.
func (s Suite) clock() time.Time {
	if s.Clock == nil {
		return time.Time{}
	}
	return s.Clock()
}

// unrunnable returns the verdict on a case that is not to be run; its outcome is
// zero if it is.
func (r *run) unrunnable(ctx context.Context, c Case) Verdict {
	if r.suite.excludes(c.ID) {
		return skip(ByUser, "it is excluded")
	}
	for _, id := range c.DependsOn {
		needed, found := r.suite.find(id)
		if !found || r.pending[id] || r.target.runner(needed) == nil {
			continue
		}
		if result := r.judge(ctx, needed); r.blocked[id] {
			return skip(DependsOn(id), fmt.Sprintf("%s, which this case rests on: %s", result.Outcome, needed.Title))
		}
		if why := r.results[id].Skipped; why.dependency() != "" {
			return skip(why, "this case rests on it, too")
		}
	}
	return Verdict{}
}

// index is the place of a case among those selected, from 1, and 0 for others.
func (r *run) index(c Case) int {
	return 1 + slices.IndexFunc(r.cases, func(other Case) bool { return other.ID == c.ID })
}
