package interop

import (
	"context"
	"crypto/tls"
	netsmtp "net/smtp"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// registrar is a directory that knows the user by the name in the certificate.
type registrar struct{ accounts }

var _ sasl.ExternalDirectory = (*registrar)(nil)

func (*registrar) External(_ context.Context, c *sasl.Conn) (string, error) {
	return c.TLS.VerifiedChains[0][0].Subject.CommonName, nil
}

// TestEXTERNAL: a client certificate signs in, in each client. The initial
// response is empty, which two of them write as "=" and one leaves for the
// challenge.
func TestEXTERNAL(t *testing.T) {
	for name, signIn := range map[string]func(*testing.T, *sasl.Authenticator, *mock.Server, *tls.Config) error{
		"package smtp": externalOurs,
		"net-smtp":     externalNetSMTP,
		"go-smtp":      externalGoSMTP,
	} {
		t.Run(name, func(t *testing.T) {
			server := mock.Start(t, mock.Options{
				Directory: new(registrar), ClientAuth: tls.RequireAndVerifyClientCert, RequireTLS: true,
				Mechanisms: []string{"EXTERNAL", "PLAIN"},
			})
			certificate, err := server.ClientCertificate(user)
			if err != nil {
				t.Fatal(err)
			}
			config := server.TLSConfig()
			config.Certificates = []tls.Certificate{certificate}
			a := &sasl.Authenticator{Credentials: sasl.Credentials{External: true}}
			if err := signIn(t, a, server, config); err != nil {
				t.Fatal(err)
			}
			auths := server.Auths()
			if len(auths) != 1 || auths[0].Mechanism != "EXTERNAL" || auths[0].User != user || auths[0].Code != 235 {
				t.Errorf("sign-ins %+v, want one by EXTERNAL as %s", auths, user)
			}
		})
	}
}

func externalOurs(t *testing.T, a *sasl.Authenticator, s *mock.Server, config *tls.Config) error {
	c, err := smtp.Dial(t.Context(), smtp.Config{Addr: s.URL(), TLSConfig: config, Auth: a})
	if err != nil {
		return err
	}
	return c.Close()
}

func externalNetSMTP(t *testing.T, a *sasl.Authenticator, s *mock.Server, config *tls.Config) error {
	c, err := netsmtp.Dial(s.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.StartTLS(config); err != nil {
		return err
	}
	state, _ := c.TLSConnectionState()
	auth := sasl.NetSMTP(t.Context(), a, &sasl.Conn{TLS: &state, Verified: true, ClientCert: true})
	return auth.Finish(c.Auth(auth))
}

func externalGoSMTP(t *testing.T, a *sasl.Authenticator, s *mock.Server, config *tls.Config) error {
	c, err := gosmtp.DialStartTLS(s.Addr(), config)
	if err != nil {
		return err
	}
	defer c.Close()
	state, _ := c.TLSConnectionState()
	_, offered := c.Extension("AUTH")
	x, err := a.Begin(t.Context(), &sasl.Conn{
		Service: "smtp", TLS: &state, Verified: true, ClientCert: true, Offered: strings.Fields(offered),
	})
	if err != nil {
		return err
	}
	return x.Finish(c.Auth(x))
}
