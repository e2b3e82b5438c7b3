package smtp_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// What was offered in clear is forgotten behind the handshake, EHLO comes first
// there, and STARTTLS is not said again, although it is still offered (RFC 3207,
// Section 4.2).
func TestNothingSurvivesSTARTTLS(t *testing.T) {
	s := mock.Start(t, mock.Options{
		Network: mock.InMemory, Users: map[string]string{user: "pencil"}, Mechanisms: []string{"LOGIN"},
		Capabilities: mock.Capabilities{
			Plain: []string{"STARTTLS", "AUTH PLAIN", "SIZE 10", "8BITMIME", "SMTPUTF8", "PIPELINING"},
			TLS:   []string{"STARTTLS", "AUTH LOGIN"},
		},
	})
	res, err := smtp.Send(t.Context(), config(s, sasl.Password(user, "pencil")), envelope, message)
	if err != nil || res.Mechanism != "LOGIN" {
		t.Fatalf("%+v, %v", res, err)
	}
	if got := verbs(only(t, s)); !strings.HasPrefix(got, "CONNECT EHLO STARTTLS EHLO AUTH ") || strings.Count(got, "EHLO") != 2 {
		t.Errorf("client said %q", got)
	}
	if m := s.Messages(); len(m[0].Parameters) != 0 {
		t.Errorf("parameters %q", m[0].Parameters)
	}
	_, err = smtp.Send(t.Context(), config(s, sasl.Password(user, "pencil")), envelope, smtp.Bytes([]byte("\xc3\xbc")))
	if !errors.Is(err, smtp.ErrNotOffered) {
		t.Errorf("8-bit: %v", err)
	}
}

// Whatever comes instead of a handshake, nobody is asked to do without TLS.
func TestSTARTTLSThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		actions []mock.Action
		class   smtp.Class
	}{
		"454":                {[]mock.Action{mock.Reply(454, "4.7.0", "no")}, smtp.Temporary},
		"501":                {[]mock.Action{mock.Reply(501, "5.5.4", "no")}, smtp.Permanent},
		"250":                {[]mock.Action{mock.Raw([]byte("250 ok\r\n"))}, smtp.Network},
		"354":                {[]mock.Action{mock.Raw([]byte("354 ok\r\n"))}, smtp.Network},
		"220, then closed":   {[]mock.Action{mock.Raw([]byte("220 go\r\n")), mock.Drop()}, smtp.Network},
		"220, then nonsense": {[]mock.Action{mock.Raw([]byte("220 go\r\n")), mock.Delay(1), mock.Raw([]byte("250-evil\r\n250 AUTH PLAIN\r\n"))}, smtp.Network},
		"220, then silence":  {[]mock.Action{mock.Raw([]byte("220 go\r\n")), mock.Stall()}, smtp.Network},
		"closed":             {[]mock.Action{mock.Drop()}, smtp.Network},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{
					Network: mock.InMemory, InsecureAuth: true, Users: map[string]string{user: "pencil"},
					Faults: []mock.Fault{mock.At("STARTTLS").Do(tt.actions...)},
				})
				_, err := smtp.Send(t.Context(), config(s, sasl.Password(user, "pencil")), envelope, message)
				if err == nil || smtp.Classify(err) != tt.class || !smtp.SafeToRetry(err) || strings.Contains(err.Error(), "smtp://") {
					t.Errorf("%v is %v; want %v", err, smtp.Classify(err), tt.class)
				}
				s.Close()
				if said := verbs(only(t, s)); said != "CONNECT EHLO STARTTLS" || s.Connections() != 1 {
					t.Errorf("%d connections, client said %q", s.Connections(), said)
				}
			})
		})
	}
}

// The octet behind STARTTLS is the first of a handshake.
func TestSTARTTLSIsTheLastOfItsGroup(t *testing.T) {
	next := make(chan byte, 1)
	cfg := peer(t, func(conn net.Conn, line func() string) {
		io.WriteString(conn, "220 hi\r\n")
		line()
		io.WriteString(conn, "250-hi\r\n250-PIPELINING\r\n250 STARTTLS\r\n")
		line()
		io.WriteString(conn, "220 go\r\n")
		octet := make([]byte, 1)
		io.ReadFull(conn, octet)
		next <- octet[0]
	})
	cfg.TLS = smtp.STARTTLSRequired
	if _, err := smtp.Dial(t.Context(), cfg); err == nil {
		t.Error("no error")
	}
	if octet := <-next; octet != 0x16 { // a handshake record (RFC 8446, Section 5.1)
		t.Errorf("the octet behind STARTTLS is %#x", octet)
	}
}

// The certificate has to be for the host that was dialled, or for the one that
// TLSConfig names instead.
func TestServerName(t *testing.T) {
	for _, mode := range []mock.TLSMode{mock.STARTTLS, mock.ImplicitTLS} {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mode, Names: []string{"*.example.com"}})
		for name, ok := range map[string]bool{
			"mail.example.com": true, "other.test": false, "a.b.example.com": false, "example.com": false,
		} {
			for _, override := range []bool{false, true} {
				cfg := config(s, nil)
				cfg.Addr, cfg.TLSConfig = name, &tls.Config{RootCAs: s.RootCAs()}
				if mode == mock.ImplicitTLS {
					cfg.TLS = smtp.TLSImplicit
				}
				if override {
					cfg.Addr, cfg.TLSConfig.ServerName = "somewhere.test", name
				}
				c, err := smtp.Dial(t.Context(), cfg)
				if (err == nil) != ok {
					t.Errorf("%v, %s, override %v: %v", mode, name, override, err)
				}
				if err == nil {
					c.Close()
				}
				if cfg.TLSConfig.ClientSessionCache != nil || !override && cfg.TLSConfig.ServerName != "" {
					t.Error("the caller's TLSConfig was changed")
				}
			}
		}
	}
}

// A certificate of one's own is shown to who asks for it, and nothing works
// without it where it is required.
func TestClientCertificate(t *testing.T) {
	for _, mode := range []mock.TLSMode{mock.STARTTLS, mock.ImplicitTLS} {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mode, ClientAuth: tls.RequireAndVerifyClientCert})
		own, err := s.ClientCertificate(user)
		if err != nil {
			t.Fatal(err)
		}
		cfg := config(s, nil)
		cfg.TLSConfig.Certificates = nil
		if _, err := smtp.Send(t.Context(), cfg, envelope, message); err == nil || smtp.Classify(err) != smtp.Network {
			t.Errorf("%v, without: %v is %v", mode, err, smtp.Classify(err))
		}
		cfg.TLSConfig.Certificates = []tls.Certificate{own}
		res, err := smtp.Send(t.Context(), cfg, envelope, message)
		if err != nil || res.TLS == nil || len(res.TLS.PeerCertificates) == 0 || res.TLS.Version < tls.VersionTLS12 {
			t.Errorf("%v, with: %v", mode, err)
		}
	}
}

// RFC 8997: nothing older than TLS 1.2, unless the caller's TLSConfig says so.
func TestOldTLS(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	own, err := s.ClientCertificate("localhost")
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = conn.(*tls.Conn).Handshake()
			conn.Close()
		}
		done <- err
	}()
	_, err = smtp.Dial(t.Context(), smtp.Config{Addr: "smtps://" + l.Addr().String(), TLSConfig: trustAny()})
	phase := new(smtp.PhaseError)
	if !errors.As(err, &phase) || phase.Phase != smtp.PhaseTLS {
		t.Errorf("got %v", err)
	}
	if <-done == nil {
		t.Error("the handshake came about")
	}
}
