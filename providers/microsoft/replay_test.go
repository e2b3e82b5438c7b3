package microsoft_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// A meaning is what a refusal amounts to.
type meaning struct {
	kind providers.Kind
	hint string // part of it
}

// meanings are those of all refusals of the mock authority, by AADSTS number.
func meanings() map[int]meaning {
	const (
		n = providers.NeedsUser
		m = providers.Misconfigured
		b = providers.Blocked
		x = providers.Transient
	)
	return map[int]meaning{
		65001: {n, "adminconsent?client_id=" + clientID}, 65004: {n, "was declined"},
		700016: {m, "no application " + clientID + " in tenant " + tenant}, 7000215: {m, "use its value and not its id"},
		7000222: {m, "has expired: make another"}, 7000218: {m, "allow public client flows"},
		700027: {m, "upload its public part"}, 700024: {m, "clock"}, 700213: {m, "federated credential"}, 70021: {m, "federated credential"},
		90002: {m, "no tenant " + tenant}, 50194: {m, "other accounts"}, 9002346: {m, "consumers"}, 50020: {m, "other accounts"}, 700005: {m, "other accounts"},
		50076: {n, "more than a password"}, 50079: {n, "more than a password"}, 50072: {n, "more than a password"},
		53003: {b, "Conditional Access"}, 53000: {b, "Conditional Access"}, 53001: {b, "Conditional Access"}, 530003: {b, "Conditional Access"},
		50173: {n, "revoked"}, 70008: {n, "90 days"}, 700082: {n, "90 days"}, 700084: {n, "single-page"},
		70043: {n, "unattended"}, 70044: {n, "unattended"}, 50057: {b, "disabled"}, 50053: {x, "locked"},
		70011: {m, "https://outlook.office365.com/.default"}, 1002012: {m, "https://outlook.office365.com/.default"}, 500011: {m, "no Exchange Online"},
		50011: {m, "http://localhost"}, 500113: {m, "http://localhost"},
		90033: {x, ""}, 90055: {x, ""}, 50196: {x, ""},
		50013: {m, "caller"}, 500131: {m, "another application"}, 50034: {m, "no such user"}, 50126: {n, "password is wrong"}, 70020: {n, "in time"},
	}
}

// TestReplay has the mock authority refuse a user and an application in every way
// that it knows.
func TestReplay(t *testing.T) {
	for number := range meanings() {
		if _, ok := mock.MicrosoftRefusals()[number]; !ok {
			t.Errorf("AADSTS%d is not in the mock authority", number)
		}
	}
	for number, fault := range mock.MicrosoftRefusals() {
		for _, secret := range []string{"", clientSecret} {
			t.Run(fmt.Sprintf("AADSTS%d, application %t", number, secret != ""), func(t *testing.T) {
				a := startEntra(t, mock.AuthorityOptions{}, secret)
				if number == 90002 { // comes from there
					fault.Path = pathConfig
				}
				if err := a.Inject(fault); err != nil {
					t.Fatal(err)
				}
				wantMeaning(t, refusedBy(t, a, secret), number, fault)
			})
		}
	}
}

// refusedBy returns the error of a generator.
func refusedBy(t *testing.T, a *mock.Authority, secret string) error {
	t.Helper()
	var tokens sasl.TokenGenerator
	var err error
	if secret == "" {
		tokens, err = microsoft.RefreshToken(usual(a), mailbox, a.Grant(mailbox))
	} else {
		tokens, err = microsoft.ClientSecret(usual(a), sasl.NewSecret(secret))
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokens.Token(t.Context(), sasl.TokenRequest{})
	return err
}

func wantMeaning(t *testing.T, err error, number int, fault mock.AuthorityFault) {
	t.Helper()
	want, ok := meanings()[number]
	var failure *providers.Error
	if !ok || !errors.As(err, &failure) {
		t.Fatalf("error %v, want a *providers.Error, known %t", err, ok)
	}
	if failure.Kind != want.kind || !strings.Contains(failure.Hint, want.hint) || (failure.Hint == "") != (want.hint == "") {
		t.Errorf("%v with the hint %q, want %v with %q", failure.Kind, failure.Hint, want.kind, want.hint)
	}
	if failure.Code != fault.Error || failure.Status != fault.Status || failure.RetryAfter != fault.RetryAfter ||
		!strings.HasPrefix(failure.Description, fmt.Sprintf("AADSTS%d: ", number)) || failure.CorrelationID == "" {
		t.Errorf("%+v, want the code, status and text of %+v", failure, fault)
	}
}

// A number that nobody knows changes nothing: the code tells what to do.
func TestUnknownNumber(t *testing.T) {
	for code, want := range map[string]meaning{
		"invalid_grant": {providers.NeedsUser, "sign in again"}, "interaction_required": {providers.NeedsUser, "sign in again"},
		"consent_required": {providers.NeedsUser, "consent"}, "invalid_client": {providers.Misconfigured, clientID},
		"invalid_scope": {providers.Misconfigured, "SMTP.Send"}, "temporarily_unavailable": {providers.Transient, ""}, "server_error": {providers.Transient, ""},
	} {
		for sub, kind := range map[string]providers.Kind{"": want.kind, "message_only": providers.Blocked, "bad_token": providers.NeedsUser} {
			if code != "invalid_grant" && sub != "" {
				continue
			}
			a := startEntra(t, mock.AuthorityOptions{}, "")
			if err := a.Inject(mock.AuthorityFault{Path: pathToken, Error: code, AADSTS: 99999999, Fields: map[string]any{"suberror": sub}}); err != nil {
				t.Fatal(err)
			}
			err := refusedBy(t, a, "")
			var failure *providers.Error
			if !errors.As(err, &failure) || failure.Kind != kind || sub == "" && !strings.Contains(failure.Hint, want.hint) {
				t.Errorf("%s %s: %v, want %v with %q", code, sub, err, kind, want.hint)
			}
		}
	}
}

// TestOtherRows replays what has no AADSTS number.
func TestOtherRows(t *testing.T) {
	portal := mock.AuthorityFault{Path: pathToken, HTML: true}
	gone := portal
	gone.Status = 503
	tests := []struct {
		name  string
		fault mock.AuthorityFault
		kind  providers.Kind
		text  string
	}{
		{"captive portal", portal, providers.Transient, "captive portal"},
		{"gateway", gone, providers.Transient, "HTTP 503"},
		{"another issuer", mock.AuthorityFault{Path: pathConfig, Fields: map[string]any{"issuer": "https://evil.example.com/" + tenant + "/v2.0"}}, providers.Misconfigured, "says that it is another one"},
		{"declined scopes", mock.AuthorityFault{Path: pathToken, Fields: map[string]any{"scope": "https://outlook.office.com/Other"}}, providers.Misconfigured, "granted another scope"},
		{"no lifetime", mock.AuthorityFault{Path: pathToken, Fields: map[string]any{"expires_in": nil}}, providers.Transient, "not that of Entra"},
		{"too many", mock.AuthorityFault{Path: pathToken, Status: 429, Error: "invalid_grant", RetryAfter: time.Minute}, providers.Transient, "HTTP 429"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := startEntra(t, mock.AuthorityOptions{}, "")
			if err := a.Inject(tt.fault); err != nil {
				t.Fatal(err)
			}
			err := refusedBy(t, a, "")
			if providers.KindOf(err) != tt.kind || err == nil || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "<html") {
				t.Errorf("error %v, want %v with %q", err, tt.kind, tt.text)
			}
		})
	}
	t.Run("nobody has signed in", func(t *testing.T) {
		o := usual(startEntra(t, mock.AuthorityOptions{}, ""))
		o.Cache.Store, o.Cache.Key = new(providers.MemoryStore), "k"
		tokens, err := microsoft.Account(o, mailbox)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tokens.Token(t.Context(), sasl.TokenRequest{})
		if providers.KindOf(err) != providers.NeedsUser || !strings.Contains(fmt.Sprint(err), "LoginDevice") {
			t.Errorf("error %v, want NeedsUser and how to sign in", err)
		}
	})
}

// TestMachineRows replays what the endpoint of managed identities says.
func TestMachineRows(t *testing.T) {
	fault := func(status int, code, text string) mock.AuthorityFault {
		return mock.AuthorityFault{Path: pathIMDS, Status: status, Error: code, Description: text}
	}
	for name, tt := range map[string]struct {
		machine mock.Machine
		fault   mock.AuthorityFault
		kind    providers.Kind
		text    string
	}{
		"no identity":       {mock.Machine{}, mock.AuthorityFault{}, providers.Misconfigured, "invalid_request (HTTP 400): Identity not found; the managed identity is not assigned to this machine"},
		"another one":       {mock.Machine{UserIdentities: []string{"other"}}, mock.AuthorityFault{}, providers.Misconfigured, "not assigned to this machine"},
		"being updated":     {mock.Machine{Identity: identity}, fault(410, "", ""), providers.Transient, "HTTP 410"},
		"not there yet":     {mock.Machine{Identity: identity}, fault(404, "not_found", "No such endpoint."), providers.Transient, "HTTP 404"},
		"too many requests": {mock.Machine{Identity: identity}, fault(429, "", ""), providers.Transient, "HTTP 429"},
		"out of order":      {mock.Machine{Identity: identity}, fault(500, "unknown", ""), providers.Transient, "HTTP 500"},
		"a portal":          {mock.Machine{Identity: identity}, mock.AuthorityFault{Path: pathIMDS, HTML: true}, providers.Transient, "not that of an endpoint"},
		"broken off":        {mock.Machine{Identity: identity}, mock.AuthorityFault{Path: pathIMDS, Drop: true}, providers.Misconfigured, "no machine of Azure"},
	} {
		t.Run(name, func(t *testing.T) {
			a := startEntra(t, mock.AuthorityOptions{Machine: tt.machine}, "")
			if err := a.Inject(tt.fault); tt.fault.Path != "" && err != nil {
				t.Fatal(err)
			}
			app, err := microsoft.ManagedIdentity(usual(a), microsoft.Identity{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = app.Token(t.Context(), sasl.TokenRequest{})
			if providers.KindOf(err) != tt.kind || err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %v with %q", err, tt.kind, tt.text)
			}
			if n := len(a.Requests()); n != 1 {
				t.Errorf("%d requests, want one: the Cache tries again", n)
			}
		})
	}
}

// A failure of the identity behind a federated credential is told as its own.
func TestFederatedFailure(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{Machine: mock.Machine{Identity: identity}, Federated: map[string][]string{clientID: {"other"}}}, "")
	o := usual(a)
	for name, tt := range map[string]struct {
		id   microsoft.Identity
		text string
	}{
		"not trusted":  {microsoft.Identity{}, "no federated credential"},
		"not assigned": {microsoft.Identity{ObjectID: "x"}, "not assigned to this machine"},
	} {
		o.Credential = microsoft.FederatedIdentity(tt.id)
		app, err := microsoft.NewApp(o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = app.Token(context.Background(), sasl.TokenRequest{})
		if providers.KindOf(err) != providers.Misconfigured || err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v, want %q", name, err, tt.text)
		}
	}
}

// Where there is no endpoint of managed identities, nobody waits for long.
func TestSilentMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := microsoft.Options{HTTPClient: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}}
		app, err := microsoft.ManagedIdentity(o, microsoft.Identity{})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = app.Token(t.Context(), sasl.TokenRequest{})
		if providers.KindOf(err) != providers.Transient || !strings.Contains(fmt.Sprint(err), "no machine of Azure") || time.Since(began) > 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}
