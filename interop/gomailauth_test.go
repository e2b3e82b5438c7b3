package interop

import (
	"context"
	"crypto/tls"
	netsmtp "net/smtp"

	gomailsmtp "github.com/wneessen/go-mail/smtp"

	"github.com/seed-55a66e92/postern/sasl"
)

// A goMailAuth is the Auth of go-mail: that of net/smtp, but for the type of one
// parameter.
//
//	auth, config := newGoMailAuth(ctx, a, host, config)
//	client, err := mail.NewClient(host, mail.WithTLSConfig(config), mail.WithSMTPAuthCustom(auth))
//	...
//	err = auth.Finish(client.DialWithContext(ctx)) // signs in
//	...
//	err = client.Send(message)
type goMailAuth struct{ *sasl.NetSMTPAuth }

var _ gomailsmtp.Auth = goMailAuth{}

// newGoMailAuth returns an Auth for one sign-in and the TLS configuration that
// goes with it: go-mail connects on its own, so TLS itself has to tell of the
// connection. In the middle of the handshake there is nothing to bind a mechanism
// to yet, so SCRAM runs without its -PLUS.
func newGoMailAuth(ctx context.Context, a *sasl.Authenticator, host string, config *tls.Config) (goMailAuth, *tls.Config) {
	conn := &sasl.Conn{Host: host}
	config = config.Clone()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		conn.TLS, conn.Verified = &state, !config.InsecureSkipVerify
		return nil
	}
	return goMailAuth{sasl.NetSMTP(ctx, a, conn)}, config
}

// Start implements the Auth of go-mail.
func (a goMailAuth) Start(server *gomailsmtp.ServerInfo) (string, []byte, error) {
	return a.NetSMTPAuth.Start((*netsmtp.ServerInfo)(server))
}
