package sasl_test

import (
	"context"
	"errors"
	netsmtp "net/smtp"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// anyUser signs in by any mechanism of Default but EXTERNAL.
func anyUser(mechanism string) *sasl.Authenticator {
	a := sasl.Password(user, password)
	if mechanism == "XOAUTH2" || mechanism == "OAUTHBEARER" {
		a = sasl.OAuth(user, sasl.StaticToken(token))
	}
	a.Policy.Order = []string{mechanism}
	return a
}

var withSecrets = []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"}

// An exchange that was not started has not signed in, and one that is over does not
// start again.
func TestExchangeLifecycle(t *testing.T) {
	for _, mechanism := range withSecrets {
		t.Run(mechanism, func(t *testing.T) {
			x := begin(t, anyUser(mechanism), secure(mechanism))
			wantErrors(t, x.Finish(nil), sasl.ErrProtocol)
			if name, initial, err := x.Start(); name != "" || initial != nil || !errors.Is(err, sasl.ErrProtocol) {
				t.Errorf("Start after Finish: %q, %q, %v", name, initial, err)
			}

			x = begin(t, anyUser(mechanism), secure(mechanism))
			if response, err := x.Next([]byte("x")); response != nil || !errors.Is(err, sasl.ErrProtocol) {
				t.Errorf("Next before Start: %q, %v", response, err)
			}
			wantErrors(t, x.Finish(nil), sasl.ErrProtocol)

			x = started(t, anyUser(mechanism), secure(mechanism))
			if name, initial, err := x.Start(); name != "" || initial != nil || !errors.Is(err, sasl.ErrProtocol) {
				t.Errorf("second Start: %q, %q, %v", name, initial, err)
			}
			wantErrors(t, x.Finish(nil), sasl.ErrProtocol)

			x = started(t, anyUser(mechanism), secure(mechanism))
			wantErrors(t, x.Finish(replyCode(535)), sasl.ErrRejected)
			if _, initial, err := x.Start(); initial != nil || !errors.Is(err, sasl.ErrProtocol) {
				t.Errorf("Start after a refusal: %q, %v", initial, err)
			}
		})
	}
}

// What was not sent was not accepted, nor refused.
func TestUnstartedExchangeChangesNothing(t *testing.T) {
	a := sasl.OAuth(user, &generator{tokens: []string{token, renewed, "third", "fourth"}})
	wantErrors(t, started(t, a, secure("XOAUTH2")).Finish(replyCode(535)), sasl.ErrRejected)
	unstarted := begin(t, a, secure("XOAUTH2"))
	wantErrors(t, started(t, a, secure("XOAUTH2")).Finish(replyCode(535)), sasl.ErrRejected)
	wantErrors(t, unstarted.Finish(nil), sasl.ErrProtocol)
	var cool *sasl.CoolDownError
	if _, err := a.Begin(t.Context(), secure("XOAUTH2")); !errors.As(err, &cool) {
		t.Errorf("error %v, want a CoolDownError", err)
	}

	a = sasl.Password(user, password)
	wantErrors(t, begin(t, a, secure("PLAIN")).Finish(replyCode(535)), sasl.ErrRejected)
	started(t, a, secure("PLAIN"))
}

// Nothing leaves once the context is done.
func TestContextEndsTheExchange(t *testing.T) {
	for _, mechanism := range withSecrets {
		t.Run(mechanism, func(t *testing.T) {
			over, cancel := context.WithCancel(t.Context())
			cancel()
			server := play()
			_, err := anyUser(mechanism).Authenticate(over, secure(mechanism), server)
			wantErrors(t, err, context.Canceled)
			server.wantSent(t)
			_, err = anyUser(mechanism).Begin(over, secure(mechanism))
			wantErrors(t, err, context.Canceled)

			ctx, cancel := context.WithCancel(t.Context())
			x, err := anyUser(mechanism).Begin(ctx, secure(mechanism))
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			_, initial, err := x.Start()
			wantErrors(t, err, context.Canceled)
			if initial != nil {
				t.Errorf("Start returned %q", initial)
			}
		})
	}
}

// A context that ends while the secret is fetched, or between two prompts, keeps
// the password here.
func TestContextEndsOnTheWay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := sasl.Password(user, password)
	x, err := a.Begin(ctx, secure("LOGIN"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.Start(); err != nil {
		t.Fatal(err)
	}
	if response, err := x.Next(nil); string(response) != user || err != nil {
		t.Fatalf("%q, %v", response, err)
	}
	cancel()
	response, err := x.Next(nil)
	wantErrors(t, err, context.Canceled)
	if response != nil {
		t.Errorf("response %q", response)
	}

	ctx, cancel = context.WithCancel(t.Context())
	a.Credentials.Password = func(context.Context) (sasl.Secret, error) { cancel(); return sasl.NewSecret(password), nil }
	server := play()
	_, err = a.Authenticate(ctx, secure("PLAIN"), server)
	wantErrors(t, err, context.Canceled)
	server.wantSent(t)

	ctx, cancel = context.WithCancel(t.Context())
	auth := sasl.NetSMTP(ctx, sasl.Password(user, strings.Repeat("long", 200)), secure("PLAIN"))
	if _, initial, err := auth.Start(&netsmtp.ServerInfo{Name: "smtp.example.com", TLS: true}); initial != nil || err != nil {
		t.Fatalf("%q, %v", initial, err)
	}
	cancel()
	response, err = auth.Next(nil, true)
	wantErrors(t, err, context.Canceled)
	if response != nil {
		t.Error("the message that was held back was sent")
	}
}

// Mistakes in a program are named.
func TestMistakesAreNamed(t *testing.T) {
	proofless := custom("X-PROOF", 999, sasl.Concealed|sasl.Mutual)
	proofless.NewClient = func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
		return &puppet{name: "X-PROOF"}, nil
	}
	nothing := custom("X-NOTHING", 999, 0)
	nothing.NewClient = func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) { return nil, nil }
	generator := sasl.TokenString(nil)
	for name, c := range map[string]struct {
		a    *sasl.Authenticator
		conn *sasl.Conn
		want string
	}{
		"Mutual without Finisher":  {&sasl.Authenticator{Registry: sasl.Default().With(proofless)}, secure("X-PROOF"), "mechanism X-PROOF has Mutual among its Traits, but its Client is no Finisher"},
		"no Client and no error":   {&sasl.Authenticator{Registry: sasl.Default().With(nothing)}, secure("X-NOTHING"), "NewClient of mechanism X-NOTHING returned neither a Client nor an error"},
		"no Conn":                  {sasl.Password(user, password), nil, "the Conn is nil"},
		"TokenString of nothing":   {sasl.OAuth(user, generator), secure("XOAUTH2"), "TokenString was given a nil function"},
		"ANONYMOUS out of nowhere": {&sasl.Authenticator{Policy: sasl.Policy{Order: []string{"anonymous"}}}, secure("ANONYMOUS"), `With(sasl.Anonymous(""))`},
		"Bearer without generator": {&sasl.Authenticator{Registry: sasl.Default().With(custom("X-BEARER", 999, sasl.Bearer))}, secure("X-BEARER"), "there is nothing to sign in with: set Password or Token"},
	} {
		server := play()
		_, err := c.a.Authenticate(t.Context(), c.conn, server)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		server.wantSent(t)
	}
	if _, err := generator.Token(t.Context(), sasl.TokenRequest{}); !errors.Is(err, sasl.ErrBadCredentials) {
		t.Errorf("error %v", err)
	}
	if decisions := new(sasl.Authenticator).Explain(nil); len(decisions) == 0 {
		t.Error("nothing is explained")
	}

	for want, conn := range map[string]*sasl.Conn{
		"the Conn is nil": nil,
		"set Conn.TLS and Conn.Verified from the client's TLSConnectionState": {Host: "h"},
	} {
		_, _, err := sasl.NetSMTP(t.Context(), sasl.Password(user, password), conn).
			Start(&netsmtp.ServerInfo{Name: "h", TLS: true, Auth: []string{"PLAIN"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
