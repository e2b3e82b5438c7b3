package sasl

import (
	"encoding/base64"
	"fmt"

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
	c.refused = parseOAuthError(c.mechanism, c.redact(challenge))
	return []byte(c.dummy), nil
}

// redact takes out of a challenge what it repeats of the client's message, since
// the challenge ends in an error.
func (c *oauthClient) redact(challenge []byte) []byte {
	message := base64.StdEncoding.EncodeToString([]byte(c.message.Reveal()))
	for _, secret := range []string{c.token.Reveal(), message} {
		challenge = []byte(wire.Redact(string(challenge), secret))
	}
	return challenge
}

// Finish joins what the challenge said with the final reply.
func (c *oauthClient) Finish(verdict error) error {
	if c.refused == nil {
		return verdict
	}
	if verdict == nil {
		return fmt.Errorf("%w: success after an error challenge", ErrProtocol)
	}
	c.refused.Err = verdict
	return c.refused
}
