package conformance

import (
	"cmp"
	_ "embed" // for the page
	"html/template"
	"io"
	"slices"
	"strings"
)

//go:embed report.html.tmpl
var reportPage string

// WriteHTML writes a page about reports, with a column for each target. It is one
// file that loads nothing and runs nothing: what to show is chosen by its style
// sheet. Text from reports is escaped.
func WriteHTML(w io.Writer, reports ...*Report) error {
	reports, err := byID(reports)
	if err != nil {
		return err
	}
	page, err := template.New("report").Funcs(template.FuncMap{
		"text":    printable,
		"lines":   printableLines,
		"outcome": outcomeClass,
	}).Parse(reportPage)
	if err != nil {
		return err
	}
	return page.Execute(w, newPage(reports))
}

// printableLines is printable for several lines.
func printableLines(lines []string) string {
	var shown []string
	for _, line := range lines {
		shown = append(shown, printable(line))
	}
	return strings.Join(shown, "\n")
}

// A page is what the template is filled with.
type page struct {
	Title    string
	Targets  []pageTarget
	Outcomes []pageChoice
	Levels   []pageChoice
	Areas    []pageArea
}

type pageTarget struct {
	*Report
	Name   string
	Counts []pageCount
}

type pageCount struct {
	Outcome Outcome
	N       int
}

// A pageChoice is an outcome or a level to show or to hide.
type pageChoice struct {
	Name  string
	Class string
	N     int // of cases
}

type pageArea struct {
	Name  Area
	Cases []*pageCase
}

// A pageCase is one case, and what came of it for each target.
type pageCase struct {
	ID, Title       string
	Refs            []Ref
	Procedure, Pass string // if the case is one of the catalogue's
	Outcomes        string // the classes
	Levels          string
	Open            bool
	Cells           []pageCell
}

// Server reports whether one of the targets is a server.
func (p page) Server() bool {
	return slices.ContainsFunc(p.Targets, func(t pageTarget) bool { return t.Server != nil })
}

// Claims reports whether anything was claimed of one of them.
func (p page) Claims() bool {
	return slices.ContainsFunc(p.Targets, func(t pageTarget) bool { return t.Server != nil && t.Server.Claims != nil })
}

// A pageCell is what came of a case for one target.
type pageCell struct {
	Target string
	Result *Result // nil: the report does not have the case
}

// Says reports whether there is more to read than the outcome.
func (c pageCell) Says() bool {
	r := c.Result
	return r != nil && (r.Reason != "" || r.Want != "" || r.Got != "" || r.Note != "" || len(r.Transcript) > 0)
}

// noLevel is shown of cases without a rule.
const noLevel Level = "none"

// allLevels returns the levels, from strict to loose.
func allLevels() []Level {
	return []Level{Must, MustNot, Should, ShouldNot, LowerMust, Grammar, Security, noLevel}
}

func newPage(reports []*Report) page {
	p := page{Title: "Conformance"}
	names := shownNames(reports)
	for i, r := range reports {
		t := pageTarget{Report: r, Name: names[i]}
		for _, o := range Outcomes() {
			if n := r.Count(o); n > 0 {
				t.Counts = append(t.Counts, pageCount{o, n})
			}
		}
		p.Targets = append(p.Targets, t)
	}
	p.Title += " of " + strings.Join(names, ", ")
	catalogue := Catalogue()
	for _, area := range areasOf(reports...) {
		p.Areas = append(p.Areas, pageArea{area, casesOf(area, reports, names, catalogue)})
	}
	p.choose()
	return p
}

// casesOf returns the cases of an area that one of the reports has.
func casesOf(area Area, reports []*Report, names []string, catalogue []Case) []*pageCase {
	found := make(map[string]*pageCase)
	for i, r := range reports {
		for _, result := range r.Results {
			if result.Area != area {
				continue
			}
			c := found[result.ID]
			if c == nil {
				c = newPageCase(result, names, catalogue)
				found[result.ID] = c
			}
			c.Cells[i].Result = &result
		}
	}
	var cases []*pageCase
	for _, c := range found {
		c.classify()
		cases = append(cases, c)
	}
	slices.SortFunc(cases, func(a, b *pageCase) int { return cmp.Compare(a.ID, b.ID) })
	return cases
}

func newPageCase(result Result, names []string, catalogue []Case) *pageCase {
	c := &pageCase{ID: result.ID, Title: result.Title, Refs: result.Refs}
	for _, known := range catalogue {
		if known.ID == c.ID && known.Title == c.Title {
			c.Procedure, c.Pass = known.Procedure, known.Pass
		}
	}
	for _, name := range names {
		c.Cells = append(c.Cells, pageCell{Target: name})
	}
	return c
}

// classify finds the classes by which a case is shown or hidden. A case that needs
// a look is open.
func (c *pageCase) classify() {
	var outcomes, levels []string
	for _, cell := range c.Cells {
		if r := cell.Result; r != nil {
			outcomes = append(outcomes, outcomeClass(r.Outcome))
			c.Open = c.Open || !r.Outcome.Good() && !r.Provisional
		}
	}
	for _, ref := range c.Refs {
		levels = append(levels, levelClass(ref.Level))
	}
	if levels == nil {
		levels = []string{levelClass(noLevel)}
	}
	slices.Sort(outcomes)
	slices.Sort(levels)
	c.Outcomes = strings.Join(slices.Compact(outcomes), " ")
	c.Levels = strings.Join(slices.Compact(levels), " ")
}

// outcomeClass and levelClass return names that are of the page alone, whatever a
// report says.
func outcomeClass(o Outcome) string {
	if !slices.Contains(Outcomes(), o) {
		return "o-other"
	}
	return "o-" + string(o)
}

func levelClass(l Level) string {
	i := slices.Index(allLevels(), l)
	if i < 0 {
		i = slices.Index(allLevels(), noLevel)
	}
	return "l-" + string(rune('a'+i))
}

// choose lists the outcomes and levels that there are.
func (p *page) choose() {
	cases := make(map[string]int)
	for _, area := range p.Areas {
		for _, c := range area.Cases {
			for _, class := range strings.Fields(c.Outcomes + " " + c.Levels) {
				cases[class]++
			}
		}
	}
	for _, o := range Outcomes() {
		if class := outcomeClass(o); cases[class] > 0 {
			p.Outcomes = append(p.Outcomes, pageChoice{string(o), class, cases[class]})
		}
	}
	for _, l := range allLevels() {
		if class := levelClass(l); cases[class] > 0 {
			p.Levels = append(p.Levels, pageChoice{string(l), class, cases[class]})
		}
	}
}
