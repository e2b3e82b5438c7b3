package smtp_test

import (
	"crypto/tls"
	"io"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// ticketServer is a server over implicit TLS that resumes sessions, which the
// mock does not. It closes each connection but the last when a token comes.
func ticketServer(t *testing.T, certificate *mock.Server, clientAuth tls.ClientAuthType, conns int) (addr string, resumed func() []bool) {
	t.Helper()
	own, err := certificate.ClientCertificate("localhost")
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: clientAuth})
	if err != nil {
		t.Fatal(err)
	}
	var list []bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range conns {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			list = append(list, serveTicket(conn.(*tls.Conn), i == conns-1))
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String(), func() []bool { l.Close(); <-done; return list }
}

func serveTicket(conn *tls.Conn, last bool) (resumed bool) {
	defer conn.Close()
	if conn.Handshake() != nil {
		return false
	}
	buffer := make([]byte, 4096)
	io.WriteString(conn, "220 hi\r\n")
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return conn.ConnectionState().DidResume
		}
		switch line := string(buffer[:n]); {
		case strings.HasPrefix(line, "EHLO"):
			io.WriteString(conn, "250-hi\r\n250 AUTH XOAUTH2\r\n")
		case strings.HasPrefix(line, "AUTH") && !last:
			io.WriteString(conn, "535 5.7.8 no\r\n") // and closes
			return conn.ConnectionState().DidResume
		case strings.HasPrefix(line, "AUTH"):
			io.WriteString(conn, "235 ok\r\n")
		default:
			io.WriteString(conn, "221 bye\r\n")
		}
	}
}

// A redial resumes the TLS session of the connection that was lost.
func TestRedialResumesTLS(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	addr, resumed := ticketServer(t, s, tls.NoClientCert, 2)
	c, err := smtp.Dial(t.Context(), smtp.Config{
		Addr: "smtps://" + addr, Auth: sasl.OAuth(user, &inTurn{tokens: []string{"stale", short}}),
		TLSConfig: trustAny(),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if got := resumed(); len(got) != 2 || got[0] || !got[1] {
		t.Errorf("resumed %v; want the second of two", got)
	}
}

// Without a certificate of its own, a client with a shared cache resumes from
// one Dial to the next; with one, never.
func TestSharedCacheResumesTLS(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	own, err := s.ClientCertificate(user)
	if err != nil {
		t.Fatal(err)
	}
	for name, certificates := range map[string][]tls.Certificate{"no certificate": nil, "certificate": {own}} {
		t.Run(name, func(t *testing.T) {
			addr, resumed := ticketServer(t, s, tls.RequestClientCert, 2)
			cfg := smtp.Config{Addr: "smtps://" + addr, TLSConfig: trustAny()}
			cfg.TLSConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			cfg.TLSConfig.Certificates = certificates
			for range 2 {
				c, err := smtp.Dial(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
			}
			if got := resumed(); len(got) != 2 || got[0] || got[1] == (certificates != nil) {
				t.Errorf("resumed %v", got)
			}
		})
	}
}

// trustAny verifies in its own way: it believes everybody.
func trustAny() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}
}
