package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

func TestDemo(t *testing.T) {
	var got outcome
	checkGoroutines(t, func() { got = invoke(t, "", "demo") })
	if got.code != exitOK || got.stderr != "" {
		t.Fatalf("exit code %d, standard error %q", got.code, got.stderr)
	}
	rest := got.stdout
	for _, want := range []string{
		"1. The first message\n",
		" 3  C: STARTTLS\n",
		" 5  C: EHLO",
		"AUTH XOAUTH2 OAUTHBEARER\n",
		" 6  C: AUTH XOAUTH2 <redacted 128 octets>\n    S: 235 2.7.0 Signed in\n",
		" 7  C: MAIL FROM:<you@example.com> SIZE=",
		" 7  C: RCPT TO:<friend@example.com>\n",
		" 7  C: DATA\n    S: 354 ",
		" 8  C: <content of ",
		"S: 221 2.0.0 Bye\n",
		"2. The token is revoked. The second message\n",
		" 6  C: AUTH XOAUTH2 <redacted 128 octets>\n    S: 334 <redacted 100 octets>\n",
		`    =  {"status":"401","schemes":"bearer`, `mac","scope":"https://mail.google.com/"}` + "\n",
		" 7  C: (an empty line)\n    S: 535 5.7.8 ",
		" 8  C: AUTH XOAUTH2 <redacted 128 octets>\n    S: 235 2.7.0 Signed in\n",
		"10  C: <content of ",
		"11  C: QUIT\n    S: 221 2.0.0 Bye\n",
		"3. What the authorization server was asked\n",
		" 1  POST https://oauth2.googleapis.com/token, 200: grant_type=refresh_token",
		" 2  POST https://oauth2.googleapis.com/token, 200: grant_type=refresh_token",
		"4. What the mail server stored\n",
		`"First message", `, "attachment postern.txt of 31 octets, intact\n",
		`"Second message", `, "attachment postern.txt of 31 octets, intact\n",
		"5. What smtp.Verify says of all that, without sending anything\n",
		", STARTTLS, as you@example.com: all is well\n",
		"  dns         skipped            the server is given by its address\n",
		"  tls         ok  ", " ms  TLS 1.3, ", "issued by CN=Mock CA\n",
		"  mechanisms  ok  ", " ms  XOAUTH2 is chosen\n", "OAUTHBEARER: possible\n",
		"  auth        ok  ", " ms  XOAUTH2, you@example.com\n",
		"  rcpt        ok  ", " ms  1 accepted\n",
		"mechanism    XOAUTH2, over TLS 1.3\n",
		"round trips  8 for the first message, 10 with the renewal",
		"tokens       2 fetched",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("%q is not where it should be in:\n%s", want, got.stdout)
		}
		rest = after
	}
}

// The second connection shows a refusal and a renewal, and no more sign-ins.
func TestDemoSignIns(t *testing.T) {
	first, second, found := strings.Cut(invoke(t, "", "demo").stdout, "\n2. ")
	if !found {
		t.Fatal("no second message")
	}
	if n := strings.Count(first, "C: AUTH "); n != 1 {
		t.Errorf("%d AUTH commands on the first connection, want 1", n)
	}
	if n := strings.Count(second, "C: AUTH "); n != 2 {
		t.Errorf("%d AUTH commands on the second connection, want 2", n)
	}
}

func TestDemoIsReadable(t *testing.T) {
	out := invoke(t, "", "demo").stdout
	if n := strings.Count(out, "\n"); n < 60 || n > 130 {
		t.Errorf("%d lines", n)
	}
	for line := range strings.Lines(out) {
		if line = strings.TrimSuffix(line, "\n"); len(line) > storyWidth {
			t.Errorf("%d columns: %s", len(line), line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("spaces at the end of %q", line)
		}
	}
	if strings.ContainsRune(out, '\x1b') {
		t.Error("colour although the output is no terminal")
	}
}

// tokenSpy remembers the tokens that pass.
type tokenSpy struct {
	sasl.TokenGenerator
	seen []string
}

func (s *tokenSpy) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	token, err := s.TokenGenerator.Token(ctx, req)
	s.seen = append(s.seen, token.Value.Reveal())
	return token, err
}

func TestDemoKeepsSecrets(t *testing.T) {
	s, err := newStage()
	if err != nil {
		t.Fatal(err)
	}
	spy := &tokenSpy{TokenGenerator: s.tokens.TokenGenerator}
	s.tokens.TokenGenerator = spy
	if err := s.play(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, err := s.story(painter{})
	if err != nil {
		t.Fatal(err)
	}
	// One token for the first message, the same for the second, another one then,
	// which serves the verification too.
	if len(spy.seen) != 4 || spy.seen[0] != spy.seen[1] || spy.seen[1] == spy.seen[2] || spy.seen[2] != spy.seen[3] {
		t.Fatalf("tokens %q", spy.seen)
	}
	checkSecrets(t, string(out), append(spy.seen, "demo-client-secret")...)
	// Refresh tokens, initial responses and whatever else is long and opaque.
	if opaque := regexp.MustCompile(`[A-Za-z0-9+/=_-]{30,}`).FindString(string(out)); opaque != "" {
		t.Errorf("%q may be a secret", opaque)
	}
}

func TestDemoInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(&signalError{os.Interrupt})
	got := invokeApp(t, ctx, &app{}, "demo")
	if got.code != exitInterrupted || got.stderr != "postern: interrupted: the message was not sent\n" || got.stdout != "" {
		t.Errorf("%+v", got)
	}
}

func TestPainter(t *testing.T) {
	if got := (painter{on: true}).bold("x"); got != "\x1b[1mx\x1b[0m" {
		t.Errorf("%q", got)
	}
	if got := (painter{}).bold("x"); got != "x" {
		t.Errorf("%q", got)
	}
}
