package sasl

import (
	"context"
	"errors"
	"fmt"
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

type externalClient struct{ authzID string }

var _ Client = (*externalClient)(nil)

func newEXTERNALClient(_ context.Context, _ *Conn, c *Credentials) (Client, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &externalClient{c.AuthzID}, nil
}

// Start returns the authorization identity, or an initial response that is
// empty and present: "AUTH EXTERNAL =" (RFC 4954, Section 4).
func (c *externalClient) Start() (string, []byte, error) {
	return "EXTERNAL", append([]byte{}, c.authzID...), nil
}

func (c *externalClient) Next([]byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: challenge after the only message", ErrProtocol)
}
