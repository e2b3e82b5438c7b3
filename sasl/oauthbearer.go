package sasl

import (
	"cmp"
	"context"
	"strconv"
	"strings"
)

// OAUTHBEARER is RFC 7628. Its one message (Section 3.1) is
//
//	"n,a=" USER "," ^A "host=" HOST ^A "port=" PORT ^A "auth=Bearer " TOKEN ^A ^A
//
// where ^A is the octet 0x01. A refused token is answered by an error challenge,
// which the client answers with ^A (Section 3.2.3).

func oauthBearerMechanism() Mechanism {
	return Mechanism{
		Name:      "OAUTHBEARER",
		Rank:      RankOAUTHBEARER,
		Traits:    Bearer,
		Usable:    usableWithToken,
		NewClient: newOAUTHBEARERClient,
		NewServer: newOAUTHBEARERServer,
	}
}

func newOAUTHBEARERClient(ctx context.Context, conn *Conn, c *Credentials) (Client, error) {
	if err := checkIdentity("host", conn.Host); err != nil {
		return nil, err
	}
	token, err := c.BearerToken(ctx, conn)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("n,a=" + escapeSaslname(cmp.Or(c.AuthzID, c.Username)) + ",\x01")
	if conn.Host != "" {
		b.WriteString("host=" + conn.Host + "\x01")
	}
	if conn.Port != 0 {
		b.WriteString("port=" + strconv.Itoa(conn.Port) + "\x01")
	}
	b.WriteString("auth=Bearer " + token.Value.Reveal() + "\x01\x01")
	return &oauthClient{
		mechanism: "OAUTHBEARER",
		token:     token.Value,
		message:   NewSecret(b.String()),
		dummy:     "\x01",
	}, nil
}

// escapeSaslname writes a name into a GS2 header (RFC 5801, Section 4).
func escapeSaslname(s string) string {
	return strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s)
}
