package sasl

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"fmt"
)

// CRAM-MD5 is RFC 2195: the server sends a challenge and the client answers
// (Section 2)
//
//	USER " " HEX(HMAC-MD5(PASSWORD, CHALLENGE))
//
// The server proves nothing, keeps the password in clear and, if it lies, takes
// home an answer to guess passwords with at leisure. It is here for servers that
// have nothing better.

func cramMD5Mechanism() Mechanism {
	return Mechanism{
		Name:      "CRAM-MD5",
		Rank:      RankCRAMMD5,
		Traits:    Concealed | Deprecated,
		Usable:    withoutAuthzID(usableWithPassword),
		NewClient: newCRAMMD5Client,
		NewServer: newCRAMMD5Server,
	}
}

type cramMD5Client struct {
	username string
	password Secret
	answered bool
}

var (
	_ Client   = (*cramMD5Client)(nil)
	_ Finisher = (*cramMD5Client)(nil)
)

func newCRAMMD5Client(ctx context.Context, _ *Conn, c *Credentials) (Client, error) {
	password, err := c.FetchPassword(ctx)
	if err != nil {
		return nil, err
	}
	return &cramMD5Client{username: c.Username, password: password}, nil
}

// Start returns no initial response: the server speaks first (RFC 2195, Section
// 2), and one that gets an initial response has to refuse it (RFC 4954, Section
// 4).
func (c *cramMD5Client) Start() (string, []byte, error) { return "CRAM-MD5", nil, nil }

// Next answers the challenge. An empty one is refused: the answer to it is the
// same on every connection.
func (c *cramMD5Client) Next(challenge []byte) ([]byte, error) {
	switch {
	case c.answered:
		return nil, fmt.Errorf("%w: second challenge", ErrProtocol)
	case len(challenge) == 0:
		return nil, fmt.Errorf("%w: empty challenge", ErrProtocol)
	}
	c.answered = true
	mac := hmac.New(md5.New, []byte(c.password.Reveal()))
	mac.Write(challenge)
	return fmt.Appendf(nil, "%s %x", c.username, mac.Sum(nil)), nil
}

// Finish refuses a success that came before the answer.
func (c *cramMD5Client) Finish(verdict error) error {
	if verdict == nil && !c.answered {
		return fmt.Errorf("%w: success before the challenge was answered", ErrProtocol)
	}
	return verdict
}
