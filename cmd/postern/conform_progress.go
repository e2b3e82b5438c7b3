package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-55a66e92/postern/conformance"
)

// A progress tells what happens in a run. On a terminal it has a line for each area,
// which changes, and failures above; elsewhere a line for each case, and failures at
// the end.
type progress struct {
	w       io.Writer
	paint   painter
	live    bool
	verbose bool
	again   func(id string) string // the command that runs a case again

	rows    []areaRow
	current string // what runs now
	drawn   int    // lines that are on the terminal and can change
	said    []string
	failed  []conformance.Result // that are yet to be shown: elsewhere, failures; on a terminal, warnings
}

// An areaRow counts the outcomes of an area.
type areaRow struct {
	area   conformance.Area
	counts map[conformance.Outcome]int
}

func newProgress(w io.Writer, verbose bool, again func(string) string) *progress {
	return &progress{w: w, paint: painterFor(w), live: isTerminal(w) && !verbose, verbose: verbose, again: again}
}

// tell takes an event of the run.
func (p *progress) tell(e conformance.Event) {
	switch e.Kind {
	case conformance.TargetKnown:
		p.target(e)
	case conformance.CaseBegins, conformance.CaseRetried:
		p.row(e.Case.Area)
		p.current = fmt.Sprintf("%d/%d  %s  %s", e.Index, e.Total, e.Case.ID, e.Case.Title)
		if e.Attempt > 1 || e.Kind == conformance.CaseRetried {
			p.current += fmt.Sprintf(" (attempt %d: %s)", e.Attempt, oneLine(e.Result.Reason))
		}
		if e.Index == 0 {
			p.current = fmt.Sprintf("%s  %s (others depend on it)", e.Case.ID, e.Case.Title)
		}
		p.draw()
	case conformance.Dialogue:
		if p.verbose {
			p.said = append(append(p.said, "connection:"), e.Lines...)
		}
	case conformance.CaseEnded:
		p.row(e.Result.Area).counts[e.Result.Outcome]++
		p.result(e.Result)
	}
}

// begin says that the target is being looked at, which may take a while.
func (p *progress) begin() {
	p.current = "looking at the target ..."
	p.draw()
}

// target says what was found.
func (p *progress) target(e conformance.Event) {
	p.end()
	fmt.Fprintf(p.w, "%s: %s\n", oneLine(e.Report.Target), plural(e.Total, "case"))
	if s := e.Report.Server; s != nil {
		line := fmt.Sprintf("%s, %s", s.Network, s.TLS)
		if s.SignedIn != "" {
			line += ", signed in by " + oneLine(s.SignedIn)
		}
		fmt.Fprintf(p.w, "%s; tiers %s\n", line, joined(s.Tiers))
		if s.Greeting != "" {
			fmt.Fprintln(p.w, p.paint.dim(oneLine(s.Greeting)))
		}
	}
	fmt.Fprintln(p.w)
}

// plural counts things.
func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// joined names tiers.
func joined(tiers []conformance.Tier) string {
	var names []string
	for _, t := range tiers {
		names = append(names, oneLine(string(t)))
	}
	return strings.Join(names, ", ")
}

// row returns the row of an area.
func (p *progress) row(area conformance.Area) *areaRow {
	for i := range p.rows {
		if p.rows[i].area == area {
			return &p.rows[i]
		}
	}
	p.rows = append(p.rows, areaRow{area, make(map[conformance.Outcome]int)})
	return &p.rows[len(p.rows)-1]
}

// result shows what came of a case.
func (p *progress) result(r conformance.Result) {
	look := !r.Outcome.Good() || r.Outcome == conformance.XPass
	switch {
	case p.live:
		if look {
			p.erase()
			p.details(r)
		} else if r.Outcome == conformance.Warn || r.Outcome == conformance.Info {
			p.failed = append(p.failed, r)
		}
		p.current = ""
		p.draw()
		return
	case look && !p.verbose:
		p.failed = append(p.failed, r)
	}
	p.line(r)
	if p.verbose {
		for _, said := range p.said {
			fmt.Fprintf(p.w, "    %s\n", oneLine(said))
		}
		p.said = nil
		if look || r.Outcome == conformance.Warn {
			p.details(r)
		}
	}
}

// line shows a result on one line.
func (p *progress) line(r conformance.Result) {
	line := fmt.Sprintf("%s  %s  %s", p.outcome(r), r.ID, oneLine(r.Title))
	switch {
	case r.Outcome == conformance.Pass:
	case r.Reason != "":
		line += ": " + byFlags(oneLine(r.Reason))
	case r.Outcome == conformance.Warn || r.Outcome == conformance.Info: // of which no more is shown
		if r.Want != "" {
			line += ": want " + oneLine(r.Want)
		}
		if r.Got != "" {
			line += ", got " + oneLine(r.Got)
		}
	}
	fmt.Fprintln(p.w, line)
}

// outcome is the outcome of a result, as wide as the widest.
func (p *progress) outcome(r conformance.Result) string {
	text := fmt.Sprintf("%-12s", r.Outcome)
	if !r.Outcome.Good() {
		return p.paint.paint("31;1", text)
	}
	if r.Outcome == conformance.Pass {
		return p.paint.paint("32", text)
	}
	return p.paint.dim(text)
}

// lastLines is how much of a dialogue is shown.
const lastLines = 8

// details shows a result in full.
func (p *progress) details(r conformance.Result) {
	if !p.verbose {
		fmt.Fprintf(p.w, "%s  %s  %s\n", p.outcome(r), p.paint.bold(r.ID), oneLine(r.Title))
	}
	for _, ref := range r.Refs {
		fmt.Fprintf(p.w, "    see   %s\n", oneLine(ref.String()))
	}
	for _, field := range [][2]string{{"why", byFlags(r.Reason)}, {"want", r.Want}, {"got", r.Got}, {"note", r.Note}} {
		if field[1] != "" {
			fmt.Fprintf(p.w, "    %-4s  %s\n", field[0], oneLine(field[1]))
		}
	}
	lines := r.Transcript
	if p.verbose {
		lines = nil // it was shown
	}
	for _, line := range lines[max(0, len(lines)-lastLines):] {
		fmt.Fprintf(p.w, "    %s\n", p.paint.dim("| "+oneLine(line)))
	}
	if p.again != nil {
		fmt.Fprintf(p.w, "    again %s\n", p.again(r.ID))
	}
	fmt.Fprintln(p.w)
}

// Control sequences of terminals (ECMA-48, and DEC's autowrap mode), so that each
// row stays one line.
const (
	lineUp    = "\x1b[1A"
	eraseLine = "\r\x1b[2K"
	noWrap    = "\x1b[?7l"
	wrap      = "\x1b[?7h"
)

// draw draws the rows.
func (p *progress) draw() {
	if !p.live {
		return
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(lineUp+eraseLine, p.drawn) + noWrap)
	for _, row := range p.rows {
		fmt.Fprintf(&b, "%-11s %s\n", row.area, row.String())
	}
	b.WriteString(p.paint.dim(oneLine(p.current)) + "\n" + wrap)
	p.drawn = len(p.rows) + 1
	_, _ = io.WriteString(p.w, b.String()) // a terminal that is gone ends the program by a signal
}

// erase takes away what draw has drawn.
func (p *progress) erase() {
	_, _ = io.WriteString(p.w, strings.Repeat(lineUp+eraseLine, p.drawn))
	p.drawn = 0
}

// end ends what can change.
func (p *progress) end() {
	if p.live {
		p.erase()
	}
}

// String counts the outcomes.
func (r areaRow) String() string {
	var counts []string
	for _, o := range conformance.Outcomes() {
		if n := r.counts[o]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, o))
		}
	}
	return strings.Join(counts, ", ")
}

// reproduction returns how the command line looks that runs one case again, nil if it
// is the one that was given.
func reproduction(cmd *cobra.Command) func(id string) string {
	if cmd.Flags().Lookup("select") == nil {
		return nil
	}
	words := strings.Fields(cmd.CommandPath())
	for _, arg := range cmd.Flags().Args() {
		words = append(words, quoted(arg))
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "select", "exclude", "report", "verbose", "name", "max-inconclusive", "allow-flaky", "known":
			return
		}
		switch value := f.Value.(type) {
		case pflag.SliceValue:
			for _, v := range value.GetSlice() {
				words = append(words, "--"+f.Name, quoted(v))
			}
		default:
			words = append(words, "--"+f.Name)
			if f.Value.Type() != "bool" {
				words = append(words, quoted(f.Value.String()))
			}
		}
	})
	return func(id string) string { return strings.Join(append(words, "-v", "--select", id), " ") }
}

// quoted returns a word as a shell takes it for one.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
