package mock_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

const (
	mailer   = "mailer@mock-project.iam.gserviceaccount.com"
	other    = "other@mock-project.iam.gserviceaccount.com"
	bearerBy = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	mailOnly = "https://mail.google.com/"
	platform = "https://www.googleapis.com/auth/cloud-platform"
)

// A keyFile is what a client reads of the file of a service account.
type keyFile struct {
	Type       string `json:"type"`
	ID         string `json:"private_key_id"`
	PrivateKey string `json:"private_key"`
	Email      string `json:"client_email"`
	TokenURI   string `json:"token_uri"`
}

// serviceKey returns a new key, and the file that it is from.
func serviceKey(t testing.TB, a *mock.Authority, email string) (*rsa.PrivateKey, keyFile) {
	t.Helper()
	secret, err := a.ServiceAccountKey(email, "")
	if err != nil {
		t.Fatal(err)
	}
	var file keyFile
	if err := json.Unmarshal([]byte(secret.Reveal()), &file); err != nil {
		t.Fatal(err)
	}
	return rsaKey(t, file.PrivateKey), file
}

func rsaKey(t testing.TB, text string) *rsa.PrivateKey {
	t.Helper()
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			t.Fatal("no key")
		} else if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			return key.(*rsa.PrivateKey)
		}
	}
}

// jwt returns claims signed by RS256, with a header.
func jwt(t testing.TB, key *rsa.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	part := func(fields map[string]any) string {
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	unsigned := part(header) + "." + part(claims)
	sum := sha256.Sum256([]byte(unsigned))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return unsigned + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// claims are those of a good assertion, with changes; nil takes one away.
func serviceClaims(changes ...any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": mailer, "sub": "you@example.test", "scope": mailOnly, "aud": "https://oauth2.googleapis.com/token",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for i := 0; i < len(changes); i += 2 {
		claims[changes[i].(string)] = changes[i+1]
		if changes[i+1] == nil {
			delete(claims, changes[i].(string))
		}
	}
	return claims
}

func google(t *testing.T) *mock.Authority {
	return mock.StartAuthority(t, mock.AuthorityOptions{
		Network: mock.InMemory, Dialect: mock.GoogleOAuth,
		Users: map[string]string{"you@example.test": "", "me@gmail.com": ""},
		ServiceAccounts: []mock.ServiceAccount{
			{Email: mailer, Delegated: []string{mailOnly}, TokenCreators: []string{mailer, other, mock.WorkloadPrincipal("job")}},
			{Email: other, TokenCreators: []string{"admin@example.test"}},
		},
		Machine: mock.Machine{ServiceAccount: mailer},
	})
}

func TestServiceAccount(t *testing.T) {
	a := google(t)
	key, file := serviceKey(t, a, mailer)
	if file.Type != "service_account" || file.Email != mailer || file.TokenURI != a.URL()+"/token" {
		t.Errorf("%s %s %s", file.Type, file.Email, file.TokenURI)
	}
	elsewhere, _ := serviceKey(t, a, other)
	header := map[string]any{"alg": "RS256", "typ": "JWT", "kid": file.ID}
	now := time.Now()
	const signature, frame = "Invalid JWT Signature.", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."
	for _, test := range []struct {
		name      string
		assertion string
		status    int
		code      string
		text      string
	}{
		{"good", jwt(t, key, header, serviceClaims()), 200, "", ""},
		{"again", jwt(t, key, header, serviceClaims()), 200, "", ""},
		{"without the key's name", jwt(t, key, map[string]any{"alg": "RS256"}, serviceClaims()), 200, "", ""},
		{"own token endpoint", jwt(t, key, header, serviceClaims("aud", file.TokenURI)), 200, "", ""},
		{"several audiences", jwt(t, key, header, serviceClaims("aud", []string{"x", file.TokenURI})), 200, "", ""},
		{"none", "", 400, "invalid_request", "Missing required parameter: assertion"},
		{"no JWT", "a.b", 400, "invalid_grant", "Bad Request"},
		{"unknown account", jwt(t, key, header, serviceClaims("iss", "x")), 400, "invalid_grant", "Invalid grant: account not found"},
		{"another's key", jwt(t, elsewhere, header, serviceClaims()), 400, "invalid_grant", signature},
		{"another key's name", jwt(t, key, map[string]any{"alg": "RS256", "kid": "x"}, serviceClaims()), 400, "invalid_grant", signature},
		{"unsigned", strings.TrimRight(jwt(t, key, map[string]any{"alg": "none"}, serviceClaims()), "0"), 400, "invalid_grant", signature},
		{"expired", jwt(t, key, header, serviceClaims("iat", now.Add(-2*time.Hour).Unix(), "exp", now.Add(-time.Hour).Unix())), 400, "invalid_grant", frame},
		{"long", jwt(t, key, header, serviceClaims("exp", now.Add(2*time.Hour).Unix())), 400, "invalid_grant", frame},
		{"of a clock ahead", jwt(t, key, header, serviceClaims("iat", now.Add(10*time.Minute).Unix())), 400, "invalid_grant", frame},
		{"without a time", jwt(t, key, header, serviceClaims("iat", nil)), 400, "invalid_grant", frame},
		{"audience", jwt(t, key, header, serviceClaims("aud", "https://example.test/token")), 400, "invalid_grant", "Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token"},
		{"no scope", jwt(t, key, header, serviceClaims("scope", nil)), 400, "invalid_scope", "Empty or missing scope not allowed."},
		{"unknown subject", jwt(t, key, header, serviceClaims("sub", "x@example.test")), 400, "invalid_grant", "Invalid email or User ID"},
		{"consumer", jwt(t, key, header, serviceClaims("sub", "me@gmail.com")), 400, "invalid_grant", "Invalid email or User ID"},
		{"scope not delegated", jwt(t, key, header, serviceClaims("scope", mailOnly+" "+platform)), 401, "unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."},
		{"in its own name", jwt(t, key, header, serviceClaims("sub", nil, "scope", platform)), 200, "", ""},
	} {
		form := url.Values{"grant_type": {bearerBy}, "assertion": {test.assertion}}
		resp, fields := post(t, a.HijackingClient(), "https://oauth2.googleapis.com/token", form)
		text, _ := fields["error_description"].(string)
		if code, _ := fields["error"].(string); resp.StatusCode != test.status || code != test.code || text != test.text || (code == "") != (fields["access_token"] != nil) {
			t.Errorf("%s: %d %v", test.name, resp.StatusCode, fields)
		}
		if access, _ := fields["access_token"].(string); access != "" {
			if err := check(a, "you@example.test", access); (err == nil) == (test.name == "in its own name") {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		if log := fmt.Sprintf("%+v", a.Requests()); test.assertion != "" && strings.Contains(log, test.assertion) {
			t.Errorf("%s: the log holds the assertion", test.name)
		}
	}
	a.DeleteServiceAccountKeys(mailer)
	form := url.Values{"grant_type": {bearerBy}, "assertion": {jwt(t, key, header, serviceClaims())}}
	if _, fields := post(t, a.HTTPClient(), file.TokenURI, form); fields["error_description"] != signature {
		t.Errorf("deleted key: %v", fields)
	}
	// A token of the account itself is good for no mailbox, not even of its name.
	self := url.Values{"grant_type": {bearerBy}, "assertion": {signed(t, a, mailer, serviceClaims("sub", mailer))}}
	_, fields := post(t, a.HTTPClient(), file.TokenURI, self)
	if access, _ := fields["access_token"].(string); access == "" || check(a, mailer, access) == nil {
		t.Errorf("own name: %v", fields)
	}
}

// signed returns claims signed by a new key of an account.
func signed(t testing.TB, a *mock.Authority, email string, claims map[string]any) string {
	key, file := serviceKey(t, a, email)
	return jwt(t, key, map[string]any{"alg": "RS256", "kid": file.ID}, claims)
}

func TestServiceAccountKeyErrors(t *testing.T) {
	a := google(t)
	if _, err := a.ServiceAccountKey("x", ""); err == nil || err.Error() != `mock: no service account "x"; list it in AuthorityOptions.ServiceAccounts` {
		t.Errorf("%v", err)
	}
	key, err := a.ServiceAccountKey(other, "https://oauth2.googleapis.com/token")
	if err != nil || !strings.Contains(key.Reveal(), `"token_uri": "https://oauth2.googleapis.com/token"`) || strings.Contains(fmt.Sprintf("%v %+v %#v", key, key, key), "PRIVATE") {
		t.Errorf("%v, %v", key, err)
	}
}
