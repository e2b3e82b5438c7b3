package mock_test

import (
	"context"
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	engine "github.com/seed-55a66e92/postern/smtp"
)

// offered returns the mechanisms in the last reply to EHLO of a server, before
// and after TLS.
func offered(t *testing.T, o mock.Options, certificate bool) (plain, secure []string) {
	t.Helper()
	o.Network, o.InsecureAuth = mock.InMemory, true
	srv := mock.Start(t, o)
	c := dial(t, srv)
	c.replies(1)
	list := func() []string {
		c.send("EHLO client.test\r\n")
		for {
			line := strings.TrimSpace(c.line())
			if names, found := strings.CutPrefix(line[4:], "AUTH "); found {
				return strings.Fields(names)
			}
			if line[3] == ' ' {
				return nil
			}
		}
	}
	plain = list()
	c.dialogue("C: STARTTLS\nS: 220 2.0.0 Ready to start TLS\n")
	config := srv.TLSConfig()
	if certificate {
		cert, err := srv.ClientCertificate("user")
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	conn := tls.Client(c.conn, config)
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.conn, c.r = conn, newReader(conn)
	return plain, list()
}

// TestOfferedMechanisms offers what could succeed now, and no more.
func TestOfferedMechanisms(t *testing.T) {
	plain, secure := offered(t, mock.Options{}, false)
	for _, name := range []string{"CRAM-MD5", "ANONYMOUS", "EXTERNAL", "XOAUTH2", "OAUTHBEARER"} {
		if slices.Contains(secure, name) {
			t.Errorf("%s is offered: %v", name, secure)
		}
	}
	isPlus := func(name string) bool { return strings.HasSuffix(name, "-PLUS") }
	if slices.ContainsFunc(plain, isPlus) || !slices.ContainsFunc(secure, isPlus) || !slices.Contains(plain, "SCRAM-SHA-256") {
		t.Errorf("without TLS %v, with TLS %v", plain, secure)
	}
	if _, secure := offered(t, mock.Options{Tokens: mock.UserTokens{}}, false); !slices.Equal(secure, []string{"XOAUTH2", "OAUTHBEARER"}) {
		t.Errorf("with tokens alone %v", secure)
	}
	o := mock.Options{ClientAuth: tls.VerifyClientCertIfGiven, Mechanisms: []string{"CRAM-MD5", "EXTERNAL", "SCRAM-SHA-1-PLUS"}}
	if plain, secure := offered(t, o, true); !slices.Equal(plain, o.Mechanisms[:1]) || !slices.Equal(secure, o.Mechanisms) {
		t.Errorf("named: without TLS %v, with TLS %v", plain, secure)
	}
	if _, secure := offered(t, o, false); slices.Contains(secure, "EXTERNAL") {
		t.Errorf("without a certificate %v", secure)
	}
}

// TestMechanismsSignIn drives each mechanism by our own client.
func TestMechanismsSignIn(t *testing.T) {
	for _, name := range []string{
		"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS",
		"CRAM-MD5", "PLAIN", "LOGIN",
	} {
		t.Run(name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS, Mechanisms: []string{name}, Strict: true})
			for password, good := range map[string]bool{"secret": true, "wrong": false} {
				auth := sasl.Password("user", password)
				auth.Policy.Order = []string{name}
				c, err := engine.Dial(t.Context(), engine.Config{Addr: srv.URL(), TLSConfig: srv.TLSConfig(), DialContext: srv.Dial, Auth: auth})
				if (err == nil) != good {
					t.Errorf("password %q: %v", password, err)
				}
				if c != nil {
					c.Close()
				}
			}
			var got []mock.Auth
			for _, a := range srv.Auths() {
				if a.User != "" {
					got = append(got, a)
				}
			}
			if len(got) != 1 || got[0] != (mock.Auth{Mechanism: name, User: "user", Code: 235}) {
				t.Errorf("signed in: %+v", srv.Auths())
			}
		})
	}
}

// TestPlusByVersion binds channels under either version of TLS.
func TestPlusByVersion(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, network := range []mock.Network{mock.Loopback, mock.InMemory} {
			srv := mock.Start(t, mock.Options{Network: network, Mechanisms: []string{"SCRAM-SHA-256-PLUS"}, Strict: true})
			config := srv.TLSConfig()
			config.MinVersion, config.MaxVersion = version, version
			c, err := engine.Dial(t.Context(), engine.Config{Addr: srv.URL(), TLSConfig: config, DialContext: srv.Dial, Auth: sasl.Password("user", "secret")})
			if err != nil {
				t.Errorf("%s: %v", tls.VersionName(version), err)
				continue
			}
			c.Close()
		}
	}
}

// TestANONYMOUS lets a guest in where it is named on both sides, and nowhere
// else.
func TestANONYMOUS(t *testing.T) {
	for _, named := range []bool{true, false} {
		registry := sasl.Default().With(sasl.Anonymous("visitor@example.test"))
		o := mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS, Registry: registry, Strict: true}
		if named {
			o.Mechanisms = []string{"ANONYMOUS"}
		}
		srv := mock.Start(t, o)
		auth := &sasl.Authenticator{Registry: registry}
		auth.Policy.Order = []string{"ANONYMOUS"}
		c, err := engine.Dial(t.Context(), engine.Config{Addr: srv.URL(), TLSConfig: srv.TLSConfig(), DialContext: srv.Dial, Auth: auth})
		if (err == nil) != named {
			t.Errorf("named %v: %v", named, err)
		}
		if c != nil {
			c.Close()
		}
		if a := srv.Auths(); named && (len(a) != 1 || a[0] != (mock.Auth{Mechanism: "ANONYMOUS", User: "anonymous", Code: 235})) || !named && len(a) != 0 {
			t.Errorf("named %v: %+v", named, a)
		}
	}
}

// TestEXTERNAL signs in the user that the certificate is of, and nobody else.
func TestEXTERNAL(t *testing.T) {
	for user, code := range map[string]int{"you@example.test": 235, "user": 235, "stranger@example.test": 535} {
		srv := mock.Start(t, mock.Options{
			Network: mock.InMemory, TLS: mock.ImplicitTLS, ClientAuth: tls.RequireAndVerifyClientCert,
			Users: map[string]string{"you@example.test": "x", "user": "y"}, Mechanisms: []string{"EXTERNAL"},
		})
		cert, err := srv.ClientCertificate(user)
		if err != nil {
			t.Fatal(err)
		}
		config := srv.TLSConfig()
		config.Certificates = []tls.Certificate{cert}
		c := dial(t, srv)
		conn := tls.Client(c.conn, config)
		c.conn, c.r = conn, newReader(conn)
		c.replies(1)
		c.ask("EHLO client.test\r\n")
		c.ask("AUTH EXTERNAL =\r\n")
		c.ask("QUIT\r\n")
		srv.Close()
		if a := srv.Auths(); len(a) != 1 || a[0].Code != code || code == 235 && a[0].User != user {
			t.Errorf("%s: %+v", user, a)
		}
	}
}

// A peekedMechanism keeps the connection that its server side is shown.
func TestServerSideSeesConnection(t *testing.T) {
	seen := make(chan *sasl.Conn, 1)
	m := sasl.Mechanism{Name: "X-PEEK", NewServer: func(_ context.Context, c *sasl.Conn, _ sasl.Directory) (sasl.Server, error) {
		seen <- c
		return serverFunc(func([]byte) ([]byte, bool, error) { return nil, true, nil }), nil
	}}
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS, Registry: sasl.Default().With(m), Mechanisms: []string{"X-PEEK", "PLAIN"}})
	c := dial(t, srv)
	c.startTLS(srv)
	c.replies(1)
	c.ask("EHLO client.test\r\n")
	c.ask("AUTH X-PEEK =\r\n")
	got := <-seen
	leaf := c.conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	if got.Service != "smtp" || got.TLS == nil || got.ClientCert || got.ServerCertificate == nil || !got.ServerCertificate.Equal(leaf) ||
		!slices.Equal(got.Offered, []string{"X-PEEK", "PLAIN"}) {
		t.Errorf("%+v", got)
	}
}
