package sasl

import "context"

// XOAUTH2 is no RFC: Google and Microsoft document it alike. Its one message is
//
//	"user=" USER ^A "auth=Bearer " TOKEN ^A ^A
//
// where ^A is the octet 0x01. A refused token may be answered by an error
// challenge first, which the client answers with an empty response.

func xoauth2Mechanism() Mechanism {
	return Mechanism{
		Name:      "XOAUTH2",
		Rank:      RankXOAUTH2,
		Traits:    Bearer,
		Usable:    withoutAuthzID(usableWithToken),
		NewClient: newXOAUTH2Client,
		NewServer: newXOAUTH2Server,
	}
}

func newXOAUTH2Client(ctx context.Context, conn *Conn, c *Credentials) (Client, error) {
	token, err := c.BearerToken(ctx, conn)
	if err != nil {
		return nil, err
	}
	return &oauthClient{
		mechanism: "XOAUTH2",
		token:     token.Value,
		message:   NewSecret("user=" + c.Username + "\x01auth=Bearer " + token.Value.Reveal() + "\x01\x01"),
	}, nil
}
