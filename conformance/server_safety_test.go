package conformance_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badserver"
)

// An account that the server does not let in, for whatever reason and by whatever
// code, is not tried again and again: that would lock it.
func TestRefusedAccountIsLeftAlone(t *testing.T) {
	for _, reply := range []string{
		"454 4.7.0 Temporary authentication failure", "550 5.7.0 Denied", "554 5.7.1 No", "501 5.5.4 No", "530 5.7.0 Again", "421 4.7.0 Bye", "",
	} {
		t.Run(reply, func(t *testing.T) {
			var logins atomic.Int32
			_, target := newMutant(t, badserver.None)
			target.Tiers = nil
			target.Dial = badserver.Dialer(func(c net.Conn) {
				answeringLines(c, "220 refuses.test ESMTP\r\n", func(line string) string {
					switch verb, argument, _ := strings.Cut(line, " "); verb {
					case "EHLO":
						return "250-refuses.test\r\n250-PIPELINING\r\n250 AUTH PLAIN XOAUTH2 SCRAM-SHA-256\r\n"
					case "QUIT":
						return "221 2.0.0 Bye\r\n"
					case "AUTH":
						if _, response, _ := strings.Cut(argument, " "); response == "" {
							return "504 5.5.4 Not so\r\n"
						}
						logins.Add(1)
						if reply == "" {
							c.Close()
							return ""
						}
						return reply + "\r\n"
					}
					return "250 2.0.0 Yes\r\n"
				})
			})
			report := runServer(t, conformance.Suite{Cases: ungated(), Exclude: []string{"S-AUT-07"}}, target)
			if n := logins.Load(); n > 2 {
				t.Errorf("%d logins\n%s", n, report)
			}
			if got := find(report, "S-PIP-01"); got.Outcome == conformance.Inconclusive {
				t.Errorf("the refusal is reported once more\n%s", got)
			}
		})
	}
}

// One refusal that is over does not count: a server may be busy for a moment.
func TestAccountRefusedForAMoment(t *testing.T) {
	s, target := newMutant(t, badserver.None)
	var n atomic.Int32
	target.Dial = badserver.Dialer(func(c net.Conn) {
		if n.Add(1) != 1 {
			s.Serve(c)
			return
		}
		answeringLines(c, "220 busy.test ESMTP\r\n", func(line string) string {
			switch verb, _, _ := strings.Cut(line, " "); verb {
			case "EHLO":
				return "250-busy.test\r\n250 AUTH PLAIN\r\n"
			case "AUTH":
				return "454 4.7.0 Busy\r\n"
			}
			return "250 2.0.0 Yes\r\n"
		})
	})
	report := runServer(t, conformance.Suite{Select: []string{"S-AUT-03"}}, target)
	if got := report.Results[0]; got.Outcome != conformance.Pass {
		t.Errorf("want pass\n%s", got)
	}
}

// A leaker lets anybody in and repeats what it was told.
func leaker(c net.Conn, told func(line string) string) {
	last := ""
	answeringLines(c, "220 leaks.test ESMTP\r\n", func(line string) string {
		verb, argument, _ := strings.Cut(line, " ")
		switch {
		case verb == "EHLO" && last != "":
			return told(last)
		case verb == "EHLO":
			return "250-leaks.test\r\n250 AUTH PLAIN\r\n"
		case verb == "AUTH":
			_, response, _ := strings.Cut(argument, " ")
			octets, _ := base64.StdEncoding.DecodeString(response)
			last = string(octets[strings.LastIndexByte(string(octets), 0)+1:])
			return "235 2.7.0 Welcome\r\n"
		}
		return told(last)
	})
}

// No part of a report holds a secret, wherever a server puts it.
func TestServerLeaksEverywhere(t *testing.T) {
	tests := []struct {
		name string
		told func(string) string
	}{
		{"in a refusal", func(p string) string { return "500 5.5.0 You said " + p + "\r\n" }},
		{"in base64", func(p string) string {
			return "500 " + base64.StdEncoding.EncodeToString([]byte("\x00u\x00"+p)) + "\r\n"
		}},
		{"on two lines", func(p string) string {
			return "500-5.5.0 " + p[:len(p)/2] + "\r\n500 5.5.0 " + p[len(p)/2:] + "\r\n"
		}},
		{"in two keywords", func(p string) string {
			return "250-leaks.test\r\n250-" + p[:len(p)/2] + "\r\n250 " + p[len(p)/2:] + "\r\n"
		}},
		{"as a keyword", func(p string) string { return "250-leaks.test\r\n250-X " + p + "\r\n250 " + p + "\r\n" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, target := newMutant(t, badserver.None)
			target.Account.Token = nil
			target.Dial = badserver.Dialer(func(c net.Conn) {
				leaker(c, func(p string) string {
					if p == "" {
						return "500 No\r\n"
					}
					return tt.told(p)
				})
			})
			report := runServer(t, conformance.Suite{Cases: ungated(), Retries: -1}, target)
			octets, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			text := string(octets) + report.String()
			half := len(s.Password) / 2
			for _, part := range []string{
				s.Password, s.Password[:half], s.Password[half:],
				base64.StdEncoding.EncodeToString([]byte("\x00u\x00" + s.Password))[8:24],
			} {
				if strings.Contains(text, strings.TrimSpace(part)) {
					t.Fatalf("the report holds %q:\n%s", part, text)
				}
			}
		})
	}
}

// What a server says reaches no terminal as it is, not even before the first case.
func TestServerFactsArePrintable(t *testing.T) {
	for _, verb := range []string{"220", "EHLO", "STARTTLS", "AUTH"} {
		t.Run(verb, func(t *testing.T) {
			_, target := newMutant(t, badserver.None)
			const evil = "554 \x1b[31m evil\x07\r\n"
			target.Dial = badserver.Dialer(func(c net.Conn) {
				greeting := "220 evil.test \x1b[31m\r\n"
				if verb == "220" {
					greeting = evil
				}
				answeringLines(c, greeting, func(line string) string {
					said, _, _ := strings.Cut(line, " ")
					switch {
					case said == verb:
						return evil
					case said == "EHLO" && verb == "STARTTLS":
						return "250-evil.test\r\n250 STARTTLS\r\n"
					case said == "EHLO":
						return "250-evil.test\r\n250 AUTH PLAIN\x1b[31m PLAIN\r\n"
					}
					return "250 2.0.0 Yes\r\n"
				})
			})
			report := runServer(t, conformance.Suite{Cases: casesFor("S"), Retries: -1}, target)
			texts := []string{report.String(), report.Server.Greeting, fmt.Sprintf("%s", report.Server.Unclaimed)}
			for _, state := range report.Server.States {
				texts = append(texts, state.Why, strings.Join(state.Lines, " "))
			}
			if text := strings.Join(texts, "\n"); strings.ContainsAny(text, "\x1b\x07") {
				t.Errorf("a control character is in %q", text)
			}
		})
	}
}

// A look at a server that says little, and that slowly, comes to an end.
func TestSlowServerIsNotWaitedForForever(t *testing.T) {
	_, target := newMutant(t, badserver.None)
	target.Dial = badserver.Dialer(func(c net.Conn) {
		answeringLines(c, "220 slow.test ESMTP\r\n", func(line string) string {
			if strings.HasPrefix(line, "EHLO") {
				return "250 slow.test\r\n"
			}
			for range 100 { // replies that nobody has asked for
				time.Sleep(9 * time.Second)
				if _, err := fmt.Fprint(c, "250 2.0.0 Still here\r\n"); err != nil {
					break
				}
			}
			return ""
		})
	})
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if _, err := (conformance.Suite{Cases: []conformance.Case{passing("X-1")}}).Run(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 2*time.Minute {
			t.Errorf("the look took %v", took)
		}
		time.Sleep(time.Minute) // the server notices
	})
}

// A connection whose end is not known to be on this machine is one to the public.
func TestOtherAddresses(t *testing.T) {
	tests := []struct {
		network, addr string
		refused       bool
	}{
		{"pipe", "pipe", false},
		{"unix", "/run/smtp.sock", false},
		{"websocket", "wss://proxy.example.test/", true},
		{"tcp", "203.0.113.5:587", true},
		{"tcp", "127.0.0.1:587", true}, // by a proxy, for all that is known
	}
	for _, tt := range tests {
		t.Run(tt.network+" "+tt.addr, func(t *testing.T) {
			_, target := newMutant(t, badserver.None)
			dial := target.Dial
			target.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				return otherwise{conn, tt.network, tt.addr}, err
			}
			synctest.Test(t, func(t *testing.T) {
				_, err := conformance.Suite{Cases: []conformance.Case{passing("X-1")}}.Run(t.Context(), target)
				if errors.Is(err, conformance.ErrNotConfirmed) != tt.refused {
					t.Errorf("error %v, refused %t", err, tt.refused)
				}
			})
		})
	}
}

// An otherwise is a connection with an address of another type.
type otherwise struct {
	net.Conn
	network, addr string
}

func (c otherwise) RemoteAddr() net.Addr { return c }
func (c otherwise) Network() string      { return c.network }
func (c otherwise) String() string       { return c.addr }

// Without the tier for it no message is sent, not even one that no server may take.
func TestNoMessageWithoutDelivery(t *testing.T) {
	_, target := newMutant(t, badserver.None)
	target.Tiers = []conformance.Tier{conformance.Passive, conformance.Envelope}
	var ends atomic.Int32
	target.Dial = badserver.Dialer(func(c net.Conn) {
		transaction := false
		answeringLines(c, "220 lax.test ESMTP\r\n", func(line string) string {
			verb, argument, _ := strings.Cut(line, " ")
			switch {
			case verb == "EHLO":
				transaction = false
				return "250-lax.test\r\n250 PIPELINING\r\n"
			case verb == "QUIT":
				return "221 2.0.0 Bye\r\n"
			case verb == "MAIL":
				transaction = true
			case verb == "RSET":
				transaction = false
			case verb == "RCPT" && !transaction:
				return "503 5.5.1 MAIL first\r\n"
			case verb == "RCPT" && !strings.Contains(argument, "@"):
				return "501 5.1.3 No mailbox\r\n"
			case verb == "DATA":
				return "354 Go ahead\r\n"
			case line == ".":
				ends.Add(1)
			}
			return "250 2.0.0 Yes\r\n"
		})
	})
	report := runServer(t, conformance.Suite{Cases: casesFor("S")}, target)
	if n := ends.Load(); n != 0 {
		t.Errorf("%d messages were sent\n%s", n, report)
	}
	if got := find(report, "S-REP-07"); got.Outcome != conformance.Warn {
		t.Errorf("want a warning about 354\n%s", got)
	}
	if got := find(report, "S-PIP-01"); got.Outcome != conformance.Pass {
		t.Errorf("want pass\n%s", got)
	}
}

// A secret that is quoted is still found.
func TestServerLeaksWhatIsQuoted(t *testing.T) {
	_, target := newMutant(t, badserver.None)
	target.Account.Token, target.Account.Password = nil, conformance.Fixed(`say "cheese" 1`)
	target.Dial = badserver.Dialer(func(c net.Conn) {
		answeringLines(c, "220 leaks.test ESMTP\r\n", func(line string) string {
			switch line {
			case "EHLO conformance.test":
				return "250-leaks.test\r\n250-_ say \"cheese\" 1\r\n250 AUTH PLAIN\r\n"
			case "AUTH PLAIN":
				return "334 say \"cheese\" 1\r\n"
			}
			return "235 2.7.0 Yes\r\n"
		})
	})
	report := runServer(t, conformance.Suite{Cases: ungated(), Retries: -1}, target)
	octets, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(octets) + report.String(); strings.Contains(text, "cheese") {
		t.Errorf("the report holds the password:\n%s", text)
	}
}
