package sasl_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

const plainLine = "AUTH PLAIN \x00" + user + "\x00" + password

// wantCoolDown fails the test unless err says that the sign-in rests until then.
func wantCoolDown(t *testing.T, err error, until time.Time) {
	t.Helper()
	var cool *sasl.CoolDownError
	if !errors.As(err, &cool) || !cool.Until.Equal(until) {
		t.Errorf("error %v, want a CoolDownError until %v", err, until)
	}
	wantErrors(t, err, replyCode(535), sasl.ErrRejected)
}

// A refused password is not sent again for CoolDown, by any mechanism or host.
func TestPasswordCoolsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := sasl.Password(user, password)
		server := play(finalCode(535))
		_, err := a.Authenticate(t.Context(), secure("PLAIN"), server)
		wantErrors(t, err, replyCode(535))
		until := time.Now().Add(sasl.CoolDown)
		time.Sleep(sasl.CoolDown - time.Nanosecond)
		for _, mechanism := range []string{"PLAIN", "LOGIN", "SCRAM-SHA-256"} {
			server = play()
			_, err = a.Authenticate(t.Context(), secure(mechanism), server)
			wantCoolDown(t, err, until)
			server.wantSent(t)
			_, err = a.Begin(t.Context(), secure(mechanism))
			wantCoolDown(t, err, until)
		}
		if strings.Contains(err.Error(), password) || !strings.HasPrefix(err.Error(), "sasl: sign-in not tried again before") {
			t.Errorf("error %v", err)
		}
		time.Sleep(time.Nanosecond)
		server = play(final235())
		if _, err := a.Authenticate(t.Context(), secure("PLAIN"), server); err != nil {
			t.Error(err)
		}
		server.wantSent(t, plainLine)
	})
}

// The same through hosts that run the exchange themselves; another password is
// tried at once, and one that is accepted is good again.
func TestPasswordCoolsDownThroughBegin(t *testing.T) {
	secret := "wrong"
	a := &sasl.Authenticator{Credentials: sasl.Credentials{
		Username: user,
		Password: func(context.Context) (sasl.Secret, error) { return sasl.NewSecret(secret), nil },
	}}
	late := started(t, a, secure("PLAIN"))
	wantErrors(t, started(t, a, secure("PLAIN")).Finish(replyCode(535)), sasl.ErrRejected)
	var cool *sasl.CoolDownError
	if _, err := a.Begin(t.Context(), secure("LOGIN")); !errors.As(err, &cool) {
		t.Errorf("error %v, want a CoolDownError", err)
	}
	secret = password
	server := play(final235())
	if _, err := a.Authenticate(t.Context(), secure("PLAIN"), server); err != nil {
		t.Error(err)
	}
	server.wantSent(t, plainLine)
	secret = "wrong"
	if _, err := a.Begin(t.Context(), secure("LOGIN")); !errors.As(err, &cool) {
		t.Errorf("another password was accepted: error %v, want a CoolDownError", err)
	}
	if err := late.Finish(nil); err != nil {
		t.Error(err)
	}
	started(t, a, secure("PLAIN"))
}

// What does not blame the password does not stop it.
func TestPasswordIsBlameless(t *testing.T) {
	for name, script := range map[string][]step{
		"454": {finalCode(454)}, "421": {finalCode(421)}, "432": {finalCode(432)}, "504": {finalCode(504)}, "534": {finalCode(534)},
		"550": {finalCode(550)}, "538": {finalCode(538)}, "500": {finalCode(500)}, "lost": {broken(errors.New("lost"))},
		"failed here":        {challenge("garbage"), finalCode(535)},
		"interception":       {challenge("e=channel-bindings-dont-match"), finalCode(535)},
		"stripped offer":     {challenge("e=server-does-support-channel-binding"), finalCode(535)},
		"success unfounded ": {final235()},
	} {
		t.Run(name, func(t *testing.T) {
			a := sasl.Password(user, password)
			if _, err := a.Authenticate(t.Context(), secure("SCRAM-SHA-256"), play(script...)); err == nil {
				t.Error("signed in")
			}
			started(t, a, secure("SCRAM-SHA-256"))
		})
	}
}

// What is remembered is bounded: the oldest refusals go first.
func TestManyRefusedPasswords(t *testing.T) {
	secret := ""
	a := &sasl.Authenticator{Credentials: sasl.Credentials{
		Username: user,
		Password: func(context.Context) (sasl.Secret, error) { return sasl.NewSecret(secret), nil },
	}}
	for n := range 9 {
		secret = strings.Repeat("x", n+1)
		wantErrors(t, started(t, a, secure("PLAIN")).Finish(replyCode(535)), sasl.ErrRejected)
	}
	for n := range 9 {
		secret = strings.Repeat("x", n+1)
		if _, err := a.Begin(t.Context(), secure("PLAIN")); (err == nil) != (n == 0) {
			t.Errorf("password %d: %v", n, err)
		}
	}
}

// FetchPassword checks what it fetches, and that there is something to fetch.
func TestFetchPassword(t *testing.T) {
	none := sasl.Credentials{Username: user}
	if _, err := none.FetchPassword(t.Context()); err == nil || err.Error() != "sasl: no password to sign in with" {
		t.Errorf("error %v", err)
	}
	for secret, want := range map[string]string{
		"": "empty password", "a\x00b": "NUL in password", "a\xff": "password is not valid UTF-8", password: "",
	} {
		c := sasl.Password(user, secret).Credentials
		got, err := c.FetchPassword(t.Context())
		if want == "" && (err != nil || got.Reveal() != secret) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
