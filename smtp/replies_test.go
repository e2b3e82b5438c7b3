package smtp_test

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// What servers are allowed to say, and some that they are not but do say without
// harm (RFC 5321, Section 4.2).
func TestRepliesThatAreFine(t *testing.T) {
	hello := mock.Seq(mock.Send("220 mock.test"), mock.Expect("EHLO client.example.com"), mock.Send("250 mock.test"))
	for name, steps := range map[string][]mock.Step{
		"greeting of several lines": {
			mock.Send("220-mock.test", "220-", "220 we sell no mail"), mock.Expect("EHLO client.example.com"), mock.Send("250 mock.test"),
			toRecipient(), accepted(), mock.Bye(),
		},
		"no text": {
			mock.Send("220"), mock.Expect("EHLO client.example.com"), mock.Send("250"),
			mock.Expect("MAIL FROM:<you@example.com>"), mock.Send("250 "), mock.Expect("RCPT TO:<friend@example.com>"), mock.Send("250-", "250"),
			mock.Expect("DATA"), mock.Send("354"), mock.ExpectContent(), mock.Send("250"), mock.Bye(),
		},
		"unknown codes": {
			hello, mock.Expect("MAIL FROM:<you@example.com>"), mock.Send("299 why not"),
			mock.Expect("RCPT TO:<friend@example.com>"), mock.Send("251 forwarded"), mock.ExpectData(), mock.Send("259 done"), mock.Bye(),
		},
		"text against code": {
			hello, mock.Expect("MAIL FROM:<you@example.com>"), mock.Send("250 ERROR rejected"),
			mock.Expect("RCPT TO:<friend@example.com>"), mock.Send("250 5.1.1 no such user"), mock.ExpectData(), mock.Send("250 550 failed"), mock.Bye(),
		},
		"bare LF": {
			hello, mock.Expect("MAIL FROM:<you@example.com>"), mock.Raw([]byte("250-a\n250 b\n")),
			mock.Expect("RCPT TO:<friend@example.com>"), mock.Raw([]byte("250 ok\n")), mock.ExpectData(), mock.Raw([]byte("250 ok\n")), mock.Bye(),
		},
		"NUL, escape, not UTF-8": {
			hello, mock.Expect("MAIL FROM:<you@example.com>"), mock.Raw([]byte("250 \x00\x1b[31m\xff\r\n")),
			mock.Expect("RCPT TO:<friend@example.com>"), mock.Send("250 ok"), accepted(), mock.Bye(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				res, err := smtp.Send(t.Context(), scripted(t, nil, steps...), envelope, message)
				if err != nil || !slices.Equal(res.Accepted, envelope.To) {
					t.Errorf("%+v, %v", res, err)
				}
				synctest.Wait() // until the server has read QUIT
			})
		})
	}
}

// Nothing is said before the greeting is there, whole.
func TestWaitsForTheGreeting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := smtp.Dial(t.Context(), scripted(t, nil,
			mock.Delay(3*time.Second), mock.ExpectNothing(),
			mock.Send("220-mock.test"), mock.Delay(3*time.Second), mock.ExpectNothing(),
			mock.Raw([]byte("220 mo")), mock.Delay(3*time.Second), mock.ExpectNothing(),
			mock.Send("ck.test"), mock.Expect("EHLO client.example.com"), mock.Send("250 mock.test"), mock.Bye()))
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

// What makes no sense as a greeting, or as a reply to EHLO, is a protocol error
// that shows it, and the connection is not used any more.
func TestRepliesThatMakeNoSense(t *testing.T) {
	for name, octets := range map[string]string{
		"four digits":      "2200 mock.test\r\n",
		"two digits":       "22 mock.test\r\n",
		"no digits":        "mock.test ready\r\n",
		"a web page":       "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
		"TLS":              "\x15\x03\x01\x00\x02\x02\x0a",
		"150":              "150 wait\r\n",
		"650":              "650 what\r\n",
		"250 as greeting":  "250 ok\r\n",
		"354 as greeting":  "354 go ahead\r\n",
		"two codes":        "220-a\r\n554 b\r\n",
		"SSH":              "SSH-2.0-mock\r\n",
		"no space":         "220_mock.test\r\n",
		"digits elsewhere": " 220 mock.test\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Script: mock.Seq(mock.Raw([]byte(octets)), gone())})
			cfg := config(s, nil)
			cfg.TLS = smtp.InsecureNoTLS
			_, err := smtp.Dial(t.Context(), cfg)
			if !errors.Is(err, smtp.ErrProtocol) || smtp.Classify(err) != smtp.Network {
				t.Errorf("%v is %v", err, smtp.Classify(err))
			}
			first, _, _ := strings.Cut(strings.TrimSpace(octets), "\r\n")
			if shown := first[:3]; name != "TLS" && name != "two codes" && !strings.Contains(err.Error(), shown) {
				t.Errorf("%v does not show %q", err, shown)
			}
			if strings.ContainsAny(err.Error(), "\r\n\x15\x03") {
				t.Errorf("%q shows octets as they are", err)
			}
		})
	}
	for name, reply := range map[string][]string{
		"two codes": {"250-mock.test", "500-AUTH PLAIN", "250 STARTTLS"},
		"354":       {"354 STARTTLS"},
	} {
		_, err := smtp.Dial(t.Context(), scripted(t, nil, mock.Send("220 hi"), mock.Expect("EHLO client.example.com"), mock.Send(reply...), gone()))
		if !errors.Is(err, smtp.ErrProtocol) {
			t.Errorf("EHLO, %s: %v", name, err)
		}
	}
}

// The connection fails before the server says anything: that may pass.
func TestNoGreeting(t *testing.T) {
	for name, action := range map[string]mock.Action{"closed": mock.Drop(), "reset": mock.Reset()} {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("CONNECT").Do(action)}})
		res, err := smtp.Send(t.Context(), config(s, nil), envelope, message)
		phase := new(smtp.PhaseError)
		if !errors.As(err, &phase) || phase.Phase != smtp.PhaseGreeting || smtp.Classify(err) != smtp.Network || !smtp.SafeToRetry(err) || res.Attempts != 1 {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
}

// After 421, to whatever command, the connection is not used any more (RFC 5321,
// Section 3.8).
func Test421ToAnyCommand(t *testing.T) {
	no := "421 4.3.2 shutting down"
	mail, rcpt := mock.Expect("MAIL FROM:<you@example.com>"), mock.Expect("RCPT TO:<friend@example.com>")
	ok := mock.Send("250 ok")
	for command, steps := range map[string][]mock.Step{
		"MAIL": {mail, mock.Send(no), gone()},
		"RCPT": {mail, ok, rcpt, mock.Send(no), gone()},
		"DATA": {mail, ok, rcpt, ok, mock.Expect("DATA"), mock.Send(no), gone()},
		".":    {mail, ok, rcpt, ok, mock.ExpectData(), mock.Send(no), gone()},
		"RSET": {mail, ok, rcpt, mock.Send("550 no"), mock.Expect("RSET"), mock.Send(no), gone()},
	} {
		t.Run(command, func(t *testing.T) {
			c, err := smtp.Dial(t.Context(), scripted(t, nil, append([]mock.Step{mock.Hello()}, steps...)...))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if command == "RSET" {
				if _, err := c.Send(t.Context(), envelope, message); smtp.Classify(err) != smtp.Permanent {
					t.Errorf("first message: %v", err)
				}
			}
			_, err = c.Send(t.Context(), envelope, message)
			reply := new(smtp.ReplyError)
			if !errors.As(err, &reply) || reply.Command != command || smtp.Classify(err) != smtp.Throttled || !smtp.SafeToRetry(err) {
				t.Errorf("%v is %v", err, smtp.Classify(err))
			}
			if _, err := c.Send(t.Context(), envelope, message); !errors.Is(err, smtp.ErrBroken) {
				t.Errorf("next message: %v", err)
			}
		})
	}
	for verb, steps := range map[string][]mock.Step{
		"EHLO":     {mock.Send("220 hi"), mock.Expect("EHLO client.example.com"), mock.Send(no), gone()},
		"STARTTLS": {mock.Hello("STARTTLS"), mock.Expect("STARTTLS"), mock.Send(no), gone()},
		"AUTH":     {mock.Hello("AUTH PLAIN"), mock.ExpectLike("AUTH PLAIN *"), mock.Send(no), gone()},
	} {
		t.Run(verb, func(t *testing.T) {
			var a *sasl.Authenticator
			if verb == "AUTH" {
				a = password("PLAIN")
			}
			cfg := scripted(t, a, steps...)
			if verb == "STARTTLS" {
				cfg.TLS = smtp.STARTTLSRequired
			}
			if _, err := smtp.Dial(t.Context(), cfg); smtp.Classify(err) != smtp.Throttled {
				t.Errorf("%v is %v", err, smtp.Classify(err))
			}
		})
	}
}

// A reply that nothing asked for is never taken for one to the next command: at
// worst the message is refused for nothing.
func TestExtraReplyShiftsNothing(t *testing.T) {
	for _, pipelining := range []bool{false, true} {
		extensions, extra := []string{"SIZE"}, mock.Raw([]byte("250 ok\r\n250 and again\r\n"))
		steps := []mock.Step{mock.Expect("MAIL FROM:<you@example.com> SIZE=23"), extra, gone()}
		if pipelining {
			extensions = []string{"PIPELINING"}
			steps = []mock.Step{
				mock.Group(mock.Expect("MAIL FROM:<you@example.com>"), mock.Expect("RCPT TO:<friend@example.com>"), mock.Expect("DATA")),
				extra, mock.Send("550 5.1.1 nobody", "554 5.5.1 no recipients"), gone(),
			}
		}
		c, err := smtp.Dial(t.Context(), scripted(t, nil, append([]mock.Step{mock.Hello(extensions...)}, steps...)...))
		if err != nil {
			t.Fatal(err)
		}
		if res, err := c.Send(t.Context(), envelope, message); err == nil || !smtp.SafeToRetry(err) {
			t.Errorf("pipelining %v: %+v, %v", pipelining, res, err)
		}
		if res, err := c.Send(t.Context(), envelope, message); err == nil || !smtp.SafeToRetry(err) {
			t.Errorf("pipelining %v, next message: %+v, %v", pipelining, res, err)
		}
		c.Close()
	}
}

// The text of a refusal reaches the caller whole, and the terminal harmlessly.
func TestTextOfARefusal(t *testing.T) {
	_, c := start(t, mock.Options{Faults: []mock.Fault{
		mock.At("MAIL").Do(mock.Raw([]byte("550-5.7.1 \x1b[31mgo\r\n550 5.7.1 \xffaway\x00\r\n"))),
	}})
	_, err := c.Send(t.Context(), envelope, message)
	reply := new(smtp.ReplyError)
	if !errors.As(err, &reply) || reply.Reply.Enhanced != (smtp.EnhancedCode{5, 7, 1}) || reply.Reply.Text() != "\x1b[31mgo\n\xffaway\x00" {
		t.Fatalf("got %q", reply)
	}
	if text := err.Error(); !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\x00\n") || !strings.Contains(text, "go") || !strings.Contains(text, "away") {
		t.Errorf("got %q", text)
	}
}

// A connection that timed out has a reply under way, so it is not used any more.
func TestTimedOutConnectionIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("MAIL").Do(mock.Delay(6*time.Minute), mock.Reply(250, "2.1.0", "late"))}})
		if _, err := c.Send(t.Context(), envelope, message); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := c.Send(t.Context(), envelope, message); !errors.Is(err, smtp.ErrBroken) || len(s.Messages()) != 0 {
			t.Errorf("next message: %v", err)
		}
	})
}

// A server that takes all the time that RFC 5321, Section 4.5.3.2 lets it is
// waited for.
func TestRepliesAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := func(point string, minutes time.Duration) mock.Fault {
			return mock.At(point).Before().Do(mock.Delay(minutes*time.Minute - time.Second))
		}
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Without: []string{"PIPELINING"}, Faults: []mock.Fault{
			late("CONNECT", 5), late("EHLO", 5), late("STARTTLS", 5), late("MAIL", 5), late("RCPT", 5), late("DATA", 2), late("EOD", 10),
		}})
		began := time.Now()
		_, err := smtp.Send(t.Context(), config(s, nil), envelope, message)
		if took := time.Since(began); err != nil || took < 42*time.Minute-8*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// The errors of time and of the network are what Go programs know them by, and
// name the server.
func TestErrorsOfTheNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = smtp.Dial(t.Context(), smtp.Config{Addr: l.Addr().String()})
	phase, op := new(smtp.PhaseError), new(net.OpError)
	if !errors.As(err, &phase) || phase.Phase != smtp.PhaseDial || !errors.As(err, &op) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("nobody listens: %v", err)
	}
	_, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("MAIL").Do(mock.Drop())}})
	_, err = c.Send(t.Context(), envelope, message)
	if !errors.As(err, &phase) || phase.Phase != "MAIL" || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("closed: %v", err)
	}
}
