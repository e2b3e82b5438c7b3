package mock_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// deviceURL is the device authorization endpoint of a dialect.
func deviceURL(a *mock.Authority, dialect mock.Dialect) string {
	switch dialect {
	case mock.GoogleOAuth:
		return a.URL() + "/device/code"
	case mock.MicrosoftOAuth:
		return a.URL() + "/contoso/oauth2/v2.0/devicecode"
	}
	return a.URL() + "/device_authorization"
}

func TestDevice(t *testing.T) {
	for _, test := range []struct {
		dialect mock.Dialect
		scope   string
		grant   string
		prompt  []string
		fields  []string
		denied  string
	}{
		{
			mock.GenericOAuth, "", deviceGrant,
			[]string{"device_code", "expires_in", "interval", "user_code", "verification_uri", "verification_uri_complete"},
			[]string{"access_token", "expires_in", "refresh_token", "scope", "token_type"},
			"access_denied",
		},
		{
			mock.MicrosoftOAuth, "https://outlook.office.com/SMTP.Send openid offline_access profile", "device_code",
			[]string{"device_code", "expires_in", "interval", "message", "user_code", "verification_uri"},
			[]string{"access_token", "client_info", "expires_in", "id_token", "refresh_token", "scope", "token_type"},
			"authorization_declined",
		},
		{
			mock.GoogleOAuth, "email", deviceGrant,
			[]string{"device_code", "expires_in", "interval", "user_code", "verification_url"},
			[]string{"access_token", "expires_in", "refresh_token", "scope", "token_type"},
			"access_denied",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: test.dialect, Clients: map[string]string{"id": ""}})
			begin := func() (string, url.Values) {
				status, prompt := ask(t, a.HTTPClient(), deviceURL(a, test.dialect), url.Values{"client_id": {"id"}, "scope": {test.scope}})
				if names := slices.Sorted(maps.Keys(prompt)); status != 200 || !slices.Equal(names, test.prompt) || prompt["interval"] != 5.0 || prompt["expires_in"] != 900.0 {
					t.Fatalf("%v: %d %v", test.dialect, status, prompt)
				}
				code, _ := prompt["device_code"].(string)
				return prompt["user_code"].(string), url.Values{"grant_type": {test.grant}, "client_id": {"id"}, "device_code": {code}}
			}
			want := func(form url.Values, code string) map[string]any {
				t.Helper()
				_, fields := ask(t, a.HTTPClient(), a.TokenURL(), form)
				if got, _ := fields["error"].(string); got != code {
					t.Errorf("%v: %v, want %q", test.dialect, fields, code)
				}
				return fields
			}
			user, form := begin()
			want(form, "authorization_pending")
			time.Sleep(5 * time.Second)
			want(form, "authorization_pending")
			if err := a.ApproveDevice(strings.ToLower(strings.ReplaceAll(user, "-", " ")), mock.Consent{User: "you@example.test"}); err != nil {
				t.Fatal(err)
			}
			fields := want(form, "")
			if names := slices.Sorted(maps.Keys(fields)); !slices.Equal(names, test.fields) {
				t.Errorf("%v: %v", test.dialect, names)
			}
			access, _ := fields["access_token"].(string)
			if err := check(a, "you@example.test", access); (err == nil) == (test.dialect == mock.GoogleOAuth) {
				t.Errorf("%v: %v", test.dialect, err)
			}
			again := map[bool]string{true: "bad_verification_code", false: "invalid_grant"}[test.dialect == mock.MicrosoftOAuth]
			want(form, again)
			want(with(form, "device_code", "x"), again)
			want(with(form, "device_code", ""), "invalid_request")

			user, form = begin()
			if err := a.DenyDevice(user); err != nil {
				t.Fatal(err)
			}
			want(form, test.denied)

			user, form = begin()
			time.Sleep(15 * time.Minute)
			want(form, "expired_token")
			if err := a.ApproveDevice(user, mock.Consent{User: "you@example.test"}); err == nil || err.Error() != "mock: no device waits with that user code" {
				t.Errorf("%v", err)
			}
		})
	}
}

// Whoever polls too often has to wait longer (RFC 8628, Section 3.5). Microsoft
// bears it.
func TestSlowDown(t *testing.T) {
	for dialect, want := range map[mock.Dialect][]string{
		mock.GenericOAuth:   {"authorization_pending", "slow_down", "slow_down", "authorization_pending"},
		mock.MicrosoftOAuth: {"authorization_pending", "authorization_pending", "authorization_pending", "authorization_pending"},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: dialect, DeviceInterval: 2 * time.Second})
			_, prompt := ask(t, a.HTTPClient(), deviceURL(a, dialect), url.Values{"client_id": {"id"}, "scope": {"mail"}})
			code, _ := prompt["device_code"].(string)
			for i, wait := range []time.Duration{0, 2*time.Second - 1, 7*time.Second - 1, 12 * time.Second} {
				time.Sleep(wait)
				form := url.Values{"grant_type": {deviceGrant}, "client_id": {"id"}, "device_code": {code}}
				if _, fields := ask(t, a.HTTPClient(), a.TokenURL(), form); fields["error"] != want[i] {
					t.Errorf("%v, poll %d: %v, want %s", dialect, i, fields, want[i])
				}
			}
			if prompt["interval"] != 2.0 {
				t.Errorf("%v", prompt)
			}
		})
	}
}

func TestDeviceErrors(t *testing.T) {
	options := mock.AuthorityOptions{
		Network: mock.InMemory, Clients: map[string]string{"id": "pencil", "public": "", "other": ""}, Users: map[string]string{"you@example.test": ""},
		Faults: []mock.AuthorityFault{{Path: "/device_authorization", Times: 1, Status: 503}},
	}
	a := mock.StartAuthority(t, options)
	for _, test := range []struct {
		name    string
		dialect mock.Dialect
		form    url.Values
		code    string
	}{
		{"fault", mock.GenericOAuth, url.Values{"client_id": {"public"}}, "server_error"},
		{"no client", mock.GenericOAuth, url.Values{}, "invalid_request"},
		{"no secret", mock.GenericOAuth, url.Values{"client_id": {"id"}}, "invalid_client"},
		{"unknown client", mock.MicrosoftOAuth, url.Values{"client_id": {"x"}}, "unauthorized_client"},
		{"no scope", mock.MicrosoftOAuth, url.Values{"client_id": {"id"}}, "invalid_request"},
		{"two resources", mock.MicrosoftOAuth, url.Values{"client_id": {"id"}, "scope": {"https://graph.microsoft.com/x https://outlook.office.com/y"}}, "invalid_scope"},
		{"mail", mock.GoogleOAuth, url.Values{"client_id": {"id"}, "scope": {mailOnly}}, "invalid_scope"},
	} {
		if _, fields := ask(t, a.HTTPClient(), deviceURL(a, test.dialect), test.form); fields["error"] != test.code {
			t.Errorf("%s: %v", test.name, fields)
		}
	}
	_, prompt := ask(t, a.HTTPClient(), deviceURL(a, mock.GenericOAuth), url.Values{"client_id": {"public"}})
	user, _ := prompt["user_code"].(string)
	code, _ := prompt["device_code"].(string)
	for want, c := range map[string]mock.Consent{
		"mock: the consent names no user; nobody else has signed in": {},
		"mock: the user is not in AuthorityOptions.Users":            {User: "x@example.test"},
	} {
		if err := a.ApproveDevice(user, c); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	form := url.Values{"grant_type": {deviceGrant}, "client_id": {"other"}, "device_code": {code}}
	if _, fields := ask(t, a.HTTPClient(), a.TokenURL(), form); fields["error"] != "invalid_grant" {
		t.Errorf("other client: %v", fields)
	}
	for _, r := range a.Requests() {
		for _, value := range r.Form {
			if strings.Contains(value, code) {
				t.Errorf("the log holds the device code: %v", r)
			}
		}
	}
}
