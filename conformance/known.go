package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// KnownFailures are the cases, by id, that a target is known not to pass. Such a
// case gets [XFail] in place of fail or warn. If it passes, it gets [XPass], which
// makes the run fail: the entry has to go. An entry that has expired counts for
// nothing.
type KnownFailures map[string]KnownFailure

// A KnownFailure is one of them.
type KnownFailure struct {
	Reason string `json:"reason"` // why it is put up with
	Until  string `json:"until"`  // the last day, in UTC, in the form 2006-01-02
}

// ErrKnownFailures says that a set of known failures is no good.
var ErrKnownFailures = errors.New("conformance: known failures")

// maxKnown is the longest file of known failures, in octets.
const maxKnown = 1 << 20

// ReadKnownFailures reads known failures as JSON: an object of ids, each with a
// reason and the last day on which the entry counts.
//
//	{"S-AUT-07": {"reason": "issue 12", "until": "2027-03-31"}}
//
// An error matches [ErrKnownFailures].
func ReadKnownFailures(r io.Reader) (KnownFailures, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxKnown))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKnownFailures, err)
	}
	var known KnownFailures
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&known); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKnownFailures, err)
	}
	return known, known.check(nil)
}

// check refuses entries without a reason or a day, and of cases that are not
// there; nil cases are not looked at.
func (k KnownFailures) check(cases []Case) error {
	for _, id := range slices.Sorted(maps.Keys(k)) {
		entry := k[id]
		switch _, err := entry.until(); {
		case entry.Reason == "":
			return fmt.Errorf("%w: %s has no reason", ErrKnownFailures, id)
		case err != nil:
			return fmt.Errorf("%w: %s: until is %q, and has to be a day such as 2027-03-31", ErrKnownFailures, id, entry.Until)
		case cases != nil && !slices.ContainsFunc(cases, func(c Case) bool { return c.ID == id }):
			return fmt.Errorf("%w: there is no case %s", ErrKnownFailures, id)
		}
	}
	return nil
}

// until returns the end of the entry's last day.
func (k KnownFailure) until() (time.Time, error) {
	day, err := time.Parse(time.DateOnly, k.Until)
	return day.AddDate(0, 0, 1), err
}

// apply makes of an outcome what it is if it was known.
func (k KnownFailures) apply(result *Result, now time.Time) {
	entry, found := k[result.ID]
	if !found {
		return
	}
	end, err := entry.until()
	switch expired := err != nil || !now.Before(end); {
	case result.Outcome == Pass || result.Outcome == Info:
		result.Outcome = XPass
		result.Reason = "it is a known failure no more; take the entry out: " + entry.Reason
	case result.Outcome != Fail && result.Outcome != Warn:
	case expired:
		result.Outcome = Fail
		result.Reason = join(fmt.Sprintf("the entry of the known failures ended with %s: %s", entry.Until, entry.Reason), result.Reason)
	default:
		result.Outcome = XFail
		result.Reason = join(fmt.Sprintf("known until %s: %s", entry.Until, entry.Reason), result.Reason)
	}
}

// join puts two reasons into one.
func join(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + "; " + second
}
