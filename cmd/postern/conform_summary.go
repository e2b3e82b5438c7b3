package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/conformance"
)

// summary shows what was not shown yet, and the table.
func (p *progress) summary(r *conformance.Report) {
	if !p.live {
		fmt.Fprintln(p.w)
	}
	for _, result := range p.failed {
		if p.live {
			p.line(result)
		} else {
			p.details(result)
		}
	}
	if p.live && len(p.failed) > 0 {
		fmt.Fprintln(p.w)
	}
	p.table(r)
	fmt.Fprintf(p.w, "\ncore %s, extended %s\n", r.Core.Standing, r.Extended.Standing)
	if why := skips(r); why != "" {
		fmt.Fprintf(p.w, "skipped: %s\n", why)
	}
	if r.Server == nil {
		return
	}
	for _, claim := range r.Server.Claims {
		if claim.Proof != conformance.Proven {
			fmt.Fprintf(p.w, "claim: %s is %s\n", oneLine(claim.Claim), claim.Proof)
		}
	}
}

// table counts outcomes by area.
func (p *progress) table(r *conformance.Report) {
	var columns []conformance.Outcome
	for _, o := range conformance.Outcomes() {
		if r.Count(o) > 0 || o == conformance.Pass || o == conformance.Fail {
			columns = append(columns, o)
		}
	}
	rows := make(map[conformance.Area]map[conformance.Outcome]int)
	var areas []conformance.Area
	for _, result := range r.Results {
		if rows[result.Area] == nil {
			rows[result.Area] = make(map[conformance.Outcome]int)
			areas = append(areas, result.Area)
		}
		rows[result.Area][result.Outcome]++
	}
	slices.Sort(areas)
	var head strings.Builder
	fmt.Fprintf(&head, "%-11s", "")
	for _, o := range columns {
		fmt.Fprintf(&head, "  %6s", o)
	}
	fmt.Fprintln(p.w, p.paint.bold(head.String()))
	for _, area := range areas {
		p.counts(oneLine(string(area)), columns, func(o conformance.Outcome) int { return rows[area][o] })
	}
	p.counts("all", columns, r.Count)
}

func (p *progress) counts(name string, columns []conformance.Outcome, count func(conformance.Outcome) int) {
	fmt.Fprintf(p.w, "%-11s", name)
	for _, o := range columns {
		text := "."
		if n := count(o); n > 0 {
			text = fmt.Sprint(n)
		}
		fmt.Fprintf(p.w, "  %*s", max(6, len(o)), text)
	}
	fmt.Fprintln(p.w)
}

// skips counts why cases were skipped.
func skips(r *conformance.Report) string {
	count := make(map[conformance.SkipReason]int)
	var reasons []conformance.SkipReason
	for _, result := range r.Results {
		if result.Outcome != conformance.Skip {
			continue
		}
		if count[result.Skipped]++; count[result.Skipped] == 1 {
			reasons = append(reasons, result.Skipped)
		}
	}
	slices.SortFunc(reasons, func(a, b conformance.SkipReason) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(string(a), string(b))
	})
	var parts []string
	for _, reason := range reasons {
		text := fmt.Sprintf("%d %s", count[reason], oneLine(string(reason)))
		switch reason {
		case conformance.TierOff:
			text += " (--tiers)"
		case conformance.NoSink:
			text += " (--sink)"
		case conformance.ByUser:
			text += " (--exclude)"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
