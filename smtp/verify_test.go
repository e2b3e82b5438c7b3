package smtp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// plainWords is a server that offers little, so that its report is short.
func plainWords(o mock.Options) mock.Options {
	o.Network, o.Directory = mock.InMemory, accept(short)
	o.Mechanisms = []string{"XOAUTH2", "OAUTHBEARER", "PLAIN"}
	o.Without = append(o.Without, "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "DSN", "REQUIRETLS")
	return o
}

func verify(t *testing.T, o mock.Options, a *sasl.Authenticator, v smtp.VerifyOptions) (*mock.Server, *smtp.Report, error) {
	t.Helper()
	s := mock.Start(t, o)
	r, err := smtp.Verify(t.Context(), config(s, a), v)
	if r == nil {
		t.Fatal("no report")
	}
	return s, r, err
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// In a bubble nothing takes time, so reports have none to differ by.
func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := sasl.OAuth(user, &inTurn{tokens: []string{"stale", short}})
		s, r, err := verify(t, plainWords(mock.Options{}), a, smtp.VerifyOptions{From: user, To: []string{"friend@example.com"}})
		if err != nil || !r.OK || r.Failed() != nil {
			t.Fatalf("%v\n%v", r, err)
		}
		want := "EHLO client.example.com\nSTARTTLS\nEHLO client.example.com\nAUTH XOAUTH2 <redacted 56 octets>\n\n" +
			"AUTH XOAUTH2 <redacted 92 octets>\nMAIL FROM:<you@example.com>\nRCPT TO:<friend@example.com>\nRSET\nQUIT"
		if said := lines(only(t, s)); said != want {
			t.Errorf("said\n%s\nwant\n%s", said, want)
		}
		if n := len(s.Messages()); n != 0 {
			t.Errorf("%d messages were sent", n)
		}
		step := r.Step(smtp.StepTLS) // which suite it is depends on the machine
		const suite = "TLS_AES_128_GCM_SHA256"
		step.Summary = strings.Replace(step.Summary, step.TLS.CipherSuite, suite, 1)
		step.TLS.CipherSuite = suite
		golden(t, "verify.txt", r.String()+"\n")
		checkJSON(t, "verify.json", r)
		scan(t, short, r, *r, r.String())
	})
}

func checkJSON(t *testing.T, name string, r *smtp.Report) {
	t.Helper()
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	golden(t, name, got.String())
}

// What fails is told in the step that fails, with what can be done; the error is
// that of Dial or Send.
func TestVerifyFails(t *testing.T) {
	oauth := func() *sasl.Authenticator { return sasl.OAuth(user, sasl.StaticToken(short)) }
	tried := smtp.VerifyOptions{From: user, To: []string{"a@x.test", "b@x.test"}}
	for _, tt := range []struct {
		name    string
		options mock.Options
		auth    *sasl.Authenticator
		step    string
		class   smtp.Class
		advice  string // a part of it
		is      func(error) bool
	}{
		{
			"dropped at once",
			mock.Options{Faults: []mock.Fault{mock.At("CONNECT").Do(mock.Drop())}},
			oauth(),
			smtp.StepGreeting, smtp.Network, "", isPhase(smtp.PhaseGreeting),
		},
		{
			"not now",
			mock.Options{Faults: []mock.Fault{mock.At("CONNECT").Do(mock.Reply(421, "4.3.2", "not now"))}},
			oauth(),
			smtp.StepGreeting, smtp.Throttled, "", isReply(421),
		},
		{
			"EHLO refused",
			mock.Options{Faults: []mock.Fault{mock.At("EHLO").Do(mock.Reply(550, "5.7.1", "not you"))}},
			oauth(),
			smtp.StepEHLO, smtp.Permanent, "", isReply(550),
		},
		{
			"no STARTTLS",
			mock.Options{Without: []string{"STARTTLS"}},
			oauth(),
			smtp.StepSTARTTLS, smtp.Local, "smtps://", is(smtp.ErrTLSRequired),
		},
		{
			"STARTTLS refused",
			mock.Options{Faults: []mock.Fault{mock.At("STARTTLS").Do(mock.Reply(454, "4.7.0", "later"))}},
			oauth(),
			smtp.StepSTARTTLS, smtp.Temporary, "", isReply(454),
		},
		{
			"STARTTLS, then more in clear",
			mock.Options{Faults: []mock.Fault{mock.At("STARTTLS").Do(mock.Raw([]byte("220 go\r\n250 more\r\n")))}},
			oauth(),
			smtp.StepTLS, smtp.Network, "", is(smtp.ErrProtocol),
		},
		{
			"wrong name",
			mock.Options{Certificate: mock.WrongName},
			oauth(),
			smtp.StepTLS, smtp.Local, "as the certificate has it", isCertificate,
		},
		{
			"expired",
			mock.Options{TLS: mock.ImplicitTLS, Certificate: mock.Expired},
			oauth(),
			smtp.StepTLS, smtp.Local, "clock", isCertificate,
		},
		{
			"EHLO refused after TLS",
			mock.Options{Faults: []mock.Fault{mock.At("EHLO").Nth(2).Do(mock.Reply(550, "5.7.1", "not you"))}},
			oauth(),
			smtp.StepEHLOTLS, smtp.Permanent, "", isReply(550),
		},
		{
			"no mechanism",
			mock.Options{Mechanisms: []string{"PLAIN"}},
			oauth(),
			smtp.StepMechanisms, smtp.Local, "mechanisms takes", isNoMechanism,
		},
		{
			"no token",
			mock.Options{},
			sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) { return "", errMine })),
			smtp.StepToken, smtp.Auth, "token generator", is(errMine),
		},
		{
			"token refused",
			mock.Options{},
			sasl.OAuth(user, sasl.StaticToken("stale")),
			smtp.StepAuth, smtp.Auth, "check the user name and the token", func(err error) bool { return isAuthError(err) == nil },
		},
		{
			"password refused",
			mock.Options{},
			sasl.Password(user, "pen"),
			smtp.StepAuth, smtp.Auth, "check the user name", func(err error) bool { return isAuthError(err) == nil },
		},
		{
			"MAIL refused",
			mock.Options{Faults: []mock.Fault{mock.At("MAIL").Do(mock.Reply(550, "5.7.1", "not from you"))}},
			oauth(),
			smtp.StepMail, smtp.Permanent, "", isReply(550),
		},
		{
			"RCPT refused",
			mock.Options{Faults: []mock.Fault{mock.At("RCPT").Nth(2).Do(mock.Reply(451, "4.7.1", "later"))}},
			oauth(),
			smtp.StepRcpt, smtp.Temporary, "", func(err error) bool {
				refused := new(smtp.RecipientError)
				return errors.As(err, &refused) && refused.Recipient == "b@x.test"
			},
		},
		{
			"RCPT dropped",
			mock.Options{Faults: []mock.Fault{mock.At("RCPT").Do(mock.Drop())}},
			oauth(),
			smtp.StepRcpt, smtp.Network, "", isPhase("RCPT"),
		},
		{
			"RSET refused",
			mock.Options{Faults: []mock.Fault{mock.At("RSET").Do(mock.Reply(500, "5.5.1", "what?"))}},
			oauth(),
			smtp.StepRset, smtp.Permanent, "", isReply(500),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Network = mock.InMemory
			if tt.options.Directory == nil {
				tt.options.Directory = accept(short)
			}
			s, r, err := verify(t, tt.options, tt.auth, tried)
			failed := r.Failed()
			if failed == nil || r.OK || failed.Name != tt.step || failed.Err != err {
				t.Fatalf("%v\nerror %v, want one at %s", r, err, tt.step)
			}
			if !tt.is(err) || smtp.Classify(err) != tt.class {
				t.Errorf("error %v is %v; want %v", err, smtp.Classify(err), tt.class)
			}
			if !strings.Contains(failed.Advice, tt.advice) || (tt.advice != "") != (failed.Advice != "") && tt.class != smtp.Throttled && tt.class != smtp.Temporary && tt.class != smtp.Permanent {
				t.Errorf("advice %q; want something on %q", failed.Advice, tt.advice)
			}
			checkOrder(t, r)
			if n := len(s.Messages()); n != 0 {
				t.Errorf("%d messages were sent", n)
			}
		})
	}
}

// checkOrder checks that what comes before the first failure is over, and that
// what comes behind it was skipped, but for the RSET that takes MAIL back.
func checkOrder(t *testing.T, r *smtp.Report) {
	t.Helper()
	behind := false
	for _, s := range r.Steps {
		switch {
		case s.Outcome == smtp.OutcomeFailed && !behind:
			behind = true
		case s.Outcome != smtp.OutcomeOK && s.Outcome != smtp.OutcomeSkipped,
			behind && s.Outcome != smtp.OutcomeSkipped && s.Name != smtp.StepRset,
			s.Summary == "":
			t.Errorf("%+v in\n%v", s, r)
		}
	}
}

var errMine = errors.New("no token today")

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isReply(code int) func(error) bool {
	return func(err error) bool {
		reply := new(smtp.ReplyError)
		return errors.As(err, &reply) && reply.Reply.Code == code
	}
}

func isPhase(phase smtp.Phase) func(error) bool {
	return func(err error) bool {
		in := new(smtp.PhaseError)
		return errors.As(err, &in) && in.Phase == phase
	}
}

func isCertificate(err error) bool {
	bad := new(tls.CertificateVerificationError)
	return errors.As(err, &bad)
}

func isNoMechanism(err error) bool {
	none := new(sasl.NoMechanismError)
	return errors.As(err, &none)
}

// The report has the certificate although it was refused.
func TestVerifyCertificate(t *testing.T) {
	_, r, _ := verify(t, plainWords(mock.Options{TLS: mock.ImplicitTLS, Certificate: mock.Expired}), nil, smtp.VerifyOptions{})
	facts := r.Step(smtp.StepTLS).TLS
	if facts == nil || facts.Verified || !strings.Contains(facts.NotVerified, "expired") || facts.NotAfter.Year() != 1991 || facts.Subject != "CN=mock.test" || facts.ServerName != "mock.test" {
		t.Errorf("got %+v", facts)
	}
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	cfg := config(s, nil)
	cfg.TLSConfig = &tls.Config{InsecureSkipVerify: true}
	r, err := smtp.Verify(t.Context(), cfg, smtp.VerifyOptions{})
	if facts := r.Step(smtp.StepTLS).TLS; err != nil || facts.Verified || facts.NotVerified == "" || !strings.Contains(r.String(), "not verified: InsecureSkipVerify") {
		t.Errorf("%v, %v", r, err)
	}
}

// A certificate that ends soon is accepted, and the report says so in time.
func TestVerifyCertificateEndsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2089, 12, 24, 0, 0, 0, 0, time.UTC)))
		_, r, err := verify(t, plainWords(mock.Options{}), nil, smtp.VerifyOptions{})
		if step := r.Step(smtp.StepTLS); err != nil || step.Outcome != smtp.OutcomeOK || !strings.Contains(step.Advice, "renewed") || !strings.Contains(r.String(), "advice: ") {
			t.Errorf("%v, %v", r, err)
		}
	})
}

// Nobody listens; the name does not exist, or has one.
func TestVerifyDials(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	r, err := smtp.Verify(t.Context(), smtp.Config{Addr: "localhost:" + port}, smtp.VerifyOptions{})
	failed, dns := r.Failed(), r.Step(smtp.StepDNS)
	if !isPhase(smtp.PhaseDial)(err) || failed.Name != smtp.StepTCP || !strings.Contains(failed.Advice, "nothing listens") {
		t.Errorf("%v, %v", r, err)
	}
	if dns.Outcome != smtp.OutcomeOK || len(dns.Addresses) == 0 || len(failed.Attempts) == 0 || failed.Attempts[0].Err == nil {
		t.Errorf("got %+v, %+v", dns, failed)
	}

	s := mock.Start(t, mock.Options{Network: mock.Loopback, TLS: mock.ImplicitTLS})
	_, port, _ = net.SplitHostPort(s.Addr())
	r, err = smtp.Verify(t.Context(), smtp.Config{Addr: "smtps://localhost:" + port, TLSConfig: s.TLSConfig()}, smtp.VerifyOptions{})
	tcp := r.Step(smtp.StepTCP)
	if err != nil || r.Step(smtp.StepDNS).Outcome != smtp.OutcomeOK || len(tcp.Attempts) == 0 || !strings.HasPrefix(tcp.Summary, "connected to 127.0.0.1:"+port) {
		t.Errorf("%v, %v", r, err)
	}
	for step, why := range map[string]string{smtp.StepMechanisms: "no Auth", smtp.StepAuth: "no Auth"} {
		if s := r.Step(step); s.Outcome != smtp.OutcomeSkipped || !strings.Contains(s.Summary, why) {
			t.Errorf("got %+v", s)
		}
	}
}

// What a Config or an address has wrong with it is told without a connection.
func TestVerifyConfig(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  smtp.Config
		opts smtp.VerifyOptions
		is   error
	}{
		"no server":     {is: smtp.ErrConfig},
		"bad timeout":   {cfg: smtp.Config{Addr: "mock.test", Timeouts: smtp.Timeouts{TLS: -1}}, is: smtp.ErrConfig},
		"bad sender":    {cfg: smtp.Config{Addr: "mock.test"}, opts: smtp.VerifyOptions{From: "a\r\nb@x.test"}, is: smtp.ErrEnvelope},
		"bad recipient": {cfg: smtp.Config{Addr: "mock.test"}, opts: smtp.VerifyOptions{To: []string{"<>"}}, is: smtp.ErrEnvelope},
		"no user":       {cfg: smtp.Config{Addr: "mock.test", Auth: sasl.OAuth("", sasl.StaticToken(short))}, is: sasl.ErrBadCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			tt.cfg.DialContext = func(context.Context, string, string) (net.Conn, error) {
				t.Error("dialled")
				return nil, errMine
			}
			r, err := smtp.Verify(t.Context(), tt.cfg, tt.opts)
			if !errors.Is(err, tt.is) || r.OK || len(r.Steps) != 1 || r.Failed().Name != smtp.StepConfig {
				t.Errorf("%v, %v", r, err)
			}
		})
	}
}

// The end of the context ends every step at once, and is what the report says.
func TestVerifyCanceled(t *testing.T) {
	for _, phase := range phases {
		if phase.point == "DATA" || phase.point == "EOD" {
			continue
		}
		t.Run(phase.point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := stalled(t, phase.point)
				ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
				defer cancel()
				r, err := smtp.Verify(ctx, cfg, smtp.VerifyOptions{From: user, To: envelope.To})
				if smtp.Classify(err) != smtp.Canceled || r.Failed() == nil || r.Failed().Err != err || r.Took != 7*time.Second || r.Failed().Took != 7*time.Second {
					t.Errorf("%v after %v\n%v", err, r.Took, r)
				}
				checkOrder(t, r)
			})
		})
	}
}

// A step that times out says so, and what that may mean.
func TestVerifyTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := smtp.Verify(t.Context(), smtp.Config{Addr: "smtps://mock.test", DialContext: silent(t)}, smtp.VerifyOptions{})
		failed := r.Failed()
		if !errors.Is(err, os.ErrDeadlineExceeded) || failed.Name != smtp.StepTLS || failed.Took != 30*time.Second || !strings.Contains(failed.Advice, "TLS from the start") {
			t.Errorf("%v, %v", r, err)
		}
	})
}

// A connection that is lost in a renewal is made once more, and the report is of
// the second.
func TestVerifyRedials(t *testing.T) {
	s := mock.Start(t, mock.Options{
		Network: mock.InMemory, Directory: accept(short),
		Faults: []mock.Fault{mock.At("AUTH").Conn(1).Do(mock.Reply(535, "5.7.3", "no"), mock.Drop())},
	})
	r, err := smtp.Verify(t.Context(), config(s, sasl.OAuth(user, &inTurn{tokens: []string{"stale", short}})), smtp.VerifyOptions{})
	if err != nil || !r.OK || r.Connections != 2 || len(r.Step(smtp.StepAuth).Dialogue) != 1 {
		t.Errorf("%v, %v, %d connections", r, err, r.Connections)
	}
	checkOrder(t, r)
}

// Opportunistic TLS does without, and the report says which steps that spared.
func TestVerifyOpportunistic(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS})
	cfg := config(s, nil)
	cfg.TLS = smtp.InsecureOpportunistic
	r, err := smtp.Verify(t.Context(), cfg, smtp.VerifyOptions{})
	if err != nil || !r.OK {
		t.Fatalf("%v, %v", r, err)
	}
	for _, name := range []string{smtp.StepSTARTTLS, smtp.StepTLS, smtp.StepEHLOTLS} {
		if step := r.Step(name); step.Outcome != smtp.OutcomeSkipped || !strings.Contains(step.Summary, "STARTTLS") {
			t.Errorf("got %+v", step)
		}
	}
}

// The hooks of the Config are told as well.
func TestVerifyKeepsHooks(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
	var j journal
	cfg := watched(s, sasl.OAuth(user, sasl.StaticToken(short)), &j)
	cfg.Profile = profile.Gmail()
	if r, err := smtp.Verify(t.Context(), cfg, smtp.VerifyOptions{From: user}); err != nil || r.Step(smtp.StepRcpt) != nil {
		t.Fatalf("%v, %v", r, err)
	}
	all := strings.Join(j.lines, "\n")
	for _, want := range []string{"connect ", "handshake ", "end of auth XOAUTH2", `MAIL "MAIL FROM:<you@example.com>"`, `RSET "RSET"`, `QUIT "QUIT" 6: 221`, "to closed"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing from\n%s", want, all)
		}
	}
}
