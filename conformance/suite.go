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

	// Exclude holds patterns of ids, too. Cases that match are skipped, and the
	// report says so.
	Exclude []string

	// Known are the failures that are put up with. Zero means none.
	Known KnownFailures

	// Strict makes [Fail] of [Warn], so that recommendations count as
	// requirements do.
	Strict bool

	// Timeout is how long a client may take for one message, and a server for one
	// reply. A client that takes longer is cut off, and hangs as far as a case is
	// concerned. Zero means 10 s.
	Timeout time.Duration

	// CaseTimeout is how long a case for servers may take. Zero means 30 s.
	CaseTimeout time.Duration

	// Retries is how often a case is tried again while nothing can be said. What
	// has failed is never tried again. Zero means 2; negative, not at all.
	Retries int

	// Clock tells the time, for known failures and for the durations in the
	// report. Nil means that durations are left out, so that equal runs have equal
	// reports, and that known failures go by time.Now.
	Clock func() time.Time

	// Progress is told what happens while it does, on the time of the run. Nil
	// means that nobody is told.
	Progress func(Event)
}

const (
	defaultTimeout     = 10 * time.Second
	defaultCaseTimeout = 30 * time.Second
	defaultRetries     = 2
)

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
		ids, err := matching(pattern, all)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			chosen[id] = true
		}
	}
	return slices.DeleteFunc(all, func(c Case) bool { return !chosen[c.ID] }), nil
}

// matching returns the ids that a pattern matches, of which there has to be one.
func matching(pattern string, all []Case) ([]string, error) {
	var ids []string
	for _, c := range all {
		ok, err := path.Match(pattern, c.ID)
		if err != nil {
			return nil, fmt.Errorf("conformance: pattern %q: %w", pattern, err)
		}
		if ok {
			ids = append(ids, c.ID)
		}
	}
	if ids == nil {
		return nil, fmt.Errorf("%w %q (patterns match whole ids: write \"C-TLS-*\")", ErrNoMatch, pattern)
	}
	return ids, nil
}

// Run runs the selected cases that are for this kind of target, one after the
// other. That cases did not pass is not an error; see [Report.Err]. It is one if
// nothing could be run, and if ctx ended: then the report holds the cases that
// were over.
func (s Suite) Run(ctx context.Context, target Target) (*Report, error) {
	r, err := s.begin(ctx, target)
	if err != nil {
		return nil, err
	}
	defer r.end()
	for _, c := range r.cases {
		result := r.judge(ctx, c)
		if err := ctx.Err(); err != nil {
			return r.finish(), fmt.Errorf("conformance: interrupted in %s: %w", c.ID, err)
		}
		r.report.Results = append(r.report.Results, result)
	}
	return r.finish(), nil
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
	profile := profileOf(target)
	cases = slices.DeleteFunc(cases, func(c Case) bool { return target.runner(c) == nil || !profile.includes(c) })
	if len(cases) == 0 {
		return nil, fmt.Errorf("%w of those for a %s", ErrNoMatch, target.kind())
	}
	for _, pattern := range s.Exclude {
		if _, err := matching(pattern, s.cases()); err != nil {
			return nil, err
		}
	}
	return cases, s.Known.check(s.cases())
}

func (s Suite) cases() []Case {
	if s.Cases == nil {
		return Catalogue()
	}
	return s.Cases
}

// find returns a case that can be run, selected or not.
func (s Suite) find(id string) (Case, bool) {
	for _, all := range [][]Case{s.Cases, Catalogue()} {
		if i := slices.IndexFunc(all, func(c Case) bool { return c.ID == id }); i >= 0 {
			return all[i], true
		}
	}
	return Case{}, false
}

// excludes reports whether the user wants a case to be skipped.
func (s Suite) excludes(id string) bool {
	return slices.ContainsFunc(s.Exclude, func(pattern string) bool {
		ok, _ := path.Match(pattern, id) // it was checked
		return ok
	})
}

func (s Suite) timeout() time.Duration { return cmp.Or(s.Timeout, defaultTimeout) }

func (s Suite) caseTimeout(c Case) time.Duration {
	return cmp.Or(s.CaseTimeout, max(c.Budget.Time, defaultCaseTimeout))
}

// attempts is how often a case is tried at most.
func (s Suite) attempts() int { return 1 + max(0, cmp.Or(s.Retries, defaultRetries)) }

// now is the time by which known failures expire.
func (s Suite) now() time.Time {
	if s.Clock != nil {
		return s.Clock()
	}
	return time.Now()
}

func (s Suite) tell(e Event) {
	if s.Progress != nil {
		s.Progress(e)
	}
}
