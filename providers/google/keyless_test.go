package google_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestKeyless shows what is asked of whom on a machine of Google Cloud.
func TestKeyless(t *testing.T) {
	c := startCloud()
	d := keyless(t, c, "", machineBase(t, c))
	token, err := d.Token(t.Context(), forEmployee)
	if err != nil || token.Value.Reveal() != "ya29.x" || token.Subject != employee {
		t.Fatalf("token %+v, %v", token, err)
	}
	var where []string
	for _, r := range c.requests {
		where = append(where, r.where)
	}
	if want := []string{atEmail, atMetadata, atSign, atToken}; !reflect.DeepEqual(where, want) {
		t.Fatalf("requests %q, want %q", where, want)
	}
	machine, sign, exchange := c.requests[1], c.requests[2], c.requests[3]
	if machine.header.Get("Metadata-Flavor") != "Google" || machine.query != "scopes="+url.QueryEscape("https://www.googleapis.com/auth/cloud-platform") {
		t.Errorf("metadata server: query %q, header %v", machine.query, machine.header)
	}
	if got := sign.header.Get("Authorization"); got != "Bearer "+leakedBase {
		t.Errorf("signJwt: Authorization %q", got)
	}
	var request struct {
		Payload   string
		Delegates []string
	}
	var claims map[string]any
	if err := errors.Join(json.Unmarshal([]byte(sign.body), &request), json.Unmarshal([]byte(request.Payload), &claims)); err != nil {
		t.Fatal(err)
	}
	life := claims["exp"].(float64) - claims["iat"].(float64)
	delete(claims, "exp")
	delete(claims, "iat")
	if want := map[string]any{
		"iss": account, "sub": employee, "scope": "https://mail.google.com/", "aud": "https://oauth2.googleapis.com/token",
	}; !reflect.DeepEqual(claims, want) || life != 3600 || request.Delegates != nil {
		t.Errorf("claims %v for %v s, delegates %q; want %v", claims, life, request.Delegates, want)
	}
	if form, err := url.ParseQuery(exchange.body); err != nil || form.Get("assertion") != leakedJWT ||
		form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || len(form) != 2 {
		t.Errorf("exchange: %v, %v", form, err)
	}

	// The next mailbox needs neither another base token nor the name again.
	if _, err := d.Token(t.Context(), sasl.TokenRequest{Username: "b@example.com"}); err != nil {
		t.Fatal(err)
	}
	if n, m := len(c.at(atMetadata)), len(c.at(atEmail)); n != 1 || m != 1 {
		t.Errorf("the metadata server was asked %d times for a token and %d for a name, want once each", n, m)
	}
}

// TestDelegates shows that a chain of service accounts is passed on, as is
// another name, another place and an audience that stays.
func TestDelegates(t *testing.T) {
	c := startCloud()
	const at = "POST https://iam.example/v1/projects/-/serviceAccounts/other@p.iam.gserviceaccount.com:signJwt"
	c.set(at, c.answers[atSign])
	c.set("POST https://token.example/", answers(200, goodToken))
	d, err := google.Keyless("other@p.iam.gserviceaccount.com", machineBase(t, c), google.KeylessOptions{
		Options:   google.Options{HTTPClient: c.client(), IAMURL: "https://iam.example/", TokenURL: "https://token.example/"},
		Delegates: []string{"a@p.iam.gserviceaccount.com", "b@p.iam.gserviceaccount.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(t.Context(), forEmployee); err != nil {
		t.Fatal(err)
	}
	body := c.at(at)[0].body
	for _, part := range []string{
		`"delegates":["projects/-/serviceAccounts/a@p.iam.gserviceaccount.com","projects/-/serviceAccounts/b@p.iam.gserviceaccount.com"]`,
		`\"iss\":\"other@p.iam.gserviceaccount.com\"`, `\"aud\":\"https://oauth2.googleapis.com/token\"`,
	} {
		if !strings.Contains(body, part) {
			t.Errorf("body %s, want %s in it", body, part)
		}
	}
	if n := len(c.at(atEmail)); n != 0 {
		t.Error("the metadata server was asked for a name")
	}
}

// TestRefusedBase shows that a base token which IAM refuses is renewed, once.
func TestRefusedBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCloud()
		tokens := 0
		base := google.TokenSourceBase(source(func() (*oauth2.Token, error) {
			tokens++
			return &oauth2.Token{AccessToken: fmt.Sprint(leakedBase, tokens), Expiry: time.Now().Add(time.Hour)}, nil
		}))
		refuse := answers(401, `{"error":{"code":401,"status":"UNAUTHENTICATED","message":"Request had invalid authentication credentials."}}`)
		good := c.answers[atSign]
		c.set(atSign, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer "+leakedBase+"1" {
				refuse(w, r)
				return
			}
			good(w, r)
		})
		d := keyless(t, c, account, base)
		if _, err := d.Token(t.Context(), forEmployee); err != nil {
			t.Error(err)
		}
		if tokens != 2 {
			t.Errorf("%d base tokens, want 2", tokens)
		}
		c.set(atSign, refuse)
		_, err := d.Token(t.Context(), sasl.TokenRequest{Username: "b@example.com"})
		if providers.KindOf(err) != providers.Misconfigured || errors.Is(err, sasl.ErrNoOtherToken) {
			t.Errorf("error %v, want a misconfiguration", err)
		}
		if n := len(c.at(atSign)); n > 4 {
			t.Errorf("%d requests to sign", n)
		}
	})
}

// TestSignRefusals replays what IAM says to a machine that may not sign.
func TestSignRefusals(t *testing.T) {
	rpc := func(code int, status, message, reason string) string {
		return fmt.Sprintf(`{"error":{"code":%d,"status":%q,"message":%q,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":%q}]}}`, code, status, message, reason)
	}
	tests := []struct {
		name   string
		status int
		body   string
		kind   providers.Kind
		code   string
		hint   string
	}{
		{"not granted", 403, rpc(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).", "IAM_PERMISSION_DENIED"), providers.Misconfigured, "PERMISSION_DENIED", "grant roles/iam.serviceAccountTokenCreator on " + account},
		{"not granted, no reason", 403, `{"error":{"code":403,"status":"PERMISSION_DENIED"}}`, providers.Misconfigured, "PERMISSION_DENIED", "iamcredentials.googleapis.com"},
		{"not enabled", 403, rpc(403, "PERMISSION_DENIED", "IAM Service Account Credentials API has not been used in project 1 before or it is disabled.", "SERVICE_DISABLED"), providers.Misconfigured, "PERMISSION_DENIED", "enable the service iamcredentials.googleapis.com"},
		{"scope", 403, rpc(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), providers.Misconfigured, "PERMISSION_DENIED", "auth/cloud-platform"},
		{"no such account", 404, rpc(404, "NOT_FOUND", "Unknown service account", ""), providers.Misconfigured, "NOT_FOUND", account},
		{"too many", 429, rpc(429, "RESOURCE_EXHAUSTED", "Quota exceeded", ""), providers.Transient, "RESOURCE_EXHAUSTED", ""},
		{"out of service", 503, rpc(503, "UNAVAILABLE", "The service is currently unavailable.", ""), providers.Transient, "UNAVAILABLE", ""},
		{"not IAM", 404, `<html>` + leakedJWT + `</html>`, providers.Misconfigured, "", "Options.IAMURL"},
		{"page", 502, `<html>` + leakedJWT + `</html>`, providers.Transient, "", ""},
		{"portal", 200, `<html>` + leakedJWT + `</html>`, providers.Transient, "", "captive portal"},
		{"nothing signed", 200, `{}`, providers.Transient, "", "captive portal"},
		{"echo", 400, rpc(400, "INVALID_ARGUMENT", "bad "+leakedBase+" and "+leakedJWT, ""), providers.Misconfigured, "INVALID_ARGUMENT", account},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := startCloud()
			c.set(atSign, answers(tt.status, tt.body))
			_, err := keyless(t, c, "", machineBase(t, c)).Token(t.Context(), forEmployee)
			var failure *providers.Error
			if !errors.As(err, &failure) || failure.Kind != tt.kind || failure.Code != tt.code || !strings.Contains(failure.Hint, tt.hint) {
				t.Errorf("error %v (%#v), want %v %q with %q", err, failure, tt.kind, tt.code, tt.hint)
			}
			wantNoSecret(t, fmt.Sprintf("%v %+v", err, failure))
		})
	}
}

func TestKeylessConstruction(t *testing.T) {
	base := google.MetadataBase(google.MetadataOptions{})
	tests := []struct {
		name    string
		account string
		base    google.Base
		options google.KeylessOptions
		want    string
	}{
		{"good", account, base, google.KeylessOptions{}, ""},
		{"no key", account, base, google.KeylessOptions{Options: google.Options{Cache: providers.CacheOptions{Store: new(providers.MemoryStore)}}}, "google: Options.Cache.Store needs a Key, the name of the record in it"},
		{"no base", account, nil, google.KeylessOptions{}, "google: there is no Base"},
		{"no address", "mailer", base, google.KeylessOptions{}, "google: mailer is not the address of a service account, such as name@project.iam.gserviceaccount.com"},
		{"a path", "a@b.c/../x", base, google.KeylessOptions{}, "google: a@b.c/../x is not the address of a service account, such as name@project.iam.gserviceaccount.com"},
		{"bad delegate", account, base, google.KeylessOptions{Delegates: []string{"x"}}, "google: x is not the address of a service account, such as name@project.iam.gserviceaccount.com"},
		{"in clear", account, base, google.KeylessOptions{Options: google.Options{IAMURL: "http://iam.example"}}, "google: Options.IAMURL must be https: secrets are sent there"},
		{"tokens in clear", account, base, google.KeylessOptions{Options: google.Options{TokenURL: "http://iam.example"}}, "google: Options.TokenURL must be https: secrets are sent there"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := google.Keyless(tt.account, tt.base, tt.options)
			wantMisconfigured(t, err, tt.want)
		})
	}
}

// TestUnnamedAccount shows that somebody has to say who signs.
func TestUnnamedAccount(t *testing.T) {
	c := startCloud()
	base := google.TokenSourceBase(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: leakedBase}))
	_, err := keyless(t, c, "", base).Token(t.Context(), forEmployee)
	wantMisconfigured(t, err, "google: the credentials do not tell which service account is to sign: name it")
}

// TestLongLifeOfABase shows that a lifetime beyond all measure is a long one.
func TestLongLifeOfABase(t *testing.T) {
	c := startCloud()
	c.set(atMetadata, answers(200, `{"access_token":"`+leakedBase+`","expires_in":9223372036854775807,"token_type":"Bearer"}`))
	base := machineBase(t, c)
	synctest.Test(t, func(t *testing.T) {
		d := keyless(t, c, account, base)
		for _, user := range []string{"a@example.com", "b@example.com", "c@example.com"} {
			if _, err := d.Token(t.Context(), sasl.TokenRequest{Username: user}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		if n := len(c.at(atMetadata)); n != 1 {
			t.Errorf("%d requests for the token of the machine in three hours, want 1", n)
		}
	})
}
