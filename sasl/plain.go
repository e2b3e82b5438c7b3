package sasl

import (
	"context"
	"fmt"
)

// PLAIN is RFC 4616. Its one message (Section 2) is
//
//	[AUTHZID] NUL USER NUL PASSWORD

func plainMechanism() Mechanism {
	return Mechanism{
		Name:      "PLAIN",
		Rank:      RankPLAIN,
		Traits:    OneRoundTrip,
		Usable:    usableWithPassword,
		NewClient: newPLAINClient,
		NewServer: newPLAINServer,
	}
}

type plainClient struct{ message Secret }

var _ Client = (*plainClient)(nil)

func newPLAINClient(ctx context.Context, _ *Conn, c *Credentials) (Client, error) {
	password, err := c.FetchPassword(ctx)
	if err != nil {
		return nil, err
	}
	return &plainClient{NewSecret(c.AuthzID + "\x00" + c.Username + "\x00" + password.Reveal())}, nil
}

func (c *plainClient) Start() (string, []byte, error) {
	return "PLAIN", []byte(c.message.Reveal()), nil
}

func (c *plainClient) Next([]byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: challenge after the only message", ErrProtocol)
}
