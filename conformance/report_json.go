package conformance

import (
	"cmp"
	_ "embed" // for the schema
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

//go:embed report.schema.json
var reportSchema string

// ReportSchema returns the JSON Schema (draft 2020-12) of what [WriteJSON] writes.
func ReportSchema() string { return reportSchema }

// ErrReport says that something is no report that this package can read.
var ErrReport = errors.New("conformance: no report")

// maxReport is the longest report that is read, in octets.
const maxReport = 64 << 20

// A collection is several reports in one file.
type collection struct {
	APIVersion string    `json:"apiVersion"`
	Reports    []*Report `json:"reports"`
}

// WriteJSON writes a report, or several as an object with the member "reports".
// Equal reports give equal octets.
func WriteJSON(w io.Writer, reports ...*Report) error {
	reports, err := byID(reports)
	if err != nil {
		return err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if len(reports) == 1 {
		return e.Encode(reports[0])
	}
	return e.Encode(collection{APIVersion, reports})
}

// ReadReports reads what [WriteJSON] has written: one report or several. Members
// that it does not know are left out, for they may come from a later version. An
// error matches [ErrReport], or is that of the reader.
//
// A report may come from anybody. What it says is text, and is printed with care by
// [WriteHTML] and [WriteJUnit].
func ReadReports(r io.Reader) ([]*Report, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxReport {
		return nil, fmt.Errorf("%w: more than %d octets", ErrReport, maxReport)
	}
	var many collection
	if err := json.Unmarshal(text, &many); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReport, err)
	}
	if many.Reports == nil {
		one := new(Report)
		if err := json.Unmarshal(text, one); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrReport, err)
		}
		many.Reports = []*Report{one}
	}
	for _, report := range many.Reports {
		if err := report.check(); err != nil {
			return nil, err
		}
	}
	return byID(many.Reports)
}

// byID returns copies of reports with results in the order of ids.
func byID(reports []*Report) ([]*Report, error) {
	if len(reports) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrReport)
	}
	var ordered []*Report
	for _, r := range reports {
		sorted := *r
		sorted.Results = append([]Result{}, r.Results...)
		slices.SortStableFunc(sorted.Results, func(a, b Result) int { return cmp.Compare(a.ID, b.ID) })
		ordered = append(ordered, &sorted)
	}
	return ordered, nil
}

// check returns what is wrong with a report that was read.
func (r *Report) check() error {
	switch {
	case r == nil:
		return fmt.Errorf("%w: null", ErrReport)
	case r.APIVersion != APIVersion:
		return fmt.Errorf("%w: apiVersion is %.40q, and %q is what can be read", ErrReport, r.APIVersion, APIVersion)
	case r.Target == "" || r.Kind == "":
		return fmt.Errorf("%w: it has no target", ErrReport)
	case r.Results == nil:
		return fmt.Errorf("%w: it has no results", ErrReport)
	}
	seen := make(map[string]bool)
	for _, result := range r.Results {
		switch {
		case !idForm.MatchString(result.ID):
			return fmt.Errorf("%w: %.40q is no id", ErrReport, result.ID)
		case seen[result.ID]:
			return fmt.Errorf("%w: %s is there twice", ErrReport, result.ID)
		case !slices.Contains(Outcomes(), result.Outcome):
			return fmt.Errorf("%w: %s has the outcome %.40q", ErrReport, result.ID, result.Outcome)
		}
		seen[result.ID] = true
	}
	return nil
}

// Find returns the result of a case.
func (r *Report) Find(id string) (Result, bool) {
	i := slices.IndexFunc(r.Results, func(result Result) bool { return result.ID == id })
	if i < 0 {
		return Result{}, false
	}
	return r.Results[i], true
}
