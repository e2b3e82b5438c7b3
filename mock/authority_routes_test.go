package mock_test

import (
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// routes are all that an authority has, each with its method.
func routes() map[string]string {
	return map[string]string{
		"/authorize": "GET", "/o/oauth2/auth": "GET", "/o/oauth2/v2/auth": "GET", "/contoso/oauth2/v2.0/authorize": "GET",
		"/device_authorization": "POST", "/device/code": "POST", "/contoso/oauth2/v2.0/devicecode": "POST", "/device": "GET",
		"/token": "POST", "/contoso/oauth2/v2.0/token": "POST", "/introspect": "POST", "/revoke": "POST",
		"/.well-known/openid-configuration": "GET", "/.well-known/oauth-authorization-server": "GET",
		"/contoso/v2.0/.well-known/openid-configuration": "GET", "/common/discovery/instance": "GET", "/common/UserRealm/you@example.test": "GET",
		"/jwks": "GET", "/oauth2/v3/certs": "GET", "/contoso/discovery/v2.0/keys": "GET",
		"/v1/projects/-/serviceAccounts/" + mailer + ":signJwt":             "POST",
		"/v1/projects/-/serviceAccounts/" + mailer + ":generateAccessToken": "POST", "/v1/token": "POST",
		"/computeMetadata/v1/instance/service-accounts/default/token": "GET", "/computeMetadata/v1/project/project-id": "GET",
		"/metadata/identity/oauth2/token": "GET", "/msi/token": "GET", "/msi/shell": "POST", "/": "GET",
	}
}

// Faults happen on each route, in the form of errors that it has; what has no such
// method says so.
func TestEveryRoute(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	serve := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	for path, method := range routes() {
		if w := serve(method, path); w.Code == http.StatusNotFound && !strings.HasPrefix(path, "/computeMetadata/v1/instance") || w.Code == http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", path, w.Code)
		}
		if w := serve("DELETE", path); w.Code != http.StatusMethodNotAllowed || !strings.Contains(w.Header().Get("Allow"), method) {
			t.Errorf("%s: DELETE answers %d, %v", path, w.Code, w.Header())
		}
		if err := a.Inject(
			mock.AuthorityFault{Path: path, Times: 1, Status: 503, Error: "UNAVAILABLE", AADSTS: 90033, Description: "later"},
			mock.AuthorityFault{Path: path, Times: 1, HTML: true},
			mock.AuthorityFault{Path: path, Times: 1, Drop: true},
		); err != nil {
			t.Fatal(err)
		}
		want := `{"error":"UNAVAILABLE","error_description":"later"}`
		switch {
		case strings.Contains(path, "/v2.0/"):
			want = `"error_description":"AADSTS90033: later Trace ID: `
		case strings.HasPrefix(path, "/v1/projects/"):
			want = `{"error":{"code":503,"message":"later","status":"UNAVAILABLE"}}`
		}
		if w := serve(method, path); w.Code != 503 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if w := serve(method, path); w.Code != 200 || !strings.HasPrefix(w.Body.String(), "<!DOCTYPE html>") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		func() {
			defer func() {
				if recover() != http.ErrAbortHandler {
					t.Errorf("%s is not dropped", path)
				}
			}()
			serve(method, path)
		}()
	}
}

// What is secret on the routes of flows is in no log, wherever it was put.
func TestFlowsLogNoSecret(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{
		Network: mock.InMemory, Users: map[string]string{"you@example.test": "password-of-the-user"},
		Machine: mock.Machine{Identity: "9d3a1f0e-4b5c-4d2e-8f60-a1b2c3d4e5f6"},
	})
	_, brought := answerTo(t, a, with(googleQuery(), "scope", "mail", "access_type", "", "prompt", ""), mock.Consent{})
	_, prompt := ask(t, a.HTTPClient(), deviceURL(a, mock.GenericOAuth), url.Values{"client_id": {"id"}})
	device, _ := prompt["device_code"].(string)
	access := a.Issue("", 0).Value.Reveal()
	for _, secret := range []string{brought.Get("code"), device, access, "password-of-the-user", a.IdentityHeader().Reveal()} {
		escaped := url.QueryEscape(secret)
		for path, method := range routes() {
			before := len(a.Requests())
			for _, where := range []string{path + "?code=" + escaped, path + "?client_id=" + escaped + "&scope=" + escaped + "&" + escaped + "=1", path + "/" + url.PathEscape(secret)} {
				submit(t, a, method, where, "client_id=my-"+escaped+"&scope="+escaped+"&device_code="+escaped, nil)
			}
			if log := fmt.Sprintf("%+v", a.Requests()[before:]); strings.Contains(log, secret) {
				t.Errorf("%s: the log holds %q: %s", path, secret, log)
			}
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v", a, a, mock.AuthorityOptions{Users: map[string]string{"you": "password-of-the-user"}}); strings.Contains(shown, "password-of") {
		t.Errorf("%s", shown)
	}
}

// Of all who come with a code at once, one is given tokens.
func TestCodeIsRedeemedOnce(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.GoogleOAuth})
	_, brought := answerTo(t, a, googleQuery(), mock.Consent{})
	form := codeForm(brought.Get("code"), callback).Encode()
	var good atomic.Int32
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			r := httptest.NewRequest("POST", "/token", strings.NewReader(form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if w.Code == http.StatusOK {
				good.Add(1)
			}
		})
	}
	group.Wait()
	if n := good.Load(); n != 1 {
		t.Errorf("%d are given tokens", n)
	}
}

// Codes that nobody redeems are forgotten, the oldest first, and what a client may
// make the authority keep has a length.
func TestFlowsAreBounded(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.GoogleOAuth})
	_, first := answerTo(t, a, googleQuery(), mock.Consent{})
	_, second := answerTo(t, a, googleQuery(), mock.Consent{})
	a.Approve(mock.Consent{User: "you@example.test"})
	for range 999 {
		a.ServeHTTP(nowhere{}, httptest.NewRequest("GET", "/o/oauth2/auth?"+googleQuery().Encode(), nil))
	}
	if _, fields := post(t, a.HTTPClient(), a.TokenURL(), codeForm(first.Get("code"), callback)); fields["error_description"] != "Malformed auth code." {
		t.Errorf("the oldest: %v", fields)
	}
	if resp, fields := post(t, a.HTTPClient(), a.TokenURL(), codeForm(second.Get("code"), callback)); resp.StatusCode != 200 {
		t.Errorf("the next: %v", fields)
	}
	_, brought := answerTo(t, a, with(googleQuery(), "scope", strings.Repeat("x ", 1001)), mock.Consent{})
	if brought.Get("error") != "invalid_scope" {
		t.Errorf("%v", brought)
	}
	long := strings.Repeat("x", 300)
	if _, err := a.Authorize(t.Context(), a.AuthorizationURL()+"?"+with(googleQuery(), "client_id", long).Encode(), mock.Consent{}); err == nil || strings.Contains(err.Error(), long) {
		t.Errorf("%v", err)
	}
}

// An ID token is signed by the key of its name, with the nonce of the request.
func TestIDTokenIsSigned(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.GoogleOAuth})
	_, brought := answerTo(t, a, with(googleQuery(), "nonce", "n-0S6_WzA2Mj"), mock.Consent{})
	resp, err := a.HijackingClient().PostForm("https://oauth2.googleapis.com/token", codeForm(brought.Get("code"), callback))
	if err != nil {
		t.Fatal(err)
	}
	token, _ := decoded(t, resp)["id_token"].(string)
	key := get(t, a, "/oauth2/v3/certs")["keys"].([]any)[0].(map[string]any)
	n, err := base64.RawURLEncoding.DecodeString(key["n"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if !mock.VerifyAssertion(token, &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}) {
		t.Errorf("%s is not signed by %v", token, key)
	}
	claims := claimsOf(t, token)
	for _, claim := range []string{`"aud":"id"`, `"iss":"https://accounts.google.com"`, `"nonce":"n-0S6_WzA2Mj"`, `"email":"you@example.test"`, `"sub":"1`} {
		if !strings.Contains(claims, claim) {
			t.Errorf("%s has no %s", claims, claim)
		}
	}
	if header, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0]); err != nil || !strings.Contains(string(header), `"kid":"`+key["kid"].(string)+`"`) {
		t.Errorf("header %s, %v", header, err)
	}
}
