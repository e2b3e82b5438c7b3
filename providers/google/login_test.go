package google_test

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
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// startGoogle returns a stand-in for Google's servers that knows one client.
func startGoogle(t *testing.T, o mock.AuthorityOptions) *mock.Authority {
	t.Helper()
	o.Dialect = mock.GoogleOAuth
	if o.Clients == nil {
		o.Clients = map[string]string{clientID: clientSecret}
	}
	return mock.StartAuthority(t, o)
}

// browse is a browser in which the user decides so.
func browse(a *mock.Authority, c mock.Consent) func(context.Context, string) error {
	return func(ctx context.Context, url string) error { return a.Browse(ctx, url, c) }
}

func TestLogin(t *testing.T) {
	for _, store := range []providers.Store{nil, new(providers.MemoryStore)} {
		t.Run(fmt.Sprintf("%T", store), func(t *testing.T) {
			a := startGoogle(t, mock.AuthorityOptions{RotateRefresh: true})
			o := google.Options{HTTPClient: a.HijackingClient(), Cache: providers.CacheOptions{Store: store, Key: "google/id/you"}}
			grant, err := google.Login(t.Context(), testClient(), mailbox, google.LoginOptions{
				Options: o, OpenURL: browse(a, mock.Consent{}),
			})
			if err != nil {
				t.Fatal(err)
			}
			if grant.User != mailbox || grant.Token.Subject != mailbox || !slices.Contains(grant.Token.Scopes, "https://mail.google.com/") {
				t.Errorf("grant %+v", grant)
			}
			check := mock.TokenCheck{Mechanism: "XOAUTH2", User: mailbox, Token: grant.Token.Value}
			if err := a.CheckToken(t.Context(), check); err != nil {
				t.Errorf("the first token: %v", err)
			}
			refresh := grant.RefreshToken
			if store != nil {
				refresh = sasl.Secret{} // it is in the Store
			}
			tokens, err := google.RefreshToken(testClient(), refresh, o)
			if err != nil {
				t.Fatal(err)
			}
			token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
			if err != nil || store != nil && !token.Value.Equal(grant.Token.Value) {
				t.Errorf("the next token: %v; want that of the Store", err)
			}
		})
	}
}

// TestLoginURL shows what Google is asked for.
func TestLoginURL(t *testing.T) {
	for _, user := range []string{mailbox, ""} {
		t.Run("user "+user, func(t *testing.T) {
			a := startGoogle(t, mock.AuthorityOptions{})
			var asked *url.URL
			_, err := google.Login(t.Context(), testClient(), user, google.LoginOptions{
				Options: google.Options{HTTPClient: a.HijackingClient()},
				OpenURL: func(ctx context.Context, page string) (err error) {
					asked, err = url.Parse(page)
					return errors.Join(err, a.Browse(ctx, page, mock.Consent{User: mailbox}))
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			query := asked.Query()
			for name, want := range map[string]string{
				"response_type": "code", "client_id": clientID, "scope": "https://mail.google.com/ openid email",
				"access_type": "offline", "prompt": "consent", "code_challenge_method": "S256", "login_hint": user,
			} {
				if got := query.Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			back, err := url.Parse(query.Get("redirect_uri"))
			if err != nil || back.Scheme != "http" || back.Hostname() != "127.0.0.1" || back.Port() == "" || back.Path != "/callback" {
				t.Errorf("redirect_uri %q: %v", query.Get("redirect_uri"), err)
			}
			if len(query.Get("state")) < 22 || len(query.Get("code_challenge")) != 43 || query.Has("client_secret") {
				t.Errorf("query %v", query)
			}
			if got := asked.Scheme + "://" + asked.Host + asked.Path; got != "https://accounts.google.com/o/oauth2/auth" {
				t.Errorf("page %s", got)
			}
		})
	}
}

// TestOtherSpelling shows that an account is recognized by each of its names.
func TestOtherSpelling(t *testing.T) {
	for account, same := range map[string]bool{
		"Your.Email@gmail.com": true, "youremail@googlemail.com": true, "your.email@example.com": false, "youremail2@gmail.com": false,
	} {
		a := startGoogle(t, mock.AuthorityOptions{})
		grant, err := google.Login(t.Context(), testClient(), mailbox, google.LoginOptions{
			Options: google.Options{HTTPClient: a.HijackingClient()}, OpenURL: browse(a, mock.Consent{User: account}),
		})
		if (err == nil) != same || same && grant.User != account {
			t.Errorf("%s: signed in as %q, %v", account, grant.User, err)
		}
	}
}

// TestLoginFailures shows what each way not to consent amounts to.
func TestLoginFailures(t *testing.T) {
	refuse := func(path, code, text string) mock.AuthorityFault {
		return mock.AuthorityFault{Path: path, Error: code, Description: text}
	}
	const page, token = "/o/oauth2/auth", "/token"
	tests := []struct {
		name    string
		consent mock.Consent
		fault   mock.AuthorityFault
		kind    providers.Kind
		code    string
		text    string // part of the error
	}{
		{"declined", mock.Consent{Deny: true}, mock.AuthorityFault{}, providers.NeedsUser, "access_denied", "was declined"},
		{"box not ticked", mock.Consent{Scopes: []string{"openid", "email"}}, mock.AuthorityFault{}, providers.NeedsUser, "", "leave the box for Gmail ticked"},
		{"other account", mock.Consent{User: "other@gmail.com"}, mock.AuthorityFault{}, providers.NeedsUser, "", "other@gmail.com signed in, not " + mailbox},
		{"administrator", mock.Consent{}, refuse(page, "admin_policy_enforced", ""), providers.Blocked, "admin_policy_enforced", "trust client " + clientID},
		{"one organization", mock.Consent{}, refuse(page, "org_internal", ""), providers.Blocked, "org_internal", "one organization"},
		{"out of order", mock.Consent{}, refuse(page, "temporarily_unavailable", ""), providers.Transient, "temporarily_unavailable", ""},
		{"code is used up", mock.Consent{}, refuse(token, "invalid_grant", "Bad Request"), providers.NeedsUser, "invalid_grant", "the code has been used"},
		{"wrong secret", mock.Consent{}, mock.AuthorityFault{Path: token, Status: 401, Error: "invalid_client"}, providers.Misconfigured, "invalid_client", clientID},
		{"redirect", mock.Consent{}, refuse(token, "redirect_uri_mismatch", ""), providers.Misconfigured, "redirect_uri_mismatch", "desktop app"},
		{"secrets in the answer", mock.Consent{}, refuse(token, "invalid_grant", "ya29.leaked "+clientSecret), providers.NeedsUser, "invalid_grant", ""},
		{"no name", mock.Consent{}, mock.AuthorityFault{Path: token, Fields: map[string]any{"id_token": nil}}, providers.Misconfigured, "", "which account"},
		{"nonsense for a name", mock.Consent{}, mock.AuthorityFault{Path: token, Fields: map[string]any{"id_token": "a.b.c"}}, providers.Misconfigured, "", "which account"},
		{"no refresh token", mock.Consent{}, mock.AuthorityFault{Path: token, Fields: map[string]any{"refresh_token": nil}}, providers.NeedsUser, "", "no refresh token"},
		{"portal", mock.Consent{}, mock.AuthorityFault{Path: token, HTML: true}, providers.Transient, "", "captive portal"},
		{"broken off", mock.Consent{}, mock.AuthorityFault{Path: token, Drop: true}, providers.Transient, "", "cannot be reached"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := startGoogle(t, mock.AuthorityOptions{})
			if err := a.Inject(tt.fault); tt.fault.Path != "" && err != nil {
				t.Fatal(err)
			}
			store := new(providers.MemoryStore)
			grant, err := google.Login(t.Context(), testClient(), mailbox, google.LoginOptions{
				Options: google.Options{HTTPClient: a.HijackingClient(), Cache: providers.CacheOptions{Store: store, Key: "k"}},
				OpenURL: browse(a, tt.consent),
			})
			var failure *providers.Error
			if !errors.As(err, &failure) || failure.Kind != tt.kind || failure.Code != tt.code || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %#v, want %v %q with %q", err, tt.kind, tt.code, tt.text)
			}
			wantNoSecret(t, fmt.Sprintf("%v %+v", err, grant))
			if _, err := providers.Inspect(t.Context(), store, "k"); !errors.Is(err, providers.ErrNotFound) {
				t.Errorf("something was saved: %v", err)
			}
		})
	}
}

// TestStrangers shows that what others send to the port does not count.
func TestStrangers(t *testing.T) {
	a := startGoogle(t, mock.AuthorityOptions{})
	_, err := google.Login(t.Context(), testClient(), mailbox, google.LoginOptions{
		Options: google.Options{HTTPClient: a.HijackingClient()},
		OpenURL: func(ctx context.Context, authURL string) error {
			r, err := a.Authorize(ctx, authURL, mock.Consent{})
			if err != nil {
				return err
			}
			good := r.URL.Query()
			visit := func(method, path string, query url.Values) int {
				u := url.URL{Scheme: "http", Host: r.URL.Host, Path: path, RawQuery: query.Encode()}
				r, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
				if err != nil {
					t.Error(err)
					return 0
				}
				reply, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
				if err != nil {
					t.Error(err)
					return 0
				}
				reply.Body.Close()
				return reply.StatusCode
			}
			with := func(changes ...string) url.Values {
				query := url.Values{"code": good["code"], "state": good["state"]}
				for i := 0; i < len(changes); i += 2 {
					query.Set(changes[i], changes[i+1])
				}
				return query
			}
			for _, tt := range []struct {
				method, path string
				query        url.Values
				status       int
			}{
				{"GET", "/favicon.ico", nil, 404},
				{"PUT", "/callback", with(), 400},
				{"GET", "/other", with(), 404},
				{"GET", "/callback", nil, 400},
				{"GET", "/callback", with("state", "guess"), 400},
				{"GET", "/callback", with("state", ""), 400},
				{"GET", "/callback", url.Values{"error": {"access_denied"}}, 400},
				{"GET", "/callback", url.Values{"error": {"access_denied"}, "state": {"guess"}}, 400},
				{"GET", "/callback", url.Values{"state": good["state"]}, 400},
				{"GET", "/callback", with("error", "access_denied"), 400},
			} {
				if status := visit(tt.method, tt.path, tt.query); status != tt.status {
					t.Errorf("%s %s %v: %d, want %d", tt.method, tt.path, tt.query, status, tt.status)
				}
			}
			if status := visit("GET", "/callback", with()); status != 200 {
				t.Errorf("the browser is shown %d", status)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLoginEnds shows that a sign-in that nobody completes ends with its context,
// and one whose page cannot be shown at once.
func TestLoginEnds(t *testing.T) {
	a := startGoogle(t, mock.AuthorityOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := google.Login(ctx, testClient(), mailbox, google.LoginOptions{
		Options: google.Options{HTTPClient: a.HijackingClient()},
		OpenURL: func(context.Context, string) error { cancel(); return nil },
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	blind := errors.New("no display")
	_, err = google.Login(t.Context(), testClient(), mailbox, google.LoginOptions{
		OpenURL: func(context.Context, string) error { return blind },
	})
	if !errors.Is(err, blind) || providers.KindOf(err) != providers.Misconfigured || !strings.Contains(err.Error(), "LoginOptions.OpenURL") {
		t.Errorf("error %v, want %v and what to do", err, blind)
	}
}

// TestListen shows that the code is received on loopback only.
func TestListen(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "127.0.0.1", "example.com:80"} {
		_, err := google.Login(t.Context(), testClient(), mailbox, google.LoginOptions{
			Listen: address, OpenURL: func(context.Context, string) error { t.Error("the page was opened"); return nil },
		})
		if providers.KindOf(err) != providers.Misconfigured || !strings.Contains(err.Error(), "LoginOptions.Listen") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestLoginConstruction(t *testing.T) {
	tests := []struct {
		name    string
		client  google.Client
		options google.LoginOptions
		want    string
	}{
		{"no client", google.Client{}, google.LoginOptions{}, "google: the OAuth client has no id"},
		{"page in clear", testClient(), google.LoginOptions{Options: google.Options{AuthURL: "http://accounts.google.com/"}}, "google: Options.AuthURL must be https: secrets are sent there"},
		{"no key", testClient(), google.LoginOptions{Options: google.Options{Cache: providers.CacheOptions{Store: new(providers.MemoryStore)}}}, "google: Options.Cache.Store needs a Key, the name of the record in it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.OpenURL = func(context.Context, string) error { t.Error("the page was opened"); return nil }
			_, err := google.Login(t.Context(), tt.client, mailbox, tt.options)
			wantMisconfigured(t, err, tt.want)
		})
	}
}
