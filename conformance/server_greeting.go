package conformance

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

func greeting() Case {
	return Case{
		ID:        "S-GRT-01",
		Title:     "The greeting is well formed",
		Area:      AreaGreeting,
		Refs:      []Ref{{RFC: 5321, Section: "3.1", Level: Must}, {RFC: 5321, Section: "4.2", Level: Must}},
		Tiers:     []Tier{Passive},
		Procedure: "Connect, and read until the last line of the greeting.",
		Pass:      "220, in lines of at most 512 octets that end in CRLF. 554 and 421 are right, too, but then nothing else can be tested.",
		Mutant:    "ends the greeting in a bare LF",
		Since:     "v0.1.0",
		Server:    runGreeting,
	}
}

func runGreeting(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Open(ctx)
	if !ok {
		return v
	}
	const want = "220, in lines of at most 512 octets that end in CRLF"
	r := w.Reply()
	var syntax *wire.SyntaxError
	switch {
	case errors.As(r.Err, &syntax):
		return w.fail(want, r.String())
	case r.Err != nil || r.Code == 554 || r.Code == 421:
		v := w.inconclusive(want, r.String())
		v.Reason = "the server does not let the suite in"
		return v
	case r.Code != 220:
		return w.fail(want, r.String())
	}
	v = w.Finish()
	if r.Flaw != "" && v.Outcome == Pass {
		v = w.fail(want, r.Flaw)
		v.Usable = true
	}
	return v
}

func hello() Case {
	return Case{
		ID:        "S-HEL-01",
		Title:     "EHLO is known, and its lines can be read",
		Area:      AreaGreeting,
		Refs:      []Ref{{RFC: 5321, Section: "2.2.1", Level: Must}, {RFC: 5321, Section: "4.1.1.1", Level: Grammar}},
		Tiers:     []Tier{Passive},
		DependsOn: []string{"S-GRT-01"},
		Procedure: "EHLO, and once more under TLS if there is STARTTLS.",
		Pass: "250; the first line begins with a domain; each of the others is a keyword of letters, digits and hyphens, with " +
			"parameters behind single spaces. A keyword that is there twice, a space at the end of a line and AUTH= are warn.",
		Mutant: "lists a keyword with an underscore",
		Since:  "v0.1.0",
		Server: runHello,
	}
}

func runHello(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Connect(ctx)
	if !ok {
		return v
	}
	r := w.Ask(b.ehlo())
	if v := w.judge(Step{Send: "EHLO", Accept: "250"}, r); v.Outcome != Pass {
		return v
	}
	w.lines = r.Lines[1:]
	v = w.judgeHello(r)
	if v.Outcome == Fail {
		return v
	}
	again := w.tls == nil && w.Offers("STARTTLS")
	v = w.Finish()
	if !again || v.Outcome != Pass && v.Outcome != Warn {
		return v
	}
	if under := b.helloUnderTLS(ctx); under.Outcome != Pass {
		return under
	}
	return v
}

// helloUnderTLS judges what EHLO lists under TLS, if there is TLS: S-TLS-01 is about
// that.
func (b *ServerBench) helloUnderTLS(ctx context.Context) Verdict {
	w, v, ok := b.Hello(ctx)
	if !ok {
		return v
	}
	if w.Ask("STARTTLS").Code != 220 || w.handshake() != nil {
		return pass()
	}
	r := w.Ask(b.ehlo())
	if r.Code != 250 {
		return pass()
	}
	if v := w.judgeHello(r); v.Outcome == Fail {
		return v
	}
	return w.Finish()
}

// judgeHello judges the reply to EHLO. A warning waits.
func (w *Wire) judgeHello(r Reply) Verdict {
	problem, outcome := helloProblem(r)
	v := Verdict{Outcome: outcome, Want: "lines as in RFC 5321, Section 4.1.1.1", Got: problem, Transcript: w.Transcript(), Usable: true}
	if outcome == Warn {
		w.warn(v)
	}
	return v
}

// ldhDomain is a Domain of RFC 5321, Section 4.1.2.
var ldhDomain = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// isDomain reports whether s is a domain in ASCII.
func isDomain(s string) bool { return ldhDomain.MatchString(s) }

// isLiteral reports whether s is an address literal.
func isLiteral(s string) bool {
	_, err := wire.CheckMailbox("x@" + s)
	return err == nil && strings.HasPrefix(s, "[")
}

var (
	helloFirst = regexp.MustCompile(`^(\S+)(?: [^\r\n]*)?$`)
	helloLine  = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9-]*)(?: [!-~]+)*$`)
)

// helloProblem returns what is wrong with the reply to EHLO, and how bad it is.
func helloProblem(r Reply) (string, Outcome) {
	if r.Flaw != "" {
		return r.Flaw, Fail
	}
	first := helloFirst.FindStringSubmatch(r.Lines[0])
	if first == nil {
		return fmt.Sprintf("the first line is %q", r.Lines[0]), Fail
	}
	problem, outcome := "", Pass
	if !isDomain(first[1]) && !isLiteral(first[1]) {
		problem, outcome = fmt.Sprintf("the first line begins with %q, which is no domain", first[1]), Warn
	}
	seen := make(map[string]bool)
	for _, line := range r.Lines[1:] {
		trimmed := strings.TrimRight(line, " ")
		match := helloLine.FindStringSubmatch(trimmed)
		switch {
		case strings.HasPrefix(strings.ToUpper(trimmed), "AUTH="):
			problem, outcome = fmt.Sprintf("%q, which only clients from before RFC 2554 read", line), Warn
		case match == nil:
			return fmt.Sprintf("the line %q", line), Fail
		case seen[strings.ToUpper(match[1])]:
			problem, outcome = match[1]+" is listed twice", Warn
		case trimmed != line:
			problem, outcome = fmt.Sprintf("a space at the end of %q", line), Warn
		}
		if match != nil {
			seen[strings.ToUpper(match[1])] = true
		}
	}
	return problem, outcome
}

func helloResets() Case {
	return Case{
		ID:        "S-HEL-04",
		Title:     "Another EHLO ends the transaction",
		Area:      AreaGreeting,
		Refs:      []Ref{{RFC: 5321, Section: "4.1.4", Level: Must}},
		Tiers:     []Tier{Envelope},
		DependsOn: sessionCases(),
		Procedure: "MAIL and RCPT, which are the control; EHLO; the same RCPT once more.",
		Pass:      "503 to the last RCPT; another 5yz is warn.",
		Mutant:    "EHLO keeps the transaction",
		Since:     "v0.1.0",
		Server: func(ctx context.Context, b *ServerBench) Verdict {
			w, v, ok := b.Ready(ctx)
			if !ok {
				return v
			}
			v = w.Play(
				control(b.mail(), "2yz"), control(b.rcpt(), "2yz"), control(b.ehlo(), "250"),
				command(b.rcpt(), "503 ~5yz"))
			if v.Outcome != Pass {
				return v
			}
			return w.Finish()
		},
	}
}

// sessionCases are those without which no session comes about.
func sessionCases() []string { return []string{"S-HEL-01", "S-TLS-01"} }
