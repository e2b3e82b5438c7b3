package badclient

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// How long the client waits if nobody says otherwise (RFC 5321, Section 4.5.3.2).
const (
	defaultTimeout = 5 * time.Minute
	endTimeout     = 10 * time.Minute // for the reply to a message
	shortTimeout   = 30 * time.Second
)

var errUnsolicited = errors.New("a reply that nothing had asked for")

// wait begins a wait for the server.
func (s *session) wait() {
	if s.defect == NoTimer || s.defect == OneTimer {
		return
	}
	timeout := s.cfg.Timeout
	switch {
	case timeout > 0:
	case s.defect == ShortTimer:
		timeout = shortTimeout
	case s.ending:
		timeout = endTimeout
	default:
		timeout = defaultTimeout
	}
	_ = s.conn.SetDeadline(time.Now().Add(timeout)) // of a closed connection: the next call tells
}

// write sends a line.
func (s *session) write(line string) error {
	s.wait()
	_, err := io.WriteString(s.conn, line+"\r\n")
	return err
}

// say sends a command, unless the server has said something unasked.
func (s *session) say(line string) error {
	if s.in.pending() && s.defect != IgnoreUnsolicited {
		return errUnsolicited
	}
	s.logf("C: %s", line)
	return s.write(s.cfg.Manner.spelled(line))
}

// command sends a line and reads the reply, which should accept it.
func (s *session) command(verb, line string) (wire.Reply, error) {
	if err := s.say(line); err != nil {
		return wire.Reply{}, err
	}
	return s.reply(verb)
}

// secret sends a line that should not be in the log and reads the reply.
func (s *session) secret(verb, line string) (wire.Reply, error) {
	if s.in.pending() && s.defect != IgnoreUnsolicited {
		return wire.Reply{}, errUnsolicited
	}
	if s.defect == LogAUTH {
		s.logf("C: %s", line)
	} else {
		s.logf("C: %s [%d octets]", verb, len(line))
	}
	if err := s.write(line); err != nil {
		return wire.Reply{}, err
	}
	return s.read()
}

// reply reads a reply, which should accept what was said.
func (s *session) reply(verb string) (wire.Reply, error) {
	reply, err := s.read()
	if err == nil && !s.accepted(verb, reply.Code) {
		err = &ReplyError{Verb: verb, Code: reply.Code, Lines: reply.Lines}
	}
	return reply, err
}

// accepted reports whether a code accepts what was said: the first digit tells (RFC
// 5321, Section 4.3.2).
func (s *session) accepted(verb string, code int) bool {
	switch {
	case s.defect == ExactCodes:
		return code == usual(verb)
	case verb == "DATA" && s.defect == ContentAnyway:
		return code < 400
	}
	return code/100 == usual(verb)/100
}

// usual returns the code that accepts a command in most sessions.
func usual(verb string) int {
	switch verb {
	case "greeting", "STARTTLS":
		return 220
	case "QUIT":
		return 221
	case "DATA":
		return 354
	}
	return 250
}

// read reads a reply and logs it.
func (s *session) read() (wire.Reply, error) {
	s.wait()
	reply, err := s.in.read()
	if err != nil {
		s.logf("*: %v", err)
		return wire.Reply{}, err
	}
	for _, line := range reply.Lines {
		s.logf("S: %d %s", reply.Code, line)
	}
	if s.defect == TextDecides {
		reply.Code = byText(reply)
	}
	return reply, nil
}

// byText returns the code that the text of a reply seems to have.
func byText(reply wire.Reply) int {
	text := strings.Join(reply.Lines, " ")
	switch {
	case strings.Contains(text, "rejected"):
		return 550
	case strings.Contains(text, "accepted"):
		return 250
	}
	return reply.Code
}

func (s *session) logf(format string, args ...any) {
	fmt.Fprintf(s.cfg.Log, format+"\n", args...)
}
