package conformance

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Elements of JUnit's XML, as Jenkins, GitLab and others read them.
type (
	junitRoot struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Package   string      `xml:"package,attr"`
		Timestamp string      `xml:"timestamp,attr,omitempty"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name       string           `xml:"name,attr"`
		Class      string           `xml:"classname,attr"`
		Time       string           `xml:"time,attr,omitempty"`
		Properties *junitProperties `xml:"properties"`
		Failure    *junitProblem    `xml:"failure"`
		Error      *junitProblem    `xml:"error"`
		Skipped    *junitSkip       `xml:"skipped"`
		Out        string           `xml:"system-out,omitempty"`
	}
	junitProperties struct {
		List []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitProblem struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkip struct {
		Message string `xml:"message,attr"`
	}
)

// WriteJUnit writes reports as JUnit XML: a suite for each area of each target, and
// in it a test case for each case. It is well-formed whatever they say.
//
// A failure is what makes a run fail, fail and xpass; an error is one of the suite
// itself. What says nothing about the target, or does not count, is skipped, with
// the reason.
func WriteJUnit(w io.Writer, reports ...*Report) error {
	reports, err := byID(reports)
	if err != nil {
		return err
	}
	root := junitRoot{Name: "conformance"}
	names := shownNames(reports)
	for i, r := range reports {
		for _, s := range r.junit(names[i]) {
			root.Tests += s.Tests
			root.Failures += s.Failures
			root.Errors += s.Errors
			root.Skipped += s.Skipped
			root.Suites = append(root.Suites, s)
		}
	}
	text, err := xml.MarshalIndent(root, "", "  ")
	if err != nil {
		return err
	}
	// The encoder writes line feeds as references, which nobody can read.
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, bytes.ReplaceAll(text, []byte("&#xA;"), []byte("\n")))
	return err
}

// junit returns the suites of a report, in the order of their names.
func (r *Report) junit(target string) []junitSuite {
	var suites []junitSuite
	for _, area := range areasOf(r) {
		s := junitSuite{Name: string(area), Package: target, Timestamp: strings.TrimSuffix(r.Started, "Z")}
		for _, result := range r.Results {
			if result.Area == area {
				s.add(result.junit(strings.ReplaceAll(r.Kind, " ", "-")))
			}
		}
		suites = append(suites, s)
	}
	return suites
}

// areasOf returns the areas of reports, sorted.
func areasOf(reports ...*Report) []Area {
	var areas []Area
	for _, r := range reports {
		for _, result := range r.Results {
			areas = append(areas, result.Area)
		}
	}
	slices.Sort(areas)
	return slices.Compact(areas)
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func (r Result) junit(kind string) junitCase {
	c := junitCase{
		Name:       r.ID + " " + r.Title,
		Class:      "conformance." + kind + "." + string(r.Area),
		Properties: &junitProperties{r.properties()},
		Out:        strings.Join(r.Transcript, "\n"),
	}
	if r.Milliseconds != 0 {
		c.Time = strconv.FormatFloat(float64(r.Milliseconds)/1000, 'f', 3, 64)
	}
	untold := r
	untold.Transcript = nil // it has an element of its own
	problem := &junitProblem{Type: string(r.Outcome), Message: r.summary(), Text: untold.details()}
	switch {
	case r.Outcome == Pass || r.Outcome == Warn || r.Outcome == Info:
	case r.Provisional && !r.Outcome.Good():
		c.Skipped = &junitSkip{fmt.Sprintf("provisional, which does not count: %s: %s", r.Outcome, r.summary())}
	case r.Outcome == Fail || r.Outcome == XPass:
		c.Failure = problem
	case r.Outcome == Error:
		c.Error = problem
	default:
		c.Skipped = &junitSkip{r.summary()}
		if r.Outcome != Skip {
			c.Skipped.Message = fmt.Sprintf("%s: %s", r.Outcome, r.summary())
		}
	}
	return c
}

// summary returns what there is to say on one line.
func (r Result) summary() string {
	said := r.Reason
	if r.Want != "" {
		said = join(said, "want "+r.Want)
	}
	if r.Got != "" {
		said = join(said, "got "+r.Got)
	}
	return said
}

func (r Result) properties() []junitProperty {
	list := []junitProperty{{"outcome", string(r.Outcome)}}
	for _, ref := range r.Refs {
		list = append(list, junitProperty{"rfc", ref.place()}, junitProperty{"level", string(ref.Level)})
	}
	if r.Flaky {
		list = append(list, junitProperty{"flaky", "true"})
	}
	if r.Outcome == Warn || r.Outcome == Info {
		list = append(list, junitProperty{"says", r.summary()})
	}
	return list
}

// place returns where a rule stands, without its level.
func (r Ref) place() string {
	return strings.TrimSuffix(r.String(), fmt.Sprintf(" (%s)", r.Level))
}

// shownNames returns the names of the targets, with a number behind those that an
// earlier report has, too.
func shownNames(reports []*Report) []string {
	var names []string
	times := make(map[string]int)
	for _, r := range reports {
		name := printable(r.Target)
		if times[name]++; times[name] > 1 {
			name += fmt.Sprintf(" (%d)", times[name])
		}
		names = append(names, name)
	}
	return names
}
