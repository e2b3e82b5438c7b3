package smtp_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A unix socket is on this machine, so a password may go there without TLS. The
// mock behind it listens on TCP.
func TestUnixSocket(t *testing.T) {
	s := mock.Start(t, mock.Options{TLS: mock.NoTLS, InsecureAuth: true, Users: map[string]string{user: "pencil"}})
	dir, err := os.MkdirTemp("", "socket") //nolint:usetesting // t.TempDir may be too long for one
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "mail sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip("no unix sockets: ", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", s.Addr())
		if err != nil {
			return
		}
		defer far.Close()
		go io.Copy(far, near)
		io.Copy(near, far)
	}()
	defer func() { l.Close(); <-done }()

	cfg := smtp.Config{Addr: "smtp+unix://" + dir + "/mail%20sock", Auth: sasl.Password(user, "pencil")}
	res, err := smtp.Send(t.Context(), cfg, envelope, message)
	if err != nil || res.Mechanism == "" || res.TLS != nil || len(s.Messages()) != 1 {
		t.Errorf("got %+v, %v", res, err)
	}
	cfg.Addr = "lmtp+unix://" + dir + "/nowhere"
	var phase *smtp.PhaseError
	if _, err := smtp.Dial(t.Context(), cfg); !errors.As(err, &phase) || phase.Phase != smtp.PhaseDial || smtp.Classify(err) != smtp.Network {
		t.Errorf("nobody listens: %v", err)
	}
}

// LMTP says LHLO, and never HELO.
func TestLHLO(t *testing.T) {
	for _, reply := range []string{"250 hi", "500 what?"} {
		heard := make(chan string, 1)
		cfg := peer(t, func(conn net.Conn, line func() string) {
			io.WriteString(conn, "220 hi\r\n")
			said := line()
			io.WriteString(conn, reply+"\r\n")
			heard <- said + line()
		})
		_, port, _ := net.SplitHostPort(cfg.Addr)
		cfg.Addr = "lmtp://127.0.0.1:" + port
		c, err := smtp.Dial(t.Context(), cfg)
		if err == nil {
			c.Close()
		}
		refusal := new(smtp.ReplyError)
		if (err == nil) != (reply == "250 hi") || err != nil && (!errors.As(err, &refusal) || refusal.Command != "LHLO") {
			t.Errorf("%s: %v", reply, err)
		}
		if said := <-heard; said != "LHLO client.example.com\r\nQUIT\r\n" {
			t.Errorf("%s: client said %q", reply, said)
		}
	}
}

// All addresses of a host are tried: localhost may be ::1 first, and the server
// is on 127.0.0.1 alone, or the other way around.
func TestAllAddressesAreTried(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(listen, func(t *testing.T) {
			host, _, _ := net.SplitHostPort(listen)
			if addrs, err := net.DefaultResolver.LookupHost(t.Context(), "localhost"); err != nil || !slices.Contains(addrs, host) {
				t.Skipf("localhost is %v, %v", addrs, err)
			}
			s, err := mock.New(mock.Options{Listen: listen})
			if err != nil {
				t.Skip("no such address here: ", err)
			}
			defer s.Close()
			_, port, _ := net.SplitHostPort(s.Addr())
			cfg := smtp.Config{Addr: "localhost:" + port, TLSConfig: s.TLSConfig()}
			if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
				t.Error(err)
			}
		})
	}
}
