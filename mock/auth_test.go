package mock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// checker is a TokenChecker made of a function.
type checker func(mock.TokenCheck) error

func (f checker) CheckToken(_ context.Context, c mock.TokenCheck) error { return f(c) }

// serverFunc is the server side of a mechanism made of a function.
type serverFunc func(response []byte) (challenge []byte, done bool, err error)

func (f serverFunc) Next(response []byte) ([]byte, bool, error) { return f(response) }

// mechanism is a custom mechanism with that server side.
func mechanism(name string, f serverFunc) sasl.Mechanism {
	return sasl.Mechanism{Name: name, NewServer: func(context.Context, *sasl.Conn, sasl.Directory) (sasl.Server, error) {
		return f, nil
	}}
}

// insecure are options for AUTH in clear, with little else in EHLO.
func insecure(o mock.Options) mock.Options {
	o.Network, o.TLS, o.InsecureAuth = mock.InMemory, mock.NoTLS, true
	o.Without = []string{"PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8", "CHUNKING", "DSN", "REQUIRETLS"}
	if o.Mechanisms == nil && o.Tokens == nil && o.Registry == nil {
		o.Mechanisms = []string{"PLAIN", "LOGIN"}
	}
	return o
}

func xoauth2(user, token string) string {
	return b64("user=" + user + "\x01auth=Bearer " + token + "\x01\x01")
}

func oauthbearer(user, token string) string {
	return b64("n,a=" + user + ",\x01auth=Bearer " + token + "\x01\x01")
}

func TestAuth(t *testing.T) {
	good, bad := b64("\x00user\x00secret"), b64("\x00user\x00wrong")
	for _, test := range []struct {
		name, dialogue string
	}{
		{"initial response", "C: AUTH PLAIN " + good + "\nS: 235 2.7.0 Signed in"},
		{"name in any case", "C: auth plain " + good + "\nS: 235 2.7.0 Signed in"},
		{"no initial response", "C: AUTH PLAIN\nS: 334 \nC: " + good + "\nS: 235 2.7.0 Signed in"},
		{"server first", "C: AUTH LOGIN\nS: 334 " + b64("Username:") + "\nC: " + b64("user") +
			"\nS: 334 " + b64("Password:") + "\nC: " + b64("secret") + "\nS: 235 2.7.0 Signed in"},
		{"wrong password", "C: AUTH PLAIN " + bad + "\nS: 535 5.7.8 Credentials refused"},
		{"unknown user", "C: AUTH PLAIN " + b64("\x00nobody\x00secret") + "\nS: 535 5.7.8 Credentials refused"},
		{"as somebody else", "C: AUTH PLAIN " + b64("boss\x00user\x00secret") + "\nS: 535 5.7.8 Credentials refused"},
		{"again after failure", "C: AUTH PLAIN " + bad + "\nS: 535 5.7.8 Credentials refused" +
			"\nC: AUTH PLAIN " + good + "\nS: 235 2.7.0 Signed in"},
		{"cancel", "C: AUTH PLAIN\nS: 334 \nC: *\nS: 501 5.7.0 Authentication canceled" +
			"\nC: NOOP\nS: 250 2.0.0 Nothing done"},
		{"no mechanism", "C: AUTH\nS: 501 5.5.4 Syntax: AUTH mechanism [initial response]"},
		{"unknown mechanism", "C: AUTH XOAUTH2 " + good + "\nS: 504 5.5.4 Mechanism not offered"},
		{"empty initial response", "C: AUTH PLAIN =\nS: 501 5.5.2 Malformed message"},
		{"malformed message", "C: AUTH PLAIN " + b64("user") + "\nS: 501 5.5.2 Malformed message"},
		{"equals sign as response", "C: AUTH PLAIN\nS: 334 \nC: =\nS: 501 5.5.2 Invalid base64"},
		{"stray octet", "C: AUTH PLAIN " + good[:8] + " " + good[8:] + "\nS: 501 5.5.2 Invalid base64"},
		{"trailing space", "C: AUTH PLAIN " + good + " \nS: 501 5.5.2 Invalid base64"},
		{"two spaces", "C: AUTH PLAIN  " + good + "\nS: 501 5.5.2 Invalid base64"},
		{"nothing behind the space", "C: AUTH PLAIN \nS: 501 5.5.2 Invalid base64"},
		{"no padding", "C: AUTH PLAIN AHUAcHA\nS: 501 5.5.2 Invalid base64"},
		{"padding within", "C: AUTH PLAIN AA==AA==\nS: 501 5.5.2 Invalid base64"},
		{"stray bits", "C: AUTH PLAIN AB==\nS: 501 5.5.2 Invalid base64"},
		{"not ASCII", "C: AUTH PLAIN é\nS: 501 5.5.2 Invalid base64"},
		{"bare CR in a response", "C: AUTH PLAIN\nS: 334 \nC: " + good[:8] + "\r" + good[8:] + "\nS: 501 5.5.2 Invalid base64"},
		{"command line too long", "C: AUTH PLAIN " + strings.Repeat("A", 500) +
			"\nS: 500 5.5.6 Authentication exchange line is too long"},
		{"response of 12288 octets", "C: AUTH PLAIN\nS: 334 \nC: " + strings.Repeat("A", 12288) + "\nS: 501 5.5.2 Malformed message"},
		{"response too long", "C: AUTH PLAIN\nS: 334 \nC: " + strings.Repeat("A", 12292) +
			"\nS: 500 5.5.6 Authentication exchange line is too long\nC: NOOP\nS: 250 2.0.0 Nothing done"},
		{"after success", "C: AUTH PLAIN " + good + "\nS: 235 2.7.0 Signed in\nC: AUTH PLAIN " + good + "\nS: 503 5.5.1 Signed in already"},
		{"within a transaction", "C: MAIL FROM:<>\nS: 250 2.1.0 Sender ok\nC: AUTH PLAIN " + good +
			"\nS: 503 5.5.1 Not within a transaction"},
		{"a command is a response", "C: AUTH PLAIN\nS: 334 \nC: QUIT\nS: 501 5.5.2 Malformed message"},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := mock.Start(t, insecure(mock.Options{}))
			dial(t, srv).dialogue(hello + "\n" + test.dialogue)
		})
	}
}

func TestAuthOffered(t *testing.T) {
	for _, test := range []struct {
		name  string
		o     mock.Options
		offer string // lines of EHLO, the last one
		reply string // to AUTH PLAIN
	}{
		{"not before STARTTLS", mock.Options{}, "250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n", "530 5.7.0 Must issue a STARTTLS command first\r\n"},
		{"not without TLS", mock.Options{TLS: mock.NoTLS}, "250 ENHANCEDSTATUSCODES\r\n", "502 5.5.1 Command not implemented\r\n"},
		{"nobody to sign in", mock.Options{TLS: mock.NoTLS, InsecureAuth: true, Mechanisms: []string{}}, "250 ENHANCEDSTATUSCODES\r\n", "502 5.5.1 Command not implemented\r\n"},
		{
			"in the order named",
			mock.Options{TLS: mock.NoTLS, InsecureAuth: true, Mechanisms: []string{"login", "XOAUTH2"}, Tokens: mock.UserTokens{}},
			"250-ENHANCEDSTATUSCODES\r\n250 AUTH LOGIN XOAUTH2\r\n", "504 5.5.4 Mechanism not offered\r\n",
		},
		{
			"tokens",
			mock.Options{TLS: mock.NoTLS, InsecureAuth: true, Tokens: mock.UserTokens{}},
			"250-ENHANCEDSTATUSCODES\r\n250 AUTH XOAUTH2 OAUTHBEARER\r\n", "504 5.5.4 Mechanism not offered\r\n",
		},
		{
			"said but not done",
			mock.Options{TLS: mock.NoTLS, Capabilities: mock.Capabilities{Plain: []string{"AUTH=PLAIN", "auth PLAIN"}}},
			"250-AUTH=PLAIN\r\n250 auth PLAIN\r\n", "502 5.5.1 Command not implemented\r\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.o.Network = mock.InMemory
			test.o.Without = []string{"PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8", "CHUNKING", "DSN", "REQUIRETLS"}
			c := dial(t, mock.Start(t, test.o))
			c.expect(greeting)
			c.send("EHLO client.test\r\n")
			c.expect("250-mock.test\r\n" + test.offer)
			c.send("AUTH PLAIN\r\n")
			c.expect(test.reply)
		})
	}
}

func TestRefusedTokens(t *testing.T) {
	const google = "535-5.7.8 Username and Password not accepted. For more information, go to\n" +
		"S: 535 5.7.8 https://support.google.com/mail/?p=BadCredentials - mock"
	challenge := func(json string) string { return "334 " + b64(json) }
	const gone, there = true, false
	for _, test := range []struct {
		name    string
		dialect mock.Dialect
		bearer  bool // OAUTHBEARER and not XOAUTH2
		user    string
		revoked bool
		replies string
	}{
		{
			"Google, revoked", mock.GoogleOAuth, false, "you@example.test", gone,
			challenge(`{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}`) + "\nC:\nS: " + google,
		},
		{
			"Google, another mailbox", mock.GoogleOAuth, false, "she@example.test", there,
			challenge(`{"status":"400","schemes":"bearer mac","scope":"https://mail.google.com/"}`) + "\nC:\nS: " + google,
		},
		{
			"Google, OAUTHBEARER", mock.GoogleOAuth, true, "you@example.test", gone,
			challenge(`{"status":"invalid_token","schemes":"bearer mac","scope":"https://mail.google.com/"}`) + "\nC: AQ==\nS: " + google,
		},
		{
			"Google, canceled", mock.GoogleOAuth, false, "you@example.test", gone,
			challenge(`{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}`) + "\nC: *\nS: 501 5.7.0 Authentication canceled",
		},
		{"Microsoft", mock.MicrosoftOAuth, false, "you@example.test", gone, "535 5.7.3 Authentication unsuccessful"},
		{"good", mock.GoogleOAuth, false, "YOU@example.test", there, "235 2.7.0 Signed in"},
		{"good for OAUTHBEARER", mock.MicrosoftOAuth, true, "you@example.test", there, "235 2.7.0 Signed in"},
	} {
		t.Run(test.name, func(t *testing.T) {
			authority := mock.StartAuthority(t, mock.AuthorityOptions{Dialect: test.dialect, Network: mock.InMemory, TokenLength: 60})
			token := authority.Issue("you@example.test", 0).Value.Reveal()
			if test.revoked {
				authority.Revoke(sasl.NewSecret(token))
			}
			command := "XOAUTH2 " + xoauth2(test.user, token)
			if test.bearer {
				command = "OAUTHBEARER " + oauthbearer(test.user, token)
			}
			srv := mock.Start(t, insecure(mock.Options{Tokens: authority, Mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}}))
			dial(t, srv).dialogue(strings.Replace(hello, "PLAIN LOGIN", "PLAIN LOGIN XOAUTH2 OAUTHBEARER", 1) +
				"\nC: AUTH " + command + "\nS: " + test.replies)
		})
	}
}

func TestCheckerErrors(t *testing.T) {
	for _, test := range []struct {
		name  string
		err   error
		reply string
	}{
		{"refused", fmt.Errorf("no: %w", sasl.ErrRejected), "535 5.7.8 Credentials refused\r\n"},
		{"own words", &mock.ReplyError{535, "5.7.139", []string{"disabled", "for the tenant"}}, "535-5.7.139 disabled\r\n535 5.7.139 for the tenant\r\n"},
		{"temporary", errors.New("no answer"), "454 4.7.0 Temporary authentication failure\r\n"},
		{"challenge without reply", &sasl.OAuthError{Status: "401"}, "334 " + b64(`{"status":"401"}`) + "\r\n"},
		{"not permitted", sasl.ErrNotPermitted, "550 5.7.1 Account may not sign in this way\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tokens := checker(func(c mock.TokenCheck) error {
				if c.Mechanism != "XOAUTH2" || c.User != "you@example.test" || c.Token.Reveal() != "abc" {
					t.Errorf("check %+v", c)
				}
				return test.err
			})
			srv := mock.Start(t, insecure(mock.Options{Tokens: tokens, Mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2"}}))
			c := dial(t, srv)
			c.dialogue(strings.Replace(hello, "PLAIN LOGIN", "PLAIN LOGIN XOAUTH2", 1))
			c.send("AUTH XOAUTH2 " + xoauth2("you@example.test", "abc") + "\r\n")
			c.expect(test.reply)
		})
	}
}

func TestCustomMechanism(t *testing.T) {
	for _, test := range []struct {
		name     string
		server   serverFunc
		dialogue string
	}{
		{
			"success with data goes into a challenge", func(r []byte) ([]byte, bool, error) { return []byte("v=proof"), true, nil },
			"C: AUTH X-CORP =\nS: 334 " + b64("v=proof") + "\nC:\nS: 235 2.7.0 Signed in",
		},
		{
			"whose answer must be empty", func(r []byte) ([]byte, bool, error) { return []byte("v=proof"), true, nil },
			"C: AUTH X-CORP =\nS: 334 " + b64("v=proof") + "\nC: AAAA\nS: 501 5.5.2 Response to the last challenge is not empty",
		},
		{"no initial response is not an empty one", func(r []byte) ([]byte, bool, error) {
			if r == nil {
				return []byte{}, false, nil
			}
			return nil, true, nil
		}, "C: AUTH X-CORP\nS: 334 \nC:\nS: 235 2.7.0 Signed in"},
		{
			"out of service", func([]byte) ([]byte, bool, error) { return nil, false, sasl.ErrUnavailable },
			"C: AUTH X-CORP\nS: 421 4.3.2 Service not available, closing connection",
		},
		{
			"too weak", func([]byte) ([]byte, bool, error) { return nil, false, sasl.ErrMechanismRefused },
			"C: AUTH X-CORP\nS: 534 5.7.9 Mechanism is too weak for this account",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry := sasl.Default().With(mechanism("X-CORP", test.server))
			srv := mock.Start(t, insecure(mock.Options{Registry: registry, Mechanisms: []string{"X-CORP"}}))
			dial(t, srv).dialogue(strings.Replace(hello, "PLAIN LOGIN", "X-CORP", 1) + "\n" + test.dialogue)
		})
	}
}

func TestEndlessMechanism(t *testing.T) {
	registry := sasl.Default().With(mechanism("X-CORP", func([]byte) ([]byte, bool, error) { return nil, false, nil }))
	srv := mock.Start(t, insecure(mock.Options{Registry: registry, Mechanisms: []string{"X-CORP"}}))
	c := dial(t, srv)
	c.dialogue(strings.Replace(hello, "PLAIN LOGIN", "X-CORP", 1) + "\nC: AUTH X-CORP")
	for range sasl.MaxRounds {
		c.expect("334 \r\n")
		c.send("\r\n")
	}
	c.expect("501 5.7.0 Too many rounds\r\n")
}

// fakeTB records what a server reports, in place of the test.
type fakeTB struct {
	errors   []string
	cleanups []func()
}

func (f *fakeTB) Helper()             {}
func (f *fakeTB) Logf(string, ...any) {}
func (f *fakeTB) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}
func (f *fakeTB) Cleanup(g func()) { f.cleanups = append(f.cleanups, g) }

func (f *fakeTB) end() {
	for _, g := range slices.Backward(f.cleanups) {
		g()
	}
}

func TestPanickingMechanism(t *testing.T) {
	for name, server := range map[string]serverFunc{
		"in Next":       func([]byte) ([]byte, bool, error) { panic("secret words") },
		"in Next, late": func(r []byte) ([]byte, bool, error) { return nil, r[0] == 1, nil },
	} {
		t.Run(name, func(t *testing.T) {
			tb := new(fakeTB)
			registry := sasl.Default().With(mechanism("X-CORP", server))
			srv := mock.Start(tb, insecure(mock.Options{Registry: registry, Mechanisms: []string{"X-CORP"}}))
			c := dial(t, srv)
			c.dialogue(strings.Replace(hello, "PLAIN LOGIN", "X-CORP", 1) +
				"\nC: AUTH X-CORP\nS: 421 4.3.0 Mechanism failed, closing connection")
			c.expectEnd()
			tb.end()
			if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "mechanism X-CORP panicked: ") || strings.Contains(tb.errors[0], "secret") {
				t.Errorf("the test was told %q", tb.errors)
			}
		})
	}
}

// TestRedaction looks for secrets in everything that the server tells.
func TestRedaction(t *testing.T) {
	const secret, token = "hunter2-hunter2", "ya29.SeCrEtToKeN"
	tokens := mock.UserTokens{"you@example.test": "another"}
	for _, test := range []struct{ name, dialogue string }{
		{"initial response", "C: AUTH PLAIN " + b64("\x00user\x00"+secret) + "\nS: 535 5.7.8 Credentials refused"},
		{"LOGIN", "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: " + b64("user") + "\nS: 334 UGFzc3dvcmQ6\nC: " + b64(secret) + "\nS: 535 5.7.8 Credentials refused"},
		{"error challenge", "C: AUTH XOAUTH2 " + xoauth2("you@example.test", token) +
			"\nS: 334 " + b64(`{"status":"401","schemes":"bearer","scope":"mail"}`) + "\nC: " + b64(token) + "\nS: 535 5.7.8 Credentials refused"},
		{"secret in place of the mechanism", "C: AUTH " + b64(secret) + "\nS: 504 5.5.4 Mechanism not offered"},
		{"response as a command", "C: AUTH NONE\nS: 504 5.5.4 Mechanism not offered\nC: " + b64(secret) + "\nS: 500 5.5.1 Command unrecognized"},
		{"bare LF before AUTH", "C: NOOP\r\rAUTH PLAIN " + b64("\x00user\x00"+secret) + "\nS: 500 5.5.2 Bare CR or LF"},
		{"tab in place of space", "C: auth\tPLAIN " + b64("\x00user\x00"+secret) + "\nS: 501 5.5.2 Control character in a command"},
		{"line too long", "C: AUTH PLAIN " + b64("\x00user\x00"+strings.Repeat(secret, 50)) + "\nS: 500 5.5.6 Authentication exchange line is too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := insecure(mock.Options{Users: map[string]string{"user": "x"}, Tokens: tokens})
			o.Mechanisms = []string{"PLAIN", "LOGIN", "XOAUTH2"}
			srv := mock.Start(t, o)
			dial(t, srv).dialogue(strings.Replace(hello, "PLAIN LOGIN", "PLAIN LOGIN XOAUTH2", 1) + "\n" + test.dialogue)
			srv.Close()
			said := fmt.Sprintf("%+v %s", srv.Sessions(), srv.Transcript())
			for _, s := range []string{secret, token, b64(secret), b64(token), b64(secret)[:8], b64(token)[4:12], b64("\x00user\x00" + secret)[8:16]} {
				if strings.Contains(said, s) {
					t.Errorf("%q shows in\n%s", s, said)
				}
			}
		})
	}
}

func TestAuths(t *testing.T) {
	srv := mock.Start(t, insecure(mock.Options{}))
	dial(t, srv).dialogue(hello + "\nC: AUTH NONE\nS: 504 5.5.4 Mechanism not offered\nC: AUTH PLAIN " + b64("\x00user\x00wrong") +
		"\nS: 535 5.7.8 Credentials refused\nC: AUTH LOGIN " + b64("user") + "\nS: 334 UGFzc3dvcmQ6\nC: " + b64("secret") +
		"\nS: 235 2.7.0 Signed in")
	srv.Close()
	want := []mock.Auth{{Code: 504}, {Mechanism: "PLAIN", Code: 535}, {Mechanism: "LOGIN", User: "user", Code: 235}}
	if got := srv.Auths(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestNobodyIsEnumerated: a user that does not exist is refused as one is that
// does, octet for octet, whatever the dialect and the mechanism.
func TestNobodyIsEnumerated(t *testing.T) {
	for _, dialect := range []mock.Dialect{mock.GenericOAuth, mock.GoogleOAuth, mock.MicrosoftOAuth} {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: dialect})
		a.Issue("known@example.test", 0)
		for name, o := range map[string]mock.Options{
			"tokens and passwords": {Tokens: a, Users: map[string]string{"known@example.test": "secret"}},
			"tokens":               {Tokens: a},
			"user tokens":          {Tokens: mock.UserTokens{"known@example.test": "good"}},
		} {
			for _, mechanism := range []string{"XOAUTH2", "OAUTHBEARER"} {
				said := func(user string) string {
					srv := mock.Start(t, insecure(o))
					message := xoauth2(user, "bad")
					if mechanism == "OAUTHBEARER" {
						message = b64("n,a=" + user + ",\x01auth=Bearer bad\x01\x01")
					}
					c := dial(t, srv)
					c.send("EHLO client.test\r\nAUTH " + mechanism + " " + message + "\r\nAQ==\r\nQUIT\r\n")
					octets, err := io.ReadAll(c.r)
					if err != nil {
						t.Error(err)
					}
					return string(octets)
				}
				known, unknown := said("known@example.test"), said("nobody@example.test")
				if known != unknown || !strings.Contains(known, "\r\n535") {
					t.Errorf("dialect %d, %s, %s:\n%q\n%q", dialect, name, mechanism, known, unknown)
				}
			}
		}
	}
}
