package sasl

import "context"

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

func newPLAINClient(ctx context.Context, _ *Conn, c *Credentials) (Client, error) {
	password, err := c.FetchPassword(ctx)
	if err != nil {
		return nil, err
	}
	return &messageClient{"PLAIN", NewSecret(c.AuthzID + "\x00" + c.Username + "\x00" + password.Reveal())}, nil
}
