package sasl

import (
	"context"
	"errors"
)

// EXTERNAL is RFC 4422, Appendix A. The TLS handshake has shown the client's
// certificate and the server knows from it who the client is, so that the one
// message is the authorization identity, empty to act as oneself.

func externalMechanism() Mechanism {
	return Mechanism{
		Name:      "EXTERNAL",
		Rank:      RankEXTERNAL,
		Traits:    Concealed | OneRoundTrip,
		Usable:    usableWithCertificate,
		NewClient: newEXTERNALClient,
		NewServer: newEXTERNALServer,
	}
}

// Nothing but a client certificate counts: [Conn] does not tell whether a unix
// socket, the only other case that matters to mail, shows who is behind it.
func usableWithCertificate(conn *Conn, c *Credentials) error {
	switch {
	case !c.External:
		return errNoExternal
	case !conn.ClientCert:
		return errors.New("sasl: no client certificate was shown on this connection: put one into the TLS configuration")
	}
	return nil
}

func newEXTERNALClient(_ context.Context, _ *Conn, c *Credentials) (Client, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &messageClient{"EXTERNAL", NewSecret(c.AuthzID)}, nil
}
