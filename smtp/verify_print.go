package smtp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// reportWidth is how wide a printed Report is, in columns; a word may be wider.
const reportWidth = 80

// detail is what stands before the facts of a step, and nothing before the
// advice.
const detail = "\n              "

// String returns the report as a table for a person, without an end of line.
func (r *Report) String() string {
	var b strings.Builder
	b.WriteString(r.title())
	var missed []string
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Outcome == OutcomeSkipped && s.Summary == notReached {
			missed = append(missed, s.Name)
			continue
		}
		wrap(&b, fmt.Sprintf("\n  %-10s  %-7s  %8s  ", s.Name, s.Outcome, tookText(s)), s.Summary)
		for _, line := range s.details(r) {
			wrap(&b, detail, line)
		}
	}
	if len(missed) > 0 {
		wrap(&b, "\n  "+notReached+": ", strings.Join(missed, ", "))
	}
	return b.String()
}

// title says how it went.
func (r *Report) title() string {
	if s := r.Failed(); s != nil {
		return r.subject() + ": failed at " + s.Name
	}
	return r.subject() + ": all is well"
}

// subject says what was verified.
func (r *Report) subject() string {
	if r.Server == "" {
		return "no server"
	}
	text := fmt.Sprintf("%s, %s", r.Server, modeText(r.Mode))
	if r.Username != "" {
		text += ", as " + printable(r.Username)
	}
	return text
}

// modeText says how a connection is encrypted.
func modeText(m TLSMode) string {
	switch m {
	case TLSImplicit:
		return "implicit TLS"
	case STARTTLSRequired:
		return "STARTTLS"
	case InsecureOpportunistic:
		return "STARTTLS if offered"
	case InsecureNoTLS:
		return "no TLS"
	}
	return m.String()
}

func tookText(s *Step) string {
	switch {
	case s.Outcome == OutcomeSkipped:
		return ""
	case s.Took < time.Second:
		return fmt.Sprintf("%.1f ms", milliseconds(s.Took))
	}
	return fmt.Sprintf("%.1f s", s.Took.Seconds())
}

// details returns what there is to say of a step behind its summary: the facts,
// and the advice.
func (s *Step) details(r *Report) []string {
	var lines []string
	for _, a := range s.Attempts {
		if a.Err != nil {
			lines = append(lines, a.Addr+": "+printable(a.Err.Error()))
		}
	}
	if s.TLS != nil {
		lines = append(lines, s.TLS.details(s.Err == nil)...)
	}
	if len(s.Extensions) > 0 {
		lines = append(lines, printable(strings.Join(s.Extensions, ", ")))
	}
	if len(s.Mechanisms) > 0 {
		lines = append(lines, explained(s.Mechanisms, r.offered())...)
	}
	lines = append(lines, s.Dialogue...)
	if s.Advice != "" {
		lines = append(lines, "advice: "+s.Advice)
	}
	return lines
}

// details returns the facts of a TLS connection. why says that nothing else tells
// why a certificate was not verified.
func (f *TLSFacts) details(why bool) []string {
	var lines []string
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, name+" "+printable(value))
		}
	}
	if why {
		add("not verified:", f.NotVerified)
	}
	if !f.Verified {
		add("expected: a certificate for", f.ServerName)
	}
	add("certificate", f.Subject)
	add("for", strings.Join(f.Names, ", "))
	add("issued by", f.Issuer)
	if !f.NotAfter.IsZero() {
		add("valid", f.NotBefore.UTC().Format(time.DateOnly)+" to "+f.NotAfter.UTC().Format(time.DateOnly))
	}
	return lines
}

// offered returns the mechanisms that the server offers when they are chosen.
func (r *Report) offered() []string {
	for _, name := range []string{StepEHLOTLS, StepEHLO} {
		if s := r.Step(name); s != nil && s.Outcome == OutcomeOK {
			return parseExtensions(Reply{Lines: append([]string{""}, s.Extensions...)}).mechanisms()
		}
	}
	return nil
}

// wrap writes text behind head, in as many lines as it takes. Those behind the
// first begin like a detail.
func wrap(b *strings.Builder, head, text string) {
	indent := len(detail) - 1
	column := len(head) - 1
	b.WriteString(strings.TrimRight(head, " "))
	pad := len(head) - len(strings.TrimRight(head, " "))
	fresh := true // nothing stands on the line yet
	for word := range strings.FieldsSeq(text) {
		if !fresh && column+pad+len(word) > reportWidth {
			b.WriteString("\n")
			column, pad = 0, indent
		}
		b.WriteString(strings.Repeat(" ", pad) + word)
		if !fresh {
			column += pad
		}
		column += len(word)
		pad, fresh = 1, false
	}
}

// explained says in words what became of the mechanisms that the server offers,
// those that were skipped for the same reason together.
func explained(all []MechanismFacts, offered []string) []string {
	var reasons []string // in the order of preference
	names := make(map[string][]string)
	for _, m := range all {
		if m.Chosen || !slices.Contains(offered, m.Name) {
			continue
		}
		if names[m.Skipped] == nil {
			reasons = append(reasons, m.Skipped)
		}
		names[m.Skipped] = append(names[m.Skipped], m.Name)
	}
	lines := make([]string, len(reasons))
	for i, reason := range reasons {
		lines[i] = strings.Join(names[reason], ", ") + ": " + cmp.Or(reason, "possible")
	}
	return lines
}
