package smtp

import (
	"slices"
	"strings"
)

// faults are several errors, shown on one line.
type faults []error

// join is errors.Join for an error that is shown on one line.
func join(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	return faults(errs)
}

func (f faults) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Error()
		if i > 0 {
			texts[i] = trimPrefix(texts[i])
		}
	}
	return strings.Join(texts, "; ")
}

func (f faults) Unwrap() []error { return f }

// trimPrefix takes away the prefix that an error of this package starts with,
// because the error around it has one.
func trimPrefix(text string) string { return strings.TrimPrefix(text, "smtp: ") }
