package conformance

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// APIVersion names the form of a [Report] in JSON.
const APIVersion = "conform/v1"

// Version is the version of the catalogue: of this module, when a case was last
// added or changed.
const Version = "v0.1.0"

// A Report is what came of a run. It holds no secret, and two runs with the same
// outcomes have equal reports unless they have a clock, so it can be kept and
// compared.
type Report struct {
	APIVersion string       `json:"apiVersion"` // see the constant
	Version    string       `json:"version"`    // see the constant
	Catalogue  string       `json:"catalogue"`  // a hash of the cases to choose from, in hexadecimal
	Target     string       `json:"target"`     // its name
	Kind       string       `json:"kind"`       // "client", "server", "mechanism", "token generator"
	Profile    Profile      `json:"profile,omitempty"`
	Strict     bool         `json:"strict,omitempty"`  // see Suite.Strict
	Started    string       `json:"started,omitempty"` // by Suite.Clock, in UTC, as time.RFC3339 has it
	Settings   *Settings    `json:"settings,omitempty"`
	Server     *ServerFacts `json:"server,omitempty"` // what was found out about a server
	Core       Tally        `json:"core"`             // of the cases that every target of the profile has to stand
	Extended   Tally        `json:"extended"`         // of those about what a target may leave out
	Results    []Result     `json:"results"`          // in the order of ids
}

// A Result is what came of one case.
type Result struct {
	ID           string     `json:"id"`
	Title        string     `json:"title"`
	Area         Area       `json:"area"`
	Refs         []Ref      `json:"refs,omitempty"`
	Tiers        []Tier     `json:"tiers,omitempty"`
	Core         bool       `json:"core,omitempty"`
	Provisional  bool       `json:"provisional,omitempty"` // the outcome does not count
	Outcome      Outcome    `json:"outcome"`
	Skipped      SkipReason `json:"skipped,omitempty"` // why, if it was
	Reason       string     `json:"reason,omitempty"`
	Want         string     `json:"want,omitempty"`
	Got          string     `json:"got,omitempty"`
	Note         string     `json:"note,omitempty"`
	Attempts     int        `json:"attempts,omitempty"`     // 0 if it was not run
	Flaky        bool       `json:"flaky,omitempty"`        // it took several attempts to say something
	Milliseconds int64      `json:"milliseconds,omitempty"` // by Suite.Clock
	Transcript   []string   `json:"transcript,omitempty"`
}

// set notes a verdict.
func (r *Result) set(v Verdict) {
	r.Outcome, r.Skipped, r.Reason = v.Outcome, v.Skip, v.Reason
	r.Want, r.Got, r.Transcript = v.Want, v.Got, v.Transcript
}

// A Tally sums up results.
type Tally struct {
	Standing Standing        `json:"standing"`
	Counts   map[Outcome]int `json:"counts,omitempty"` // without those that are 0
}

// Standing is how a target has done.
type Standing string

// The standings.
const (
	Success        Standing = "success" // every case was run, and is good
	PartialSuccess Standing = "partial" // so are those that were run, but some were skipped, or are known failures
	Failure        Standing = "failure"
	Nothing        Standing = "nothing" // there is no such case
)

// newReport returns a report without results.
func (s Suite) newReport(target Target) *Report {
	r := &Report{
		APIVersion: APIVersion, Version: Version, Catalogue: fingerprint(s.cases()),
		Target: target.name(), Kind: target.kind(), Profile: profileOf(target), Strict: s.Strict,
		Settings: s.settings(target), Results: []Result{},
	}
	if s.Clock != nil {
		r.Started = s.Clock().UTC().Format(time.RFC3339)
	}
	return r
}

// fingerprint returns a hash of all that is said of cases.
func fingerprint(cases []Case) string {
	cases = slices.Clone(cases)
	slices.SortStableFunc(cases, func(a, b Case) int { return cmp.Compare(a.ID, b.ID) })
	h := sha256.New()
	for _, c := range cases {
		fmt.Fprintf(h, "%q\n", fmt.Sprint(
			c.ID, c.Title, c.Area, c.Refs, c.Profiles, c.Needs, c.DependsOn, c.Tiers, c.Budget, c.Stability, c.Procedure, c.Pass))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// tally sums the results up.
func (r *Report) tally() {
	r.Core, r.Extended = tallyOf(r.Results, true), tallyOf(r.Results, false)
}

func tallyOf(results []Result, core bool) Tally {
	t := Tally{Standing: Nothing, Counts: make(map[Outcome]int)}
	for _, result := range results {
		if result.Core != core || result.Provisional {
			continue
		}
		t.Counts[result.Outcome]++
		standing := Success
		switch o := result.Outcome; {
		case !o.Good():
			standing = Failure
		case o == Skip || o == XFail:
			standing = PartialSuccess
		}
		if t.Standing != Failure && (t.Standing != PartialSuccess || standing == Failure) {
			t.Standing = standing
		}
	}
	if len(t.Counts) == 0 {
		t.Counts = nil
	}
	return t
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

// Err returns nil if the target did well: if all outcomes that count are good, see
// [Outcome.Good], and not all of them are [Skip], which would say nothing; and if
// nothing that was claimed is [Absent].
func (r *Report) Err() error {
	var bad []string
	for _, result := range r.Results {
		if !result.Outcome.Good() && !result.Provisional {
			bad = append(bad, fmt.Sprintf("%s %s", result.ID, result.Outcome))
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("conformance: %d of %d cases did not pass: %s", len(bad), len(r.Results), strings.Join(bad, ", "))
	}
	return r.lacking(len(r.Results))
}

// lacking is what Err says of a report of that many cases, none of which is bad.
func (r *Report) lacking(cases int) error {
	var absent []string
	if r.Server != nil {
		for _, c := range r.Server.Claims {
			if c.Proof == Absent {
				absent = append(absent, c.Claim)
			}
		}
	}
	switch {
	case len(absent) > 0:
		return fmt.Errorf("conformance: the target does not offer what is claimed: %s", strings.Join(absent, ", "))
	case r.Count(Skip) == cases:
		return fmt.Errorf("conformance: nothing was tested: all %d cases were skipped", cases)
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
	for _, o := range Outcomes() {
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
	for _, field := range [][2]string{{"reason", r.Reason}, {"want", r.Want}, {"got", r.Got}, {"note", r.Note}} {
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
