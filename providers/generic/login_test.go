package generic_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/sasl"
)

// browser opens a page as a user does who decides so.
func browser(a *mock.Authority, c mock.Consent) func(context.Context, string) error {
	return func(ctx context.Context, page string) error { return a.Browse(ctx, page, c) }
}

func loginServer(a *mock.Authority) generic.Server {
	return generic.Server{
		Name: "acme", Issuer: a.URL(), TokenURL: a.TokenURL(), AuthURL: a.AuthorizationURL(),
		Scopes: []string{"openid", "offline_access", "mail", "calendar"},
	}
}

// A user signs in; other programs send from then on.
func TestLogin(t *testing.T) {
	a := authority(t, mock.AuthorityOptions{RotateRefresh: true})
	store := new(providers.MemoryStore)
	o := options(a)
	o.Cache = providers.CacheOptions{Store: store, Key: "acme/" + user}
	var page string
	got, err := generic.Login(t.Context(), loginServer(a), client(), generic.LoginOptions{
		Options: o, Username: user,
		Open: func(ctx context.Context, address string) error {
			page = address
			return a.Browse(ctx, address, mock.Consent{})
		},
	})
	if err != nil || got.Grant.IsZero() || got.Token.Value.IsZero() {
		t.Fatalf("%v, %v, want a grant and a token", got, err)
	}
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "login_hint": user, "code_challenge_method": "S256",
		"scope": "openid offline_access mail calendar",
	} {
		if query.Get(name) != want {
			t.Errorf("%s=%s, want %s", name, query.Get(name), want)
		}
	}
	if len(query.Get("state")) < 22 || len(query.Get("code_challenge")) != 43 || !strings.HasPrefix(query.Get("redirect_uri"), "http://127.0.0.1:") {
		t.Errorf("%v: state, challenge or redirect URI is not as it should be", query)
	}
	tokens, err := generic.RefreshToken(loginServer(a), client(), sasl.Secret{}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer tokens.Close()
	token, err := tokens.Token(t.Context(), sasl.TokenRequest{Username: user})
	if err != nil || !token.Value.Equal(got.Token.Value) {
		t.Errorf("%v, %v, want the token of the sign-in", token, err)
	}
	token, err = tokens.Token(t.Context(), sasl.TokenRequest{Username: user, Rejected: sasl.NewRejection(errors.New("535"), token)})
	if err != nil || token.Value.Equal(got.Token.Value) {
		t.Errorf("%v, %v, want another token", token, err)
	}
}

func TestLoginRefused(t *testing.T) {
	tests := []struct {
		name    string
		consent mock.Consent
		change  func(*generic.Server)
		kind    providers.Kind
		texts   []string
	}{
		{"declined", mock.Consent{User: user, Deny: true}, nil, providers.NeedsUser, []string{"acme: access_denied", "declined"}},
		{"a box unticked", mock.Consent{User: user, Scopes: []string{"openid", "calendar"}}, nil, providers.NeedsUser, []string{"leaves out the scope mail"}},
		{
			"another authority answers",
			mock.Consent{User: user},
			func(s *generic.Server) { s.Issuer = "https://id.example.com" },
			providers.Misconfigured,
			[]string{"which was not asked"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := authority(t, mock.AuthorityOptions{})
			s := loginServer(a)
			if tt.change != nil {
				tt.change(&s)
			}
			store := new(providers.MemoryStore)
			o := options(a)
			o.Cache = providers.CacheOptions{Store: store, Key: "k"}
			_, err := generic.Login(t.Context(), s, client(), generic.LoginOptions{Options: o, Open: browser(a, tt.consent)})
			want(t, err, tt.kind, tt.texts...)
			if _, _, err := store.Load(t.Context(), "k"); !errors.Is(err, providers.ErrNotFound) {
				t.Errorf("something was saved: %v", err)
			}
		})
	}
}

// What anybody on the machine may do to the port changes nothing.
func TestLoginAmongStrangers(t *testing.T) {
	a := authority(t, mock.AuthorityOptions{})
	open := func(ctx context.Context, page string) error {
		u, err := url.Parse(page)
		if err != nil {
			return err
		}
		for _, query := range []string{"", "?code=evil&state=evil", "?error=access_denied", "?error=access_denied&state=" + url.QueryEscape(u.Query().Get("code_challenge"))} {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.Query().Get("redirect_uri")+query, nil)
			if err != nil {
				return err
			}
			answer, err := (&http.Client{Transport: new(http.Transport)}).Do(r)
			if err != nil {
				return err
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusBadRequest {
				t.Errorf("%q: status %d", query, answer.StatusCode)
			}
		}
		return a.Browse(ctx, page, mock.Consent{User: user})
	}
	if _, err := generic.Login(t.Context(), loginServer(a), client(), generic.LoginOptions{Options: options(a), Open: open}); err != nil {
		t.Error(err)
	}
}

func TestLoginEnds(t *testing.T) {
	a := authority(t, mock.AuthorityOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := generic.Login(ctx, loginServer(a), client(), generic.LoginOptions{
		Options: options(a), Open: func(context.Context, string) error { return nil },
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's error", err)
	}
	closed := errors.New("no display")
	_, err = generic.Login(t.Context(), loginServer(a), client(), generic.LoginOptions{
		Options: options(a), Open: func(context.Context, string) error { return closed },
	})
	if !errors.Is(err, closed) {
		t.Errorf("%v, want that of Open", err)
	}
}

// A page that stays open, as a browser in the foreground does, keeps nobody from
// the answer, and is told when the sign-in is over.
func TestLoginWithPageThatStays(t *testing.T) {
	a := authority(t, mock.AuthorityOptions{})
	left := make(chan struct{})
	_, err := generic.Login(t.Context(), loginServer(a), client(), generic.LoginOptions{
		Options: options(a),
		Open: func(ctx context.Context, page string) error {
			defer close(left)
			if err := a.Browse(ctx, page, mock.Consent{User: user}); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		},
	})
	if err != nil {
		t.Error(err)
	}
	<-left
}

// answered has a browser bring an answer of the test's making.
func answered(answer url.Values) func(context.Context, string) error {
	return func(ctx context.Context, page string) error {
		u, err := url.Parse(page)
		if err != nil {
			return err
		}
		answer.Set("state", u.Query().Get("state"))
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.Query().Get("redirect_uri")+"?"+answer.Encode(), nil)
		if err != nil {
			return err
		}
		reply, err := (&http.Client{Transport: new(http.Transport)}).Do(r)
		if err != nil {
			return err
		}
		return reply.Body.Close()
	}
}

// What an answer of the authorization endpoint has to say before its code is of use
// (RFC 9207, Section 2.4), and what the answer of the token endpoint has to hold.
func TestLoginAnswers(t *testing.T) {
	const issuer = "https://id.example.com"
	code := func(iss ...string) url.Values { return url.Values{"code": {"the-code"}, "iss": iss} }
	tests := []struct {
		name     string
		names    bool
		answer   url.Values
		token    string
		store    providers.Store
		kind     providers.Kind
		text     string // "": there is no error
		requests int
	}{
		{"named", true, code(issuer), tokenAnswer, new(providers.MemoryStore), 0, "", 1},
		{"not named", false, code(), tokenAnswer, nil, 0, "", 1},
		{"not named, though it always is", true, code(), tokenAnswer, nil, providers.Misconfigured, "does not say which authority", 0},
		{"another is named", false, code("https://evil.example.com"), tokenAnswer, nil, providers.Misconfigured, "https://evil.example.com, which was not asked", 0},
		{"another's refusal", false, url.Values{"error": {"access_denied"}, "iss": {"https://evil.example.com"}}, "", nil, providers.Misconfigured, "which was not asked", 0},
		{"an error without a name", false, url.Values{"error": {""}}, tokenAnswer, nil, providers.Misconfigured, "acme: ", 0},
		{"an error of the server", false, url.Values{"error": {"server_error"}}, tokenAnswer, nil, providers.Transient, "server_error", 0},
		{"no refresh token", false, code(), `{"access_token":"access-1"}`, nil, 0, "", 1},
		{"no refresh token to keep", false, code(), `{"access_token":"access-1"}`, new(providers.MemoryStore), providers.Misconfigured, "offline_access in Server.Scopes", 1},
		{"the code repeated", false, code(), `{"error":"invalid_grant","error_description":"the-code"}`, nil, providers.NeedsUser, "[redacted]", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requests := 0
			o := generic.Options{HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				requests++
				return reply(200, "application/json", tt.token), nil
			})}}
			if tt.store != nil {
				o.Cache = providers.CacheOptions{Store: tt.store, Key: "k"}
			}
			s := generic.Server{
				Name: "acme", Issuer: issuer, NamesIssuer: tt.names,
				TokenURL: issuer + "/token", AuthURL: issuer + "/auth",
			}
			got, err := generic.Login(t.Context(), s, client(), generic.LoginOptions{Options: o, Open: answered(tt.answer)})
			if requests != tt.requests {
				t.Errorf("%d requests, want %d", requests, tt.requests)
			}
			if tt.text != "" {
				want(t, err, tt.kind, tt.text)
				return
			}
			if err != nil || got.Token.Value.Reveal() != "access-1" {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestLoginArguments(t *testing.T) {
	_, err := generic.Login(t.Context(), generic.Server{TokenURL: "https://id.example.com/token"}, client(), generic.LoginOptions{})
	want(t, err, providers.Misconfigured, "Server.AuthURL is empty")
	_, err = generic.LoginDevice(t.Context(), generic.Server{TokenURL: "https://id.example.com/token"}, client(), nil, generic.Options{})
	want(t, err, providers.Misconfigured, "Server.DeviceURL is empty")
	_, err = generic.LoginDevice(t.Context(), generic.Server{TokenURL: "https://id.example.com/t", DeviceURL: "https://id.example.com/d"}, client(), nil, generic.Options{})
	want(t, err, providers.Misconfigured, "shows the code")
	_, err = generic.Login(t.Context(), generic.Server{TokenURL: "https://id.example.com/t", AuthURL: "https://id.example.com/a"}, client(),
		generic.LoginOptions{Options: generic.Options{Cache: providers.CacheOptions{Store: new(providers.MemoryStore)}}})
	want(t, err, providers.Misconfigured, "needs a Key")
	for _, name := range []string{"state", "code_challenge", "redirect_uri", "scope"} {
		_, err = generic.Login(t.Context(), generic.Server{
			TokenURL: "https://id.example.com/t", AuthURL: "https://id.example.com/a", AuthParams: map[string]string{name: "x"},
		}, client(), generic.LoginOptions{})
		want(t, err, providers.Misconfigured, "Server.AuthParams has "+name)
	}
	_, err = generic.Login(t.Context(), generic.Server{TokenURL: "https://id.example.com/t", AuthURL: "https://id.example.com/a"}, client(),
		generic.LoginOptions{Listen: "0.0.0.0:0"})
	want(t, err, providers.Misconfigured, "LoginOptions.Listen")
}
