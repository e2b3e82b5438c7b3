package mock_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

const (
	verifier = "a-verifier-of-the-length-that-the-rfc-asks-for-0"
	callback = "http://127.0.0.1:8765/callback"
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// with returns values with changes, pairs of names and values; an empty value
// takes the name away.
func with(values url.Values, changes ...string) url.Values {
	changed := url.Values{}
	for name, value := range values {
		changed[name] = value
	}
	for i := 0; i < len(changes); i += 2 {
		changed.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			changed.Del(changes[i])
		}
	}
	return changed
}

// googleQuery is what Google's clients ask with, microsoftQuery what MSAL does.
func googleQuery() url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {"id"}, "redirect_uri": {callback}, "state": {"xyz"},
		"scope": {"https://mail.google.com/ openid email"}, "access_type": {"offline"}, "prompt": {"consent"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"}, "login_hint": {"you@example.test"},
	}
}

func microsoftQuery() url.Values {
	return with(googleQuery(), "access_type", "", "prompt", "select_account", "response_mode", "form_post",
		"redirect_uri", "http://localhost:8765", "scope", "https://outlook.office.com/SMTP.Send openid offline_access profile")
}

// answerTo plays the user and returns what the browser brings to the client.
func answerTo(t *testing.T, a *mock.Authority, query url.Values, c mock.Consent) (*http.Request, url.Values) {
	t.Helper()
	r, err := a.Authorize(t.Context(), a.AuthorizationURL()+"?"+query.Encode(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.ParseForm(); err != nil {
		t.Fatal(err)
	}
	return r, r.Form
}

func codeForm(code, redirect string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"id"}, "client_secret": {"pencil"},
		"code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier},
	}
}

// claimsOf returns the claims of a JWT, unverified.
func claimsOf(t *testing.T, token any) string {
	t.Helper()
	text, _ := token.(string)
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("%v is no JWT", token)
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(claims)
}

// The flow of each dialect, from the browser to a token that the server takes.
func TestAuthorizationCode(t *testing.T) {
	for _, test := range []struct {
		dialect  mock.Dialect
		query    url.Values
		method   string
		redirect string
		names    []string // of what the browser brings
		fields   []string // of the token response
		scope    string
	}{
		{
			mock.GoogleOAuth, googleQuery(), "GET", callback,
			[]string{"code", "scope", "state"},
			[]string{"access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"},
			"https://mail.google.com/ openid https://www.googleapis.com/auth/userinfo.email",
		},
		{
			mock.MicrosoftOAuth, microsoftQuery(), "POST", "http://localhost:8765",
			[]string{"code", "state"},
			[]string{"access_token", "client_info", "expires_in", "id_token", "refresh_token", "scope", "token_type"},
			"https://outlook.office.com/SMTP.Send",
		},
		{
			mock.GenericOAuth, with(googleQuery(), "scope", "mail", "access_type", "", "prompt", ""), "GET", callback,
			[]string{"code", "iss", "state"},
			[]string{"access_token", "expires_in", "refresh_token", "scope", "token_type"},
			"mail",
		},
	} {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: test.dialect, Clients: map[string]string{"id": "pencil"}})
		r, brought := answerTo(t, a, test.query, mock.Consent{})
		base, _, _ := strings.Cut(r.URL.String(), "?")
		if names := slices.Sorted(maps.Keys(brought)); r.Method != test.method || base != test.redirect || !slices.Equal(names, test.names) || brought.Get("state") != "xyz" {
			t.Errorf("%v: %s %s with %v", test.dialect, r.Method, base, names)
		}
		if iss := brought.Get("iss"); iss != "" && iss != a.URL() {
			t.Errorf("issuer %s", iss)
		}
		form := codeForm(brought.Get("code"), test.redirect)
		resp, fields := post(t, a.HTTPClient(), a.TokenURL(), form)
		if names := slices.Sorted(maps.Keys(fields)); resp.StatusCode != 200 || !slices.Equal(names, test.fields) || fields["scope"] != test.scope {
			t.Fatalf("%v: %d %v", test.dialect, resp.StatusCode, fields)
		}
		access, _ := fields["access_token"].(string)
		if err := check(a, "you@example.test", access); err != nil {
			t.Errorf("%v: %v", test.dialect, err)
		}
		refresh, _ := fields["refresh_token"].(string)
		if resp, renewed := post(t, a.HTTPClient(), a.TokenURL(), refreshForm(sasl.NewSecret(refresh))); resp.StatusCode != 200 {
			t.Errorf("%v: refresh: %v", test.dialect, renewed)
		}
		// A second use ends what the first brought (RFC 6749, Section 4.1.2).
		if _, fields := post(t, a.HTTPClient(), a.TokenURL(), form); fields["error"] != "invalid_grant" || check(a, "you@example.test", access) == nil {
			t.Errorf("%v: second use: %v", test.dialect, fields)
		}
		if _, fields := post(t, a.HTTPClient(), a.TokenURL(), refreshForm(sasl.NewSecret(refresh))); fields["error"] != "invalid_grant" {
			t.Errorf("%v: refresh token of a code used twice: %v", test.dialect, fields)
		}
	}
}

// A code is good for whom it was issued to, with what it was asked for by, while
// it is fresh.
func TestCodeIsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mock.StartAuthority(t, mock.AuthorityOptions{
			Network: mock.InMemory, Dialect: mock.GoogleOAuth, Clients: map[string]string{"id": "pencil", "other": "brush"},
		})
		_, brought := answerTo(t, a, googleQuery(), mock.Consent{})
		_, open := answerTo(t, a, with(googleQuery(), "code_challenge", "", "code_challenge_method", ""), mock.Consent{})
		good := codeForm(brought.Get("code"), callback)
		for _, test := range []struct {
			name, code, text string
			form             url.Values
		}{
			{"other client", "invalid_grant", "The code was issued to another client.", with(good, "client_id", "other", "client_secret", "brush")},
			{"no secret", "invalid_client", "Wrong client secret.", with(good, "client_secret", "")},
			{"no code", "invalid_request", "The parameter code is missing.", with(good, "code", "")},
			{"unknown code", "invalid_grant", "Malformed auth code.", with(good, "code", "4/0x")},
			{"no redirect", "invalid_request", "The parameter redirect_uri is missing.", with(good, "redirect_uri", "")},
			{"other redirect", "redirect_uri_mismatch", "Bad Request", with(good, "redirect_uri", callback+"/")},
			{"no verifier", "invalid_grant", "Missing code verifier.", with(good, "code_verifier", "")},
			{"other verifier", "invalid_grant", "Invalid code verifier.", with(good, "code_verifier", verifier+"x")},
			{"short verifier", "invalid_grant", "The code verifier is not of 43 to 128 unreserved characters.", with(good, "code_verifier", "x")},
			{"verifier, no challenge", "invalid_grant", "There is a code verifier, and there was no challenge.", with(good, "code", open.Get("code"))},
		} {
			if _, fields := post(t, a.HTTPClient(), a.TokenURL(), test.form); fields["error"] != test.code || fields["error_description"] != test.text {
				t.Errorf("%s: %v", test.name, fields)
			}
		}
		time.Sleep(10*time.Minute - time.Second)
		if resp, fields := post(t, a.HTTPClient(), a.TokenURL(), with(good, "code", open.Get("code"), "code_verifier", "")); resp.StatusCode != 200 {
			t.Errorf("in time: %v", fields)
		}
		time.Sleep(time.Second)
		if _, fields := post(t, a.HTTPClient(), a.TokenURL(), good); fields["error"] != "invalid_grant" || fields["error_description"] != "The code has expired." {
			t.Errorf("too late: %v", fields)
		}
		if log := a.Requests(); log[0].Form["code_challenge_method"] != "S256" || log[0].Form["code_challenge"] != "<redacted 43 octets>" || log[0].ClientID != "id" {
			t.Errorf("log %+v", log[0])
		}
	})
}

// Google's refresh token comes with the first consent, and again when the user is
// asked again; unticked scopes are not granted.
func TestGoogleConsent(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.GoogleOAuth})
	const all = "https://mail.google.com/ openid https://www.googleapis.com/auth/userinfo.email"
	for _, test := range []struct {
		name    string
		changes []string
		consent mock.Consent
		refresh bool
		scope   string
	}{
		{"online", []string{"access_type", "", "prompt", ""}, mock.Consent{User: "she@example.test"}, false, all},
		{"first", []string{"prompt", ""}, mock.Consent{}, true, all},
		{"second", []string{"prompt", ""}, mock.Consent{}, false, all},
		{"asked again", nil, mock.Consent{}, true, all},
		{"unticked", nil, mock.Consent{Scopes: []string{}}, true, "openid https://www.googleapis.com/auth/userinfo.email"},
		{"other user than hinted", nil, mock.Consent{User: "he@example.test"}, true, all},
	} {
		_, brought := answerTo(t, a, with(googleQuery(), test.changes...), test.consent)
		_, fields := post(t, a.HTTPClient(), a.TokenURL(), codeForm(brought.Get("code"), callback))
		user := test.consent.User
		if user == "" {
			user = "you@example.test"
		}
		if (fields["refresh_token"] != nil) != test.refresh || fields["scope"] != test.scope || brought.Get("scope") != test.scope ||
			!strings.Contains(claimsOf(t, fields["id_token"]), `"email":"`+user+`","email_verified":true`) {
			t.Errorf("%s: %v, %v", test.name, fields, brought)
		}
		access, _ := fields["access_token"].(string)
		if err := check(a, user, access); (err == nil) != strings.Contains(test.scope, "mail.google") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
