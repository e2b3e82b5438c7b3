package sasl

import (
	"context"
	"fmt"
)

// LOGIN is draft-murchison-sasl-login: the server asks twice, the client answers
// with the user name and then with the password. Servers word the prompts as
// they like, in base64 or not, so their text is ignored and their order counts.

func loginMechanism() Mechanism {
	return Mechanism{
		Name:      "LOGIN",
		Rank:      RankLOGIN,
		Usable:    withoutAuthzID(usableWithPassword),
		NewClient: newLOGINClient,
		NewServer: newLOGINServer,
	}
}

type loginClient struct {
	username string
	password Secret
	prompts  int
}

var (
	_ Client        = (*loginClient)(nil)
	_ Finisher      = (*loginClient)(nil)
	_ promptIgnorer = (*loginClient)(nil)
)

func newLOGINClient(ctx context.Context, _ *Conn, c *Credentials) (Client, error) {
	password, err := c.FetchPassword(ctx)
	if err != nil {
		return nil, err
	}
	return &loginClient{username: c.Username, password: password}, nil
}

// Start returns no initial response: some servers take one for the user name,
// some refuse it, all can do without.
func (c *loginClient) Start() (string, []byte, error) { return "LOGIN", nil, nil }

func (c *loginClient) Next([]byte) ([]byte, error) {
	c.prompts++
	switch c.prompts {
	case 1:
		return []byte(c.username), nil
	case 2:
		return []byte(c.password.Reveal()), nil
	}
	return nil, fmt.Errorf("%w: third prompt", ErrProtocol)
}

// Finish refuses a success that came before the server had the password.
func (c *loginClient) Finish(verdict error) error {
	if verdict == nil && c.prompts < 2 {
		return fmt.Errorf("%w: success before the password was sent", ErrProtocol)
	}
	return verdict
}

func (c *loginClient) ignoresPrompts() {}
