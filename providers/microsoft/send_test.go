package microsoft_test

import (
	"errors"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// app returns an App whose requests go to the stand-in.
func (x *exchange) app(t *testing.T) *microsoft.App {
	t.Helper()
	app, err := microsoft.ClientSecret(microsoft.Options{
		Tenant: tenant, ClientID: clientID, HTTPClient: x.httpClient(),
	}, sasl.NewSecret(clientSecret))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// sender returns what sends a message as a mailbox, with one Authenticator.
func (x *exchange) sender(t *testing.T, mailbox string, tokens sasl.TokenGenerator) func() error {
	t.Helper()
	cfg := smtp.Config{
		Profile: profile.Microsoft365(), Auth: sasl.OAuth(mailbox, tokens),
		DialContext: x.Dial, TLSConfig: x.trust(),
	}
	envelope := smtp.Envelope{From: mailbox, To: []string{"recipient@example.com"}}
	return func() error {
		_, err := smtp.Send(t.Context(), cfg, envelope, smtp.Bytes([]byte("Subject: x\r\n\r\nx\r\n")))
		return err
	}
}

// TestRevokedToken shows that a bare 535 renews the token, past MSAL's cache, on
// the same connection.
func TestRevokedToken(t *testing.T) {
	x := startExchange()
	defer x.Close()
	app := x.app(t)
	send := x.sender(t, "reports@contoso.com", app)
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if n := x.authority.RevokeTokens(""); n != 1 {
		t.Fatalf("%d tokens revoked, want 1", n)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if err := x.sender(t, "alerts@contoso.com", app)(); err != nil {
		t.Fatal(err)
	}
	wantCodes(t, x, 235, 535, 235, 235)
	if n := x.tokenRequests(); n != 2 {
		t.Errorf("%d requests for tokens, want 2", n)
	}
}

// TestUserSends shows the same of a user, whose refusal reaches who sends: first the
// token is renewed, and when the sign-in itself is revoked, the user has to be asked.
func TestUserSends(t *testing.T) {
	x := startExchange()
	defer x.Close()
	grant := x.authority.Grant(mailbox)
	tokens, err := microsoft.RefreshToken(microsoft.Options{Tenant: tenant, ClientID: clientID, HTTPClient: x.httpClient()}, mailbox, grant)
	if err != nil {
		t.Fatal(err)
	}
	send := x.sender(t, mailbox, tokens)
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if n := x.authority.RevokeTokens(mailbox); n != 1 {
		t.Fatalf("%d tokens revoked, want 1", n)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	wantCodes(t, x, 235, 535, 235)
	x.authority.RevokeGrant(grant)
	fresh, err := microsoft.RefreshToken(microsoft.Options{Tenant: tenant, ClientID: clientID, HTTPClient: x.httpClient()}, mailbox, grant)
	if err != nil {
		t.Fatal(err)
	}
	err = x.sender(t, mailbox, fresh)()
	var failure *providers.Error
	if !errors.As(err, &failure) || failure.Kind != providers.NeedsUser || failure.Hint == "" || smtp.Classify(err) != smtp.Auth {
		t.Errorf("error %v of class %v, want NeedsUser", err, smtp.Classify(err))
	}
	wantCodes(t, x, 235, 535, 235)
}

// TestMailboxWithoutAccess shows that a mailbox which the application has no
// access to costs one renewal, tells what to do, and disturbs no other mailbox.
func TestMailboxWithoutAccess(t *testing.T) {
	x := startExchange()
	defer x.Close()
	app := x.app(t)
	other := startExchange() // whose tokens are good for nobody here
	defer other.Close()
	foreign := x.sender(t, "forgotten@contoso.com", other.app(t))
	good := x.sender(t, "reports@contoso.com", app)

	err := foreign()
	var refused *smtp.AuthError
	if !errors.As(err, &refused) || refused.Advice != profile.Microsoft365().Advise(535, "5.7.3", "") {
		t.Errorf("error %v, want the advice for 5.7.3", err)
	}
	if err := good(); err != nil {
		t.Error(err)
	}
	wantCodes(t, x, 535, 535, 235)
	if n := other.tokenRequests(); n != 2 {
		t.Errorf("%d requests for tokens, want 2", n)
	}
}

// TestPolicy shows that a refusal which is not about the token renews nothing.
func TestPolicy(t *testing.T) {
	x := startExchange()
	defer x.Close()
	disabled, err := mock.New(mock.Options{
		Names: []string{"smtp.office365.com"}, Tokens: x.authority, Mechanisms: []string{"XOAUTH2"},
		Faults: []mock.Fault{mock.At("AUTH").Do(mock.Reply(535, "5.7.139",
			"Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."))},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer disabled.Close()
	cut := &exchange{disabled, x.authority}
	err = cut.sender(t, "reports@contoso.com", x.app(t))()
	var refused *smtp.AuthError
	if !errors.As(err, &refused) || refused.Advice != profile.Microsoft365().Advise(535, "5.7.139", "disabled for the Tenant") {
		t.Errorf("error %v, want advice about the tenant", err)
	}
	wantCodes(t, cut, 535)
	if n := x.tokenRequests(); n != 1 {
		t.Errorf("%d requests for tokens, want 1", n)
	}
}

// wantCodes compares the final replies to AUTH.
func wantCodes(t *testing.T, x *exchange, want ...int) {
	t.Helper()
	var got []int
	for _, auth := range x.Auths() {
		got = append(got, auth.Code)
	}
	if len(got) != len(want) {
		t.Fatalf("replies to AUTH %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("replies to AUTH %v, want %v", got, want)
		}
	}
}
