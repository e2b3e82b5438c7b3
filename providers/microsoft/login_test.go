package microsoft_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// browse is a browser in which the user decides so.
func browse(a *mock.Authority, c mock.Consent) func(context.Context, string) error {
	return func(ctx context.Context, url string) error { return a.Browse(ctx, url, c) }
}

// usual are options that lead to an authority.
func usual(a *mock.Authority) microsoft.Options {
	return microsoft.Options{Tenant: tenant, ClientID: clientID, HTTPClient: a.HijackingClient()}
}

// wantGrant wants a grant whose token opens the mailbox, and with which a generator
// goes on, from the Store if there is one.
func wantGrant(t *testing.T, a *mock.Authority, o microsoft.Options, grant microsoft.Grant, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if grant.User != mailbox || grant.Token.Subject != mailbox || !slices.Contains(grant.Token.Scopes, "https://outlook.office.com/SMTP.Send") {
		t.Errorf("grant %+v", grant)
	}
	if strings.Contains(grant.Value.Reveal(), grant.Token.Value.Reveal()) {
		t.Error("the grant holds the access token")
	}
	check := mock.TokenCheck{Mechanism: "XOAUTH2", User: mailbox, Token: grant.Token.Value}
	if err := a.CheckToken(t.Context(), check); err != nil {
		t.Errorf("the first token: %v", err)
	}
	if o.Cache.Store == nil {
		o.Cache.Grant = grant.Value
	}
	tokens, err := microsoft.Account(o, mailbox)
	if err != nil {
		t.Fatal(err)
	}
	defer tokens.Close()
	token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
	if err != nil || (o.Cache.Store != nil) != token.Value.Equal(grant.Token.Value) {
		t.Errorf("the next token: %v; want that of the Store, or else another", err)
	}
	a.Expire(token.Value)
	if token, err = tokens.Token(t.Context(), sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, token)}); err != nil || token.Subject != mailbox {
		t.Errorf("after a refusal: %v of %q", err, token.Subject)
	}
}

func TestLogin(t *testing.T) {
	for _, store := range []providers.Store{nil, new(providers.MemoryStore)} {
		for _, secret := range []string{"", clientSecret} {
			t.Run(fmt.Sprintf("%T, secret %t", store, secret != ""), func(t *testing.T) {
				a := startEntra(t, mock.AuthorityOptions{RotateRefresh: true}, secret)
				o := usual(a)
				o.Cache.Store, o.Cache.Key = store, "microsoft/id/you"
				if secret != "" {
					o.Credential = microsoft.Secret(sasl.NewSecret(secret))
				}
				grant, err := microsoft.Login(t.Context(), microsoft.LoginOptions{Options: o, OpenURL: browse(a, mock.Consent{})}, mailbox)
				wantGrant(t, a, o, grant, err)
			})
		}
	}
}

// TestLoginURL shows what Entra is asked for.
func TestLoginURL(t *testing.T) {
	for _, user := range []string{mailbox, ""} {
		t.Run("user "+user, func(t *testing.T) {
			a := startEntra(t, mock.AuthorityOptions{}, "")
			o := usual(a)
			o.Claims = `{"id_token":{}}`
			var asked *url.URL
			_, err := microsoft.Login(t.Context(), microsoft.LoginOptions{
				Options: o,
				OpenURL: func(ctx context.Context, page string) (err error) {
					asked, err = url.Parse(page)
					return errors.Join(err, a.Browse(ctx, page, mock.Consent{User: mailbox}))
				},
			}, user)
			if err != nil {
				t.Fatal(err)
			}
			query, prompt := asked.Query(), "select_account"
			if user != "" {
				prompt = ""
			}
			for name, want := range map[string]string{
				"response_type": "code", "client_id": clientID, "scope": "openid profile offline_access https://outlook.office.com/SMTP.Send",
				"response_mode": "form_post", "prompt": prompt, "code_challenge_method": "S256", "login_hint": user, "claims": `{"id_token":{}}`,
			} {
				if got := query.Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			back, err := url.Parse(query.Get("redirect_uri"))
			if err != nil || back.Scheme != "http" || back.Hostname() != "localhost" || back.Port() == "" || back.Path != "" {
				t.Errorf("redirect_uri %q: %v", query.Get("redirect_uri"), err)
			}
			if len(query.Get("state")) < 22 || len(query.Get("code_challenge")) != 43 || query.Has("client_secret") {
				t.Errorf("query %v", query)
			}
			if got := asked.Scheme + "://" + asked.Host + asked.Path; got != "https://login.microsoftonline.com/"+tenant+"/oauth2/v2.0/authorize" {
				t.Errorf("page %s", got)
			}
		})
	}
}

// TestLoginFailures shows what each way not to consent amounts to.
func TestLoginFailures(t *testing.T) {
	const page = "/" + tenant + "/oauth2/v2.0/authorize"
	redirected := func(code, text string) mock.AuthorityFault {
		return mock.AuthorityFault{Path: page, Error: code, Description: text}
	}
	answered := func(number int) mock.AuthorityFault {
		f := mock.MicrosoftRefusals()[number]
		f.Path = pathToken
		return f
	}
	fields := func(fields map[string]any) mock.AuthorityFault {
		return mock.AuthorityFault{Path: pathToken, Fields: fields}
	}
	tests := []struct {
		name    string
		consent mock.Consent
		fault   mock.AuthorityFault
		kind    providers.Kind
		code    string
		text    string // part of the error
	}{
		{"declined", mock.Consent{Deny: true}, mock.AuthorityFault{}, providers.NeedsUser, "access_denied", "was declined"},
		{"declined, by number", mock.Consent{}, redirected("access_denied", "AADSTS65004: User declined to consent."), providers.NeedsUser, "access_denied", "was declined"},
		{"policy", mock.Consent{}, redirected("access_denied", "AADSTS53003: Blocked."), providers.Blocked, "access_denied", "Conditional Access"},
		{"consent of an administrator", mock.Consent{}, redirected("consent_required", "AADSTS65001: No consent."), providers.NeedsUser, "consent_required", "https://login.microsoftonline.com/" + tenant + "/adminconsent?client_id=" + clientID},
		{"out of order", mock.Consent{}, redirected("temporarily_unavailable", ""), providers.Transient, "temporarily_unavailable", ""},
		{"other account", mock.Consent{User: "admin@contoso.com"}, mock.AuthorityFault{}, providers.NeedsUser, "", "admin@contoso.com signed in, not " + mailbox},
		{"code is used up", mock.Consent{}, answered(70008), providers.NeedsUser, "invalid_grant", "too long"},
		{"redirect", mock.Consent{}, answered(50011), providers.Misconfigured, "invalid_request", "http://localhost"},
		{"secrets in the answer", mock.Consent{}, mock.AuthorityFault{Path: pathToken, Error: "invalid_grant", Description: "eyJleaked.leaked.leaked"}, providers.NeedsUser, "invalid_grant", "revoked"},
		{"another scope", mock.Consent{}, fields(map[string]any{"scope": "https://outlook.office.com/IMAP.AccessAsUser.All"}), providers.Misconfigured, "", "granted another scope"},
		{"no name", mock.Consent{}, fields(map[string]any{"id_token": nil}), providers.Misconfigured, "", "which account"},
		{"no refresh token", mock.Consent{}, fields(map[string]any{"refresh_token": nil}), providers.Misconfigured, "", "no refresh token"},
		{"portal", mock.Consent{}, mock.AuthorityFault{Path: pathToken, HTML: true}, providers.Transient, "", "captive portal"},
		{"broken off", mock.Consent{}, mock.AuthorityFault{Path: pathToken, Drop: true}, providers.Transient, "", "cannot be reached"},
		{"no tenant", mock.Consent{}, mock.AuthorityFault{Path: pathConfig, Error: "invalid_tenant", AADSTS: 90002}, providers.Misconfigured, "invalid_tenant", "no tenant " + tenant},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := startEntra(t, mock.AuthorityOptions{}, "")
			if err := a.Inject(tt.fault); tt.fault.Path != "" && err != nil {
				t.Fatal(err)
			}
			store, o := new(providers.MemoryStore), usual(a)
			o.Cache.Store, o.Cache.Key = store, "k"
			grant, err := microsoft.Login(t.Context(), microsoft.LoginOptions{Options: o, OpenURL: browse(a, tt.consent)}, mailbox)
			var failure *providers.Error
			if !errors.As(err, &failure) || failure.Kind != tt.kind || failure.Code != tt.code || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %v %q with %q", err, tt.kind, tt.code, tt.text)
			}
			wantNoSecret(t, fmt.Sprintf("%v %+v", err, grant))
			if _, err := providers.Inspect(t.Context(), store, "k"); !errors.Is(err, providers.ErrNotFound) {
				t.Errorf("something was saved: %v", err)
			}
		})
	}
}

// TestStrangers shows that what others send to the port does not count, and ends
// nothing.
func TestStrangers(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, "")
	grant, err := microsoft.Login(t.Context(), microsoft.LoginOptions{Options: usual(a), OpenURL: func(ctx context.Context, page string) error {
		u, err := url.Parse(page)
		if err != nil {
			return err
		}
		port := u.Query().Get("redirect_uri")
		for _, path := range []string{"/favicon.ico", "/?code=evil&state=guess", "/?error=access_denied", "/?error=access_denied&state=guess"} {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, port+path, nil)
			if err != nil {
				return err
			}
			reply, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
			if err != nil {
				return err
			}
			reply.Body.Close()
			if reply.StatusCode < 400 {
				t.Errorf("%s: %d", path, reply.StatusCode)
			}
		}
		return a.Browse(ctx, page, mock.Consent{})
	}}, mailbox)
	if err != nil || grant.User != mailbox {
		t.Errorf("%v, %v", grant, err)
	}
}

// TestLoginEnds shows that a sign-in that nobody completes ends with its context,
// and one whose page cannot be shown at once.
func TestLoginEnds(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, "")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := microsoft.Login(ctx, microsoft.LoginOptions{Options: usual(a), OpenURL: func(context.Context, string) error { cancel(); return nil }}, mailbox)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	blind := errors.New("no display")
	_, err = microsoft.Login(t.Context(), microsoft.LoginOptions{Options: usual(a), OpenURL: func(context.Context, string) error { return blind }}, mailbox)
	if !errors.Is(err, blind) || providers.KindOf(err) != providers.Misconfigured || !strings.Contains(err.Error(), "LoginDevice") {
		t.Errorf("error %v, want %v and what to do", err, blind)
	}
	for _, address := range []string{"0.0.0.0:0", "localhost", "example.com:80"} {
		_, err := microsoft.Login(t.Context(), microsoft.LoginOptions{Options: usual(a), Listen: address}, mailbox)
		if providers.KindOf(err) != providers.Misconfigured || !strings.Contains(err.Error(), "LoginOptions.Listen") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestUnsavedLogin shows that a grant which cannot be saved is returned.
func TestUnsavedLogin(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, "")
	o := usual(a)
	o.Cache.Store, o.Cache.Key = &readOnly{}, "k"
	grant, err := microsoft.Login(t.Context(), microsoft.LoginOptions{Options: o, OpenURL: browse(a, mock.Consent{})}, mailbox)
	if !errors.Is(err, errReadOnly) || grant.User != mailbox || grant.Value.IsZero() {
		t.Errorf("%v, %v, want the grant with the error of the Store", grant, err)
	}
}

// A readOnly store saves nothing.
type readOnly struct{ providers.MemoryStore }

var errReadOnly = errors.New("read-only")

func (*readOnly) Save(context.Context, string, sasl.Secret, providers.Version) (providers.Version, error) {
	return "", errReadOnly
}

// A sign-in takes the place of what was there, be it damaged or somebody else's.
func TestLoginAgain(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, "")
	o := usual(a)
	o.Cache.Store, o.Cache.Key = new(providers.MemoryStore), "k"
	if _, err := o.Cache.Store.Save(t.Context(), "k", sasl.NewSecret("{ damaged"), ""); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"other@contoso.com", mailbox} {
		if _, err := microsoft.Login(t.Context(), microsoft.LoginOptions{Options: o, OpenURL: browse(a, mock.Consent{User: user})}, user); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := microsoft.Account(o, mailbox); err != nil {
		t.Error(err)
	}
}
