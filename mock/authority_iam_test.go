package mock_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// call makes a request with a body in JSON and a bearer token.
func call(t *testing.T, a *mock.Authority, method, token, body string) (int, map[string]any, http.Header) {
	t.Helper()
	address := "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" + method
	r, err := http.NewRequestWithContext(t.Context(), "POST", address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := a.HijackingClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, decoded(t, resp), resp.Header
}

// machine asks a metadata server, with pairs of names and values as headers.
func machine(t *testing.T, a *mock.Authority, address string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := a.HijackingClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// Keyless delegation, from the metadata server to a token that the server takes.
func TestKeylessDelegation(t *testing.T) {
	a := google(t)
	_, body := machine(t, a, "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token", "Metadata-Flavor", "Google")
	var base struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &base); err != nil {
		t.Fatal(err)
	}
	if check(a, "you@example.test", base.AccessToken) == nil || check(a, mailer, base.AccessToken) == nil {
		t.Error("a machine has a mailbox")
	}
	claims, err := json.Marshal(serviceClaims())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"payload": string(claims)})
	if err != nil {
		t.Fatal(err)
	}
	status, fields, _ := call(t, a, mailer+":signJwt", base.AccessToken, string(payload))
	assertion, _ := fields["signedJwt"].(string)
	if status != 200 || fields["keyId"] == "" || claimsOf(t, assertion) != string(claims) {
		t.Fatalf("%d %v", status, fields)
	}
	_, granted := post(t, a.HTTPClient(), a.TokenURL(), url.Values{"grant_type": {bearerBy}, "assertion": {assertion}})
	if access, _ := granted["access_token"].(string); check(a, "you@example.test", access) != nil {
		t.Errorf("%v", granted)
	}
	if path := a.Requests()[1].Path; path != "/v1/projects/-/serviceAccounts/"+mailer+":signJwt" {
		t.Errorf("logged as %s", path)
	}
}

func TestCredentialsAPI(t *testing.T) {
	a := google(t)
	base := a.Issue(other, 0, platform).Value.Reveal()
	admin := a.Issue("admin@example.test", 0, platform).Value.Reveal()
	narrow := a.Issue(other, 0, mailOnly).Value.Reveal()
	claims := `{"payload":"{\"iss\":\"x\"}"}`
	for _, test := range []struct {
		name, method, token, body string
		code                      int
		status                    string
		message                   string // begins so
	}{
		{"sign", mailer + ":signJwt", base, claims, 200, "", ""},
		{"by a delegate", mailer + ":signJwt", admin, `{"payload":"{}","delegates":["projects/-/serviceAccounts/` + other + `"]}`, 200, "", ""},
		{"no token", mailer + ":signJwt", "", claims, 401, "UNAUTHENTICATED", "Request had invalid"},
		{"other token", mailer + ":signJwt", "x", claims, 401, "UNAUTHENTICATED", "Request had invalid"},
		{"scope", mailer + ":signJwt", narrow, claims, 403, "PERMISSION_DENIED", "Request had insufficient authentication scopes."},
		{"not a token creator", mailer + ":signJwt", admin, claims, 403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.signJwt' denied"},
		{"not on itself", other + ":signJwt", base, claims, 403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.signJwt' denied"},
		{"a delegate without", mailer + ":signJwt", base, `{"payload":"{}","delegates":["projects/-/serviceAccounts/` + other + `"]}`, 403, "PERMISSION_DENIED", "Permission"},
		{"a delegate's short name", mailer + ":signJwt", admin, `{"payload":"{}","delegates":["` + other + `"]}`, 403, "PERMISSION_DENIED", "Permission"},
		{"unknown account", "x@example.test:signJwt", base, claims, 404, "NOT_FOUND", "Not found"},
		{"unknown method", mailer + ":signBlob", base, claims, 404, "NOT_FOUND", "Requested entity"},
		{"no claims", mailer + ":signJwt", base, `{"payload":"x"}`, 400, "INVALID_ARGUMENT", "The payload"},
		{"claims as an object", mailer + ":signJwt", base, `{"payload":{}}`, 400, "INVALID_ARGUMENT", "Invalid JSON payload"},
		{"unknown field", mailer + ":signJwt", base, `{"payload":"{}","x":1}`, 400, "INVALID_ARGUMENT", "Invalid JSON payload"},
		{"too long a life", mailer + ":signJwt", base, `{"payload":"{\"exp\":9999999999}"}`, 400, "INVALID_ARGUMENT", "The claim exp"},
		{"token", mailer + ":generateAccessToken", base, `{"scope":["` + platform + `"],"lifetime":"600s"}`, 200, "", ""},
		{"token without scope", mailer + ":generateAccessToken", base, `{}`, 400, "INVALID_ARGUMENT", "Scope required."},
		{"long-lived token", mailer + ":generateAccessToken", base, `{"scope":["x"],"lifetime":"3601s"}`, 400, "INVALID_ARGUMENT", "The lifetime"},
		{"token denied", other + ":generateAccessToken", base, `{"scope":["x"]}`, 403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied"},
	} {
		code, fields, header := call(t, a, test.method, test.token, test.body)
		failure, _ := fields["error"].(map[string]any)
		message, _ := failure["message"].(string)
		if status, _ := failure["status"].(string); code != test.code || status != test.status || !strings.HasPrefix(message, test.message) || (failure == nil) != (code == 200) {
			t.Errorf("%s: %d %v", test.name, code, fields)
		}
		if isBearer := strings.HasPrefix(header.Get("WWW-Authenticate"), "Bearer "); isBearer != (code == 401) {
			t.Errorf("%s: %v", test.name, header)
		}
		if expiry, _ := fields["expireTime"].(string); expiry != "" {
			if at, err := time.Parse(time.RFC3339, expiry); err != nil || time.Until(at) > 10*time.Minute || fields["accessToken"] == nil {
				t.Errorf("%v, %v", fields, err)
			}
		}
	}
	if err := a.Inject(mock.AuthorityFault{Path: "/v1/projects/-/serviceAccounts/" + mailer + ":signJwt", Status: 429, Error: "RESOURCE_EXHAUSTED", RetryAfter: time.Minute}); err != nil {
		t.Fatal(err)
	}
	code, fields, header := call(t, a, mailer+":signJwt", base, claims)
	if failure, _ := fields["error"].(map[string]any); code != 429 || failure["status"] != "RESOURCE_EXHAUSTED" || header.Get("Retry-After") != "60" {
		t.Errorf("%d %v %v", code, fields, header)
	}
}

// What belongs to a workload elsewhere becomes a token of its principal, and with
// that one of an account.
func TestWorkloadFederation(t *testing.T) {
	a := google(t)
	subject := func(name, audience string, ttl time.Duration) string {
		token, err := a.FederatedToken(name, audience, ttl)
		if err != nil {
			t.Fatal(err)
		}
		return token.Reveal()
	}
	const types = "urn:ietf:params:oauth:token-type:"
	good := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "audience": {mock.WorkloadAudience}, "scope": {platform},
		"requested_token_type": {types + "access_token"}, "subject_token_type": {types + "jwt"},
		"subject_token": {subject("job", mock.WorkloadAudience, 0)},
	}
	for _, test := range []struct {
		name string
		form url.Values
		code string
		text string // begins so
	}{
		{"good", good, "", ""},
		{"by its URL", with(good, "subject_token", subject("job", "https:"+mock.WorkloadAudience, 0)), "", ""},
		{"grant", with(good, "grant_type", bearerBy), "unsupported_grant_type", ""},
		{"no audience", with(good, "audience", ""), "invalid_target", "The target service"},
		{"token type", with(good, "subject_token_type", types+"saml2"), "invalid_request", ""},
		{"wanted type", with(good, "requested_token_type", ""), "invalid_request", ""},
		{"no scope", with(good, "scope", ""), "invalid_scope", ""},
		{"no token", with(good, "subject_token", ""), "invalid_grant", ""},
		{"other audience", with(good, "subject_token", subject("job", "x", 0)), "invalid_grant", "The audience"},
		{"stale", with(good, "subject_token", subject("job", mock.WorkloadAudience, -time.Hour)), "invalid_grant", "ID Token issued at "},
		{"own token", with(good, "subject_token", signed(t, a, mailer, serviceClaims())), "invalid_grant", "The token is not signed"},
	} {
		_, fields := post(t, a.HijackingClient(), "https://sts.googleapis.com/v1/token", test.form)
		text, _ := fields["error_description"].(string)
		if code, _ := fields["error"].(string); code != test.code || !strings.HasPrefix(text, test.text) {
			t.Errorf("%s: %v", test.name, fields)
		}
		access, _ := fields["access_token"].(string)
		if access == "" {
			continue
		}
		if fields["issued_token_type"] != types+"access_token" || fields["token_type"] != "Bearer" || fields["expires_in"] == nil {
			t.Errorf("%s: %v", test.name, fields)
		}
		if status, fields, _ := call(t, a, mailer+":generateAccessToken", access, `{"scope":["`+platform+`"]}`); status != 200 {
			t.Errorf("%s: %v", test.name, fields)
		}
	}
	_, fields := post(t, a.HTTPClient(), a.URL()+"/v1/token", with(good, "subject_token", subject("stranger", mock.WorkloadAudience, 0)))
	access, _ := fields["access_token"].(string)
	if status, fields, _ := call(t, a, mailer+":signJwt", access, `{"payload":"{}"}`); status != 403 {
		t.Errorf("stranger: %d %v", status, fields)
	}
}

func TestComputeMetadata(t *testing.T) {
	a := google(t)
	without := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	const root, flavor = "http://169.254.169.254/computeMetadata/v1/", "Metadata-Flavor"
	for _, test := range []struct {
		name    string
		of      *mock.Authority
		address string
		headers []string
		status  int
		body    string // begins so
	}{
		{"email", a, root + "instance/service-accounts/default/email", []string{flavor, "Google"}, 200, mailer},
		{"email by name", a, root + "instance/service-accounts/" + mailer + "/email", []string{flavor, "Google"}, 200, mailer},
		{"other account", a, root + "instance/service-accounts/x/email", []string{flavor, "Google"}, 404, ""},
		{"project", a, root + "project/project-id", []string{flavor, "Google"}, 200, "mock-project"},
		{"universe", a, root + "universe/universe-domain", []string{flavor, "Google"}, 200, "googleapis.com"},
		{"scopes", a, root + "instance/service-accounts/default/scopes", []string{flavor, "Google"}, 200, platform + "\n"},
		{"token", a, root + "instance/service-accounts/default/token?scopes=" + mailOnly, []string{flavor, "Google"}, 200, `{"access_token":"ya29.`},
		{"without the header", a, root + "instance/service-accounts/default/token", nil, 403, "Missing Metadata-Flavor:Google header."},
		{"by a proxy", a, root + "project/project-id", []string{flavor, "Google", "X-Forwarded-For", "192.0.2.1"}, 403, "Forbidden"},
		{"root", a, "http://" + a.MetadataHost() + "/", nil, 200, "computeMetadata/"},
		{"no account", without, root + "instance/service-accounts/default/token", []string{flavor, "Google"}, 404, ""},
		{"no account, email", without, root + "instance/service-accounts/default/email", []string{flavor, "Google"}, 404, ""},
		{"a token endpoint", a, "http://oauth2.googleapis.com/token", nil, 403, `{"error":"invalid_request","error_description":"HTTPS is required."}`},
	} {
		resp, body := machine(t, test.of, test.address, test.headers...)
		if isJSON := strings.HasPrefix(test.body, "{"); resp.StatusCode != test.status || !strings.HasPrefix(body, test.body) ||
			!isJSON && resp.Header.Get(flavor) != "Google" {
			t.Errorf("%s: %s %v %s", test.name, resp.Status, resp.Header, body)
		}
	}
}

// The metadata server has the same token for all, till five minutes before its
// end.
func TestMetadataTokenIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := google(t)
		ask := func() string {
			_, body := machine(t, a, "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token", "Metadata-Flavor", "Google")
			return body
		}
		value := func(body string) string { return strings.Split(body, `"`)[3] }
		first := ask()
		time.Sleep(55*time.Minute - time.Second)
		if late := ask(); value(late) != value(first) || !strings.Contains(late, `"expires_in":301`) {
			t.Errorf("%s, then %s", first, late)
		}
		time.Sleep(time.Second)
		if next := ask(); value(next) == value(first) || !strings.Contains(next, `"expires_in":3600`) {
			t.Errorf("%s, then %s", first, next)
		}
	})
}
