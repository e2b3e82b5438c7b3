package badclient

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// maxLine is the longest command line, in octets, CRLF included.
const maxLine = 512

// auth signs in (RFC 4954, Section 4).
func (s *session) auth() error {
	mechanism, initial := "PLAIN", "\x00"+s.cfg.Username+"\x00"+s.cfg.Password
	if s.cfg.Token != "" {
		mechanism, initial = "XOAUTH2", "user="+s.cfg.Username+"\x01auth=Bearer "+s.cfg.Token+"\x01\x01"
	}
	if !strings.Contains(" "+s.offers["AUTH"]+" ", " "+mechanism+" ") {
		return fmt.Errorf("%s is not offered", mechanism)
	}
	response := string(wire.EncodeBase64(nil, []byte(initial)))
	command := "AUTH " + mechanism
	late := len(command+" "+response+"\r\n") > maxLine && s.defect != LongInitialResponse
	if !late {
		command += " " + response
	}
	reply, err := s.secret("AUTH", command)
	if err == nil && late && reply.Code == 334 {
		reply, err = s.secret("AUTH", response)
	}
	challenge := ""
	if err == nil && reply.Code == 334 {
		challenge = reply.Lines[0]
		reply, err = s.answer(mechanism, challenge)
	}
	if err == nil && reply.Code != 235 {
		err = &ReplyError{"AUTH", reply.Code, reply.Lines, decode(challenge)}
	}
	return err
}

// answer answers a challenge that neither mechanism has but for an error of
// XOAUTH2: that one by an empty line, anything else by giving up.
func (s *session) answer(mechanism, challenge string) (wire.Reply, error) {
	_, err := wire.DecodeBase64([]byte(challenge))
	switch {
	case err != nil, mechanism != "XOAUTH2", s.defect == CancelErrorChallenge:
		return s.secret("AUTH", "*")
	case s.defect == HangOnErrorChallenge:
		return s.read()
	}
	return s.secret("AUTH", "")
}

// decode returns a challenge as text, "" if it is none.
func decode(challenge string) string {
	octets, err := wire.DecodeBase64([]byte(challenge))
	if err != nil {
		return ""
	}
	return string(octets)
}

// command sends a line and reads the reply, which should have that code.
func (s *session) command(verb, line string, code int) (wire.Reply, error) {
	s.logf("C: %s", line)
	if _, err := io.WriteString(s.conn, line+"\r\n"); err != nil {
		return wire.Reply{}, err
	}
	return s.reply(verb, code)
}

// secret sends a line that should not be in the log and reads the reply.
func (s *session) secret(verb, line string) (wire.Reply, error) {
	if s.defect == LogAUTH {
		s.logf("C: %s", line)
	} else {
		s.logf("C: %s [%d octets]", verb, len(line))
	}
	if _, err := io.WriteString(s.conn, line+"\r\n"); err != nil {
		return wire.Reply{}, err
	}
	return s.read()
}

// reply reads a reply, which should have that code.
func (s *session) reply(verb string, code int) (wire.Reply, error) {
	reply, err := s.read()
	if err == nil && reply.Code != code {
		err = &ReplyError{Verb: verb, Code: reply.Code, Lines: reply.Lines}
	}
	return reply, err
}

// read reads a reply and logs it.
func (s *session) read() (wire.Reply, error) {
	read := wire.ReadReply
	if s.defect == LastCodeWins {
		read = readLastCode
	}
	reply, err := read(s.in)
	if err != nil {
		s.logf("*: %v", err)
		return wire.Reply{}, err
	}
	for _, line := range reply.Lines {
		s.logf("S: %d %s", reply.Code, line)
	}
	return reply, nil
}

func (s *session) logf(format string, args ...any) {
	fmt.Fprintf(s.cfg.Log, format+"\n", args...)
}

// readLastCode reads a reply and believes its last line.
func readLastCode(in *bufio.Reader) (wire.Reply, error) {
	var reply wire.Reply
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return wire.Reply{}, err
		}
		code, more, text, err := wire.ParseReplyLine([]byte(strings.TrimRight(line, "\r\n")))
		if err != nil {
			return wire.Reply{}, err
		}
		reply.Code = code
		reply.Lines = append(reply.Lines, string(text))
		if !more {
			return reply, nil
		}
	}
}
