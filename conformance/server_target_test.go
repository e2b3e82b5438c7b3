package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badserver"
	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// passing is a case for servers that has nothing to do.
func passing(id string, tiers ...conformance.Tier) conformance.Case {
	return conformance.Case{ID: id, Title: "A case", Tiers: tiers, Server: func(context.Context, *conformance.ServerBench) conformance.Verdict {
		return conformance.Verdict{Outcome: conformance.Pass}
	}}
}

func TestServerTargetRefuses(t *testing.T) {
	account := conformance.Account{User: conformance.Fixed("user"), Password: conformance.Fixed("password")}
	tests := []struct {
		name   string
		target conformance.ServerTarget
		want   string
	}{
		{"no address", conformance.ServerTarget{}, "Addr is no host"},
		{"other scheme", conformance.ServerTarget{Addr: "http://mail.test"}, `scheme "http"`},
		{"user in the URL", conformance.ServerTarget{Addr: "smtp://user:hunter2@mail.test"}, "Addr holds a user"},
		{"path in the URL", conformance.ServerTarget{Addr: "smtp://mail.test/inbox"}, "no URL of the form"},
		{"scheme against TLS", conformance.ServerTarget{Addr: "smtp://mail.test", TLS: conformance.ImplicitTLS}, "write smtps"},
		{"a mailbox", conformance.ServerTarget{Addr: "user@mail.test"}, "Addr is no host"},
		{"profile of clients", conformance.ServerTarget{Addr: "mail.test", Profile: conformance.ClientCore}, "is not for servers"},
		{"unknown tier", conformance.ServerTarget{Addr: "mail.test", Tiers: []conformance.Tier{"all"}}, `no tier "all"`},
		{"no sink", conformance.ServerTarget{Addr: "mail.test", Tiers: []conformance.Tier{conformance.Delivery}}, "no sink"},
		{"bad sink", conformance.ServerTarget{Addr: "mail.test", Sink: "sink"}, "ServerTarget.Sink"},
		{"bad domain", conformance.ServerTarget{Addr: "mail.test", Domain: "mail.test>\r\nQUIT"}, "ServerTarget.Domain"},
		{"bad local name", conformance.ServerTarget{Addr: "mail.test", LocalName: "a b"}, "ServerTarget.LocalName"},
		{"no user", conformance.ServerTarget{Addr: "mail.test", Account: conformance.Account{Password: account.Password}}, "needs User"},
		{"no password", conformance.ServerTarget{Addr: "mail.test", Account: conformance.Account{User: account.User}}, "needs User"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.target.Dial = func(context.Context, string, string) (net.Conn, error) {
				t.Error("it dials")
				return nil, errMade
			}
			_, err := conformance.Suite{}.Run(t.Context(), tt.target)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			if (tt.name == "no sink") != errors.Is(err, conformance.ErrNoSink) {
				t.Errorf("errors.Is(%v, ErrNoSink) is wrong", err)
			}
		})
	}
}

func TestServerPlaces(t *testing.T) {
	const implicit = "implicit TLS"
	tests := []struct {
		target    conformance.ServerTarget
		addr, tls string
		profile   conformance.Profile
	}{
		{conformance.ServerTarget{Addr: "mail.test"}, "mail.test:587", "STARTTLS", conformance.Submission587},
		{conformance.ServerTarget{Addr: "smtp://mail.test"}, "mail.test:587", "STARTTLS", conformance.Submission587},
		{conformance.ServerTarget{Addr: "smtps://mail.test"}, "mail.test:465", implicit, conformance.Submissions465},
		{conformance.ServerTarget{Addr: "smtps://mail.test:2465"}, "mail.test:2465", implicit, conformance.Submissions465},
		{conformance.ServerTarget{Addr: "mail.test:465"}, "mail.test:465", implicit, conformance.Submissions465},
		{conformance.ServerTarget{Addr: "smtp://mail.test:465"}, "mail.test:465", "STARTTLS", conformance.Submission587},
		{conformance.ServerTarget{Addr: "mail.test", Profile: conformance.MX25}, "mail.test:25", "STARTTLS", conformance.MX25},
		{conformance.ServerTarget{Addr: "[::1]:2525"}, "[::1]:2525", "STARTTLS", conformance.Submission587},
		{conformance.ServerTarget{Addr: "smtp://[::1]"}, "[::1]:587", "STARTTLS", conformance.Submission587},
	}
	for _, tt := range tests {
		t.Run(tt.target.Addr, func(t *testing.T) {
			dialled := ""
			tt.target.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				dialled = addr
				return badserver.Dialer(func(net.Conn) {})(ctx, network, addr)
			}
			report := runServer(t, conformance.Suite{Cases: []conformance.Case{passing("X-1")}}, tt.target)
			if report.Server.Addr != tt.addr || dialled != tt.addr || report.Server.TLS != tt.tls || report.Profile != tt.profile {
				t.Errorf("%s, dialled %s, %s, %s; want %s, %s, %s",
					report.Server.Addr, dialled, report.Server.TLS, report.Profile, tt.addr, tt.tls, tt.profile)
			}
		})
	}
}

// An elsewhere is a connection that leads to an address.
type elsewhere struct {
	net.Conn
	addr string
}

func (c elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.addr), Port: 587} }

// leadingTo makes a target's connections lead to an address.
func leadingTo(addr string, target conformance.ServerTarget) conformance.ServerTarget {
	dial := target.Dial
	target.Dial = func(ctx context.Context, network, to string) (net.Conn, error) {
		conn, err := dial(ctx, network, to)
		return elsewhere{conn, addr}, err
	}
	return target
}

// Whoever wants to do harm has to say to whom; what counts is where the connection
// leads.
func TestIOwn(t *testing.T) {
	hostile := []conformance.Tier{conformance.Hostile}
	tests := []struct {
		name, host, addr string
		tiers            []conformance.Tier
		iOwn             string
		network          string
		refused          bool
	}{
		{"public", "mail.test", "203.0.113.5", hostile, "", "", true},
		{"public, another name", "mail.test", "203.0.113.5", hostile, "mail.example.test", "", true},
		{"public, named", "mail.test", "203.0.113.5", hostile, "MAIL.test", "public", false},
		{"public, nothing bad", "mail.test", "203.0.113.5", nil, "", "public", false},
		{"failed logins", "mail.test", "203.0.113.5", []conformance.Tier{conformance.FailedLogin}, "", "", true},
		{"load", "mail.test", "203.0.113.5", []conformance.Tier{conformance.Slow}, "", "", true},
		{"public IPv6", "mail.test", "2001:db8::5", hostile, "", "", true},
		{"private address", "192.168.1.5", "192.168.1.5", hostile, "", "private", false},
		{"loopback address", "127.0.0.1", "127.0.0.1", hostile, "", "loopback", false},
		{"localhost", "localhost", "::1", hostile, "", "loopback", false},
		{"localhost that is elsewhere", "localhost", "203.0.113.5", hostile, "", "", true},
		{"a name by a proxy on loopback", "mail.test", "127.0.0.1", hostile, "", "", true},
		{"loopback named, private dialled", "127.0.0.1", "192.168.1.5", hostile, "", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			said := 0
			target := leadingTo(tt.addr, conformance.ServerTarget{
				Addr: net.JoinHostPort(tt.host, "587"), Tiers: tt.tiers, IOwn: tt.iOwn,
				Dial: badserver.Dialer(func(c net.Conn) { said, _ = c.Read(make([]byte, 1)) }),
			})
			synctest.Test(t, func(t *testing.T) {
				report, err := conformance.Suite{Cases: []conformance.Case{passing("X-1")}}.Run(t.Context(), target)
				synctest.Wait()
				switch {
				case tt.refused && (!errors.Is(err, conformance.ErrNotConfirmed) || !strings.Contains(err.Error(), tt.host) || said != 0):
					t.Errorf("error %v, %d octets sent; want ErrNotConfirmed with %s, and none", err, said, tt.host)
				case !tt.refused && (err != nil || report.Server.Network != tt.network):
					t.Errorf("error %v, network %v; want %s", err, report, tt.network)
				}
			})
		})
	}
}

// A server that is not at home is asked little at a time, and gets no credentials
// but over TLS that was verified.
func TestServerElsewhere(t *testing.T) {
	tests := []struct {
		name    string
		change  func(*badserver.Server, *conformance.ServerTarget)
		aut     conformance.Outcome // of S-AUT-03
		skipped conformance.SkipReason
	}{
		{"verified", func(*badserver.Server, *conformance.ServerTarget) {}, conformance.Pass, ""},
		{"unverified", func(_ *badserver.Server, t *conformance.ServerTarget) { t.RootCAs = mockRoots() }, conformance.Skip, conformance.NoCredential},
		{"unverified, and so what", func(_ *badserver.Server, t *conformance.ServerTarget) {
			t.RootCAs, t.InsecureUnverifiedTLS = mockRoots(), true
		}, conformance.Pass, ""},
		{"AUTH in clear only", func(s *badserver.Server, _ *conformance.ServerTarget) {
			s.Without, s.Defect = []string{"STARTTLS"}, badserver.PlainInClear
		}, conformance.Skip, conformance.NoCredential},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, target := newMutant(t, badserver.None)
			tt.change(s, &target)
			target = leadingTo("203.0.113.5", target)
			target.IOwn = badserver.Domain
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				report, err := conformance.Suite{Select: []string{"S-AUT-03"}}.Run(t.Context(), target)
				if err != nil {
					t.Fatal(err)
				}
				if got := report.Results[0]; got.Outcome != tt.aut || got.Skipped != tt.skipped {
					t.Errorf("want %s %s\n%s", tt.aut, tt.skipped, got)
				}
				if took := time.Since(begin); took < time.Second/4 {
					t.Errorf("all was over in %v", took)
				}
			})
		})
	}
}

// Failed logins are counted, kept apart, and over as soon as the server asks for
// patience.
func TestFailedLogins(t *testing.T) {
	ids := []string{"S-AUT-15", "S-PLN-01", "S-XOA-02"}
	run := func(t *testing.T, defect badserver.Defect, limit int) []conformance.Result {
		_, target := newMutant(t, defect)
		target.FailedLogins = limit
		return runServer(t, conformance.Suite{Select: ids}, target).Results
	}
	if got := run(t, badserver.None, 2); got[1].Outcome != conformance.Pass || got[2].Skipped != conformance.OverBudget {
		t.Errorf("want the third login to be over budget: %v", got)
	}
	if got := run(t, badserver.None, -1); got[0].Skipped != conformance.OverBudget {
		t.Errorf("want no login to fail: %v", got)
	}
	_, target := newMutant(t, badserver.None)
	target = leadingTo("203.0.113.5", target)
	target.IOwn = badserver.Domain
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		report, err := conformance.Suite{Select: ids}.Run(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); report.Count(conformance.Pass) != 3 || took < 4*time.Second || report.Server.FailedLogins != 3 {
			t.Errorf("three failed logins in %v\n%s", took, report)
		}
	})
}

func TestServerUnreachable(t *testing.T) {
	s := mock.Start(t, mock.Options{})
	target := targetOf(s)
	target.Dial = nil
	s.Close()
	_, err := conformance.Suite{}.Run(t.Context(), target)
	if !errors.Is(err, conformance.ErrUnreachable) {
		t.Errorf("error %v, want ErrUnreachable", err)
	}
}

// The wrong password ends a run before it has begun.
func TestServerCredentials(t *testing.T) {
	_, target := newMutant(t, badserver.None)
	target.Account.Password = conformance.Fixed("another password")
	synctest.Test(t, func(t *testing.T) {
		_, err := conformance.Suite{}.Run(t.Context(), target)
		if !errors.Is(err, conformance.ErrCredentials) || !strings.Contains(err.Error(), "535 5.7.8 Credentials refused") {
			t.Errorf("error %v, want ErrCredentials with the reply", err)
		}
	})
}

func TestSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text string) conformance.Source {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return conformance.FromFile(file)
	}
	t.Setenv("CONFORMANCE_TEST_SECRET", "from the environment")
	tests := []struct {
		name    string
		make    func() conformance.Source
		want    string
		wantErr string
	}{
		{"environment", func() conformance.Source { return conformance.FromEnv("CONFORMANCE_TEST_SECRET") }, "from the environment", ""},
		{"environment without it", func() conformance.Source { return conformance.FromEnv("CONFORMANCE_TEST_NOTHING") }, "", "CONFORMANCE_TEST_NOTHING is not set"},
		{"file", func() conformance.Source { return write("from a file\r\n") }, "from a file", ""},
		{"file without a line ending", func() conformance.Source { return write(" a b ") }, " a b ", ""},
		{"file of two lines", func() conformance.Source { return write("one\ntwo\n") }, "", "more than one line"},
		{"empty file", func() conformance.Source { return write("\n") }, "", "supplies nothing"},
		{"no file", func() conformance.Source { return conformance.FromFile(file + "x") }, "", "no such file"},
		{"command", func() conformance.Source { return conformance.FromCommand("printf", "from a %s\\n", "command") }, "from a command", ""},
		{"command that fails", func() conformance.Source { return conformance.FromCommand("false") }, "", "exit status 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			token, err := tt.make().Token(t.Context(), sasl.TokenRequest{})
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("error %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || token.Value.Reveal() != tt.want {
				t.Errorf("got %q, %v; want %q", token.Value.Reveal(), err, tt.want)
			}
		})
	}
}

// Whatever a server repeats, a report holds no secret.
func TestServerReportIsRedacted(t *testing.T) {
	s, target := newMutant(t, badserver.None)
	target.Dial = badserver.Dialer(func(c net.Conn) {
		answeringLines(c, "220 "+s.Password+" ESMTP\r\n", func(line string) string {
			if strings.HasPrefix(line, "EHLO") {
				return "250-" + badserver.Domain + "\r\n250 AUTH PLAIN " + s.Token + "\r\n"
			}
			return "250 " + line + " " + s.Password + " " + s.Token + "\r\n"
		})
	})
	report := runServer(t, conformance.Suite{Cases: ungated(), Retries: -1}, target)
	octets, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	text := string(octets) + report.String()
	for _, secret := range []string{s.Password, s.Token} {
		if strings.Contains(text, secret) {
			t.Errorf("the report holds %q:\n%s", secret, text)
		}
	}
	if !strings.Contains(text, "[redacted]") {
		t.Errorf("nothing was redacted:\n%s", text)
	}
}

// What is claimed is compared with what there is.
func TestClaims(t *testing.T) {
	_, target := newMutant(t, badserver.Answers454ToBase64)
	target.Claims = []string{"pipelining", "8BITMIME", "DSN", "AUTH PLAIN", "AUTH XOAUTH2", "STARTTLS"}
	report := runServer(t, conformance.Suite{Cases: casesFor("S")}, target)
	want := map[string]conformance.Proof{
		"PIPELINING": conformance.Proven, "8BITMIME": conformance.Unproven, "DSN": conformance.Absent,
		"AUTH PLAIN": conformance.Refuted, "AUTH XOAUTH2": conformance.Proven, "STARTTLS": conformance.Proven,
	}
	for _, c := range report.Server.Claims {
		if want[c.Claim] != c.Proof || (c.Proof == conformance.Proven) != (len(c.Cases) > 0 && c.Claim != "AUTH PLAIN") {
			t.Errorf("%s is %s by %v, want %s", c.Claim, c.Proof, c.Cases, want[c.Claim])
		}
	}
	if got := strings.Join(report.Server.Unclaimed, " "); got != "AUTH OAUTHBEARER AUTH SCRAM-SHA-256 ENHANCEDSTATUSCODES" {
		t.Errorf("unclaimed: %s", got)
	}
}
