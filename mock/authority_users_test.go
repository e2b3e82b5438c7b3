package mock_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// managed returns a token of the machine's identity, with pairs of names and
// values as the query.
func managed(t *testing.T, a *mock.Authority, query ...string) string {
	t.Helper()
	values := with(url.Values{"api-version": {"2018-02-01"}}, query...)
	_, body := machine(t, a, "http://169.254.169.254/metadata/identity/oauth2/token?"+values.Encode(), "Metadata", "true")
	var fields struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		t.Fatal(err)
	}
	return fields.AccessToken
}

// shell asks the endpoint of a Cloud Shell.
func shell(t *testing.T, a *mock.Authority, metadata, resource string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", a.CloudShellEndpoint(), strings.NewReader(url.Values{"resource": {resource}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Metadata", metadata)
	resp, err := a.HTTPClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, decoded(t, resp)
}

func TestManagedIdentity(t *testing.T) {
	const system, assigned = "9d3a1f0e-4b5c-4d2e-8f60-a1b2c3d4e5f6", "/subscriptions/x/identity"
	a := mock.StartAuthority(t, mock.AuthorityOptions{
		Network: mock.InMemory, Dialect: mock.MicrosoftOAuth, Machine: mock.Machine{Identity: system, UserIdentities: []string{assigned}},
	})
	without := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	imds, service := "http://169.254.169.254/metadata/identity/oauth2/token?", a.IdentityEndpoint()+"?"
	good := url.Values{"api-version": {"2018-02-01"}, "resource": {"https://outlook.office365.com"}}
	app := with(good, "api-version", "2019-08-01")
	secret := a.IdentityHeader().Reveal()
	for _, test := range []struct {
		name    string
		of      *mock.Authority
		address string
		header  []string
		status  int
		body    string // is in it
	}{
		{"system-assigned", a, imds + good.Encode(), []string{"Metadata", "true"}, 200, `"client_id":"` + system + `"`},
		{"user-assigned", a, imds + with(good, "msi_res_id", assigned).Encode(), []string{"Metadata", "true"}, 200, `"client_id":"` + assigned},
		{"other resource", a, imds + with(good, "resource", "https://graph.microsoft.com/").Encode(), []string{"Metadata", "true"}, 200, `"resource":"https://graph.microsoft.com/"`},
		{"no header", a, imds + good.Encode(), nil, 400, `"error_description":"Required metadata header not specified"`},
		{"no version", a, imds + with(good, "api-version", "").Encode(), []string{"Metadata", "true"}, 400, "api-version"},
		{"no resource", a, imds + with(good, "resource", "").Encode(), []string{"Metadata", "true"}, 400, "'resource' is missing"},
		{"unknown identity", a, imds + with(good, "client_id", "x").Encode(), []string{"Metadata", "true"}, 400, `{"error":"invalid_request","error_description":"Identity not found"}`},
		{"two identities", a, imds + with(good, "client_id", assigned, "msi_res_id", assigned).Encode(), []string{"Metadata", "true"}, 400, "Identity not found"},
		{"none", without, imds + good.Encode(), []string{"Metadata", "true"}, 400, "Identity not found"},
		{"App Service", a, service + app.Encode(), []string{"X-IDENTITY-HEADER", secret}, 200, `"expires_on":"`},
		{"App Service, user-assigned", a, service + with(app, "mi_res_id", assigned).Encode(), []string{"X-IDENTITY-HEADER", secret}, 200, assigned},
		{"App Service, other secret", a, service + app.Encode(), []string{"X-IDENTITY-HEADER", "x"}, 401, `"statusCode":401`},
		{"App Service, old version", a, service + good.Encode(), []string{"X-IDENTITY-HEADER", secret}, 400, "api-version"},
		{"Machine Learning", a, service + with(app, "api-version", "2017-09-01", "clientid", assigned).Encode(), []string{"secret", secret}, 200, assigned},
		{"Machine Learning, no name", a, service + with(app, "api-version", "2017-09-01").Encode() + "&clientid=", []string{"secret", secret}, 200, system},
		{"Service Fabric", a, a.URL() + "/msi/token?" + with(app, "api-version", "2019-07-01-preview").Encode(), []string{"Secret", secret}, 200, system},
		{"App Service's version elsewhere", a, service + app.Encode(), []string{"Secret", secret}, 400, "api-version"},
		{"App Service, unknown identity", a, service + with(app, "client_id", "x").Encode(), []string{"X-IDENTITY-HEADER", secret}, 400, "No User Assigned"},
	} {
		resp, body := machine(t, test.of, test.address, test.header...)
		if resp.StatusCode != test.status || !strings.Contains(body, test.body) {
			t.Errorf("%s: %s %s", test.name, resp.Status, body)
		}
	}
	if status, fields := shell(t, a, "true", "https://outlook.office365.com"); status != 200 || fields["client_id"] != system {
		t.Errorf("Cloud Shell: %d %v", status, fields)
	}
	if status, fields := shell(t, a, "", "https://outlook.office365.com"); status != 400 {
		t.Errorf("Cloud Shell without the header: %d %v", status, fields)
	}
	if status, fields := shell(t, a, "true", ""); status != 400 {
		t.Errorf("Cloud Shell without a resource: %d %v", status, fields)
	}
	token := managed(t, a, "resource", "https://outlook.office365.com/")
	if err := check(a, "you@example.test", token); err != nil || !strings.Contains(claimsOf(t, token), `"roles":["SMTP.SendAsApp"]`) {
		t.Errorf("%v, %s", err, claimsOf(t, token))
	}
	if token := managed(t, a, "resource", "https://graph.microsoft.com/"); check(a, "you@example.test", token) == nil || !strings.Contains(claimsOf(t, token), `"aud":"https://graph.microsoft.com"`) {
		t.Errorf("%s", claimsOf(t, token))
	}
}

func TestPasswordGrant(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{
		Network: mock.InMemory, Dialect: mock.MicrosoftOAuth, Users: map[string]string{"You@example.test": "secret", "she@example.test": ""},
	})
	good := url.Values{
		"grant_type": {"password"}, "client_id": {"id"}, "scope": {"https://outlook.office.com/SMTP.Send openid offline_access"},
		"username": {"you@example.test"}, "password": {"secret"},
	}
	for _, test := range []struct {
		name, path string
		form       url.Values
		code       string
		number     string
	}{
		{"good", "/contoso/oauth2/v2.0/token", good, "", ""},
		{"organizations", "/organizations/oauth2/v2.0/token", good, "", ""},
		{"generic", "/token", with(good, "scope", ""), "", ""},
		{"wrong password", "/contoso/oauth2/v2.0/token", with(good, "password", "Secret"), "invalid_grant", "AADSTS50126: "},
		{"user without one", "/contoso/oauth2/v2.0/token", with(good, "username", "she@example.test"), "invalid_grant", "AADSTS50126: "},
		{"unknown user", "/contoso/oauth2/v2.0/token", with(good, "username", "x@example.test"), "invalid_grant", "AADSTS50034: "},
		{"no password", "/contoso/oauth2/v2.0/token", with(good, "password", ""), "invalid_request", "AADSTS900144: "},
		{"no scope", "/contoso/oauth2/v2.0/token", with(good, "scope", "openid"), "invalid_request", "AADSTS900144: "},
		{"common", "/common/oauth2/v2.0/token", good, "invalid_request", "AADSTS9001023: "},
	} {
		_, fields := post(t, a.HTTPClient(), a.URL()+test.path, test.form)
		description, _ := fields["error_description"].(string)
		if code, _ := fields["error"].(string); code != test.code || !strings.HasPrefix(description, test.number) {
			t.Errorf("%s: %v", test.name, fields)
		}
		if access, _ := fields["access_token"].(string); (access != "" && check(a, "you@example.test", access) == nil) != (test.code == "") {
			t.Errorf("%s: %v", test.name, fields)
		}
	}
	realm := get(t, a, "/common/UserRealm/you@example.test?api-version=1.0")
	if realm["account_type"] != "Managed" || realm["domain_name"] != "example.test" || realm["cloud_audience_urn"] == nil || realm["cloud_instance_name"] == nil {
		t.Errorf("%v", realm)
	}
	for _, r := range a.Requests() {
		if strings.Contains(r.Form["password"], "ecret") || strings.Contains(r.Path, "you@") {
			t.Errorf("the log holds what is the user's: %v", r)
		}
	}
}

func TestOnBehalfOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mock.StartAuthority(t, mock.AuthorityOptions{
			Network: mock.InMemory, Dialect: mock.MicrosoftOAuth, Clients: map[string]string{"id": "pencil", "public": ""},
		})
		const user = "you@example.test"
		caller := a.Issue(user, time.Minute, "api://id/access_as_user").Value.Reveal()
		good := url.Values{
			"grant_type": {bearerBy}, "requested_token_use": {"on_behalf_of"}, "assertion": {caller}, "client_id": {"id"}, "client_secret": {"pencil"},
			"scope": {"https://outlook.office.com/SMTP.Send openid offline_access profile"},
		}
		want := func(name string, form url.Values, number string) {
			t.Helper()
			_, fields := post(t, a.HTTPClient(), a.TokenURL(), form)
			description, _ := fields["error_description"].(string)
			access, _ := fields["access_token"].(string)
			if (access != "" && check(a, user, access) == nil) != (number == "") || !strings.HasPrefix(description, number) || (fields["refresh_token"] != nil) != (number == "") {
				t.Errorf("%s: %v", name, fields)
			}
		}
		want("good", good, "")
		want("again", good, "")
		want("default scope", with(good, "scope", "https://outlook.office.com/.default offline_access"), "")
		want("no use", with(good, "requested_token_use", ""), "AADSTS900144: ")
		want("no assertion", with(good, "assertion", ""), "AADSTS900144: ")
		want("unknown assertion", with(good, "assertion", "x"), "AADSTS50013: ")
		want("for another audience", with(good, "assertion", a.Issue(user, 0).Value.Reveal()), "AADSTS500131: ")
		want("of an application", with(good, "assertion", a.Issue("", 0, "api://id/x").Value.Reveal()), "AADSTS50013: ")
		want("public client", with(good, "client_id", "public", "client_secret", ""), "AADSTS7000218: ")
		time.Sleep(time.Minute)
		want("expired", good, "AADSTS500133: ")
		if err := a.Inject(mock.AuthorityFault{Grant: bearerBy, Error: "interaction_required", AADSTS: 50079, Description: "MFA.", Fields: map[string]any{"claims": "{}", "suberror": "basic_action"}}); err != nil {
			t.Fatal(err)
		}
		_, fields := post(t, a.HTTPClient(), a.TokenURL(), good)
		if codes, _ := fields["error_codes"].([]any); fields["claims"] != "{}" || fields["suberror"] != "basic_action" || len(codes) != 1 || codes[0] != 50079.0 ||
			!strings.HasPrefix(fields["error_description"].(string), "AADSTS50079: MFA. Trace ID: ") {
			t.Errorf("%v", fields)
		}
	})
}
