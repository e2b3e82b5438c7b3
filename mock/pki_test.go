package mock_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestCertificatesOfBubbles looks at certificates under the clock of the year
// 2000.
func TestCertificatesOfBubbles(t *testing.T) {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	for _, test := range []struct {
		name     string
		kind     mock.Certificate
		dialled  string
		accepted bool
		check    func(error) bool
	}{
		{"good", mock.Good, "mock.test", true, nil},
		{"expired", mock.Expired, "mock.test", false, func(err error) bool { return errors.As(err, &invalid) && invalid.Reason == x509.Expired }},
		{"not yet valid", mock.NotYetValid, "mock.test", false, func(err error) bool { return errors.As(err, &invalid) && invalid.Reason == x509.Expired }},
		{"wildcard", mock.Wildcard, "mock.test", true, nil},
		{"wildcard of another name", mock.Wildcard, "any.example.com", true, nil},
		{"wildcard is one label", mock.Wildcard, "a.b.example.com", false, func(err error) bool { return errors.As(err, &name) }},
		{"common name only", mock.CommonNameOnly, "mock.test", false, func(err error) bool { return errors.As(err, &name) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := mock.Start(t, mock.Options{
					Network: mock.InMemory, TLS: mock.ImplicitTLS, Certificate: test.kind, Names: []string{"smtp.example.com"},
				})
				conn, err := srv.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				err = tls.Client(conn, &tls.Config{RootCAs: srv.RootCAs(), ServerName: test.dialled}).Handshake()
				if (err == nil) != test.accepted || err != nil && !test.check(err) {
					t.Errorf("handshake: %v", err)
				}
			})
		})
	}
}

// certified is a mechanism that tells whether the client has shown a good
// certificate.
type certified struct{ conn *sasl.Conn }

func (c certified) Next([]byte) ([]byte, bool, error) {
	if c.conn.ClientCert {
		return nil, true, nil
	}
	return nil, false, sasl.ErrRejected
}

func TestClientCertificates(t *testing.T) {
	registry := sasl.Default().With(sasl.Mechanism{
		Name: "X-CERTIFIED", Traits: sasl.Concealed,
		NewClient: func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
			return nil, sasl.ErrProtocol
		},
		NewServer: func(_ context.Context, conn *sasl.Conn, _ sasl.Directory) (sasl.Server, error) {
			return certified{conn}, nil
		},
	})
	const trusted, unknown = "client@example.test", "self-signed"
	for _, test := range []struct {
		name  string
		auth  tls.ClientAuthType
		shown string // common name, "" for none
		reply string // to AUTH; "" if TLS fails
	}{
		{"none asked for", tls.NoClientCert, trusted, "535 5.7.8 Credentials refused\r\n"},
		{"asked for, none shown", tls.VerifyClientCertIfGiven, "", "535 5.7.8 Credentials refused\r\n"},
		{"asked for and shown", tls.VerifyClientCertIfGiven, trusted, "235 2.7.0 Signed in\r\n"},
		{"asked for, not verified", tls.RequestClientCert, unknown, "535 5.7.8 Credentials refused\r\n"},
		{"required and shown", tls.RequireAndVerifyClientCert, trusted, "235 2.7.0 Signed in\r\n"},
		{"required, none shown", tls.RequireAndVerifyClientCert, "", ""},
		{"required, one of nobody's shown", tls.RequireAndVerifyClientCert, unknown, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{
				Network: mock.InMemory, TLS: mock.ImplicitTLS, ClientAuth: test.auth,
				Registry: registry, Mechanisms: []string{"X-CERTIFIED"},
			})
			config := srv.TLSConfig()
			if test.shown != "" {
				cert, err := srv.ClientCertificate(test.shown)
				if err != nil {
					t.Fatal(err)
				}
				if test.shown == unknown {
					cert = selfSigned(t)
				}
				// Not Certificates: a client keeps those to itself that the server
				// does not trust.
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
			}
			c := dial(t, srv)
			c.conn = tls.Client(c.conn, config)
			c.r = newReader(c.conn)
			if test.reply == "" {
				c.expectEnd()
				if err := srv.WaitIdle(t.Context()); err != nil {
					t.Fatal(err)
				}
				if s := srv.Sessions()[0]; !strings.Contains(s.Failure, "certificate") {
					t.Errorf("failure %q", s.Failure)
				}
				return
			}
			c.expect(greeting)
			c.ask("EHLO client.test\r\n")
			c.send("AUTH X-CERTIFIED =\r\n")
			c.expect(test.reply)
			want := test.shown
			if test.auth == tls.NoClientCert {
				want = ""
			}
			if got := srv.Sessions()[0].ClientCertificate; test.shown != unknown && got != want {
				t.Errorf("certificate of %q, want %q", got, want)
			}
		})
	}
}

// selfSigned is a certificate that nobody has signed.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
