package mock

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// A verb is a command that the server knows.
type verb struct {
	run func(s *session, argument string) reply

	lone     bool // it takes no argument
	last     bool // RFC 2920, Section 3.1: nothing may follow it in a group
	grouped  bool // RFC 2920, Section 3.2: its reply may be held back
	spaces   bool // trailing spaces mean something
	eightBit bool // it says itself which octets above 127 it takes
}

// lookupVerb returns the verb of that name, which is in capitals.
func lookupVerb(name string) (verb, bool) {
	switch name {
	case "EHLO":
		return verb{run: (*session).ehlo, last: true}, true
	case "HELO":
		return verb{run: (*session).helo, last: true}, true
	case "STARTTLS":
		return verb{run: (*session).starttls, last: true, spaces: true}, true
	case "AUTH":
		return verb{grouped: true, spaces: true, eightBit: true}, true // it runs by itself: it is a dialogue
	case "MAIL":
		return verb{run: (*session).mail, grouped: true, eightBit: true}, true
	case "RCPT":
		return verb{run: (*session).rcpt, grouped: true, eightBit: true}, true
	case "DATA":
		return verb{run: (*session).data, lone: true, last: true}, true
	case "BDAT":
		return verb{grouped: true}, true // it runs by itself: octets follow
	case "RSET":
		return verb{run: (*session).rset, lone: true, grouped: true}, true
	case "NOOP":
		return verb{run: (*session).noop, last: true}, true
	case "VRFY":
		return verb{run: (*session).vrfy, last: true}, true
	case "HELP":
		return verb{run: (*session).help, last: true}, true
	case "QUIT":
		return verb{run: (*session).quit, lone: true, last: true}, true
	}
	return verb{}, false
}

// A command is a line of the client.
type command struct {
	verb
	name     string // in capitals
	argument string
	known    bool
	line     []byte
	long     bool // there was more than line
}

func parseCommand(line []byte, long bool) command {
	c := command{line: line, long: long}
	c.name, c.argument, _ = strings.Cut(string(line), " ")
	c.name = strings.ToUpper(c.name)
	c.verb, c.known = lookupVerb(c.name)
	if !c.spaces {
		c.argument = strings.TrimRight(c.argument, " ") // RFC 5321, Section 4.1.1
	}
	return c
}

// command reads one command and answers it.
func (s *session) command() {
	s.settle()
	if s.over {
		return
	}
	line, long, err := s.readLine()
	switch {
	case errors.Is(err, errEndless):
		s.rec.command("", fmt.Sprintf("<more than %d octets without CRLF>", maxEndless))
		s.violation("line of more than %d octets", maxEndless)
		s.reply(reply{421, "4.7.0", []string{"Line without end, closing connection"}, nil})
		s.over = true
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.reply(reply{421, "4.4.2", []string{"Timeout, closing connection"}, nil})
		s.over = true
		return
	case err != nil:
		s.fail(err)
		return
	}
	c := parseCommand(line, long)
	s.batch++
	s.octets += len(line) + len("\r\n")
	s.grouped = c.grouped
	s.note(&c)
	s.answer(&c)
	if !c.grouped {
		s.flush()
	}
}

// note records a command, without what may be secret, and whether anything is
// wrong with where it stands.
func (s *session) note(c *command) {
	name, text := c.name, s.legibleCommand(c)
	if !c.known {
		name = ""
	}
	s.rec.command(name, text)
	switch {
	case s.ahead() == 0 || name == "AUTH" || name == "BDAT":
	case name == "STARTTLS": // they are dealt with when TLS begins
	case c.last:
		s.violation("octets behind %s, which must be the last of its group (RFC 2920, Section 3.1)", name)
	case !s.pipelining():
		s.violation("octets behind %s, but PIPELINING is not offered", cmp.Or(name, "a command"))
	}
}

// pipelining reports whether the client may send groups. The server answers them
// whether it may or not.
func (s *session) pipelining() bool { return s.wasTold("PIPELINING") }

// answer runs a command, or says why not.
func (s *session) answer(c *command) {
	refusal := s.malformed(c)
	chunk := c.name == "BDAT" && s.srv.opts.has("CHUNKING")
	switch {
	case refusal != nil:
		s.refuse(c, *refusal)
		if c.name == "AUTH" {
			s.rec.auth("", "", refusal.code)
		}
		if chunk {
			s.skipChunk(c.argument)
		}
	case chunk:
		s.bdat(c.argument)
	case s.turnedAway && c.name != "QUIT":
		s.blamed(c, badSequence("No service here")) // RFC 5321, Section 3.1
	case c.name == "AUTH":
		s.auth(c.argument)
	case !c.known || c.name == "BDAT":
		s.blamed(c, unknown(c.name))
	case c.lone && c.argument != "":
		s.blamed(c, syntaxError(c.name+" takes no argument"))
	default:
		s.misled = s.misled || c.name == "EHLO" // until it is answered as it should be
		s.at(c.name, func() reply { return c.run(s, c.argument) })
		s.mailed = s.mailed || c.name == "MAIL"
		s.addressed = s.addressed || c.name == "RCPT"
	}
}

// refuse answers a command that is not run.
func (s *session) refuse(c *command, r reply) { s.reply(s.inVoice(c.name, plainly(c.name, r))) }

// blamed is refuse for a refusal that is the client's fault.
func (s *session) blamed(c *command, r reply) {
	point := c.name
	if !c.known && !isRegistered(c.name) {
		point = "unknown command"
	}
	s.blame(point, &r)
	s.refuse(c, r)
}

// plainly takes the enhanced status code out of a reply to EHLO or HELO
// (RFC 2034, Section 4).
func plainly(point string, r reply) reply {
	if point == "EHLO" || point == "HELO" {
		r.enhanced = ""
	}
	return r
}

// malformed returns the reply to a line that is no command, whatever its verb.
func (s *session) malformed(c *command) *reply {
	limit := maxCommand
	switch {
	case c.name == "MAIL":
		limit = maxMail
	case c.name == "RCPT" && s.offers("DSN"):
		limit = maxRcpt
	}
	switch {
	case c.long || len(c.line)+len("\r\n") > limit:
		s.violation("command of more than %d octets", limit)
		if c.name == "AUTH" { // RFC 4954, Sections 4 and 6
			return &reply{500, "5.5.6", []string{"Authentication exchange line is too long"}, nil}
		}
		return &reply{500, "5.5.2", []string{"Line too long"}, nil}
	case bytes.ContainsAny(c.line, "\r\n"):
		s.violation("bare CR or LF in a command (RFC 5321, Section 2.3.8)")
		return &reply{500, "5.5.2", []string{"Bare CR or LF"}, nil}
	case !isPlain(c.line):
		s.violation("control character in a command (RFC 5321, Section 4.1.2)")
		return &reply{501, "5.5.2", []string{"Control character in a command"}, nil}
	case !isASCII(string(c.line)) && !c.eightBit:
		s.violation("octet above 127 in a command (RFC 5321, Section 2.4)")
		return &reply{501, "5.5.2", []string{"Octet above 127"}, nil}
	}
	return nil
}

// unknown answers a verb that the server does not run (RFC 5321, Section 4.2.4).
func unknown(name string) reply {
	if isRegistered(name) {
		return reply{502, "5.5.1", []string{"Command not implemented"}, nil}
	}
	return reply{500, "5.5.1", []string{"Command unrecognized"}, nil}
}

// isRegistered reports whether a command that the server does not run has a name
// in an RFC.
func isRegistered(name string) bool {
	return slices.Contains([]string{"AUTH", "BDAT", "ETRN", "EXPN", "SAML", "SEND", "SOML", "STARTTLS", "TURN"}, name)
}

// isPlain reports whether line is free of control characters.
func isPlain(line []byte) bool {
	return !bytes.ContainsFunc(line, isControl)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] > 127 {
			return false
		}
	}
	return true
}

func ok(text string) reply { return reply{250, "2.0.0", []string{text}, nil} }

func badSequence(text string) reply { return reply{503, "5.5.1", []string{text}, nil} }

func syntaxError(text string) reply { return reply{501, "5.5.4", []string{text}, nil} }
