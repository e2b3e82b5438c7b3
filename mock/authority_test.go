package mock_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// post asks for a token and returns the status and the fields of the response.
func post(t *testing.T, client *http.Client, endpoint string, form url.Values) (*http.Response, map[string]any) {
	t.Helper()
	resp, err := client.PostForm(endpoint, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var fields map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&fields); err != nil {
		t.Fatal(err)
	}
	return resp, fields
}

func refreshForm(refresh sasl.Secret) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {"id"}, "client_secret": {"pencil"}, "refresh_token": {refresh.Reveal()}}
}

func check(a *mock.Authority, user, token string) error {
	return a.CheckToken(context.Background(), mock.TokenCheck{Mechanism: "XOAUTH2", User: user, Token: sasl.NewSecret(token)})
}

func TestRefresh(t *testing.T) {
	for _, network := range []mock.Network{mock.Loopback, mock.InMemory} {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Dialect: mock.GoogleOAuth, Network: network, TokenLength: 400})
		refresh := a.Grant("you@example.test")
		resp, fields := post(t, a.HTTPClient(), a.TokenURL(), refreshForm(refresh))
		token, _ := fields["access_token"].(string)
		if resp.StatusCode != 200 || fields["token_type"] != "Bearer" || fields["scope"] != "https://mail.google.com/" ||
			fields["expires_in"] != 3599.0 && fields["expires_in"] != 3600.0 || len(token) != 400 || fields["refresh_token"] != nil {
			t.Errorf("%d %v", resp.StatusCode, fields)
		}
		if err := check(a, "you@example.test", token); err != nil {
			t.Errorf("fresh token: %v", err)
		}
		if n := a.RevokeTokens("you@example.test"); n != 1 {
			t.Errorf("revoked %d tokens, want 1", n)
		}
		var refused *sasl.OAuthError
		if err := check(a, "you@example.test", token); !errors.As(err, &refused) || refused.Status != "401" {
			t.Errorf("revoked token: %v", err)
		}
		if _, fields := post(t, a.HTTPClient(), a.TokenURL(), refreshForm(refresh)); fields["access_token"] == token {
			t.Error("the same token again")
		}
		a.RevokeGrant(refresh)
		resp, fields = post(t, a.HTTPClient(), a.TokenURL(), refreshForm(refresh))
		if resp.StatusCode != 400 || fields["error"] != "invalid_grant" || fields["error_description"] != "Token has been expired or revoked." {
			t.Errorf("%d %v", resp.StatusCode, fields)
		}
		log := fmt.Sprintf("%+v", a.Requests())
		if strings.Contains(log, refresh.Reveal()) || strings.Contains(log, "pencil") || !strings.Contains(log, "client_secret:<redacted 6 octets>") {
			t.Errorf("log %s", log)
		}
		if requests := a.Requests(); len(requests) != 3 || requests[2].Status != 400 || requests[0].Grant != "refresh_token" || requests[0].ClientID != "id" {
			t.Errorf("log %s", log)
		}
	}
}

func TestRotation(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, RotateRefresh: true})
	client := a.HTTPClient()
	first := a.Grant("you@example.test")
	_, fields := post(t, client, a.TokenURL(), refreshForm(first))
	second, _ := fields["refresh_token"].(string)
	if second == "" || second == first.Reveal() {
		t.Fatalf("refresh token %q", second)
	}
	if resp, _ := post(t, client, a.TokenURL(), refreshForm(sasl.NewSecret(second))); resp.StatusCode != 200 {
		t.Errorf("second refresh: %s", resp.Status)
	}
	// A used one in other hands ends the grant for both.
	for _, refresh := range []string{first.Reveal(), second} {
		if _, fields := post(t, client, a.TokenURL(), refreshForm(sasl.NewSecret(refresh))); fields["error"] != "invalid_grant" {
			t.Errorf("used refresh token: %v", fields)
		}
	}
}

// TestRotateEvery has a refresh token replaced at its third use.
func TestRotateEvery(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, RotateRefresh: true, RotateEvery: 3})
	client, first := a.HTTPClient(), a.Grant("you@example.test")
	refresh := first.Reveal()
	for use := 1; use <= 7; use++ {
		_, fields := post(t, client, a.TokenURL(), refreshForm(sasl.NewSecret(refresh)))
		next, _ := fields["refresh_token"].(string)
		if replaced := next != refresh; next == "" || replaced != (use%3 == 0) {
			t.Errorf("use %d: replaced: %v, %v", use, replaced, fields)
		}
		refresh = next
	}
	if _, fields := post(t, client, a.TokenURL(), refreshForm(first)); fields["error"] != "invalid_grant" {
		t.Errorf("used refresh token: %v", fields)
	}
}

func TestClients(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{
		Network: mock.InMemory, Dialect: mock.MicrosoftOAuth,
		Clients: map[string]string{"id": "pencil", "public": ""},
	})
	client := a.HTTPClient()
	google, microsoft := a.URL()+"/token", a.TokenURL()
	refresh := a.Grant("you@example.test").Reveal()
	good, own := refreshForm(sasl.NewSecret(refresh)), refreshForm(a.Grant("she@example.test"))
	app := with(good, "grant_type", "client_credentials", "scope", "https://outlook.office365.com/.default")
	for _, test := range []struct {
		name     string
		endpoint string
		form     url.Values
		status   int
		code     string // error
		number   string // AADSTS
	}{
		{"good", microsoft, good, 200, "", ""},
		{"public client", microsoft, with(own, "client_id", "public", "client_secret", ""), 200, "", ""},
		{"refresh token of another client", microsoft, with(good, "client_id", "public", "client_secret", ""), 400, "invalid_grant", "AADSTS70000: "},
		{"wrong secret", microsoft, with(good, "client_secret", "pen"), 401, "invalid_client", "AADSTS7000215: "},
		{"no secret", microsoft, with(good, "client_secret", ""), 401, "invalid_client", "AADSTS7000218: "},
		{"unknown client", microsoft, with(good, "client_id", "x"), 400, "unauthorized_client", "AADSTS700016: "},
		{"unknown client, elsewhere", google, with(good, "client_id", "x"), 401, "invalid_client", ""},
		{"no client", google, with(good, "client_id", ""), 400, "invalid_request", ""},
		{"no grant type", google, with(good, "grant_type", ""), 400, "invalid_request", ""},
		{"other grant type", google, with(good, "grant_type", "saml2"), 400, "unsupported_grant_type", ""},
		{"no refresh token", google, with(good, "refresh_token", ""), 400, "invalid_request", ""},
		{"unknown refresh token", microsoft, with(good, "refresh_token", "x"), 400, "invalid_grant", "AADSTS9002313: "},
		{"scope within the grant", microsoft, with(good, "scope", "https://outlook.office.com/SMTP.Send offline_access"), 200, "", ""},
		{"scope beyond the grant", microsoft, with(good, "scope", "https://graph.microsoft.com/Mail.Send"), 400, "invalid_scope", "AADSTS70011: "},
		{"client credentials", microsoft, app, 200, "", ""},
		{"client credentials of a public client", microsoft, with(app, "client_id", "public", "client_secret", ""), 401, "unauthorized_client", "AADSTS7000218: "},
		{"client credentials, other scope", microsoft, with(app, "scope", "mail"), 400, "invalid_scope", "AADSTS1002012: "},
		{"unknown tenant", a.URL() + "/nowhere/oauth2/v2.0/token", good, 400, "invalid_tenant", "AADSTS90002: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, fields := post(t, client, test.endpoint, test.form)
			description, _ := fields["error_description"].(string)
			if code, _ := fields["error"].(string); resp.StatusCode != test.status || code != test.code || !strings.HasPrefix(description, test.number) {
				t.Errorf("%d %v", resp.StatusCode, fields)
			}
		})
	}
}

func TestClientCredentialsToken(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.MicrosoftOAuth})
	_, fields := post(t, a.HTTPClient(), a.TokenURL(), url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"id"}, "scope": {"https://outlook.office365.com/.default"},
	})
	token, _ := fields["access_token"].(string)
	for _, user := range []string{"you@example.test", "she@example.test"} {
		if err := check(a, user, token); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token %q is no JWT", token)
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || !strings.Contains(string(claims), `"roles":["SMTP.SendAsApp"]`) {
		t.Errorf("claims %s, %v", claims, err)
	}
}

func TestTokenLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.GoogleOAuth})
		const user = "you@example.test"
		token := a.Issue(user, time.Minute)
		if !token.Expiry.Equal(time.Now().Add(time.Minute)) || token.Subject != user {
			t.Errorf("token %+v", token)
		}
		value := token.Value.Reveal()
		time.Sleep(time.Minute - time.Nanosecond)
		if err := check(a, user, value); err != nil {
			t.Errorf("before its expiry: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if err := check(a, user, value); !errors.Is(err, sasl.ErrRejected) {
			t.Errorf("after its expiry: %v", err)
		}
		var refused *sasl.OAuthError
		other := a.Issue(user, 0, "https://www.googleapis.com/auth/gmail.send").Value.Reveal()
		if err := check(a, user, other); !errors.As(err, &refused) || refused.Status != "400" {
			t.Errorf("wrong scope: %v", err)
		}
		fresh := a.Issue(user, 0).Value.Reveal()
		a.Expire(sasl.NewSecret(fresh))
		if err := check(a, user, fresh); !errors.Is(err, sasl.ErrRejected) {
			t.Errorf("behind Expire: %v", err)
		}
		if resp, fields := post(t, a.HTTPClient(), a.TokenURL(), refreshForm(a.Grant(user))); resp.StatusCode != 200 || fields["expires_in"] != 3600.0 {
			t.Errorf("over the in-memory network: %d %v", resp.StatusCode, fields)
		}
	})
}

func TestFailNext(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	refresh := a.Grant("you@example.test")
	if err := a.FailNext(2, 503, "temporarily_unavailable", 30*time.Second); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		resp, fields := post(t, a.HTTPClient(), a.TokenURL(), refreshForm(refresh))
		if resp.StatusCode != 503 || fields["error"] != "temporarily_unavailable" || resp.Header.Get("Retry-After") != "30" {
			t.Errorf("%d %v %v", resp.StatusCode, fields, resp.Header)
		}
	}
	if resp, _ := post(t, a.HTTPClient(), a.TokenURL(), refreshForm(refresh)); resp.StatusCode != 200 {
		t.Errorf("behind the failures: %s", resp.Status)
	}
}

func TestHijackingClient(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{})
	client := a.HijackingClient()
	for _, endpoint := range []string{"https://oauth2.googleapis.com/token", "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"} {
		if resp, fields := post(t, client, endpoint, refreshForm(a.Grant("you@example.test"))); resp.StatusCode != 200 {
			t.Errorf("%s: %d %v", endpoint, resp.StatusCode, fields)
		}
	}
	resp, err := client.Get("https://login.microsoftonline.com/contoso/v2.0/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var fields map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&fields); err != nil || fields["issuer"] != "https://login.microsoftonline.com/contoso/v2.0" ||
		fields["token_endpoint"] != "https://login.microsoftonline.com/contoso/oauth2/v2.0/token" {
		t.Errorf("%v, %v", fields, err)
	}
	if requests := a.Requests(); len(requests) != 3 || requests[0].Host != "oauth2.googleapis.com" {
		t.Errorf("requests %+v", requests)
	}
}

func TestTokenForms(t *testing.T) {
	for _, test := range []struct {
		dialect mock.Dialect
		length  int
		prefix  string
		long    int
	}{
		{mock.GenericOAuth, 0, "mock.", 60},
		{mock.GoogleOAuth, 0, "ya29.", 60},
		{mock.GoogleOAuth, 2000, "ya29.", 2000},
		{mock.GoogleOAuth, 1, "ya29.", 21},
		{mock.MicrosoftOAuth, 2000, "eyJ", 2000},
		{mock.MicrosoftOAuth, 60, "mock.", 60},
	} {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: test.dialect, TokenLength: test.length})
		one, two := a.Issue("you@example.test", 0), a.Issue("you@example.test", 0)
		if value := one.Value.Reveal(); len(value) != test.long || !strings.HasPrefix(value, test.prefix) || one.Value.Equal(two.Value) {
			t.Errorf("%v, length %d: %q", test.dialect, test.length, value)
		}
	}
}

// decoded returns the fields of a response in JSON.
func decoded(t *testing.T, resp *http.Response) map[string]any {
	t.Helper()
	defer resp.Body.Close()
	var fields map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&fields); err != nil {
		t.Fatal(err)
	}
	return fields
}
