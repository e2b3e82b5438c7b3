package badclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// maxLine is the longest command line, in octets, CRLF included.
const maxLine = 512

// auth signs in (RFC 4954, Section 4).
func (s *session) auth(ctx context.Context) error {
	if s.cfg.Token != nil {
		return s.authToken(ctx)
	}
	known := []string{"PLAIN", "LOGIN", scramSHA256, scramSHA1}
	if s.cfg.Manner == LoginOnly {
		known = []string{"LOGIN"}
	}
	for {
		mechanism, err := s.choose(known...)
		if err != nil {
			return err
		}
		err = s.exchange(mechanism, s.cfg.Password)
		var refused *ReplyError
		if !errors.As(err, &refused) {
			return err
		}
		if s.defect == RetrySecret {
			return s.exchange(mechanism, s.cfg.Password)
		}
		known = slices.DeleteFunc(known, func(name string) bool { return name == mechanism })
		next, none := s.choose(known...)
		if none != nil || next == mechanism || refused.Code != 504 && refused.Code != 534 || s.defect == OneMechanism {
			return err
		}
	}
}

// authToken signs in by a token, and by another one if there is one.
func (s *session) authToken(ctx context.Context) error {
	mechanism, err := s.choose("XOAUTH2", "OAUTHBEARER")
	if err != nil {
		return err
	}
	attempts, before := 2, ""
	if s.defect == LoopTokens {
		attempts = 5
	}
	for attempt := 1; ; attempt++ {
		token, failure := s.cfg.Token(ctx)
		if failure != nil && s.defect != EmptyToken {
			return errors.Join(err, fmt.Errorf("no token: %w", failure))
		}
		if token == before && err != nil && s.defect != RetrySecret {
			return err
		}
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) && s.defect != AnyToken {
			return errors.New("a token that holds what no token may")
		}
		err = s.exchange(mechanism, token)
		var refused *ReplyError
		if !errors.As(err, &refused) || refused.Code != 535 || attempt == attempts {
			return err
		}
		before = token
	}
}

// choose returns the first of the mechanisms that the server offers.
func (s *session) choose(known ...string) (string, error) {
	offered := strings.Fields(s.offers["AUTH"])
	if s.defect == FirstListed && len(offered) > 0 {
		return offered[0], nil
	}
	for _, mechanism := range known {
		if (s.cfg.Mechanism == "" || s.cfg.Mechanism == mechanism) && slices.Contains(offered, mechanism) {
			return mechanism, nil
		}
	}
	return "", fmt.Errorf("none of %v is offered", known)
}

// exchange runs a mechanism.
func (s *session) exchange(name, secret string) error {
	m, err := s.newMechanism(name, secret)
	if err != nil {
		return err
	}
	command, response := "AUTH "+name, encode(m.initial)
	late := m.first && len(command+" "+response+"\r\n") > maxLine && s.defect != LongInitialResponse
	late = late || m.first && s.cfg.Manner == NoInitial
	if m.first && !late {
		command += " " + response
	}
	reply, err := s.secret("AUTH", command)
	if err == nil && late && reply.Code == 334 {
		if _, junk := wire.DecodeBase64([]byte(reply.Lines[0])); junk != nil && s.defect != IgnoreJunk {
			response = "*"
		}
		reply, err = s.secret("AUTH", response)
	}
	challenge := ""
	for err == nil && reply.Code == 334 {
		challenge = decode(reply.Lines[0])
		reply, err = s.answer(m, reply.Lines[0])
	}
	if s.defect == WaitForChallenge && name == "XOAUTH2" && err == nil && reply.Code == 535 && challenge == "" {
		reply, err = s.read()
	}
	if err != nil {
		return err
	}
	if reply.Code == 235 && (m.done == nil || s.defect == BelieveEarlySuccess) {
		return nil
	}
	if reply.Code == 235 {
		return m.done()
	}
	if s.defect == StrayCancel && reply.Code == 535 {
		_ = s.write("*")
		_, _ = s.read()
	}
	return &ReplyError{"AUTH", reply.Code, reply.Lines, challenge}
}

// answer answers a challenge, or gives up.
func (s *session) answer(m *mechanism, line string) (wire.Reply, error) {
	challenge, err := wire.DecodeBase64([]byte(line))
	response := ""
	switch {
	case err == nil:
		response, err = m.next(string(challenge))
	case s.defect == IgnoreJunk:
		response, err = m.initial, nil
	}
	if errors.Is(err, errDone) && s.defect == AnswerAgain {
		response, err = m.initial, nil
	}
	switch {
	case err != nil, s.defect == CancelErrorChallenge && m.name == "XOAUTH2":
		return s.secret("AUTH", "*")
	case s.defect == HangOnErrorChallenge && m.name == "XOAUTH2":
		return s.read()
	}
	return s.secret("AUTH", encode(response))
}

// encode returns a response as it is sent.
func encode(response string) string { return string(wire.EncodeBase64(nil, []byte(response))) }

// decode returns a challenge as text, "" if it is none.
func decode(challenge string) string {
	octets, err := wire.DecodeBase64([]byte(challenge))
	if err != nil {
		return ""
	}
	return string(octets)
}
