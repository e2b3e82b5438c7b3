package mock_test

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

const appScope = "https://outlook.office365.com/.default"

// clientKey returns a registered certificate of a client and its key.
func clientKey(t *testing.T, a *mock.Authority, client string) (*x509.Certificate, *rsa.PrivateKey) {
	t.Helper()
	file, err := a.NewClientCertificate(client)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(file.Reveal()))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert, rsaKey(t, file.Reveal())
}

func assertionForm(assertion string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"id"}, "scope": {appScope},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
	}
}

// clientClaims are those of a good client assertion, with changes.
func clientClaims(endpoint string, changes ...any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": "id", "sub": "id", "aud": endpoint, "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": "1",
	}
	for i := 0; i < len(changes); i += 2 {
		claims[changes[i].(string)] = changes[i+1]
	}
	return claims
}

func TestClientCertificate(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{
		Network: mock.InMemory, Dialect: mock.MicrosoftOAuth, Clients: map[string]string{"id": "", "other": ""},
	})
	cert, key := clientKey(t, a, "id")
	_, another := clientKey(t, a, "other")
	long, short := sha256.Sum256(cert.Raw), sha1.Sum(cert.Raw)
	header := func(changes ...any) map[string]any {
		fields := map[string]any{"alg": "RS256", "typ": "JWT", "x5t#S256": base64.StdEncoding.EncodeToString(long[:])}
		for i := 0; i < len(changes); i += 2 {
			fields[changes[i].(string)] = changes[i+1]
		}
		return fields
	}
	now, endpoint := time.Now(), a.TokenURL()
	good := jwt(t, key, header(), clientClaims(endpoint))
	for _, test := range []struct {
		name   string
		form   url.Values
		code   string
		number string
	}{
		{"good", assertionForm(good), "", ""},
		{"again", assertionForm(good), "", ""},
		{"by SHA-1", assertionForm(jwt(t, key, header("x5t#S256", "", "x5t", base64.RawURLEncoding.EncodeToString(short[:])), clientClaims(endpoint))), "", ""},
		{"without client_id", with(assertionForm(good), "client_id", ""), "", ""},
		{"for the issuer", assertionForm(jwt(t, key, header(), clientClaims(a.URL()+"/contoso/v2.0"))), "", ""},
		{"not named", assertionForm(jwt(t, key, header("x5t#S256", ""), clientClaims(endpoint))), "invalid_client", "AADSTS700027: "},
		{"another's key", assertionForm(jwt(t, another, header(), clientClaims(endpoint))), "invalid_client", "AADSTS700027: "},
		{"of another client", assertionForm(jwt(t, key, header(), clientClaims(endpoint, "sub", "other"))), "invalid_client", "AADSTS700021: "},
		{"for another client", with(assertionForm(good), "client_id", "other"), "invalid_client", "AADSTS700211: "},
		{"unknown client", with(assertionForm(good), "client_id", "x"), "unauthorized_client", "AADSTS700016: "},
		{"expired", assertionForm(jwt(t, key, header(), clientClaims(endpoint, "exp", now.Add(-time.Minute).Unix()))), "invalid_client", "AADSTS700024: "},
		{"of a clock ahead", assertionForm(jwt(t, key, header(), clientClaims(endpoint, "nbf", now.Add(10*time.Minute).Unix()))), "invalid_client", "AADSTS700024: "},
		{"other tenant", assertionForm(jwt(t, key, header(), clientClaims(a.URL()+"/common/oauth2/v2.0/token"))), "invalid_client", "AADSTS700023: "},
		{"no JWT", assertionForm("x"), "invalid_client", "AADSTS50027: "},
		{"no type", with(assertionForm(good), "client_assertion_type", ""), "invalid_request", "AADSTS900144: "},
		{"secret too", with(assertionForm(good), "client_secret", "pencil"), "invalid_request", "AADSTS900144: "},
	} {
		_, fields := post(t, a.HTTPClient(), a.TokenURL(), test.form)
		description, _ := fields["error_description"].(string)
		if code, _ := fields["error"].(string); code != test.code || !strings.HasPrefix(description, test.number) {
			t.Errorf("%s: %v", test.name, fields)
		}
		if access, _ := fields["access_token"].(string); (access != "" && check(a, "you@example.test", access) == nil) != (test.code == "") {
			t.Errorf("%s: %v", test.name, fields)
		}
	}
	for _, r := range a.Requests() {
		if strings.Contains(r.Form["client_assertion"], ".") {
			t.Errorf("the log holds an assertion: %v", r)
		}
	}
}

// Elsewhere than at Microsoft's route, an assertion is good once (RFC 7523,
// Section 3).
func TestPrivateKeyJWT(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	_, key := clientKey(t, a, "id")
	form := with(assertionForm(jwt(t, key, map[string]any{"alg": "RS256"}, clientClaims(a.TokenURL()))), "scope", "")
	if resp, fields := post(t, a.HTTPClient(), a.TokenURL(), form); resp.StatusCode != 200 {
		t.Errorf("%v", fields)
	}
	if resp, fields := post(t, a.HTTPClient(), a.TokenURL(), form); resp.StatusCode != 401 || fields["error_description"] != "The assertion was used before." {
		t.Errorf("%v", fields)
	}
}

func TestFederatedClient(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{
		Network: mock.InMemory, Dialect: mock.MicrosoftOAuth, Clients: map[string]string{"id": "", "other": ""},
		Federated: map[string][]string{"id": {"system:serviceaccount:mail:sender", "9d3a1f0e-4b5c-4d2e-8f60-a1b2c3d4e5f6"}},
		Machine:   mock.Machine{Identity: "9d3a1f0e-4b5c-4d2e-8f60-a1b2c3d4e5f6"},
	})
	token := func(subject, audience string, ttl time.Duration) string {
		token, err := a.FederatedToken(subject, audience, ttl)
		if err != nil {
			t.Fatal(err)
		}
		return token.Reveal()
	}
	const subject, exchange = "system:serviceaccount:mail:sender", "api://AzureADTokenExchange"
	good := assertionForm(token(subject, exchange, 0))
	_, key := clientKey(t, a, "other")
	for _, test := range []struct {
		name   string
		form   url.Values
		number string
	}{
		{"good", good, ""},
		{"of a managed identity", assertionForm(managed(t, a, "resource", exchange)), ""},
		{"other subject", assertionForm(token("x", exchange, 0)), "AADSTS700213: "},
		{"other client", with(good, "client_id", "other"), "AADSTS700213: "},
		{"other issuer", assertionForm(jwt(t, key, map[string]any{"alg": "RS256"}, clientClaims(exchange, "iss", "https://evil.test", "sub", subject))), "AADSTS700211: "},
		{"forged issuer", assertionForm(jwt(t, key, map[string]any{"alg": "RS256"}, clientClaims(exchange, "iss", mock.FederatedIssuer, "sub", subject))), "AADSTS700211: "},
		{"other audience", assertionForm(token(subject, a.TokenURL(), 0)), "AADSTS700212: "},
		{"expired", assertionForm(token(subject, exchange, -time.Minute)), "AADSTS700024: "},
		{"managed identity's for mail", assertionForm(managed(t, a, "resource", "https://outlook.office365.com")), "AADSTS700212: "},
	} {
		_, fields := post(t, a.HTTPClient(), a.TokenURL(), test.form)
		description, _ := fields["error_description"].(string)
		if (fields["access_token"] != nil) != (test.number == "") || !strings.HasPrefix(description, test.number) {
			t.Errorf("%s: %v", test.name, fields)
		}
	}
}
