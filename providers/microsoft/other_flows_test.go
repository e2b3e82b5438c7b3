package microsoft_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// A secret that changes is used from the next request on.
func TestSecretFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startEntra(t, mock.AuthorityOptions{Network: mock.InMemory}, clientSecret)
		secret, gone, asked := sasl.NewSecret(clientSecret+"old"), error(nil), 0
		o := usual(a)
		o.Credential = microsoft.SecretFunc(func(context.Context) (sasl.Secret, error) { asked++; return secret, gone })
		app, err := microsoft.NewApp(o)
		if err != nil {
			t.Fatal(err)
		}
		next := func() error {
			time.Sleep(2 * time.Hour)
			_, err := app.Token(t.Context(), sasl.TokenRequest{})
			return err
		}
		if err := next(); !strings.Contains(fmt.Sprint(err), "AADSTS7000215") {
			t.Errorf("with the old secret: %v", err)
		}
		secret = sasl.NewSecret(clientSecret)
		if err := next(); err != nil {
			t.Errorf("with the new one: %v", err)
		}
		if err := next(); err != nil || len(a.Requests()) != 5 { // two of them for the addresses
			t.Errorf("with the same one: %v after %d requests", err, len(a.Requests()))
		}
		secret = sasl.NewSecret(clientID)
		if err := next(); providers.KindOf(err) != providers.Misconfigured || !strings.Contains(fmt.Sprint(err), "is a UUID") {
			t.Errorf("with the id of a secret: %v", err)
		}
		gone = errors.New("the vault is closed")
		if err := next(); !errors.Is(err, gone) || providers.KindOf(err) != providers.Transient {
			t.Errorf("without a secret: %v", err)
		}
		if asked != 5 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func behalf(t *testing.T, a *mock.Authority, caller func(context.Context) (sasl.Secret, error)) *providers.Cache {
	t.Helper()
	o := usual(a)
	o.Credential = microsoft.Secret(sasl.NewSecret(clientSecret))
	tokens, err := microsoft.OnBehalfOf(o, caller)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestOnBehalfOf(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, clientSecret)
	for name, tt := range map[string]struct {
		token sasl.Token
		kind  providers.Kind
		text  string
	}{
		"expired":             {a.Issue(mailbox, -time.Hour, "api://"+clientID+"/access_as_user"), providers.NeedsUser, "has expired"},
		"for another service": {a.Issue(mailbox, time.Hour, "api://other/access_as_user"), providers.Misconfigured, "for another application"},
		"of nobody":           {sasl.Token{Value: sasl.NewSecret("nonsense")}, providers.Misconfigured, "as it came"},
		"empty":               {sasl.Token{}, providers.Misconfigured, "is empty"},
	} {
		_, err := behalf(t, a, func(context.Context) (sasl.Secret, error) { return tt.token.Value, nil }).Token(t.Context(), sasl.TokenRequest{})
		if providers.KindOf(err) != tt.kind || err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, tt.kind, tt.text)
		}
	}
	gone := errors.New("the session has ended")
	if _, err := behalf(t, a, func(context.Context) (sasl.Secret, error) { return sasl.Secret{}, gone }).Token(t.Context(), sasl.TokenRequest{}); !errors.Is(err, gone) {
		t.Errorf("%v, want %v", err, gone)
	}
}

// What Entra wants of the caller reaches the caller, unless it is nonsense.
func TestChallenge(t *testing.T) {
	const claims = `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
	for sent, want := range map[string]string{claims: claims, "{": "", `"` + strings.Repeat("x", 4096) + `"`: ""} {
		a := startEntra(t, mock.AuthorityOptions{}, clientSecret)
		f := mock.MicrosoftRefusals()[50079]
		f.Fields = map[string]any{"claims": sent, "suberror": "basic_action"}
		if err := a.Inject(f); err != nil {
			t.Fatal(err)
		}
		caller := a.Issue(mailbox, time.Hour, "api://"+clientID+"/access_as_user")
		_, err := behalf(t, a, func(context.Context) (sasl.Secret, error) { return caller.Value, nil }).Token(t.Context(), sasl.TokenRequest{})
		if got := microsoft.Challenge(err); got != want || providers.KindOf(err) != providers.NeedsUser {
			t.Errorf("%v with claims %.80s, want %s", err, got, want)
		}
	}
	if got := microsoft.Challenge(errors.New("other")); got != "" {
		t.Errorf("claims %s of an error without any", got)
	}
}

func TestDeprecatedPassword(t *testing.T) {
	const password = "correct horse battery staple"
	a := startEntra(t, mock.AuthorityOptions{Users: map[string]string{mailbox: password}}, "")
	o := usual(a)
	grant, err := microsoft.LoginDeprecatedPassword(t.Context(), o, mailbox, sasl.NewSecret(password))
	wantGrant(t, a, o, grant, err)
	for name, tt := range map[string]struct {
		user, password string
		kind           providers.Kind
		text           string
	}{
		"wrong password": {mailbox, "wrong", providers.NeedsUser, "AADSTS50126"},
		"unknown user":   {"nobody@contoso.com", "wrong", providers.Misconfigured, "no such user"},
		"no password":    {mailbox, "", providers.Misconfigured, "needs a user name and a password"},
	} {
		_, err := microsoft.LoginDeprecatedPassword(t.Context(), o, tt.user, sasl.NewSecret(tt.password))
		if providers.KindOf(err) != tt.kind || err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, tt.kind, tt.text)
		}
	}
	if err := a.Inject(mock.MicrosoftRefusals()[50076]); err != nil {
		t.Fatal(err)
	}
	_, err = microsoft.LoginDeprecatedPassword(t.Context(), o, mailbox, sasl.NewSecret(password))
	if providers.KindOf(err) != providers.NeedsUser || !strings.Contains(fmt.Sprint(err), "a password alone can never do") {
		t.Errorf("second factor: %v", err)
	}
}
