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

// A client with a shared cache resumes from one Dial to the next, be it that the
// ticket comes with the handshake or behind it; with a certificate of its own it
// never does, nor without a cache that it shares.
func TestSharedCacheResumesTLS(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	own, err := s.ClientCertificate(user)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		cache        tls.ClientSessionCache
		certificates []tls.Certificate
		most         uint16 // version
		resumes      bool
	}{
		{"TLS 1.3", tls.NewLRUClientSessionCache(1), nil, tls.VersionTLS13, true},
		{"TLS 1.2", tls.NewLRUClientSessionCache(1), nil, tls.VersionTLS12, true},
		{"with a certificate", tls.NewLRUClientSessionCache(1), []tls.Certificate{own}, tls.VersionTLS13, false},
		{"no cache", nil, nil, tls.VersionTLS13, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr, resumed := ticketServer(t, s, tls.RequestClientCert, 2)
			cfg := smtp.Config{Addr: "smtps://" + addr, TLSConfig: trustAny()}
			cfg.TLSConfig.ClientSessionCache = tt.cache
			cfg.TLSConfig.Certificates = tt.certificates
			cfg.TLSConfig.MaxVersion = tt.most
			for range 2 {
				c, err := smtp.Dial(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
			}
			if cfg.TLSConfig.ClientSessionCache != tt.cache {
				t.Error("the caller's TLSConfig was changed")
			}
			if got := resumed(); len(got) != 2 || got[0] || got[1] != tt.resumes {
				t.Errorf("resumed %v", got)
			}
		})
	}
}

// trustAny verifies in its own way: it believes everybody.
func trustAny() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}
}
