package mock_test

import (
	"context"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// What is wrong with who asks is shown to the user, and goes nowhere.
func TestAuthorizationPages(t *testing.T) {
	for _, test := range []struct {
		name    string
		dialect mock.Dialect
		changes []string
		want    string
	}{
		{"no client", mock.GoogleOAuth, []string{"client_id", ""}, "400: Error 400: invalid_request: The parameter client_id is missing."},
		{"unknown client", mock.GoogleOAuth, []string{"client_id", "x"}, "401: Error 401: invalid_client: The OAuth client was not found."},
		{"unknown client", mock.MicrosoftOAuth, []string{"client_id", "x"}, "400: Error 400: unauthorized_client: AADSTS700016: No application of that identifier is in the directory."},
		{"no redirect", mock.GoogleOAuth, []string{"redirect_uri", ""}, "400: Error 400: invalid_request: The parameter redirect_uri is missing."},
		{"redirect elsewhere", mock.GoogleOAuth, []string{"redirect_uri", "https://evil.test/"}, "400: Error 400: redirect_uri_mismatch: The redirect URI is not registered for the client."},
		{"loopback by TLS", mock.GoogleOAuth, []string{"redirect_uri", "https://127.0.0.1/"}, "400: Error 400: redirect_uri_mismatch: The redirect URI is not registered for the client."},
		{"fragment", mock.GoogleOAuth, []string{"redirect_uri", callback + "#x"}, "400: Error 400: redirect_uri_mismatch: The redirect URI is not registered for the client."},
		{"out of band", mock.GoogleOAuth, []string{"redirect_uri", "urn:ietf:wg:oauth:2.0:oob"}, "400: Error 400: redirect_uri_mismatch: The redirect URI is not registered for the client."},
		{"user in it", mock.GoogleOAuth, []string{"redirect_uri", "http://127.0.0.1@evil.test/"}, "400: Error 400: redirect_uri_mismatch: The redirect URI is not registered for the client."},
		{"other than localhost", mock.MicrosoftOAuth, []string{"redirect_uri", callback}, "400: Error 400: redirect_uri_mismatch: AADSTS50011: The redirect URI is not registered for the client."},
		{"fragment mode", mock.GenericOAuth, []string{"response_mode", "fragment"}, "400: Error 400: invalid_request: The response mode is not supported."},
		{"unknown tenant", mock.MicrosoftOAuth, []string{"tenant", "nowhere"}, "400"},
		{"unknown user", mock.GoogleOAuth, []string{"login_hint", "he@example.test"}, "400: Error 400: login_required: The user account does not exist in the directory."},
		{"no user", mock.GoogleOAuth, []string{"login_hint", ""}, "400: Error 400: login_required: Neither the consent nor login_hint names a user."},
	} {
		a := mock.StartAuthority(t, mock.AuthorityOptions{
			Network: mock.InMemory, Dialect: test.dialect, Clients: map[string]string{"id": "pencil"},
			Users: map[string]string{"you@example.test": "secret"},
		})
		query, address := googleQuery(), a.AuthorizationURL()
		if test.dialect == mock.MicrosoftOAuth {
			query = microsoftQuery()
		}
		query = with(query, test.changes...)
		if query.Has("tenant") {
			address = strings.Replace(address, "contoso", query.Get("tenant"), 1)
		}
		_, err := a.Authorize(t.Context(), address+"?"+query.Encode(), mock.Consent{})
		if want := "mock: browser: the authorization endpoint answers " + test.want; err == nil || err.Error() != want {
			t.Errorf("%s, %v: %v, want %s", test.name, test.dialect, err, want)
		}
	}
}

// What is wrong with what is asked goes back to the client.
func TestAuthorizationErrors(t *testing.T) {
	for _, test := range []struct {
		name    string
		dialect mock.Dialect
		changes []string
		consent mock.Consent
		want    string // error, and the beginning of error_description
	}{
		{"implicit", mock.GenericOAuth, []string{"response_type", "token"}, mock.Consent{}, "unsupported_response_type The response type"},
		{"no response type", mock.GenericOAuth, []string{"response_type", ""}, mock.Consent{}, "invalid_request The parameter response_type"},
		{"plain", mock.GenericOAuth, []string{"code_challenge_method", "plain"}, mock.Consent{}, "invalid_request The code_challenge_method must be S256."},
		{"no method", mock.GenericOAuth, []string{"code_challenge_method", ""}, mock.Consent{}, "invalid_request The code_challenge_method must be S256."},
		{"no challenge", mock.GenericOAuth, []string{"code_challenge", ""}, mock.Consent{}, "invalid_request The parameter code_challenge"},
		{"verifier as challenge", mock.GenericOAuth, []string{"code_challenge", verifier}, mock.Consent{}, "invalid_request The code_challenge is no SHA-256"},
		{"no scope", mock.GoogleOAuth, []string{"scope", ""}, mock.Consent{}, "invalid_request "},
		{"access type", mock.GoogleOAuth, []string{"access_type", "offfline"}, mock.Consent{}, "invalid_request "},
		{"prompt", mock.GoogleOAuth, []string{"prompt", "consent none"}, mock.Consent{}, "invalid_request "},
		{"silent", mock.GoogleOAuth, []string{"prompt", "none"}, mock.Consent{}, "interaction_required "},
		{"two resources", mock.MicrosoftOAuth, []string{"scope", "https://outlook.office.com/SMTP.Send https://graph.microsoft.com/Mail.Send"}, mock.Consent{}, "invalid_scope AADSTS28000: "},
		{"denied", mock.GoogleOAuth, nil, mock.Consent{Deny: true}, "access_denied "},
		{"denied", mock.MicrosoftOAuth, nil, mock.Consent{Deny: true}, "access_denied AADSTS65004: User declined"},
		{"denied", mock.GenericOAuth, nil, mock.Consent{Deny: true}, "access_denied User declined"},
	} {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: test.dialect})
		query := googleQuery()
		switch test.dialect {
		case mock.MicrosoftOAuth:
			query = microsoftQuery()
		case mock.GenericOAuth:
			query = with(query, "prompt", "", "access_type", "")
		}
		_, brought := answerTo(t, a, with(query, test.changes...), test.consent)
		got := brought.Get("error") + " " + brought.Get("error_description")
		if !strings.HasPrefix(got, test.want) || brought.Has("code") || brought.Get("state") != "xyz" {
			t.Errorf("%s, %v: %v", test.name, test.dialect, brought)
		}
	}
}

// An error without a status is one for the client, with one it is the
// authority's own.
func TestAuthorizationFaults(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Faults: []mock.AuthorityFault{
		{Path: "/authorize", Times: 1, Error: "temporarily_unavailable", Description: "later"},
		{Path: "/authorize", Times: 1, Status: 503},
		{Path: "/authorize", Times: 1, HTML: true},
		{Path: "/authorize", Times: 2, Drop: true}, // the second time on a new connection,
	}})
	query := with(googleQuery(), "prompt", "")
	if _, brought := answerTo(t, a, query, mock.Consent{}); brought.Get("error") != "temporarily_unavailable" || brought.Get("error_description") != "later" {
		t.Errorf("%v", brought)
	}
	for _, want := range []string{"answers 503", "answers 200: Sign in", "EOF"} {
		if _, err := a.Authorize(t.Context(), a.AuthorizationURL()+"?"+query.Encode(), mock.Consent{}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Browse goes to the client's own listener, and to no other network.
func TestBrowse(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Dialect: mock.MicrosoftOAuth, Redirects: []string{"http://192.0.2.1/"}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	brought := make(chan string, 1)
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		brought <- r.Method + " " + r.Header.Get("Content-Type") + " " + string(body)
	})}
	defer srv.Close()
	go srv.Serve(l)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	query := with(microsoftQuery(), "redirect_uri", "http://localhost:"+port)
	address := "https://login.microsoftonline.com/common/oauth2/v2.0/authorize?"
	if err := a.Browse(t.Context(), address+query.Encode(), mock.Consent{}); err != nil {
		t.Fatal(err)
	}
	if got := <-brought; !strings.HasPrefix(got, "POST application/x-www-form-urlencoded code=4%2F0A") || !strings.HasSuffix(got, "&state=xyz") {
		t.Errorf("%s", got)
	}
	query.Set("redirect_uri", "http://192.0.2.1/")
	err = a.Browse(t.Context(), address+query.Encode(), mock.Consent{})
	if err == nil || !strings.Contains(err.Error(), "not on loopback") || strings.Contains(err.Error(), "code=") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Browse(ctx, address+query.Encode(), mock.Consent{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := a.Browse(t.Context(), "http://login.microsoftonline.com/", mock.Consent{}); err == nil || !strings.Contains(err.Error(), "must be https") {
		t.Errorf("%v", err)
	}
}

// A browser that nobody plays is shown a page, until the test approves.
func TestApprove(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.GoogleOAuth})
	client := a.HijackingClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	open := func() (int, string, string) {
		resp, err := client.Get("https://accounts.google.com/o/oauth2/auth?" + googleQuery().Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		page, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(page), resp.Header.Get("Location")
	}
	if status, page, _ := open(); status != 200 || !strings.Contains(page, "<h1>Sign in</h1>") {
		t.Errorf("%d %s", status, page)
	}
	a.Approve(mock.Consent{User: "you@example.test"})
	status, _, location := open()
	u, err := url.Parse(location)
	if err != nil || status != 302 || u.Query().Get("code") == "" {
		t.Errorf("%d %s", status, location)
	}
}

// An ID token is signed by a key that the discovery document leads to.
func TestDiscoveryLeadsOn(t *testing.T) {
	for dialect, path := range map[mock.Dialect]string{
		mock.GoogleOAuth: "/.well-known/openid-configuration", mock.GenericOAuth: "/.well-known/openid-configuration",
		mock.MicrosoftOAuth: "/contoso/v2.0/.well-known/openid-configuration",
	} {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: dialect})
		fields := get(t, a, path)
		for name, value := range fields {
			address, isURL := value.(string)
			if !isURL || name == "issuer" {
				continue
			}
			resp, err := a.HTTPClient().Get(address)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode == http.StatusNotFound {
				t.Errorf("%v: %s is nowhere", dialect, name)
			}
		}
		keys, _ := fields["jwks_uri"].(string)
		set := get(t, a, strings.TrimPrefix(keys, a.URL()))
		if key := set["keys"].([]any)[0].(map[string]any); key["kty"] != "RSA" || key["alg"] != "RS256" || key["e"] != "AQAB" {
			t.Errorf("%v: key %v", dialect, key)
		}
	}
}

// get returns the fields of a JSON document of the authority.
func get(t *testing.T, a *mock.Authority, path string) map[string]any {
	t.Helper()
	resp, err := a.HTTPClient().Get(a.URL() + path)
	if err != nil {
		t.Fatal(err)
	}
	return decoded(t, resp)
}

// FuzzAuthorize: whatever a request is, the answer with its code goes to loopback
// or to a registered URI, and to no other place.
func FuzzAuthorize(f *testing.F) {
	const registered = "https://app.example.test/callback?x=1"
	a, err := mock.NewAuthority(mock.AuthorityOptions{Network: mock.InMemory, Redirects: []string{registered}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { a.Close() })
	a.Approve(mock.Consent{User: "you@example.test"})
	good := with(googleQuery(), "prompt", "")
	for _, redirect := range []string{
		callback, registered, "http://localhost", "http://[::1]:1/", "http://127.0.0.1@evil.test/", "http://127.0.0.1.evil.test/", "//127.0.0.1", "http:127.0.0.1",
		"http://localhost\r\nX: y", "http://localhost/\"><script>", "javascript:alert(1)", registered + "/../x", "http://127.0.0.1#@evil.test/",
	} {
		f.Add(with(good, "redirect_uri", redirect).Encode())
		f.Add(with(good, "redirect_uri", redirect, "response_mode", "form_post", "state", "\"><script>").Encode())
	}
	f.Add("redirect_uri=" + callback + "&redirect_uri=https://evil.test&client_id=id&response_type=code")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/authorize", nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		target := w.Header().Get("Location")
		if _, form, found := strings.Cut(w.Body.String(), `<form method="POST" action="`); found {
			target, _, _ = strings.Cut(form, `"`)
			target = html.UnescapeString(target)
		}
		u, err := url.Parse(target)
		switch {
		case target == "", strings.HasPrefix(target, registered):
		case err != nil || u.Scheme != "http" || u.User != nil || !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()):
			t.Errorf("%q leads to %q", query, target)
		}
		if strings.Contains(w.Body.String(), "<script") {
			t.Errorf("%q is answered by %s", query, w.Body)
		}
	})
}
