package google_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestMetadataFailures shows what a machine without a service account, and none
// at all, amount to.
func TestMetadataFailures(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc // nil: nobody answers
		kind   providers.Kind
		hint   string
	}{
		{"no account", answers(404, "Not found: "+leakedBase), providers.Misconfigured, "attach one"},
		{"forbidden", answers(403, "forbidden "+leakedBase), providers.Misconfigured, "may use the service account"},
		{"too many", answers(429, leakedBase), providers.Transient, ""},
		{"out of order", answers(500, leakedBase), providers.Transient, ""},
		{"nonsense", answers(200, "<html>"+leakedBase), providers.Transient, "GCE_METADATA_HOST"},
		{"no token", answers(200, "{}"), providers.Transient, "GCE_METADATA_HOST"},
		{"nobody", nil, providers.Misconfigured, "not a machine of Google Cloud"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := startCloud()
			base := machineBase(t, c)
			synctest.Test(t, func(t *testing.T) {
				c.set(atMetadata, tt.answer)
				_, err := keyless(t, c, account, base).Token(t.Context(), forEmployee)
				var failure *providers.Error
				if !errors.As(err, &failure) || failure.Kind != tt.kind || !strings.Contains(failure.Hint, tt.hint) {
					t.Errorf("error %v (%#v), want %v with %q", err, failure, tt.kind, tt.hint)
				}
				wantNoSecret(t, fmt.Sprintf("%v %+v", err, failure))
			})
		})
	}
}

// TestMetadataLater shows that a metadata server which has answered before is
// taken to be there.
func TestMetadataLater(t *testing.T) {
	c := startCloud()
	base := machineBase(t, c)
	synctest.Test(t, func(t *testing.T) {
		d := keyless(t, c, "", base)
		if _, err := d.Token(t.Context(), forEmployee); err != nil {
			t.Fatal(err)
		}
		c.set(atMetadata, nil)
		time.Sleep(2 * time.Hour)
		if _, err := d.Token(t.Context(), forEmployee); providers.KindOf(err) != providers.Transient || err == nil {
			t.Errorf("error %v, want a temporary one", err)
		}
	})
}

// externalFile is a configuration of workload identity federation.
func externalFile(source, more string) []byte {
	return []byte(`{"type":"external_account","audience":"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",` +
		`"subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"https://sts.googleapis.com/v1/token",` +
		`"credential_source":` + source + more + `}`)
}

const standIn = `,"service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/` + account + `:generateAccessToken"`

// TestExternalAccount shows the way from a token of another cloud to a mailbox.
func TestExternalAccount(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("eyJhbGciOiJSUzI1NiJ9.leaked-jwt.subject\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const tokenPage = "GET https://issuer.example/token"
	for name, source := range map[string]string{
		"file": fmt.Sprintf(`{"file":%q}`, file),
		"url":  `{"url":"https://issuer.example/token","headers":{"Authorization":"x"},"format":{"type":"json","subject_token_field_name":"value"}}`,
	} {
		for _, more := range []string{"", standIn} {
			t.Run(name+more, func(t *testing.T) {
				c := startCloud()
				c.set(tokenPage, answers(200, `{"value":"eyJhbGciOiJSUzI1NiJ9.leaked-jwt.subject"}`))
				base, err := google.ExternalAccountBase(externalFile(source, more), google.Options{HTTPClient: c.client()})
				if err != nil {
					t.Fatal(err)
				}
				name := account
				if more != "" {
					name = "" // the configuration says who
				}
				if _, err := keyless(t, c, name, base).Token(t.Context(), forEmployee); err != nil {
					t.Fatal(err)
				}
				exchange := c.at(atExchange)
				if len(exchange) != 1 {
					t.Fatalf("%d exchanges", len(exchange))
				}
				form, err := url.ParseQuery(exchange[0].body)
				if err != nil || form.Get("subject_token") != "eyJhbGciOiJSUzI1NiJ9.leaked-jwt.subject" ||
					form.Get("scope") != "https://www.googleapis.com/auth/cloud-platform" ||
					form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" {
					t.Errorf("exchange of %v, %v", form, err)
				}
				want := "Bearer " + leakedBase + "-exchanged"
				if more != "" {
					if stood := c.at(atStandIn); len(stood) != 1 || stood[0].header.Get("Authorization") != want ||
						stood[0].body != `{"lifetime":"3600s","scope":["https://www.googleapis.com/auth/cloud-platform"]}` {
						t.Errorf("stood in by %+v", stood)
					}
					want = "Bearer " + leakedBase + "-of-account"
				}
				if got := c.at(atSign)[0].header.Get("Authorization"); got != want {
					t.Errorf("signJwt: Authorization %q, want %q", got, want)
				}
			})
		}
	}
}

// TestExternalSpelling shows that no other spelling of a name leads the tokens of
// an exchange elsewhere: JSON is read without regard to case, even of the Kelvin
// sign and the long s.
func TestExternalSpelling(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("subject-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	source := fmt.Sprintf(`{"file":%q}`, file)
	evil := strings.Replace(standIn, "iamcredentials.googleapis.com", "evil.example", 1)
	for name, more := range map[string]string{
		"exchange":                     `,"TOKEN_URL":"https://evil.example/","token_url":"https://sts.googleapis.com/v1/token"`,
		"exchange with a Kelvin sign":  `,"to\u212aen_url":"https://evil.example/","token_url":"https://sts.googleapis.com/v1/token"`,
		"stand-in":                     strings.Replace(evil, "service_", "SERVICE_", 1) + standIn,
		"stand-in that comes first":    strings.Replace(evil, "service_", "\u017fervice_", 1) + standIn,
		"stand-in that is given twice": evil + standIn,
	} {
		t.Run(name, func(t *testing.T) {
			c := startCloud()
			base, err := google.ExternalAccountBase(externalFile(source, more), google.Options{HTTPClient: c.client()})
			if err != nil {
				t.Fatal(err)
			}
			_, err = keyless(t, c, account, base).Token(t.Context(), forEmployee)
			for _, r := range c.requests {
				if strings.Contains(r.where, "evil.example") {
					t.Errorf("a request went to %s", r.where)
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestExchangeRefusals replays what the security token service, and what comes
// before it, say.
func TestExchangeRefusals(t *testing.T) {
	const page = "GET https://issuer.example/token"
	oauth := func(code, text string) http.HandlerFunc {
		return answers(400, fmt.Sprintf(`{"error":%q,"error_description":%q}`, code, text))
	}
	tests := []struct {
		name   string
		where  string
		answer http.HandlerFunc
		kind   providers.Kind
		code   string
		text   string // part of the error
	}{
		{"stale", atExchange, oauth("invalid_grant", "ID Token issued at 1600000000 is stale to sign-in."), providers.Misconfigured, "invalid_grant", "the projected token is out of date"},
		{"issuer", atExchange, oauth("invalid_grant", "The issuer in ID Token does not match the expected ones."), providers.Misconfigured, "invalid_grant", "compare its issuer and audience"},
		{"no such pool", atExchange, oauth("invalid_target", "The target service indicated by the \"audience\" parameters is invalid."), providers.Misconfigured, "invalid_target", "no workload identity pool"},
		{"condition", atExchange, oauth("unauthorized_client", "The given credential is rejected by the attribute condition."), providers.Misconfigured, "unauthorized_client", "do not admit"},
		{"out of order", atExchange, answers(503, "<html>"+leakedJWT), providers.Transient, "", ""},
		{"page", atExchange, answers(200, "<html>"+leakedJWT), providers.Transient, "", "captive portal"},
		{"no expiry", atExchange, answers(200, `{"access_token":"`+leakedBase+`"}`), providers.Transient, "", "captive portal"},
		{"nobody", atExchange, nil, providers.Transient, "", "cannot be reached"},
		{"issuer refuses", page, answers(403, leakedJWT), providers.Misconfigured, "", "the other cloud gives no token"},
		{"issuer is out of order", page, answers(500, leakedJWT), providers.Transient, "", "the other cloud gives no token"},
		{"issuer is gone", page, nil, providers.Transient, "", "cannot be reached"},
		{"issuer talks nonsense", page, answers(200, leakedJWT), providers.Misconfigured, "", "credential_source"},
		{"not granted", atStandIn, answers(403, `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"`+leakedBase+`"}}`), providers.Misconfigured, "PERMISSION_DENIED", account},
		{"not delegated", atToken, oauth("unauthorized_client", "Client is unauthorized to retrieve access tokens using this method"), providers.Misconfigured, "unauthorized_client", "numeric client id of " + account},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := startCloud()
			c.set(page, answers(200, `{"value":"`+leakedJWT+`"}`))
			c.set(tt.where, tt.answer)
			source := `{"url":"https://issuer.example/token","format":{"type":"json","subject_token_field_name":"value"}}`
			base, err := google.ExternalAccountBase(externalFile(source, standIn), google.Options{HTTPClient: c.client()})
			if err != nil {
				t.Fatal(err)
			}
			_, err = keyless(t, c, "", base).Token(t.Context(), forEmployee)
			var failure *providers.Error
			if !errors.As(err, &failure) || failure.Kind != tt.kind || failure.Code != tt.code || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v (%#v), want %v %q with %q", err, failure, tt.kind, tt.code, tt.text)
			}
			wantNoSecret(t, fmt.Sprintf("%v %+v", err, failure))
			if strings.Contains(err.Error(), "leaked") {
				t.Errorf("error %v quotes an answer", err)
			}
		})
	}
}

// TestMissingTokenFile shows that a file which is not there is named.
func TestMissingTokenFile(t *testing.T) {
	c := startCloud()
	missing := filepath.Join(t.TempDir(), "missing")
	base, err := google.ExternalAccountBase(externalFile(fmt.Sprintf(`{"file":%q}`, missing), ""), google.Options{HTTPClient: c.client()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = keyless(t, c, account, base).Token(t.Context(), forEmployee)
	if providers.KindOf(err) != providers.Misconfigured || !strings.Contains(err.Error(), filepath.Base(missing)) {
		t.Errorf("error %v, want the file's name", err)
	}
}

func TestExternalConstruction(t *testing.T) {
	const foreign = "google: token_url is not a https URL of googleapis.com; set Options.STSURL if it is meant"
	const notIAM = "google: service_account_impersonation_url is not a https URL of iamcredentials.googleapis.com for generateAccessToken"
	file := func(more string) []byte { return externalFile(`{"file":"/x"}`, more) }
	tests := []struct {
		name    string
		file    []byte
		options google.Options
		want    string
	}{
		{"good", file(""), google.Options{}, ""},
		{"foreign exchange", file(`,"token_url":"https://sts.example/"`), google.Options{}, foreign},
		{"exchange in clear", file(`,"token_url":"http://sts.googleapis.com/v1/token"`), google.Options{}, foreign},
		{"foreign exchange that is meant", file(`,"token_url":"https://sts.example/"`), google.Options{STSURL: "https://sts.example/"}, ""},
		{"not a URL", file(`,"token_url":7`), google.Options{}, "google: the credentials are not JSON of the right form"},
		{"foreign stand-in", file(strings.Replace(standIn, "iamcredentials.googleapis.com", "iam.example", 1)), google.Options{}, notIAM},
		{"other method", file(strings.Replace(standIn, "generateAccessToken", "delete", 1)), google.Options{}, notIAM},
		{"no account", file(strings.Replace(standIn, account, "a/b", 1)), google.Options{}, notIAM},
		{"a key", keyFile(), google.Options{}, "google: this is the key of a service account (service_account), and external_account is wanted; ServiceAccountKey takes it, for the mailboxes of a Workspace"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := google.ExternalAccountBase(tt.file, tt.options)
			wantMisconfigured(t, err, tt.want)
		})
	}
	_, err := google.ExternalAccountBase([]byte(`{"type":"external_account","token_url":"https://sts.googleapis.com/v1/token"}`), google.Options{})
	if providers.KindOf(err) != providers.Misconfigured || err == nil {
		t.Errorf("a configuration without an audience: %v", err)
	}
}

// A Base is no generator: its tokens cannot get to a mail server by mistake.
func TestBaseIsSealed(t *testing.T) {
	if _, ok := google.MetadataBase(google.MetadataOptions{}).(sasl.TokenGenerator); ok {
		t.Error("a Base is a token generator")
	}
}
