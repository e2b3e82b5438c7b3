package mock_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// An outcome is what a test looks at in a response.
type outcome struct {
	status int
	code   string // error
}

// request posts a form, with credentials by Basic as they are unless id is empty.
func request(t *testing.T, a *mock.Authority, path string, form url.Values, id, secret string) (outcome, *http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id != "" {
		req.SetBasicAuth(id, secret)
	}
	resp, err := a.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var fields map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&fields) // an empty body has none
	code, _ := fields["error"].(string)
	return outcome{resp.StatusCode, code}, resp, fields
}

// Basic credentials are encoded as in a form before they are encoded in base64
// (RFC 6749, Section 2.3.1).
func TestBasicCredentials(t *testing.T) {
	const id, secret = "an app:1", "s+c%r/t="
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Clients: map[string]string{id: secret, "app": secret, "old": "%41"}})
	good, refused := outcome{200, ""}, outcome{401, "invalid_client"}
	for _, test := range []struct {
		name, id, secret string
		want             outcome
		text             string // in error_description
	}{
		{"encoded", url.QueryEscape(id), url.QueryEscape(secret), good, ""},
		{"space as %20", "an%20app%3a1", url.QueryEscape(secret), good, ""},
		{"raw, malformed as a form", "app", secret, refused, "form-encoded"},
		{"raw, another as a form", "old", "%41", refused, "form-encoded"},
		{"encoded twice", "app", url.QueryEscape(url.QueryEscape(secret)), refused, "Wrong client secret."},
		{"wrong", "app", "pen", refused, "Wrong client secret."},
		{"unknown", "x", "pen", refused, "not found"},
		{"malformed id", "%zz", "pen", refused, "form-encoded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, resp, fields := request(t, a, "/token", url.Values{"grant_type": {"client_credentials"}}, test.id, test.secret)
			text, _ := fields["error_description"].(string)
			if got != test.want || !strings.Contains(text, test.text) {
				t.Errorf("%v", fields)
			}
			// RFC 6749, Section 5.2
			if challenge := resp.Header.Get("WWW-Authenticate"); strings.HasPrefix(challenge, "Basic realm=") != (got.status == 401) {
				t.Errorf("%d with WWW-Authenticate %q", got.status, challenge)
			}
			// RFC 6749, Section 5.1
			if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Pragma") != "no-cache" {
				t.Errorf("headers %v", resp.Header)
			}
		})
	}
	resp := submit(t, a, "POST", "/token", "grant_type=client_credentials", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") })
	if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("other scheme: %s, %v", resp.Status, resp.Header)
	}
}

// A client authenticates in one way, and sends each parameter once (RFC 6749,
// Sections 2.3 and 3.2).
func TestOneOfEach(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Clients: map[string]string{"id": "pencil"}})
	google, microsoft := "/token", "/contoso/oauth2/v2.0/token"
	malformed := outcome{400, "invalid_request"}
	for _, test := range []struct {
		name, path, body string
		basic            bool
		want             outcome
	}{
		{"Basic and a secret", google, "grant_type=client_credentials&client_secret=pencil", true, malformed},
		{"Basic and another client", google, "grant_type=client_credentials&client_id=other", true, malformed},
		{"Basic and the same client", google, "grant_type=client_credentials&client_id=id", true, outcome{200, ""}},
		{"Basic and an empty secret", google, "grant_type=client_credentials&client_secret=", true, outcome{200, ""}},
		{"grant type twice", google, "grant_type=client_credentials&grant_type=client_credentials", true, malformed},
		{"secret twice", microsoft, "grant_type=client_credentials&scope=x/.default&client_id=id&client_secret=pencil&client_secret=x", false, malformed},
		{"unknown one twice", google, "grant_type=client_credentials&x=1&x=1", true, malformed},
		{"token twice", "/revoke", "token=1&token=2", true, malformed},
		{"token twice", "/introspect", "token=1&token=2", true, malformed},
		{"query", google + "?grant_type=refresh_token", "grant_type=client_credentials", true, outcome{200, ""}},
	} {
		t.Run(test.name+", "+test.path, func(t *testing.T) {
			form, err := url.ParseQuery(test.body)
			if err != nil {
				t.Fatal(err)
			}
			id := ""
			if test.basic {
				id = "id"
			}
			got, _, fields := request(t, a, test.path, form, id, "pencil")
			if got != test.want {
				t.Errorf("%d %v", got.status, fields)
			}
			text, _ := fields["error_description"].(string)
			if strings.HasPrefix(test.path, microsoft) && !strings.HasPrefix(text, "AADSTS9000411: ") {
				t.Errorf("description %q", text)
			}
		})
	}
}

// Where clients are known, only those may ask about tokens and revoke them (RFC
// 7662, Section 2.3; RFC 7009, Section 2.1).
func TestNoCredentials(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Clients: map[string]string{"id": "pencil"}})
	for _, path := range []string{"/introspect", "/revoke"} {
		got, resp, fields := request(t, a, path, url.Values{"token": {"x"}}, "", "")
		if got != (outcome{401, "invalid_client"}) || resp.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %v, %v", path, got.status, fields, resp.Header)
		}
	}
}

func TestMethodNotAllowed(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/token", 405, "POST"},
		{"PUT", "/contoso/oauth2/v2.0/token", 405, "POST"},
		{"GET", "/revoke", 405, "POST"},
		{"DELETE", "/introspect", 405, "POST"},
		{"POST", "/.well-known/openid-configuration", 405, "GET, HEAD"},
		{"HEAD", "/.well-known/openid-configuration", 200, ""},
		{"GET", "/nothing", 404, ""},
	} {
		resp := submit(t, a, test.method, test.path, "", nil)
		if resp.StatusCode != test.status || resp.Header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %s, Allow %q", test.method, test.path, resp.Status, resp.Header.Get("Allow"))
		}
	}
}

// A refresh token is its client's alone (RFC 6749, Sections 6 and 10.4): that of
// the first use, as a test's Grant names none.
func TestRefreshTokenIsBound(t *testing.T) {
	for _, dialect := range []mock.Dialect{mock.GenericOAuth, mock.GoogleOAuth, mock.MicrosoftOAuth} {
		t.Run(fmt.Sprint(dialect), func(t *testing.T) {
			a := mock.StartAuthority(t, mock.AuthorityOptions{
				Network: mock.InMemory, Dialect: dialect, RotateRefresh: true,
				Clients: map[string]string{"id": "pencil", "other": "pen"},
			})
			path := strings.TrimPrefix(a.TokenURL(), a.URL())
			use := func(token, id, secret string) (outcome, string) {
				got, _, fields := request(t, a, path, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, id, secret)
				next, _ := fields["refresh_token"].(string)
				return got, next
			}
			first := a.Grant("you@example.test").Reveal()
			got, second := use(first, "id", "pencil")
			if got.status != 200 {
				t.Fatalf("first use: %v", got)
			}
			// The other client can neither use nor end what is not its own.
			for _, token := range []string{first, second} {
				if got, _ := use(token, "other", "pen"); got != (outcome{400, "invalid_grant"}) {
					t.Errorf("another client: %v", got)
				}
			}
			if got, _ := use(second, "id", "pencil"); got.status != 200 {
				t.Errorf("its own client: %v", got)
			}
		})
	}
}

// A refused use does not bind a refresh token.
func TestRefusedUseBindsNothing(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Clients: map[string]string{"id": "pencil", "other": "pen"}})
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.Grant("you@example.test").Reveal()}}
	beyond := url.Values{"scope": {"everything"}, "grant_type": form["grant_type"], "refresh_token": form["refresh_token"]}
	if got, _, _ := request(t, a, "/token", beyond, "other", "pen"); got != (outcome{400, "invalid_scope"}) {
		t.Errorf("beyond the grant: %v", got)
	}
	if got, _, _ := request(t, a, "/token", form, "id", "pencil"); got.status != 200 {
		t.Errorf("then by another client: %v", got)
	}
}

// A client revokes its own tokens only (RFC 7009, Section 2.1).
func TestRevocationOfOthers(t *testing.T) {
	for name, clients := range map[string]map[string]string{"known": {"id": "pencil", "other": "pen"}, "any": nil} {
		t.Run(name, func(t *testing.T) {
			a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Clients: clients})
			refresh := a.Grant("you@example.test").Reveal()
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
			_, _, fields := request(t, a, "/token", form, "id", "pencil")
			access, _ := fields["access_token"].(string)
			for _, token := range []string{access, refresh} {
				if got, _, _ := request(t, a, "/revoke", url.Values{"token": {token}}, "other", "pen"); got != (outcome{400, "unauthorized_client"}) {
					t.Errorf("another client: %v", got)
				}
			}
			if err := check(a, "you@example.test", access); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if _, _, fields := request(t, a, "/introspect", url.Values{"token": {refresh}}, "id", "pencil"); fields["client_id"] != "id" {
				t.Errorf("introspection: %v", fields)
			}
			if got, _, _ := request(t, a, "/revoke", url.Values{"token": {refresh}}, "id", "pencil"); got.status != 200 {
				t.Errorf("its own client: %v", got)
			}
			if check(a, "you@example.test", access) == nil {
				t.Error("the grant is revoked, its access token is good")
			}
		})
	}
}

// What a test gave can change afterwards without a change of the authority.
func TestAuthorityOptionsAreCopied(t *testing.T) {
	clients, list := map[string]string{"id": "pencil"}, []int{1}
	faults := []mock.AuthorityFault{{Fields: map[string]any{"refresh_in": list}}}
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Clients: clients, Faults: faults})
	clients["id"], clients["other"], list[0] = "changed", "pen", 2
	faults[0].Fields["refresh_in"] = 3
	form := url.Values{"grant_type": {"client_credentials"}}
	got, _, fields := request(t, a, "/token", form, "id", "pencil")
	if list, _ := fields["refresh_in"].([]any); got.status != 200 || !slices.Equal(list, []any{1.0}) {
		t.Errorf("%d %v", got.status, fields)
	}
	if got, _, _ := request(t, a, "/token", form, "other", "pen"); got.code != "invalid_client" {
		t.Errorf("client from afterwards: %v", got)
	}
	if err := check(a, "you@example.test", sasl.NewSecret("x").Reveal()); err == nil {
		t.Error("any token is good")
	}
}
