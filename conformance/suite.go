package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"
)

// A Suite is a set of cases and how to run them. The zero value is the whole
// [Catalogue]. A Suite is a value: its methods do not change it.
type Suite struct {
	// Cases are the cases to choose from. Nil means those of [Catalogue].
	Cases []Case

	// Select holds patterns of ids as in path.Match, such as "C-TLS-*"; a case
	// runs if one of them matches. Empty means all cases.
	Select []string

	// Timeout is how long a client may take for one message. A client that takes
	// longer is cut off, and hangs as far as a case is concerned. Zero means 10 s.
	Timeout time.Duration
}

const defaultTimeout = 10 * time.Second

// ErrNoMatch says that a selection matches no case, so that a run would have
// succeeded without doing anything.
var ErrNoMatch = errors.New("conformance: no case matches")

// Add returns the suite with more cases to choose from.
func (s Suite) Add(cases ...Case) Suite {
	s.Cases = append(slices.Clip(s.cases()), cases...)
	return s
}

// Selected returns the cases that are selected, in the order of ids. Each pattern
// has to match some case, or the error matches [ErrNoMatch].
func (s Suite) Selected() ([]Case, error) {
	all := slices.Clone(s.cases())
	slices.SortStableFunc(all, func(a, b Case) int { return cmp.Compare(a.ID, b.ID) })
	for i, c := range all {
		if err := c.check(); err != nil {
			return nil, err
		}
		if i > 0 && all[i-1].ID == c.ID {
			return nil, fmt.Errorf("conformance: two cases have the id %s", c.ID)
		}
	}
	if len(s.Select) > 0 {
		return s.match(all)
	}
	if len(all) == 0 {
		return nil, ErrNoMatch
	}
	return all, nil
}

// match returns the cases that a pattern matches.
func (s Suite) match(all []Case) ([]Case, error) {
	chosen := make(map[string]bool)
	for _, pattern := range s.Select {
		found := false
		for _, c := range all {
			ok, err := path.Match(pattern, c.ID)
			if err != nil {
				return nil, fmt.Errorf("conformance: pattern %q: %w", pattern, err)
			}
			if ok {
				found, chosen[c.ID] = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("%w %q (patterns match whole ids: write \"C-TLS-*\")", ErrNoMatch, pattern)
		}
	}
	return slices.DeleteFunc(all, func(c Case) bool { return !chosen[c.ID] }), nil
}

// Run runs the selected cases that are for this kind of target, one after the
// other. That cases did not pass is not an error; see [Report.Err]. It is one if
// nothing could be run, and if ctx ended: then the report holds the cases that
// were over.
func (s Suite) Run(ctx context.Context, target Target) (*Report, error) {
	cases, err := s.selectedFor(target)
	if err != nil {
		return nil, err
	}
	report := newReport(target)
	for _, c := range cases {
		result := s.run(ctx, c, target)
		if err := ctx.Err(); err != nil {
			return report, fmt.Errorf("conformance: interrupted in %s: %w", c.ID, err)
		}
		report.Results = append(report.Results, result)
	}
	return report, nil
}

// selectedFor returns the selected cases that are for the target.
func (s Suite) selectedFor(target Target) ([]Case, error) {
	if target == nil {
		return nil, errors.New("conformance: no target")
	}
	if err := target.check(); err != nil {
		return nil, err
	}
	cases, err := s.Selected()
	if err != nil {
		return nil, err
	}
	cases = slices.DeleteFunc(cases, func(c Case) bool { return target.runner(c) == nil })
	if len(cases) == 0 {
		return nil, fmt.Errorf("%w of those for a %s", ErrNoMatch, target.kind())
	}
	return cases, nil
}

// run runs one case.
func (s Suite) run(ctx context.Context, c Case, target Target) Result {
	v := target.runner(c)(ctx, s)
	if !v.Outcome.known() {
		v = Verdict{Outcome: Error, Reason: fmt.Sprintf("the case returned the outcome %q", v.Outcome)}
	}
	return Result{
		ID: c.ID, Title: c.Title, Area: c.Area, Refs: c.Refs,
		Outcome: v.Outcome, Reason: v.Reason, Want: v.Want, Got: v.Got, Transcript: v.Transcript,
	}
}

func newReport(target Target) *Report {
	return &Report{APIVersion: APIVersion, Target: target.name(), Kind: target.kind(), Results: []Result{}}
}

func (s Suite) cases() []Case {
	if s.Cases == nil {
		return Catalogue()
	}
	return s.Cases
}

func (s Suite) timeout() time.Duration { return cmp.Or(s.Timeout, defaultTimeout) }
