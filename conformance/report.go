package conformance

import (
	"fmt"
	"strings"
)

// APIVersion names the form of a [Report] in JSON.
const APIVersion = "conform/v1"

// A Report is what came of a run. It holds no secret, and two runs with the same
// outcomes have equal reports, so it can be kept and compared.
type Report struct {
	APIVersion string   `json:"apiVersion"` // see the constant
	Target     string   `json:"target"`     // its name
	Kind       string   `json:"kind"`       // "client", "mechanism"
	Results    []Result `json:"results"`    // in the order of ids
}

// A Result is what came of one case.
type Result struct {
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Area       Area     `json:"area"`
	Refs       []Ref    `json:"refs,omitempty"`
	Outcome    Outcome  `json:"outcome"`
	Reason     string   `json:"reason,omitempty"`
	Want       string   `json:"want,omitempty"`
	Got        string   `json:"got,omitempty"`
	Transcript []string `json:"transcript,omitempty"`
}

// Count returns how many results have the outcome.
func (r *Report) Count(o Outcome) int {
	n := 0
	for _, result := range r.Results {
		if result.Outcome == o {
			n++
		}
	}
	return n
}

// Err returns nil if the target did well: if all outcomes are good, see
// [Outcome.Good], and not all of them are [Skip], which would say nothing.
func (r *Report) Err() error {
	var bad []string
	for _, result := range r.Results {
		if !result.Outcome.Good() {
			bad = append(bad, fmt.Sprintf("%s %s", result.ID, result.Outcome))
		}
	}
	switch {
	case len(bad) > 0:
		return fmt.Errorf("conformance: %d of %d cases did not pass: %s", len(bad), len(r.Results), strings.Join(bad, ", "))
	case r.Count(Skip) == len(r.Results):
		return fmt.Errorf("conformance: nothing was tested: all %d cases were skipped", len(r.Results))
	}
	return nil
}

// String returns a line for each case, more for those that did not pass, and a
// line that counts them.
func (r *Report) String() string {
	var b strings.Builder
	for _, result := range r.Results {
		fmt.Fprintf(&b, "%-12s  %s  %s\n", result.Outcome, result.ID, result.Title)
		if result.Outcome != Pass {
			b.WriteString(indent(result.details(), "    "))
		}
	}
	var counts []string
	for _, o := range []Outcome{Pass, Fail, Warn, Info, Skip, Inconclusive, Error} {
		if n := r.Count(o); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, o))
		}
	}
	fmt.Fprintf(&b, "%s: %s\n", r.Target, strings.Join(counts, ", "))
	return b.String()
}

// String returns all there is to say, on several lines.
func (r Result) String() string {
	return fmt.Sprintf("%s %s: %s\n%s", r.ID, r.Outcome, r.Title, r.details())
}

// details returns a line for each field that is set.
func (r Result) details() string {
	var b strings.Builder
	for _, ref := range r.Refs {
		fmt.Fprintf(&b, "see:    %s\n", ref)
	}
	for _, field := range [][2]string{{"reason", r.Reason}, {"want", r.Want}, {"got", r.Got}} {
		if field[1] != "" {
			fmt.Fprintf(&b, "%-7s %s\n", field[0]+":", field[1])
		}
	}
	if len(r.Transcript) > 0 {
		b.WriteString("dialogue:\n")
		b.WriteString(indent(strings.Join(r.Transcript, "\n")+"\n", "    "))
	}
	return b.String()
}

// indent puts prefix before each line.
func indent(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(prefix + line)
	}
	return b.String()
}
