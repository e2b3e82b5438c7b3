package mock

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// Send says lines, each with CRLF behind it. They are on their way when the
// script waits for the client, pauses or ends; a [Delay] of 0 cuts what goes in
// one write. [Reply] says a reply and [Raw] octets.
func Send(lines ...string) Step {
	lines = slices.Clone(lines)
	name := "Send"
	if len(lines) > 0 {
		name += " " + (&session{}).legibleReply([]byte(lines[0]+"\r\n"))
	}
	s := leaf(name, func(p *player) error {
		p.say(lines...)
		return nil
	})
	s.acts = true
	for _, line := range lines {
		s.err = cmp.Or(s.err, checkLine(line, "Send says"))
	}
	return s
}

// sendAs is Send for a line that shows as another one: values of a dialogue are
// in it.
func sendAs(line, shown string) *step {
	s := leaf("Send "+(&session{}).legibleReply([]byte(shown+"\r\n")), func(p *player) error {
		p.said(codeOf(line))
		p.out.WriteString(line + "\r\n")
		p.rec.line(FromServer, p.legibleReply([]byte(shown+"\r\n")))
		return nil
	})
	s.acts = true
	return s
}

// checkLine refuses what is no line.
func checkLine(line, does string) error {
	if strings.ContainsAny(line, "\r\n") {
		return fmt.Errorf("CR or LF within a line; %s lines without their CRLF", does)
	}
	return nil
}

// Expect wants a line, octet for octet. The line has no CRLF; the client's has.
func Expect(line string) Step {
	return expectLine(line, line, "Expect", func(got string) bool { return got == line })
}

// ExpectLike wants a line that fits a pattern; see [Like].
func ExpectLike(pattern string) Step {
	return expectLine(pattern, pattern, "Expect like", newGlob(pattern).match)
}

// expectLine wants a line that matches. If it shows as another one, values of a
// dialogue are in it.
func expectLine(want, shown, name string, match func(string) bool) *step {
	veiled := want != shown
	s := leaf(name+" "+briefly(shown), func(p *player) error {
		got, err := p.peek()
		switch {
		case err != nil:
			return err
		case match(got):
			p.take(got)
			return nil
		case veiled:
			return differs("line differs %s", diff(briefly(shown), p.show(got, "")))
		}
		return differs("line differs %s", diff(p.show(want, want), p.show(got, want)))
	})
	s.veiled = veiled
	s.err = checkLine(want, "the client's are compared as")
	return s
}

// briefly returns a line for the name of a step. It keeps quiet of what may be
// secret.
func briefly(line string) string {
	verb, argument, _ := strings.Cut(line, " ")
	switch {
	case strings.EqualFold(verb, "AUTH"):
		name, initial, found := strings.Cut(argument, " ")
		if !found {
			return "AUTH " + name
		}
		return "AUTH " + name + " " + showBase64(name, initial, initial)
	case verbOf(line) == "" && strings.Trim(line, "*=.") != "":
		return redacted(len(line)) // it may be a response
	}
	return legible([]byte(line))
}

// ExpectCommand wants a command, however it is written: the verb and the
// keywords of parameters are the same in small letters, and parameters may come
// in any order. Argument is what follows the verb; of MAIL and RCPT it is the
// address, without brackets. In the argument and in parameters, such as
// "SIZE=*", an asterisk stands for anything; the parameter "*" allows more.
func ExpectCommand(verb, argument string, parameters ...string) Step {
	want := commandView{strings.ToUpper(verb), argument, slices.Clone(parameters)}
	name := strings.TrimRight("Expect "+briefly(want.Verb+" "+argument), " ")
	if more := strings.Join(parameters, " "); more != "" {
		if want.Verb != "MAIL" && want.Verb != "RCPT" { // others have none: it may be anything
			more = secret([]byte(more))
		}
		name += " " + more
	}
	return leaf(name, func(p *player) error {
		line, err := p.peek()
		if err != nil {
			return err
		}
		if err := want.compare(p, line); err != nil {
			return err
		}
		p.take(line)
		return nil
	})
}

// A commandView is a command as ExpectCommand compares it.
type commandView struct {
	Verb, Argument string
	Parameters     []string
}

// viewCommand takes a line apart.
func viewCommand(line string) (commandView, error) {
	c := parseCommand([]byte(line), false)
	v := commandView{Verb: c.name, Argument: c.argument}
	prefix := map[string]string{"MAIL": "FROM:", "RCPT": "TO:"}[c.name]
	if prefix == "" {
		return v, nil
	}
	path, rest, found := cutPath(c.argument, prefix)
	parameters, refusal := splitParameters(rest)
	if !found || refusal != nil {
		return v, fmt.Errorf("malformed %s", c.name)
	}
	v.Argument = path
	for _, p := range parameters {
		_, value, _ := strings.Cut(p.text, "=")
		if p.valued {
			value = "=" + value
		}
		v.Parameters = append(v.Parameters, p.keyword+value)
	}
	return v, nil
}

func (want commandView) compare(p *player, line string) error {
	if strings.ContainsAny(line, "\r\n") {
		return differs("bare CR or LF in %s", p.show(line, ""))
	}
	if p.challenged || verbOf(line) == "" || strings.EqualFold(verbOf(line), "AUTH") && want.Verb != "AUTH" {
		return differs("want %s, got %s", want.Verb, p.show(line, ""))
	}
	got, err := viewCommand(line)
	if err != nil {
		return differs("%v: %s", err, p.show(line, ""))
	}
	if newGlob(want.Argument).match(got.Argument) {
		got.Argument = want.Argument
	}
	want.Parameters, got.Parameters = alignParameters(want.Parameters, got.Parameters)
	if gocmp.Equal(want, got) {
		return nil
	}
	if got.Verb == "AUTH" {
		wanted := want.Verb + " " + want.Argument
		return differs("command differs %s", diff(p.show(wanted, wanted), p.show(line, wanted)))
	}
	if shown := p.show(line, ""); shown != line { // some of it may be secret
		return differs("want %s, got %s", want.Verb, shown)
	}
	return differs("command differs (-want +got):\n%s", gocmp.Diff(want, got))
}

// alignParameters returns both lists in one order, those of got that are as
// wanted in the words of want.
func alignParameters(want, got []string) (_, _ []string) {
	more := slices.Contains(want, "*")
	wanted := []string{}
	for _, w := range want {
		if w != "*" {
			keyword, value, valued := strings.Cut(w, "=")
			if valued {
				value = "=" + value
			}
			wanted = append(wanted, strings.ToUpper(keyword)+value)
		}
	}
	left := slices.Clone(wanted)
	found := []string{}
	for _, g := range got {
		i := slices.IndexFunc(left, func(w string) bool { return newGlob(w).match(g) })
		switch {
		case i >= 0:
			found = append(found, left[i])
			left = slices.Delete(left, i, i+1)
		case !more:
			found = append(found, g)
		}
	}
	slices.Sort(wanted)
	slices.Sort(found)
	return wanted, found
}

// ExpectEOF wants the client to end the connection and to say nothing before.
func ExpectEOF() Step {
	return leaf("Expect the end of the connection", func(p *player) error {
		waiting, err := p.fill()
		switch {
		case len(waiting) > 0:
			line, _, _ := strings.Cut(string(waiting), "\r\n")
			return differs("want the end of the connection, got %s", p.show(line, ""))
		case p.srv.ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
			return p.nothing(err, nil)
		case !isGone(err):
			return differs("want the end of the connection, got %v", err)
		}
		p.progress++
		return nil
	})
}

// ExpectNothing wants that the client has said nothing which no step has read.
// It looks at what has arrived: within a testing/synctest bubble that is all
// that the client says before it waits for the server; otherwise, what is still
// under way goes unseen here, and meets the next step.
func ExpectNothing() Step {
	s := leaf("Expect nothing", func(p *player) error {
		p.flush()
		p.conn.SetReadDeadline(time.Now().Add(groupGrace))
		defer p.conn.SetReadDeadline(time.Time{})
		_, err := p.in.Peek(1)
		if p.in.Buffered() == 0 {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return nil
			}
			return p.nothing(err, nil)
		}
		waiting, _ := p.in.Peek(p.in.Buffered())
		line, _, _ := strings.Cut(string(waiting), "\r\n")
		return &mismatch{reason: "want nothing, got " + p.show(line, ""), final: true}
	})
	s.mute = true
	return s
}
