package mock_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// ask posts a form and returns the status and the fields, if there are any.
func ask(t *testing.T, client *http.Client, endpoint string, form url.Values) (int, map[string]any) {
	t.Helper()
	resp, err := client.PostForm(endpoint, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var fields map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&fields) // an empty body has none
	return resp.StatusCode, fields
}

func TestIntrospection(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Clients: map[string]string{"id": "pencil", "public": ""}})
	refresh := a.Grant("you@example.test")
	_, issued := post(t, a.HTTPClient(), a.TokenURL(), refreshForm(refresh))
	access, _ := issued["access_token"].(string)
	about := func(token string, credentials ...string) url.Values {
		form := url.Values{"client_id": {"id"}, "client_secret": {"pencil"}, "token": {token}}
		for i := 0; i < len(credentials); i += 2 {
			form.Set(credentials[i], credentials[i+1])
		}
		return form
	}
	status, fields := ask(t, a.HTTPClient(), a.URL()+"/introspect", about(access))
	if status != 200 || fields["active"] != true || fields["username"] != "you@example.test" || fields["scope"] != "mail" ||
		fields["client_id"] != "id" || fields["token_type"] != "Bearer" || fields["exp"].(float64)-fields["iat"].(float64) != 3600 {
		t.Errorf("access token: %d %v", status, fields)
	}
	if _, fields := ask(t, a.HTTPClient(), a.URL()+"/introspect", about(refresh.Reveal())); fields["active"] != true || fields["sub"] != "you@example.test" {
		t.Errorf("refresh token: %v", fields)
	}
	a.Revoke(sasl.NewSecret(access))
	for name, token := range map[string]string{"revoked": access, "unknown": "x"} {
		if status, fields := ask(t, a.HTTPClient(), a.URL()+"/introspect", about(token)); status != 200 || len(fields) != 1 || fields["active"] != false {
			t.Errorf("%s: %d %v", name, status, fields)
		}
	}
	for name, form := range map[string]url.Values{
		"wrong secret":  about(access, "client_secret", "pen"),
		"public client": about(access, "client_id", "public", "client_secret", ""),
	} {
		if status, fields := ask(t, a.HTTPClient(), a.URL()+"/introspect", form); status != 401 || fields["error"] != "invalid_client" {
			t.Errorf("%s: %d %v", name, status, fields)
		}
	}
	if status, fields := ask(t, a.HTTPClient(), a.URL()+"/introspect", about("")); status != 400 || fields["error"] != "invalid_request" {
		t.Errorf("no token: %d %v", status, fields)
	}
}

func TestRevocation(t *testing.T) {
	const user = "you@example.test"
	for name, test := range map[string]struct {
		dialect       mock.Dialect
		byAccess      bool
		accessGood    bool // of a second access token, afterwards
		refreshStatus int
		unknownStatus int
	}{
		"refresh token":         {mock.GenericOAuth, false, false, 400, 200},
		"access token":          {mock.GenericOAuth, true, true, 200, 200},
		"access token, Google":  {mock.GoogleOAuth, true, false, 400, 400},
		"refresh token, Google": {mock.GoogleOAuth, false, false, 400, 400},
	} {
		t.Run(name, func(t *testing.T) {
			a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: test.dialect})
			client, refresh := a.HTTPClient(), a.Grant(user)
			var tokens [2]string
			for i := range tokens {
				_, fields := post(t, client, a.TokenURL(), refreshForm(refresh))
				tokens[i], _ = fields["access_token"].(string)
			}
			revoked := refresh.Reveal()
			if test.byAccess {
				revoked = tokens[0]
			}
			if status, fields := ask(t, client, a.URL()+"/revoke", url.Values{"token": {revoked}}); status != 200 || fields != nil {
				t.Errorf("%d %v", status, fields)
			}
			if check(a, user, tokens[0]) == nil {
				t.Error("the access token is good")
			}
			if good := check(a, user, tokens[1]) == nil; good != test.accessGood {
				t.Errorf("the other access token is good: %t, want %t", good, test.accessGood)
			}
			if status, _ := ask(t, client, a.TokenURL(), refreshForm(refresh)); status != test.refreshStatus {
				t.Errorf("refresh afterwards: %d, want %d", status, test.refreshStatus)
			}
			if status, _ := ask(t, client, a.URL()+"/revoke", url.Values{"token": {"x"}}); status != test.unknownStatus {
				t.Errorf("unknown token: %d, want %d", status, test.unknownStatus)
			}
		})
	}
}

func TestRevocationByClients(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Clients: map[string]string{"id": "pencil", "other": "pen"}})
	_, fields := post(t, a.HTTPClient(), a.TokenURL(), refreshForm(a.Grant("you@example.test")))
	token, _ := fields["access_token"].(string)
	for _, test := range []struct {
		id, secret, token string
		status            int
		code              any
	}{
		{"id", "x", token, 401, "invalid_client"},
		{"other", "pen", token, 400, "unauthorized_client"},
		{"id", "pencil", "", 400, "invalid_request"},
		{"id", "pencil", token, 200, nil},
	} {
		form := url.Values{"client_id": {test.id}, "client_secret": {test.secret}, "token": {test.token}}
		if status, fields := ask(t, a.HTTPClient(), a.URL()+"/revoke", form); status != test.status || fields["error"] != test.code {
			t.Errorf("%s: %d %v", test.id, status, fields)
		}
	}
}

// A used refresh token in other hands ends the family, access tokens included,
// and no other family (RFC 9700, Section 4.14.2).
func TestReuse(t *testing.T) {
	const user = "you@example.test"
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.MicrosoftOAuth, RotateRefresh: true})
	client, first, other := a.HTTPClient(), a.Grant(user), a.Grant(user)
	refresh := func(token sasl.Secret) (access string, next sasl.Secret) {
		_, fields := post(t, client, a.TokenURL(), refreshForm(token))
		access, _ = fields["access_token"].(string)
		value, _ := fields["refresh_token"].(string)
		return access, sasl.NewSecret(value)
	}
	access, second := refresh(first)
	otherAccess, _ := refresh(other)
	_, fields := post(t, client, a.TokenURL(), refreshForm(first))
	if fields["error"] != "invalid_grant" || !strings.HasPrefix(fields["error_description"].(string), "AADSTS50173: ") {
		t.Errorf("reuse: %v", fields)
	}
	if check(a, user, access) == nil {
		t.Error("the access token of the family is good")
	}
	if access, _ := refresh(second); access != "" {
		t.Error("the new refresh token of the family is good")
	}
	if err := check(a, user, otherAccess); err != nil {
		t.Errorf("other family: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	for _, path := range []string{"openid-configuration", "oauth-authorization-server"} {
		resp, err := a.HijackingClient().Get("https://issuer.example/.well-known/" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var fields map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&fields); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"issuer": "", "token_endpoint": "/token", "introspection_endpoint": "/introspect", "revocation_endpoint": "/revoke",
		} {
			if fields[name] != "https://issuer.example"+want {
				t.Errorf("%s: %s is %v", path, name, fields[name])
			}
		}
	}
}

// An authority that runs for long forgets what is oldest.
func TestAuthorityIsBounded(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	first := a.Issue("you@example.test", 0).Value.Reveal()
	last := ""
	for range 10_000 {
		last = a.Issue("you@example.test", 0).Value.Reveal()
	}
	if check(a, "you@example.test", first) == nil || check(a, "you@example.test", last) != nil {
		t.Error("not the oldest token was forgotten")
	}
	form := url.Values{"client_id": {strings.Repeat("x", 30_000)}}
	for range 100 {
		form.Set(strings.Repeat("k", len(form)+1), "v")
	}
	ask(t, a.HTTPClient(), a.TokenURL(), form)
	r := a.Requests()[0]
	if len(r.ClientID) > 300 || len(r.Form) > 32 {
		t.Errorf("%d octets of client_id, %d fields in the log", len(r.ClientID), len(r.Form))
	}
}
