package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// A Trial is what came of one attempt of a client.
type Trial struct {
	Answer   Answer
	Crash    string        // the client panicked or did not come to an end; "" if neither
	Took     time.Duration // until it answered
	Log      string        // what it wrote to ClientConfig.Log, up to 1 MiB
	Sessions []mock.Session
	Messages []mock.Message

	message Message  // that was to be sent
	taken   []int64  // octets that the client was handed, by connection
	left    int      // connections that it had not closed a second after its answer
	early   bool     // it sent something before it was handed anything
	stalled int      // calls of Dial that were made to wait
	fault   string   // the verb at whose reply something was wrong, "" if none is
	mark    string   // of the message
	octets  [][]byte // what the client sent, by connection
	secrets *leakScanner
}

// control judges an attempt in which nothing is wrong: nothing can be said of a
// client that fails there.
func (t *Trial) control() (Verdict, bool) {
	problem := ""
	switch {
	case t.Crash != "" || t.Answer.Status != Delivered:
		problem = t.said()
	case t.Answer.Err != nil:
		problem = fmt.Sprintf("the client said delivered, together with an error: %v", t.Answer.Err)
	case len(t.Messages) == 0:
		problem = "the client said delivered, but there was no message"
	default:
		problem = t.wrongMessage()
	}
	if problem == "" {
		return Verdict{}, true
	}
	return Verdict{
		Outcome:    Inconclusive,
		Reason:     "the control failed, in which nothing was wrong",
		Want:       "one message, delivered once, over TLS and signed in",
		Got:        problem,
		Transcript: t.shown(),
	}, false
}

// wrongMessage returns what is wrong with the message that was accepted.
func (t *Trial) wrongMessage() string {
	if len(t.Messages) > 1 {
		return fmt.Sprintf("%d messages", len(t.Messages))
	}
	return t.wrong(t.Messages[0], t.message.To...)
}

// wrong returns what is wrong with a message that should have gone to those.
func (t *Trial) wrong(m mock.Message, to ...string) string {
	switch {
	case !m.TLS:
		return "a message without TLS"
	case m.User != username:
		return fmt.Sprintf("a message of the user %q", m.User)
	case !bytes.Contains(m.Data, []byte("X-Conformance: "+t.mark)):
		return "another message"
	case m.From != t.message.From || !slices.Equal(m.To, to):
		return fmt.Sprintf("a message from %q to %q", m.From, m.To)
	}
	return ""
}

// commands returns the commands of that verb, in order.
func (t *Trial) commands(verb string) []mock.Command {
	var found []mock.Command
	for _, session := range t.Sessions {
		for _, c := range session.Commands {
			if c.Verb == verb {
				found = append(found, c)
			}
		}
	}
	return found
}

// answered reports whether the client was given that reply to that command, and
// so has come as far.
func (t *Trial) answered(verb string, code int) bool {
	for _, c := range t.commands(verb) {
		if c.Code == code {
			return true
		}
	}
	return false
}

// beyond returns the first line that is none of the commands allowed, and so is
// one that the server, or whoever listens, should not have got. QUIT is always
// allowed.
func (t *Trial) beyond(allowed ...string) (line string, found bool) {
	allowed = append(allowed, "QUIT")
	for _, octets := range t.octets {
		for _, line := range clearLines(octets) {
			verb, _, _ := strings.Cut(line, " ")
			if !slices.Contains(allowed, strings.ToUpper(verb)) {
				return t.legible(line), true
			}
		}
	}
	for _, session := range t.Sessions { // within TLS
		for _, c := range session.Commands {
			verb := c.Verb
			if c.Line == "*" {
				verb = "*" // no command
			}
			if verb != "CONNECT" && !slices.Contains(allowed, verb) {
				return c.Line, true
			}
		}
	}
	return "", false
}

// tlsHandshake is the type of the record with which TLS begins (RFC 8446, Section 5.1).
const tlsHandshake = 22

// clearLines returns the lines that were sent in clear: all up to the record with
// which TLS begins.
func clearLines(octets []byte) []string {
	var lines []string
	for line := range bytes.Lines(octets) {
		if line[0] == tlsHandshake {
			break
		}
		lines = append(lines, string(bytes.TrimRight(line, "\r\n")))
	}
	return lines
}

// legible returns a line that may be anything for a verdict.
func (t *Trial) legible(line string) string {
	if t.secrets.find(line) != "" {
		verb, _, _ := strings.Cut(line, " ")
		if t.secrets.find(verb) != "" {
			verb = ""
		}
		return strings.TrimSpace(fmt.Sprintf("%s [%d octets with a secret in them]", verb, len(line)))
	}
	return fmt.Sprintf("%.80q", line)
}

// succeeded reports whether the message was delivered and the client said so.
func (t *Trial) succeeded() bool {
	return t.Answer.Status == Delivered && t.Answer.Err == nil && len(t.Messages) == 1 && t.wrongMessage() == ""
}

// apart reports whether the client sends the message to each recipient by itself.
func (t *Trial) apart() bool {
	mails := len(t.commands("MAIL"))
	return mails > 1 && mails == len(t.commands("RCPT"))
}

// succeededApart is succeeded for a client that sends the message to each recipient
// by itself.
func (t *Trial) succeededApart() bool {
	if t.Answer.Status != Delivered || t.Answer.Err != nil || len(t.Messages) != len(t.message.To) {
		return false
	}
	for i, to := range t.message.To {
		if t.wrong(t.Messages[i], to) != "" {
			return false
		}
	}
	return true
}

// refused reports whether the client came to an end and said that it has failed.
func (t *Trial) refused() bool {
	return t.Crash == "" && t.Answer.Status != Delivered && t.Answer.Err != nil
}

// said returns what the client told of the attempt.
func (t *Trial) said() string {
	switch {
	case t.Crash != "":
		return t.Crash
	case t.Answer.Err == nil:
		return fmt.Sprintf("the client said %s", t.Answer.Status)
	}
	return fmt.Sprintf("the client said %s: %v", t.Answer.Status, t.Answer.Err)
}

// fail returns the verdict that something was broken.
func (t *Trial) fail(want, got string) Verdict {
	return Verdict{Outcome: Fail, Want: want, Got: got, Transcript: t.shown()}
}

// warn returns the verdict that a recommendation was not followed.
func (t *Trial) warn(want, got string) Verdict {
	v := t.fail(want, got)
	v.Outcome = Warn
	return v
}

// notReached returns the verdict that the client did not come as far as the
// attack, so that whatever it did proves nothing.
func (t *Trial) notReached(point string) Verdict {
	return Verdict{
		Outcome:    Inconclusive,
		Reason:     "the client did not get as far as " + point,
		Got:        t.said(),
		Transcript: t.shown(),
	}
}

// shownLines is how many lines of a dialogue a verdict shows: of the exchange in
// which something was wrong, and of the end.
const shownLines = 8

// shown returns what a verdict shows of the last session.
func (t *Trial) shown() []string {
	if len(t.Sessions) == 0 {
		return nil
	}
	session := t.Sessions[len(t.Sessions)-1]
	end := max(0, len(session.Transcript)-shownLines)
	from, to := exchange(session, t.fault)
	var lines []string
	if to = min(to, end); from < to {
		lines = texts(session.Transcript[from:to])
		if to < end {
			lines = append(lines, "...")
		}
	}
	return append(lines, texts(session.Transcript[end:])...)
}

// exchange returns where the first command of that verb and its reply stand in the
// transcript, shownLines lines of them at most. Of what is not there, both are 0.
func exchange(s mock.Session, verb string) (from, to int) {
	i := slices.IndexFunc(s.Commands, func(c mock.Command) bool { return c.Verb == verb })
	if i < 0 {
		return 0, 0
	}
	for from = 0; i > 0 && from < len(s.Transcript); from++ { // the connect, which comes first, has no line
		if s.Transcript[from].From == mock.FromClient {
			i--
		}
		if i == 0 {
			break
		}
	}
	for to = min(from+1, len(s.Transcript)); to < len(s.Transcript) && to < from+shownLines; to++ {
		if s.Transcript[to].From == mock.FromClient {
			break
		}
	}
	return from, to
}

// texts returns lines as they are printed.
func texts(t mock.Transcript) []string {
	var lines []string
	for _, line := range t {
		lines = append(lines, fmt.Sprintf("%c: %s", line.From, line.Text))
	}
	return lines
}
