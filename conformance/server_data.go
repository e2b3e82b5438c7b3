package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// isSyntax reports whether an error is about the form of a reply.
func isSyntax(err error) bool {
	var syntax *wire.SyntaxError
	return errors.As(err, &syntax) || errors.Is(err, wire.ErrReplyTooLong)
}

// message returns a message for the sink with that body, which is written as it is.
func (b *ServerBench) message(mark, body string) string {
	return strings.Join([]string{
		"From: <" + b.From() + ">",
		"To: <" + b.run.Sink + ">",
		"Subject: Conformance test " + b.of.ID,
		"Date: " + time.Now().UTC().Format(time.RFC1123Z),
		"Message-ID: <" + mark + "@" + helloName + ">",
		"Auto-Submitted: auto-generated",
		"X-SMTP-Conformance: " + mark,
		"",
		body,
	}, "\r\n")
}

// submit begins a message to the sink and sends content, which has to hold its end.
func (w *Wire) submit(content string) (Reply, Verdict) {
	if v := w.beginMessage(); v.Outcome != Pass {
		return Reply{}, v
	}
	w.sendContent(content)
	return w.Reply(), pass()
}

// beginMessage says all that comes before the content of a message to the sink.
func (w *Wire) beginMessage() Verdict {
	w.bench.run.messages--
	return w.Play(control(w.bench.mail(), "2yz"), control(w.bench.rcpt(), "2yz"), control("DATA", "354"))
}

func (w *Wire) sendContent(octets string) {
	w.Send(octets, fmt.Sprintf("<content of %d octets>\r\n", len(octets)))
}

const endOfData = "\r\n.\r\n"

// deliver sends a message in which nothing is wrong, in a session of its own.
func (b *ServerBench) deliver(ctx context.Context) Verdict {
	w, v, ok := b.Ready(ctx)
	if !ok {
		return v
	}
	r, v := w.submit(b.message(b.Nonce(), "This message is the control.") + endOfData)
	switch {
	case v.Outcome != Pass:
		return v
	case r.Code/100 != 2:
		return w.inconclusive("2yz to a message in which nothing is wrong", r.String())
	}
	return w.Finish()
}

// A pseudoEnd is what no server may take for the end of data.
type pseudoEnd struct{ name, octets string }

func pseudoEnds() []pseudoEnd {
	return []pseudoEnd{
		{"LF . LF", "\n.\n"},
		{"LF . CRLF", "\n.\r\n"},
		{"CRLF . LF", "\r\n.\n"},
		{"CR . CR", "\r.\r"},
		{"CRLF . CR", "\r\n.\r"},
		{"CRLF NUL . CRLF", "\r\n\x00.\r\n"},
	}
}

func lfEnd() Case {
	return Case{
		ID:        "S-CRL-03",
		Title:     "LF . LF does not end a message",
		Area:      AreaLines,
		Refs:      []Ref{{RFC: 5321, Section: "4.1.1.4", Level: MustNot}},
		Tiers:     []Tier{Delivery, Hostile},
		DependsOn: sessionCases(),
		Budget:    Budget{Messages: 2},
		Procedure: "Control: a message. Then a message with LF . LF in it; a moment later, a line behind that, and the end.",
		Pass:      "One reply to the message: 2yz or 5yz, and after the latter the server may close the connection.",
		Mutant:    "ends a message at LF . LF",
		AlsoKills: []string{"S-CRL-07"},
		Since:     "v0.1.0",
		Server: func(ctx context.Context, b *ServerBench) Verdict {
			if v := b.deliver(ctx); v.Outcome != Pass {
				return v
			}
			return b.judgeEnd(ctx, pseudoEnds()[0], "This line is still the message's.")
		},
	}
}

// judgeEnd sends a message with a pseudo-end in it, and something behind that.
func (b *ServerBench) judgeEnd(ctx context.Context, end pseudoEnd, behind string) Verdict {
	w, v, ok := b.Ready(ctx)
	if !ok {
		return v
	}
	want := fmt.Sprintf("one reply to a message with %s in it, at its end", end.name)
	if v := w.beginMessage(); v.Outcome != Pass {
		return v
	}
	w.sendContent(b.message(b.Nonce(), "There is more below.") + end.octets)
	early := w.early()
	var r Reply
	if early {
		if r = w.Reply(); r.Code/100 == 2 {
			return w.fail(want, "before the end: "+r.String())
		}
	}
	w.sendContent(behind + endOfData)
	if !early {
		r = w.Reply()
	}
	if v := w.judgeRefusal(r, "2yz 5yz ~4yz", want); v.Outcome != Pass {
		return v
	}
	v = w.finishOrClosed(r)
	if v.Outcome == Fail {
		v.Want = want
	}
	return v
}

// early reports whether the server says something before the end of a message. There
// is no barrier within a message, so this waits a moment. A reply that is later than
// that is not missed, for what is sent behind it is taken for commands then.
func (w *Wire) early() bool {
	wait := earlyAtHome
	if w.bench.run.facts.Network != onLoopback {
		wait = earlyElsewhere
	}
	w.conn.SetReadDeadline(time.Now().Add(wait))
	_, err := w.in.Peek(1)
	return err == nil || isClosed(err)
}

const (
	earlyAtHome    = 300 * time.Millisecond
	earlyElsewhere = 2 * time.Second
)

func smuggling() Case {
	return Case{
		ID:        "S-CRL-07",
		Title:     "An envelope within a message is not run",
		Area:      AreaLines,
		Refs:      []Ref{{RFC: 5321, Section: "4.1.1.4", Level: Security}},
		Tiers:     []Tier{Delivery, Hostile},
		DependsOn: sessionCases(),
		Budget:    Budget{Messages: 13, Time: 2 * time.Minute},
		Procedure: "Control: a message. Then, in a session each, messages that hold LF . LF, LF . CRLF, CRLF . LF, CR . CR, CRLF . CR and " +
			"CRLF NUL . CRLF; a moment later, MAIL, RCPT, DATA and another message behind that, and the end.",
		Pass:   "One reply to each message: 2yz or 5yz, and after the latter the server may close the connection.",
		Mutant: "ends a message at CR . CR",
		Since:  "v0.1.0",
		Server: runSmuggling,
	}
}

func runSmuggling(ctx context.Context, b *ServerBench) Verdict {
	if v := b.deliver(ctx); v.Outcome != Pass {
		return v
	}
	var warning Verdict
	for _, end := range pseudoEnds() {
		smuggled := b.mail() + "\r\n" + b.rcpt() + "\r\nDATA\r\n" + b.message(b.Nonce(), "This message was smuggled.")
		switch v := b.judgeEnd(ctx, end, smuggled); v.Outcome {
		case Pass:
		case Warn:
			warning = v
		default:
			return v
		}
	}
	if warning.Outcome == Warn {
		return warning
	}
	return pass()
}

func dotUnstuffing() Case {
	return Case{
		ID:        "S-DAT-01",
		Title:     "The dot before a line is taken away, and nothing else",
		Area:      AreaData,
		Refs:      []Ref{{RFC: 5321, Section: "4.5.2", Level: Must}},
		Needs:     []Need{NeedObserver},
		Tiers:     []Tier{Delivery},
		DependsOn: sessionCases(),
		Budget:    Budget{Messages: 1},
		Procedure: "A message with lines that begin with one, two and three dots, that end in one, and one without, which is the control.",
		Pass:      "2yz; and the message is stored with one dot less where a line began with dots.",
		Mutant:    "keeps the dot",
		Since:     "v0.1.0",
		Server:    runDotUnstuffing,
	}
}

func runDotUnstuffing(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Ready(ctx)
	if !ok {
		return v
	}
	sent := []string{"begin", "..", "..a", "...", "a.", ". b", "....", "no dot", "end"}
	want := []string{"begin", ".", ".a", "..", "a.", " b", "...", "no dot", "end"}
	mark := b.Nonce() + "-" + strings.ToLower(w.stamp())
	r, v := w.submit(b.message(mark, strings.Join(sent, "\r\n")) + endOfData)
	switch {
	case v.Outcome != Pass:
		return v
	case r.Code/100 != 2:
		return w.inconclusive("2yz to the message", r.String())
	}
	if v := w.Finish(); v.Outcome != Pass {
		return v
	}
	looking, cancel := context.WithTimeout(ctx, b.run.suite.timeout())
	defer cancel()
	stored, err := b.run.Observer.Observe(looking, mark)
	switch {
	case err != nil || len(stored) == 0:
		return w.inconclusive("the message to be stored", fmt.Sprintf("nothing (%v)", err))
	case len(stored) > 1:
		return w.fail("one message to be stored", fmt.Sprint(len(stored)))
	}
	got := linesBetween(stored[0], "begin", "end")
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		return w.fail(fmt.Sprintf("the lines %q", want), fmt.Sprintf("%q", got))
	}
	return pass()
}

// stamp tells messages of one run from those of another, for those who look for
// them.
func (w *Wire) stamp() string { return fmt.Sprintf("%x", time.Now().UnixNano()) }

// linesBetween returns the lines of a stored message from one to another, both
// included, whatever their endings.
func linesBetween(message []byte, from, to string) []string {
	var lines []string
	for line := range bytes.Lines(message) {
		text := string(bytes.TrimRight(line, "\r\n"))
		if text == from {
			lines = []string{}
		}
		if lines != nil {
			lines = append(lines, text)
		}
		if text == to && lines != nil {
			break
		}
	}
	return lines
}
