package mock

import (
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// Challenge says 334 and the octets in base64 (RFC 4954, Section 4). Nothing is
// the empty challenge.
func Challenge(octets string) Step {
	s := leaf("Challenge of "+plural(len(octets), "octet"), func(p *player) error {
		p.say(challenge(octets))
		return nil
	})
	s.acts = true
	return s
}

func challenge(octets string) string {
	return "334 " + string(wire.EncodeBase64(nil, []byte(octets)))
}

// ExpectAuth wants AUTH with a mechanism, and that its first message, decoded,
// is as the matchers say. The message may come with the command or, after an
// empty challenge that the step says, on a line of its own. It does not answer
// that message: [Reply] or [Challenge] does.
//
// For mechanisms where the server speaks first, Expect("AUTH LOGIN") and
// Challenge are the steps.
func ExpectAuth(mechanism string, initial ...Matcher) Step {
	return leaf("Expect AUTH "+mechanism, func(p *player) error {
		line, err := p.peek()
		if err != nil {
			return err
		}
		verb, argument, _ := strings.Cut(line, " ")
		name, text, inline := strings.Cut(argument, " ")
		if p.challenged || !strings.EqualFold(verb, "AUTH") || !strings.EqualFold(name, mechanism) {
			return differs("want AUTH %s, got %s", mechanism, p.show(line, ""))
		}
		p.take(line)
		p.mechanism = mechanism
		if !inline {
			p.say(challenge(""))
			return p.response(initial)
		}
		message, err := decodeInitial(text, true)
		if err != nil {
			return differs("initial response is no base64: %s", p.show(line, ""))
		}
		return p.checkMessage(initial, message)
	})
}

// ExpectResponse wants the answer to a challenge, which, decoded, is as the
// matchers say. To be told of a client that gives up, expect "*".
func ExpectResponse(m ...Matcher) Step {
	return leaf("Expect response", func(p *player) error { return p.response(m) })
}

// response reads and checks one response.
func (p *player) response(matchers []Matcher) error {
	line, err := p.peek()
	if err != nil {
		return err
	}
	if line == "*" {
		return differs("the client gives up with *")
	}
	message, err := wire.DecodeBase64([]byte(line))
	if err != nil {
		return differs("response is no base64: %s", redacted(len(line)))
	}
	if err := p.checkMessage(matchers, message); err != nil {
		return err
	}
	p.take(line)
	return nil
}

func (p *player) checkMessage(matchers []Matcher, message []byte) error {
	return checkAll(matchers, message, func(octets, want []byte) string {
		return p.hide(showSASL(p.mechanism, octets, want))
	})
}
