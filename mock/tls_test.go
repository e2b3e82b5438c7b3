package mock_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
)

func TestSTARTTLSForgets(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory})
	c := dial(t, srv)
	c.expect(greeting)
	c.send("HELO client.test\r\n")
	c.expect("250 mock.test\r\n")
	c.send("MAIL FROM:<>\r\n")
	c.expect("250 2.1.0 Sender ok\r\n")
	// What comes with STARTTLS is anybody's.
	c.send("STARTTLS\r\nRCPT TO:<b@example.test>\r\n")
	c.expect("220 2.0.0 Ready to start TLS\r\n")
	c.startTLS(srv)
	c.dialogue(`
		C: RCPT TO:<b@example.test>
		S: 503 5.5.1 MAIL first
		C: MAIL FROM:<>
		S: 503 5.5.1 EHLO first`)
	wantViolations(t, srv, "STARTTLS without EHLO (RFC 5321, Section 2.2)", "26 octets behind STARTTLS, discarded")
	if s := srv.Sessions()[0]; !s.TLS || s.Open || s.Failure != "" {
		t.Errorf("session %+v", s)
	}
}

func TestSTARTTLSArgument(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory})
	c := dial(t, srv)
	c.expect(greeting)
	c.send("STARTTLS now\r\n")
	c.expect("501 5.5.4 STARTTLS takes no argument\r\n")
}

func TestFailedHandshake(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS})
	c := dial(t, srv)
	c.send("EHLO client.test\r\n")
	for { // TLS answers with an alert
		if _, err := c.r.ReadByte(); err != nil {
			break
		}
	}
	srv.Close()
	if s := srv.Sessions()[0]; !strings.HasPrefix(s.Failure, "TLS handshake: ") || s.TLS {
		t.Errorf("session %+v", s)
	}
}

func TestCertificates(t *testing.T) {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	for _, test := range []struct {
		name  string
		kind  mock.Certificate
		check func(error) bool
	}{
		{"good", mock.Good, func(err error) bool { return err == nil }},
		{"expired", mock.Expired, func(err error) bool { return errors.As(err, &invalid) && invalid.Reason == x509.Expired }},
		{"wrong name", mock.WrongName, func(err error) bool { return errors.As(err, &name) }},
		{"self-signed", mock.SelfSigned, func(err error) bool { return errors.As(err, &unknown) }},
		{"unknown authority", mock.UnknownCA, func(err error) bool { return errors.As(err, &unknown) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS, Certificate: test.kind})
			c := dial(t, srv)
			if err := tls.Client(c.conn, srv.TLSConfig()).HandshakeContext(t.Context()); !test.check(err) {
				t.Errorf("handshake: %v", err)
			}
		})
	}
}

func TestNames(t *testing.T) {
	srv := mock.Start(t, mock.Options{TLS: mock.ImplicitTLS, Names: []string{"smtp.example.com", "192.0.2.1"}})
	for _, name := range []string{"mock.test", "localhost", "127.0.0.1", "::1", "smtp.example.com", "192.0.2.1"} {
		c := dial(t, srv)
		conn := tls.Client(c.conn, &tls.Config{RootCAs: srv.RootCAs(), ServerName: name})
		if err := conn.HandshakeContext(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	block, rest := pem.Decode(srv.CAPEM())
	pool := x509.NewCertPool()
	if block == nil || len(rest) > 0 || !pool.AppendCertsFromPEM(srv.CAPEM()) || !pool.Equal(srv.RootCAs()) {
		t.Error("CAPEM is not RootCAs")
	}
}

func TestAddresses(t *testing.T) {
	loopback := mock.Start(t, mock.Options{})
	host, port, err := net.SplitHostPort(loopback.Addr())
	if err != nil || host != "127.0.0.1" || port == "0" || loopback.URL() != "smtp://"+loopback.Addr() {
		t.Errorf("loopback: %s, %s", loopback.Addr(), loopback.URL())
	}
	memory := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS, Hostname: "smtp.example.com"})
	if memory.URL() != "smtps://smtp.example.com:465" || memory.TLSConfig().ServerName != "smtp.example.com" {
		t.Errorf("in memory: %s, %s", memory.URL(), memory.TLSConfig().ServerName)
	}
}

// TestBubble signs in under the clock of a bubble, which starts in 2000.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mock.Start(t, mock.Options{Mechanisms: []string{"PLAIN", "LOGIN"}, Network: mock.InMemory, Without: []string{"PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8", "CHUNKING", "DSN", "REQUIRETLS", "ENHANCEDSTATUSCODES"}})
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := &client{t: t, conn: conn}
		c.r = newReader(conn)
		c.dialogue(`
			S: 220 mock.test ESMTP
			C: STARTTLS
			S: 220 Ready to start TLS`)
		c.startTLS(srv)
		c.dialogue(`
			C: EHLO client.test
			S: 250-mock.test
			S: 250 AUTH PLAIN LOGIN
			C: AUTH PLAIN ` + b64("\x00user\x00secret") + `
			S: 235 Signed in`)
	})
}
