package conformance

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A ServerBench is where a case tries out a server.
type ServerBench struct {
	run   *serverRun
	of    Case
	wires []*Wire
}

// judge runs the case of the bench.
func (b *ServerBench) judge(ctx context.Context) (v Verdict) {
	defer func() {
		if r := recover(); r != nil {
			v = Verdict{Outcome: Error, Reason: fmt.Sprintf("the case panicked: %v", r)}
		}
		for _, w := range b.wires {
			w.Close()
			b.run.suite.tell(Event{Kind: Dialogue, Case: b.of, Lines: w.transcript})
		}
		v = b.redact(v)
	}()
	return b.of.Server(ctx, b)
}

// redact makes a verdict fit to be printed anywhere: it holds what the server said.
func (b *ServerBench) redact(v Verdict) Verdict {
	v.Reason, v.Want, v.Got = b.printable(v.Reason), b.printable(v.Want), b.printable(v.Got)
	for i, line := range v.Transcript {
		v.Transcript[i] = b.printable(line)
	}
	return v
}

// printable returns a text on one line, without secrets and control characters.
func (b *ServerBench) printable(text string) string {
	texts := []string{text}
	b.run.secrets.Redact(texts)
	return printable(texts[0])
}

// printable returns a text on one line, not too long, without control characters.
func printable(text string) string {
	if len(text) > maxText {
		text = text[:maxText] + "..."
	}
	var out strings.Builder
	for _, r := range text {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			out.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// Open connects, and begins TLS if that is how connections begin. The greeting is
// not read. The verdict counts if ok is false.
func (b *ServerBench) Open(ctx context.Context) (w *Wire, v Verdict, ok bool) {
	if b.run.isAway() {
		return nil, Verdict{Outcome: Inconclusive, Reason: "the server lets nobody in any more", Want: "220 to greet", Got: b.run.away}, false
	}
	conn, err := b.run.dial(ctx)
	if err != nil {
		b.run.turned(err.Error())
		return nil, Verdict{Outcome: Inconclusive, Reason: fmt.Sprintf("the server cannot be reached: %v", err)}, false
	}
	w = b.open(ctx, conn)
	if b.run.place.mode == ImplicitTLS {
		if err := w.handshake(); err != nil {
			return w, w.inconclusive("TLS from the start", err.Error()), false
		}
	}
	return w, Verdict{}, true
}

// Connect is Open, and then reads the greeting.
func (b *ServerBench) Connect(ctx context.Context) (w *Wire, v Verdict, ok bool) {
	if w, v, ok = b.Open(ctx); !ok {
		return w, v, false
	}
	if r := w.Reply(); r.Code != 220 {
		b.run.turned(r.String())
		return w, w.inconclusive("220 to greet", r.String()), false
	}
	b.run.turnedAway = 0
	return w, Verdict{}, true
}

// Hello is Connect, and then EHLO.
func (b *ServerBench) Hello(ctx context.Context) (w *Wire, v Verdict, ok bool) {
	if w, v, ok = b.Connect(ctx); ok {
		v, ok = w.Hello()
	}
	return w, v, ok
}

// Secure is Hello, and then STARTTLS if the server has it and there is no TLS.
func (b *ServerBench) Secure(ctx context.Context) (w *Wire, v Verdict, ok bool) {
	if w, v, ok = b.Hello(ctx); ok && w.tls == nil && w.Offers("STARTTLS") {
		v, ok = w.StartTLS()
	}
	return w, v, ok
}

// Ready is Secure, and then a sign-in if there is an account: the server is ready
// for mail.
func (b *ServerBench) Ready(ctx context.Context) (w *Wire, v Verdict, ok bool) {
	w, v, ok = b.Secure(ctx)
	if !ok || b.run.user == "" || !b.run.has(Login) || b.run.mayNotSignIn().Outcome == Skip || len(b.run.mechanisms()) == 0 {
		return w, v, ok
	}
	r, mechanism := w.signIn(ctx)
	if mechanism == "" {
		return w, Verdict{}, true
	}
	if r.Code/100 != 2 {
		return w, w.inconclusive("235 to AUTH "+mechanism, r.String()), false
	}
	w.signedIn = true
	return w, Verdict{}, true
}

// Hello says EHLO and notes what the server lists.
func (w *Wire) Hello() (Verdict, bool) {
	r := w.Ask(w.bench.ehlo())
	if r.Code != 250 {
		return w.inconclusive("250 to EHLO", r.String()), false
	}
	w.lines = r.Lines[1:]
	return Verdict{}, true
}

// helloName is the argument of EHLO unless the target says otherwise: a name that
// nobody has (RFC 6761).
const helloName = "conformance.test"

// ehlo is the command by which the suite says who it is.
func (b *ServerBench) ehlo() string { return "EHLO " + cmp.Or(b.run.LocalName, helloName) }

// StartTLS says STARTTLS, begins TLS and says EHLO.
func (w *Wire) StartTLS() (Verdict, bool) {
	if r := w.Ask("STARTTLS"); r.Code != 220 {
		return w.inconclusive("220 to STARTTLS", r.String()), false
	}
	if err := w.handshake(); err != nil {
		return w.inconclusive("TLS after STARTTLS", err.Error()), false
	}
	return w.Hello()
}

// Offers reports whether the last EHLO listed a keyword.
func (w *Wire) Offers(keyword string) bool {
	_, found := State{Lines: w.lines}.offers(keyword)
	return found
}

// inconclusive returns the verdict that the server did not come as far as the test.
func (w *Wire) inconclusive(want, got string) Verdict {
	return Verdict{
		Outcome: Inconclusive, Reason: "the control failed, in which nothing was wrong",
		Want: want, Got: got, Transcript: w.Transcript(),
	}
}

// Nonce returns a word that nobody else uses in this run.
func (b *ServerBench) Nonce() string {
	b.run.nonces++
	return fmt.Sprintf("%s-%d", strings.ToLower(b.of.ID), b.run.nonces)
}

// From is the reverse path of all messages, without brackets.
func (b *ServerBench) From() string {
	switch {
	case b.run.From != "":
		return b.run.From
	case domainOf(b.run.user) != "":
		return b.run.user
	}
	return "postmaster@" + b.Domain()
}

// Recipient is a mailbox that the server should take mail for.
func (b *ServerBench) Recipient() string {
	if b.run.Sink != "" {
		return b.run.Sink
	}
	return b.From()
}

// Domain is one that the server takes mail for.
func (b *ServerBench) Domain() string {
	if b.run.Domain != "" {
		return b.run.Domain
	}
	for _, address := range []string{b.run.Sink, b.run.user} {
		if domain := domainOf(address); domain != "" {
			return domain
		}
	}
	return b.run.domain()
}

// domainOf returns the domain of an address in ASCII, "" of what is none.
func domainOf(address string) string {
	nonASCII, err := wire.CheckMailbox(address)
	i := strings.LastIndexByte(address, '@')
	if err != nil || nonASCII || i < 0 {
		return ""
	}
	return address[i+1:]
}

// domain is what the server goes by: its name, as dialled or as it says itself, or
// its address (RFC 5321, Section 4.1.3).
func (r *serverRun) domain() string {
	ip := net.ParseIP(r.place.host)
	switch words := strings.Fields(r.facts.Greeting); {
	case ip == nil:
		return r.place.host
	case len(words) > 1 && strings.Contains(words[1], ".") && isDomain(words[1]):
		return words[1]
	case ip.To4() != nil:
		return "[" + ip.String() + "]"
	}
	return "[IPv6:" + ip.String() + "]"
}

// mail and rcpt are commands that the server should take.
func (b *ServerBench) mail() string { return "MAIL FROM:<" + b.From() + ">" }
func (b *ServerBench) rcpt() string { return "RCPT TO:<" + b.Recipient() + ">" }
