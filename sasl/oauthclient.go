package sasl

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// An oauthClient is the client's part in what XOAUTH2 and OAUTHBEARER share: a
// message, perhaps an error challenge and the answer to it, the verdict.
type oauthClient struct {
	mechanism string
	token     Secret
	message   Secret
	dummy     string // the answer to an error challenge
	refused   *OAuthError
}

var (
	_ Client   = (*oauthClient)(nil)
	_ Finisher = (*oauthClient)(nil)
)

func (c *oauthClient) Start() (string, []byte, error) {
	return c.mechanism, []byte(c.message.Reveal()), nil
}

// Next takes the error challenge; there is no other. It answers it, so that the
// server goes on to its final reply.
func (c *oauthClient) Next(challenge []byte) ([]byte, error) {
	if c.refused != nil {
		return nil, fmt.Errorf("%w: second challenge", ErrProtocol)
	}
	c.refused = parseOAuthError(c.mechanism, challenge, c.hider())
	return []byte(c.dummy), nil
}

// hider returns a function that takes out of a challenge what it repeats of the
// client's message, since the challenge ends in an error.
func (c *oauthClient) hider() func(string) string {
	var secrets wire.Redactor
	secrets.Add(c.token.Reveal())
	secrets.AddText(base64.StdEncoding.EncodeToString([]byte(c.message.Reveal())))
	redact := func(s string) string {
		lines := []string{s}
		secrets.Redact(lines)
		return lines[0]
	}
	return func(s string) string {
		s = redact(s)
		plain := s
		for range maxEscapes { // JSON may spell a token in many ways, and hold JSON in a string
			plain = unescape(plain)
			if redacted := redact(plain); redacted != plain {
				s, plain = redacted, redacted
			}
		}
		return s
	}
}

// maxEscapes is how many times a text is looked at with its escapes resolved.
const maxEscapes = 3

// unescape resolves the escapes of JSON strings that can stand for a character of a
// token, in any text.
func unescape(s string) string {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(s, `\`)
		b.WriteString(plain)
		if !found {
			return b.String()
		}
		s = rest
		if len(rest) >= 5 && rest[0] == 'u' {
			if r, err := strconv.ParseUint(rest[1:5], 16, 7); err == nil {
				b.WriteByte(byte(r))
				s = rest[5:]
				continue
			}
		}
		if rest == "" || !strings.Contains(`"\/`, rest[:1]) {
			b.WriteByte('\\')
			continue
		}
		b.WriteByte(rest[0])
		s = rest[1:]
	}
}

// Finish joins what the challenge said with the final reply.
func (c *oauthClient) Finish(verdict error) error {
	if c.refused == nil {
		return verdict
	}
	if verdict == nil {
		return fmt.Errorf("%w: success after an error challenge", ErrProtocol)
	}
	if c.refused.Err == nil { // the first verdict counts, and may come back as part of the second
		c.refused.Err = verdict
	}
	return c.refused
}
