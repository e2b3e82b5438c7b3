package mock_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// submit makes a request with a body of a form, changed as prepare says, and
// returns the response without its body.
func submit(t *testing.T, a *mock.Authority, method, path, body string, prepare func(*http.Request)) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if prepare != nil {
		prepare(req)
	}
	resp, err := a.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// Wherever a client puts a secret, the log does not hold it.
func TestAuthorityLogHoldsNoSecret(t *testing.T) {
	const secret = "ya29.rawtoken-in-body"
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Clients: map[string]string{"id": "pencil-of-the-client"}})
	access, refresh := a.Issue("you@example.test", 0).Value.Reveal(), a.Grant("you@example.test").Reveal()
	for name, test := range map[string]struct {
		method, path, body string
		prepare            func(*http.Request)
	}{
		"body without a key":       {"POST", "/revoke", secret, nil},
		"token without a key":      {"POST", "/token", access, nil},
		"body that is no form":     {"POST", "/token", "a=%zz&" + secret, nil},
		"value of an unknown key":  {"POST", "/token", "x=" + secret, nil},
		"access token as client":   {"POST", "/token", "client_id=" + access, nil},
		"refresh token as scope":   {"POST", "/token", "scope=" + url.QueryEscape(refresh), nil},
		"client secret as its id":  {"POST", "/token", "client_id=pencil-of-the-client", nil},
		"path":                     {"GET", "/tokeninfo/" + secret, "", nil},
		"path below one it knows":  {"POST", "/revoke/" + secret, "", nil},
		"tenant":                   {"POST", "/" + secret + "/oauth2/v2.0/token", "", nil},
		"query":                    {"GET", "/tokeninfo?access_token=" + secret, "", nil},
		"query of one it knows":    {"POST", "/revoke?token=" + secret, "", nil},
		"method":                   {secret, "/token", "", nil},
		"bearer token":             {"POST", "/introspect", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }},
		"secret of Basic":          {"POST", "/token", "", func(r *http.Request) { r.SetBasicAuth("id", secret) }},
		"access token as Basic id": {"POST", "/token", "", func(r *http.Request) { r.SetBasicAuth(access, "") }},
		"host":                     {"POST", "/token", "", func(r *http.Request) { r.Host = access }},
		"host with a token":        {"POST", "/token", "", func(r *http.Request) { r.Host = access + ".test" }},
		"scheme and refresh token": {"POST", "/token", "client_id=Bearer+" + url.QueryEscape(refresh), nil},
		"refresh token and LF":     {"POST", "/token", "client_id=" + url.QueryEscape(refresh+"\n"), nil},
		"scopes and a token":       {"POST", "/token", "scope=" + url.QueryEscape("mail "+refresh), nil},
		"token within a scope":     {"POST", "/token", "scope=" + url.QueryEscape("https://mail.google.com/"+access), nil},
		"token as grant":           {"POST", "/token", "grant_type=" + access, nil},
		"others as client":         {"POST", "/token", "client_id=" + secret, nil},
		"others as Basic id":       {"POST", "/token", "", func(r *http.Request) { r.SetBasicAuth(secret, "") }},
		"others among scopes":      {"POST", "/token", "scope=openid+" + secret, nil},
		"others as path of scope":  {"POST", "/token", "scope=" + url.QueryEscape("https://mail.google.com/"+secret), nil},
		"others as host of scope":  {"POST", "/token", "scope=" + url.QueryEscape("https://"+secret+"/mail"), nil},
		"others as grant":          {"POST", "/token", "grant_type=" + secret, nil},
		"others as redirect":       {"POST", "/token", "redirect_uri=" + url.QueryEscape("http://127.0.0.1/?code="+secret), nil},
		"others as hint":           {"POST", "/token", "token_type_hint=" + secret, nil},
		"others as client info":    {"POST", "/token", "client_info=" + secret, nil},
		"client secret in an id":   {"POST", "/token", "client_id=my-pencil-of-the-client", nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(a.Requests())
			submit(t, a, test.method, test.path, test.body, test.prepare)
			requests := a.Requests()[before:]
			if len(requests) != 1 {
				t.Fatalf("%d requests in the log", len(requests))
			}
			log := fmt.Sprintf("%+v", requests)
			for _, secret := range []string{secret, access, refresh, "pencil-of-the-client"} {
				if strings.Contains(log, secret) {
					t.Errorf("the log holds %q: %s", secret, log)
				}
			}
		})
	}
}

// What people look for in the log is there.
func TestAuthorityLogShows(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.MicrosoftOAuth})
	form := url.Values{"grant_type": {"refresh_token"}, "scope": {"mail"}, "refresh_token": {"12345"}, "x": {"1"}, "why": {"22"}}
	submit(t, a, "POST", "/contoso/oauth2/token?a=b", form.Encode(), func(r *http.Request) { r.SetBasicAuth("an%2Dapp", "pen") })
	got := a.Requests()[0]
	want := mock.AuthorityRequest{
		Time: got.Time, Method: "POST", Host: "authority.test", Path: "/contoso/oauth2/token",
		Grant: "refresh_token", ClientID: "an-app", Scope: "mail", Status: 404,
		Form: map[string]string{
			"grant_type": "refresh_token", "scope": "mail", "refresh_token": "<redacted 5 octets>", "<unknown>": "<redacted 7 octets>",
		},
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	submit(t, a, "GET", "/common/else/v2.0", "", nil)
	if got := a.Requests()[1].Path; got != "/common/<redacted 4 octets>/v2.0" {
		t.Errorf("path %q", got)
	}
}

// Names of clients, scopes and grants are shown if they look like that.
func TestAuthorityLogShowsNames(t *testing.T) {
	const guid, google = "9d3a1f0e-4b5c-4d2e-8f60-a1b2c3d4e5f6", "123456789012-abc0def1.apps.googleusercontent.com"
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Clients: map[string]string{"one of ours, and its name is long": "pen"}, Scope: "our own scope: 1234"})
	for _, test := range []struct{ field, value, want string }{
		{"client_id", "one of ours, and its name is long", ""},
		{"client_id", guid, ""},
		{"client_id", google, ""},
		{"client_id", "my-app_1", ""},
		{"client_id", "GOCSPX-0123456789abcdefghijklmnopqr", "<redacted 35 octets>"},
		{"client_id", "abcd efgh ijkl mnop", "<redacted 19 octets>"},
		{"client_id", guid + "x", "<redacted 37 octets>"},
		{"client_id", "1." + google, "<redacted 50 octets>"},
		{"scope", "our own scope: 1234", ""},
		{"scope", "https://mail.google.com/ openid offline_access", ""},
		{"scope", "https://outlook.office.com/SMTP.Send https://outlook.office365.com/.default", ""},
		{"scope", "https://www.googleapis.com/auth/gmail.send", ""},
		{"scope", "mail 0123456789 ", "mail <redacted 10 octets> "},
		{"scope", "mail http://mail.google.com/x", "mail <redacted 24 octets>"},
		{"grant_type", "refresh_token", ""},
		{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", ""},
		{"grant_type", "refresh-token", ""},
		{"grant_type", "1//0refresh", "<redacted 11 octets>"},
		{"token_type_hint", "refresh_token", ""},
		{"client_info", "1", ""},
		{"requested_token_use", "on_behalf_of", ""},
		{"subject_token_type", "urn:ietf:params:oauth:token-type:id_token", ""},
		{"subject_token_type", "urn:ietf:params:oauth:token-type:a1b2c3", "<redacted 39 octets>"},
		{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", ""},
		{"audience", mock.WorkloadAudience, ""},
		{"audience", "//iam.googleapis.com/x", "<redacted 22 octets>"},
	} {
		before := len(a.Requests())
		submit(t, a, "POST", "/token", url.Values{test.field: {test.value}}.Encode(), nil)
		if test.want == "" {
			test.want = test.value
		}
		request := a.Requests()[before]
		if got := request.Form[test.field]; got != test.want {
			t.Errorf("%s %q is shown as %q, want %q", test.field, test.value, got, test.want)
		}
		field := map[string]string{"client_id": request.ClientID, "scope": request.Scope, "grant_type": request.Grant}
		if got, has := field[test.field]; has && got != test.want {
			t.Errorf("%s %q is shown as %q in its field, want %q", test.field, test.value, got, test.want)
		}
	}
}

// Of more requests than the log has room for, it keeps the latest.
func TestAuthorityLogKeepsTheLatest(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	for i := range 10_002 {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "/token", strings.NewReader(fmt.Sprintf("client_id=%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		a.ServeHTTP(nowhere{}, r)
	}
	requests := a.Requests()
	if n := len(requests); n != 10_000 || requests[0].ClientID != "2" || requests[n-1].ClientID != "10001" {
		t.Errorf("%d requests, from %s to %s", n, requests[0].ClientID, requests[n-1].ClientID)
	}
}

// nowhere is where a response goes that nobody reads.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}
