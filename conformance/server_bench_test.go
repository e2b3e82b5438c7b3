package conformance_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badserver"
)

// serverCase is a case from elsewhere.
func serverCase(run func(context.Context, *conformance.ServerBench) conformance.Verdict) conformance.Case {
	return conformance.Case{
		ID: "X-1", Title: "A case", Area: conformance.AreaSession, Tiers: []conformance.Tier{conformance.Passive}, Server: run,
	}
}

// runOne runs one case of one's own.
func runOne(t *testing.T, defect badserver.Defect, c conformance.Case, s conformance.Suite) conformance.Result {
	t.Helper()
	_, target := newMutant(t, defect)
	s.Cases = []conformance.Case{c}
	return runServer(t, s, target).Results[0]
}

// A case from elsewhere has what those of the catalogue have.
func TestServerCaseFromElsewhere(t *testing.T) {
	c := serverCase(func(ctx context.Context, b *conformance.ServerBench) conformance.Verdict {
		w, v, ok := b.Ready(ctx)
		if !ok {
			return v
		}
		v = w.Play(
			conformance.Step{Send: "MAIL FROM:<" + b.From() + ">\r\n", Accept: "2yz", Control: true},
			conformance.Step{Send: "MAIL FROM:<" + b.From() + ">\r\n", Accept: "503 ~5yz"},
			conformance.Step{Send: "VRFY x\r\n", Accept: "~252 550", Want: "no word about x"},
			conformance.Step{Send: "RSET\r\n", Accept: "250"})
		if v.Outcome != conformance.Pass {
			return v
		}
		return w.Finish()
	})
	got := runOne(t, badserver.None, c, conformance.Suite{})
	if got.Outcome != conformance.Warn || got.Want != "no word about x" || got.Got != "252 2.5.0 Not verified" {
		t.Errorf("want a warning about VRFY\n%s", got)
	}
	if !slices.Contains(got.Transcript, "C: VRFY x") || !slices.Contains(got.Transcript, "S: 503 5.5.1 There is a transaction") {
		t.Errorf("the dialogue is not shown\n%s", got)
	}
}

func TestServerBench(t *testing.T) {
	tests := []struct {
		name   string
		run    func(context.Context, *conformance.ServerBench) conformance.Verdict
		want   conformance.Outcome
		reason string
	}{
		{"panics", func(context.Context, *conformance.ServerBench) conformance.Verdict { panic("oh") }, conformance.Error, "the case panicked: oh"},
		{"has no outcome", func(context.Context, *conformance.ServerBench) conformance.Verdict { return conformance.Verdict{} }, conformance.Error, `outcome ""`},
		{"leaves its connection", func(ctx context.Context, b *conformance.ServerBench) conformance.Verdict {
			_, _, ok := b.Hello(ctx)
			return conformance.Verdict{Outcome: map[bool]conformance.Outcome{true: conformance.Pass}[ok]}
		}, conformance.Pass, ""},
		{"waits for what never comes", func(ctx context.Context, b *conformance.ServerBench) conformance.Verdict {
			w, v, ok := b.Hello(ctx)
			if !ok {
				return v
			}
			return w.Play(conformance.Step{Accept: "250", Want: "a second greeting"})
		}, conformance.Fail, "the server answers others"},
		{"says too little", func(ctx context.Context, b *conformance.ServerBench) conformance.Verdict {
			w, v, ok := b.Hello(ctx)
			if !ok {
				return v
			}
			w.Send("NOOP\r\nNOOP\r\n", "")
			w.Reply()
			return w.Finish()
		}, conformance.Fail, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := runOne(t, badserver.None, serverCase(tt.run), conformance.Suite{Retries: -1})
			if got.Outcome != tt.want || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("want %s with %q\n%s", tt.want, tt.reason, got)
			}
		})
	}
}

// A case that goes on and on is cut off, and nothing is said of the server.
func TestServerCaseTimeout(t *testing.T) {
	c := serverCase(func(ctx context.Context, b *conformance.ServerBench) conformance.Verdict {
		for {
			w, v, ok := b.Connect(ctx)
			if !ok {
				return v
			}
			if v := w.Play(conformance.Step{Accept: "250"}); v.Outcome == conformance.Inconclusive {
				return v
			}
		}
	})
	_, target := newMutant(t, badserver.None)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		report, err := conformance.Suite{Cases: []conformance.Case{c}, Retries: -1, CaseTimeout: 25 * time.Second}.Run(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); report.Results[0].Outcome != conformance.Inconclusive || took != 25*time.Second {
			t.Errorf("after %v\n%s", took, report)
		}
	})
}

// No more messages are sent than a run may send.
func TestServerMessages(t *testing.T) {
	var cases []conformance.Case
	for _, c := range casesFor("S") {
		if c.ID == "S-CRL-07" {
			for _, id := range []string{"X-1", "X-2", "X-3", "X-4", "X-5", "X-6"} {
				c.ID = id
				cases = append(cases, c)
			}
		}
	}
	s, target := newMutant(t, badserver.None)
	report := runServer(t, conformance.Suite{Cases: cases}, target)
	if n := len(s.Messages()); n > 40 || report.Server.Messages != n {
		t.Errorf("%d messages, %d in the report; want at most 40", n, report.Server.Messages)
	}
	if last := report.Results[5]; last.Skipped != conformance.OverBudget {
		t.Errorf("want the last one to be over budget\n%s", last)
	}
	for _, m := range s.Messages() {
		if !strings.Contains(string(m), "Auto-Submitted: auto-generated\r\n") || !strings.Contains(string(m), "\r\nX-SMTP-Conformance: x-") {
			t.Errorf("the message is not marked:\n%s", m)
		}
	}
}

// Credentials do not follow where TLS has gone missing between two connections.
func TestServerStripped(t *testing.T) {
	s, target := newMutant(t, badserver.PlainInClear)
	stripped, _ := newMutant(t, badserver.PlainInClear)
	stripped.Without = []string{"STARTTLS"}
	var n atomic.Int32
	target.Dial = badserver.Dialer(func(c net.Conn) {
		if n.Add(1) == 1 {
			s.Serve(c)
			return
		}
		stripped.Serve(noAuth{c, t})
	})
	target = leadingTo("203.0.113.5", target)
	target.IOwn = badserver.Domain
	report := runServer(t, conformance.Suite{Cases: ungated(), Retries: -1}, target)
	if got := find(report, "S-AUT-03"); got.Outcome != conformance.Inconclusive {
		t.Errorf("want inconclusive\n%s", got)
	}
}

// A noAuth is a connection on which nobody may sign in with the account.
type noAuth struct {
	net.Conn
	t *testing.T
}

func (c noAuth) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for line := range strings.Lines(string(p[:n])) {
		if strings.HasPrefix(line, "AUTH PLAIN ") && !strings.HasPrefix(line, "AUTH PLAIN !") {
			c.t.Errorf("it says %q", line)
		}
	}
	return n, err
}

// What a case says is well formed, whatever the account is called.
func TestServerAddresses(t *testing.T) {
	tests := []struct {
		name                    string
		change                  func(*conformance.ServerTarget)
		from, recipient, domain string
	}{
		{"address", func(*conformance.ServerTarget) {}, "user@bad.test", "sink@bad.test", "bad.test"},
		{"no sink", func(t *conformance.ServerTarget) { t.Sink, t.Tiers = "", nil }, "user@bad.test", "user@bad.test", "bad.test"},
		{"no address", func(t *conformance.ServerTarget) { t.Account.User = conformance.Fixed("user") }, "postmaster@bad.test", "sink@bad.test", "bad.test"},
		{"bad address", func(t *conformance.ServerTarget) { t.Account.User = conformance.Fixed("a> b@c.test") }, "postmaster@bad.test", "sink@bad.test", "bad.test"},
		{"address outside ASCII", func(t *conformance.ServerTarget) { t.Account.User = conformance.Fixed("\u00e9@c.test") }, "postmaster@bad.test", "sink@bad.test", "bad.test"},
		{"all named", func(t *conformance.ServerTarget) { t.From, t.Domain = "me@here.test", "there.test" }, "me@here.test", "sink@bad.test", "there.test"},
		{"an address of a machine", func(t *conformance.ServerTarget) {
			t.Addr, t.Account, t.Sink, t.Tiers = "127.0.0.1:587", conformance.Account{}, "", nil
		}, "postmaster@bad.test", "postmaster@bad.test", "bad.test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, target := newMutant(t, badserver.None)
			target.Tiers = []conformance.Tier{conformance.Passive, conformance.FailedLogin} // without a look at the account
			tt.change(&target)
			c := serverCase(func(_ context.Context, b *conformance.ServerBench) conformance.Verdict {
				return conformance.Verdict{Outcome: conformance.Info, Got: b.From() + " " + b.Recipient() + " " + b.Domain()}
			})
			got := runServer(t, conformance.Suite{Cases: []conformance.Case{c}}, target).Results[0].Got
			if want := tt.from + " " + tt.recipient + " " + tt.domain; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// Where there is a throw-away account, no login of the other one fails.
func TestThrowAway(t *testing.T) {
	s, target := newMutant(t, badserver.None)
	target.ThrowAway.User = conformance.Fixed("throwaway@bad.test")
	report := runServer(t, conformance.Suite{Select: []string{"S-AUT-15", "S-XOA-02", "S-OAB-02"}}, target)
	if n := report.Count(conformance.Pass); n != 3 {
		t.Errorf("%d cases pass, want 3\n%s", n, report)
	}
	failed := 0
	for _, name := range s.Asked() {
		if name == "throwaway@bad.test" {
			failed++
		}
	}
	if failed != report.Server.FailedLogins {
		t.Errorf("%d logins of the throw-away account, and %d failed", failed, report.Server.FailedLogins)
	}
}
