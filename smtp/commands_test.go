package smtp_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A server that does not know EHLO is told HELO and nothing that would need an
// extension (RFC 5321, Section 3.2). One that knows it and says no has said no.
func TestHELO(t *testing.T) {
	for _, tt := range []struct {
		ehlo, helo string
		class      smtp.Class
	}{
		{"500 what?", "250 hi", smtp.None},
		{"502 5.5.1 not here", "250 hi", smtp.None},
		{"504 what?", "250 hi", smtp.None},
		{"500 what?", "550 no", smtp.Permanent},
		{"500 what?", "354 go", smtp.Network},
		{"550 not you", "", smtp.Permanent},
		{"451 not now", "", smtp.Temporary},
	} {
		t.Run(tt.ehlo+", "+tt.helo, func(t *testing.T) {
			steps := []mock.Step{mock.Send("220 hi"), mock.Expect("EHLO client.example.com"), mock.Send(tt.ehlo)}
			if tt.helo != "" {
				steps = append(steps, mock.Expect("HELO client.example.com"), mock.Send(tt.helo))
			}
			if tt.class == smtp.None {
				steps = append(steps, toRecipient(), accepted())
			}
			end := mock.Bye()
			if tt.class == smtp.Network {
				end = gone()
			}
			synctest.Test(t, func(t *testing.T) {
				_, err := smtp.Send(t.Context(), scripted(t, nil, append(steps, end)...), envelope, message)
				if smtp.Classify(err) != tt.class {
					t.Errorf("%v is %v; want %v", err, smtp.Classify(err), tt.class)
				}
				synctest.Wait()
			})
		})
	}
	_, err := smtp.Dial(t.Context(), scripted(t, password("PLAIN"), mock.Send("220 hi"), mock.Expect("EHLO client.example.com"), mock.Send("500 what?"), mock.Bye()))
	if !errors.Is(err, smtp.ErrNotOffered) || smtp.Classify(err) != smtp.Local {
		t.Errorf("with a password: %v is %v", err, smtp.Classify(err))
	}
}

// Where nothing is offered, commands go one by one and without parameters, and a
// message that may turn out to need 8BITMIME is sent as long as it does not.
func TestNothingOffered(t *testing.T) {
	for name, m := range map[string]smtp.Message{"of known size": message, "of unknown size": smtp.Reader(strings.NewReader("hi"))} {
		synctest.Test(t, func(t *testing.T) {
			_, err := smtp.Send(t.Context(), scripted(t, nil, mock.Hello(), toRecipient(), accepted(), mock.Bye()), envelope, m)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			synctest.Wait()
		})
	}
}

// Content follows 354 and nothing else (RFC 5321, Section 3.3).
func TestContentOnlyAfter354(t *testing.T) {
	for reply, class := range map[string]smtp.Class{
		"250 ok": smtp.Network, "299 ok": smtp.Network, "399 ok": smtp.Network,
		"451 not now": smtp.Temporary, "550 no": smtp.Permanent,
	} {
		end := mock.Bye()
		if class == smtp.Network {
			end = gone()
		}
		c, err := smtp.Dial(t.Context(), scripted(t, nil, mock.Hello(), toRecipient(), mock.Expect("DATA"), mock.Send(reply), end))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Send(t.Context(), envelope, message)
		if smtp.Classify(err) != class || !smtp.SafeToRetry(err) || errors.Is(err, smtp.ErrProtocol) != (class == smtp.Network) {
			t.Errorf("%s: %v is %v", reply, err, smtp.Classify(err))
		}
		c.Close()
	}
}

// A transaction that came to nothing is ended by RSET before the next one, never
// by another MAIL (RFC 5321, Section 4.1.4).
func TestRSETAfterRefusal(t *testing.T) {
	for _, without := range [][]string{nil, {"PIPELINING"}} {
		for point, commands := range map[string]string{"MAIL": "MAIL", "RCPT": "MAIL RCPT", "DATA": "MAIL RCPT DATA"} {
			s, c := start(t, mock.Options{Without: without, Strict: true, Faults: []mock.Fault{mock.At(point).Nth(1).Do(mock.Reply(550, "5.7.1", "no"))}})
			if _, err := c.Send(t.Context(), envelope, message); smtp.Classify(err) != smtp.Permanent {
				t.Fatalf("%s: %v", point, err)
			}
			if _, err := c.Send(t.Context(), envelope, message); err != nil {
				t.Errorf("%s: next message: %v", point, err)
			}
			if without == nil {
				commands = "MAIL RCPT DATA"
			}
			if got := verbs(only(t, s)); !strings.HasSuffix(got, " "+commands+" RSET MAIL RCPT DATA EOD") {
				t.Errorf("%s, without %q: client said %q", point, without, got)
			}
		}
	}
}

// A recipient that is one too many may be sent to later, whichever of its two
// codes the server gives (RFC 5321, Section 4.5.3.1.10).
func TestTooManyRecipients(t *testing.T) {
	for _, tt := range []struct {
		code int
		ec   string
		want bool
	}{
		{452, "4.5.3", true},
		{452, "", true},
		{552, "5.5.3", true},
		{552, "", true},
		{552, "5.2.2", false},
		{550, "5.5.3", false},
		{550, "", false},
	} {
		t.Run(fmt.Sprint(tt.code, " ", tt.ec), func(t *testing.T) {
			_, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("RCPT").Nth(3).Do(mock.Reply(tt.code, tt.ec, "no more"))}})
			res, err := c.Send(t.Context(), three, message)
			if smtp.Classify(err) != smtp.Partial || slices.Equal(res.Retryable(), []string{"c@x.test"}) != tt.want {
				t.Errorf("%v, retryable %q", err, res.Retryable())
			}
		})
	}
	_, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("MAIL").Do(mock.Reply(552, "", "too big"))}})
	if _, err := c.Send(t.Context(), envelope, message); smtp.Classify(err) != smtp.Permanent {
		t.Errorf("552 to MAIL: %v is %v", err, smtp.Classify(err))
	}
	_, c = start(t, mock.Options{Faults: []mock.Fault{
		mock.At("RCPT").Nth(2).Do(mock.Reply(552, "", "no more")), mock.At("RCPT").Nth(3).Do(mock.Reply(550, "5.1.1", "nobody")),
	}})
	all := three
	all.AllOrNothing = true
	if _, err := c.Send(t.Context(), all, message); smtp.Classify(err) != smtp.Permanent {
		t.Errorf("552 and 550, all or nothing: %v is %v", err, smtp.Classify(err))
	}
}

// The size that is declared is that of the octets that are sent, line endings
// made whole, dots not doubled (RFC 1870, Section 6).
func TestDeclaredSizeIsWhatIsSent(t *testing.T) {
	for body, want := range map[string]string{
		".\n..\n":    ".\r\n..\r\n",
		"a\r\r\nb":   "a\r\n\r\nb\r\n",
		"\n.\n":      "\r\n.\r\n",
		"\r.\r":      "\r\n.\r\n",
		"\r\n.\n":    "\r\n.\r\n",
		"MAIL\nDATA": "MAIL\r\nDATA\r\n",
	} {
		for name, m := range map[string]smtp.Message{
			"at once":  smtp.Bytes([]byte(body)),
			"by octet": octets(body),
		} {
			s, c := start(t, mock.Options{})
			res, err := c.Send(t.Context(), envelope, m)
			got := s.Messages()
			if err != nil || len(got) != 1 || string(got[0].Data) != want || res.Octets != int64(len(want)) ||
				!slices.Contains(got[0].Parameters, fmt.Sprint("SIZE=", len(want))) {
				t.Errorf("%q %s: %v, %+v", body, name, err, got)
			}
		}
	}
}

// octets is a message that is read octet by octet, as often as anybody likes.
type octets string

func (m octets) Open() (io.ReadCloser, error) {
	return io.NopCloser(iotest.OneByteReader(strings.NewReader(string(m)))), nil
}

// Implicit TLS is TLS already: STARTTLS is not said there, whatever is offered.
func TestNoSTARTTLSWithinTLS(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS, Capabilities: mock.Capabilities{TLS: []string{"STARTTLS"}}})
	if _, err := smtp.Send(t.Context(), config(s, nil), envelope, message); err != nil {
		t.Fatal(err)
	}
	if got := verbs(only(t, s)); got != "CONNECT EHLO MAIL RCPT DATA EOD" {
		t.Errorf("client said %q", got)
	}
}

// In the mode that takes TLS or leaves it, a refused STARTTLS leaves what was
// learnt before it, and secrets still stay here.
func TestOpportunisticTLS(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    mock.Options
		tls  bool
	}{
		{"offered", mock.Options{}, true},
		{"not offered", mock.Options{TLS: mock.NoTLS}, false},
		{"refused", mock.Options{Faults: []mock.Fault{mock.At("STARTTLS").Do(mock.Reply(454, "4.7.0", "no"))}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Network, tt.o.InsecureAuth, tt.o.Directory = mock.InMemory, true, accept(short)
			s := mock.Start(t, tt.o)
			cfg := config(s, nil)
			cfg.Addr, cfg.TLS = s.Addr(), smtp.InsecureOpportunistic
			res, err := smtp.Send(t.Context(), cfg, envelope, message)
			if err != nil || (res.TLS != nil) != tt.tls {
				t.Errorf("got %+v, %v", res, err)
			}
			if m := s.Messages(); len(m) != 1 || !slices.Contains(m[0].Parameters, "SIZE=23") {
				t.Errorf("server has %+v", m)
			}
			if tt.tls {
				return
			}
			cfg.Auth = sasl.OAuth(user, sasl.StaticToken(short))
			if _, err := smtp.Send(t.Context(), cfg, envelope, message); !errors.Is(err, sasl.ErrInsecure) || len(s.Auths()) != 0 {
				t.Errorf("with a token: %v", err)
			}
		})
	}
}

// A server may go without answering QUIT.
func TestCloseOfAClosedConnection(t *testing.T) {
	for name, action := range map[string]mock.Action{"closed": mock.Drop(), "refused": mock.Reply(500, "5.5.1", "no")} {
		_, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("QUIT").Do(action)}})
		if err := c.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Send(t.Context(), envelope, message); !errors.Is(err, smtp.ErrBroken) {
			t.Errorf("%s: after Close: %v", name, err)
		}
	}
}

// Whatever a Dial came to, the next one begins afresh.
func TestDialAgain(t *testing.T) {
	for _, point := range []string{"CONNECT", "EHLO", "STARTTLS", "TLS", "AUTH"} {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Faults: []mock.Fault{mock.At(point).Conn(1).Do(mock.Drop())}})
		cfg := config(s, sasl.OAuth(user, sasl.StaticToken(short)))
		if c, err := smtp.Dial(t.Context(), cfg); err == nil || c != nil {
			t.Errorf("%s: %v, %v", point, c, err)
		}
		if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
			t.Errorf("%s: again: %v", point, err)
		}
	}
}
