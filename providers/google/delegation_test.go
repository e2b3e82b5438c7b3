package google_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

const (
	account  = "mailer@project.iam.gserviceaccount.com"
	numberID = "112233445566778899000"
	employee = "you@example.com"
)

// testKey is the key of account.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Panic(err)
	}
	return key
})

// keyPEM is testKey as Google writes it.
func keyPEM() string {
	der, err := x509.MarshalPKCS8PrivateKey(testKey())
	if err != nil {
		log.Panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// keyFile is the key file of account, with fields changed; an empty one is left
// out.
func keyFile(changes ...string) []byte {
	fields := map[string]string{
		"type": "service_account", "client_email": account, "client_id": numberID,
		"private_key_id": "key-1", "private_key": keyPEM(), "token_uri": "https://oauth2.googleapis.com/token",
	}
	for i := 0; i < len(changes); i += 2 {
		fields[changes[i]] = changes[i+1]
		if changes[i+1] == "" {
			delete(fields, changes[i])
		}
	}
	file, err := json.Marshal(fields)
	if err != nil {
		log.Panic(err)
	}
	return file
}

// verified returns the header and the claims of an assertion that account signed.
func verified(t *testing.T, assertion string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		t.Fatalf("assertion of %d parts", len(parts))
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&testKey().PublicKey, crypto.SHA256, digest[:], signature); err != nil {
		t.Error(err)
	}
	return header, claims
}

const goodToken = `{"access_token":"ya29.x","expires_in":3599,"scope":"https://mail.google.com/","token_type":"Bearer"}`

// TestAssertion shows what is sent for a mailbox.
func TestAssertion(t *testing.T) {
	const usual = "https://oauth2.googleapis.com/token"
	tests := []struct {
		name               string
		file               []byte
		tokenURL           string
		wantURL, wantAudit string
	}{
		{"usual", keyFile(), "", usual, usual},
		{"old key", keyFile("token_uri", "https://accounts.google.com/o/oauth2/token"), "", "https://accounts.google.com/o/oauth2/token", "https://accounts.google.com/o/oauth2/token"},
		{"no token_uri", keyFile("token_uri", ""), "", usual, usual},
		{"elsewhere", keyFile(), "https://mine.example/token", "https://mine.example/token", usual},
		{"elsewhere, foreign file", keyFile("token_uri", "https://foreign.example/"), "https://mine.example/token", "https://mine.example/token", usual},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &tokenServer{answer: answers(http.StatusOK, goodToken)}
				d, err := google.ServiceAccountKey(tt.file, google.Options{HTTPClient: s.client(), TokenURL: tt.tokenURL})
				if err != nil {
					t.Fatal(err)
				}
				token, err := d.Token(t.Context(), sasl.TokenRequest{Username: employee})
				if err != nil || token.Value.Reveal() != "ya29.x" || token.Subject != employee {
					t.Fatalf("token %+v, %v", token, err)
				}
				if s.urls[0] != "POST "+tt.wantURL {
					t.Errorf("request %s", s.urls[0])
				}
				form := s.forms[0]
				if len(form) != 2 || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
					t.Errorf("form %v", form)
				}
				header, claims := verified(t, form.Get("assertion"))
				if want := map[string]any{"alg": "RS256", "typ": "JWT", "kid": "key-1"}; !reflect.DeepEqual(header, want) {
					t.Errorf("header %v, want %v", header, want)
				}
				issued := float64(time.Now().Unix() - 60)
				if want := map[string]any{
					"iss": account, "sub": employee, "scope": "https://mail.google.com/", "aud": tt.wantAudit,
					"iat": issued, "exp": issued + 3600,
				}; !reflect.DeepEqual(claims, want) {
					t.Errorf("claims %v, want %v", claims, want)
				}
			})
		})
	}
}

// TestMailboxes shows that one Delegation has a token for each mailbox.
func TestMailboxes(t *testing.T) {
	s := new(tokenServer)
	s.answer = func(w http.ResponseWriter, r *http.Request) {
		answers(http.StatusOK, fmt.Sprintf(`{"access_token":"ya29.%d","expires_in":3599}`, len(s.forms)))(w, r)
	}
	d, err := google.ServiceAccountKey(keyFile(), google.Options{HTTPClient: s.client()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for range 2 {
		for i, user := range []string{"a@example.com", "b@example.com"} {
			token, err := d.Token(t.Context(), sasl.TokenRequest{Username: user})
			if err != nil || token.Value.Reveal() != fmt.Sprintf("ya29.%d", i+1) || token.Subject != user {
				t.Errorf("%s: token %q of %s, %v", user, token.Value.Reveal(), token.Subject, err)
			}
		}
	}
	if status := d.Status(); s.hits() != 2 || len(status) != 2 || status[0].User != "a@example.com" {
		t.Errorf("%d requests, %+v", s.hits(), status)
	}
}

// TestSharedDelegation shows that programs with one Store share tokens, too.
func TestSharedDelegation(t *testing.T) {
	s := &tokenServer{answer: answers(http.StatusOK, goodToken)}
	o := google.Options{HTTPClient: s.client(), Cache: providers.CacheOptions{Store: new(providers.MemoryStore), Key: "google/mailer"}}
	for range 2 {
		d, err := google.ServiceAccountKey(keyFile(), o)
		if err != nil {
			t.Fatal(err)
		}
		if token, err := d.Token(t.Context(), forEmployee); err != nil || token.Subject != employee {
			t.Errorf("token of %q, %v", token.Subject, err)
		}
	}
	if s.hits() != 1 {
		t.Errorf("%d requests, want 1", s.hits())
	}
}

// TestNoMailbox shows that nobody is asked for what cannot be delegated.
func TestNoMailbox(t *testing.T) {
	s := new(tokenServer)
	d, err := google.ServiceAccountKey(keyFile(), google.Options{HTTPClient: s.client()})
	if err != nil {
		t.Fatal(err)
	}
	const consumer = "google: accounts of gmail.com cannot be delegated: their users sign in themselves, with Login"
	for user, want := range map[string]string{
		"":                   "google: a delegation signs in to the mailbox that the user name names, and there is none",
		"you":                "google: the user name you is no address of a mailbox",
		"you@":               "google: the user name you@ is no address of a mailbox",
		"you@gmail.com":      consumer,
		"you@GoogleMail.com": consumer,
	} {
		_, err := d.Token(t.Context(), sasl.TokenRequest{Username: user})
		wantMisconfigured(t, err, want)
	}
	if s.hits() != 0 {
		t.Errorf("%d requests", s.hits())
	}
}

func TestKeyConstruction(t *testing.T) {
	const bad = "google: private_key is not an RSA key in PEM: download the key file anew"
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(testKey())}))
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"good", keyFile(), ""},
		{"old form", keyFile("private_key", pkcs1), ""},
		{"no key", keyFile("private_key", ""), bad},
		{"no PEM", keyFile("private_key", "ya29.leaked"), bad},
		{"empty PEM", keyFile("private_key", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"), bad},
		{"no address", keyFile("client_email", ""), "google: client_email is not the address of a service account: download the key file anew"},
		{"foreign server", keyFile("token_uri", "https://foreign.example/"), "google: token_uri is not a https URL of googleapis.com; set Options.TokenURL if it is meant"},
		{"user", []byte(`{"type":"authorized_user"}`), "google: this is the credential of a user (authorized_user), and service_account is wanted; AuthorizedUserJSON takes it"},
		{"no type", []byte(`{}`), "google: the credentials have no type; service_account is what is wanted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := google.ServiceAccountKey(tt.file, google.Options{})
			wantMisconfigured(t, err, tt.want)
		})
	}
}

// TestDelegationRefusals replays what Google's token server says to an assertion.
func TestDelegationRefusals(t *testing.T) {
	grant := func(text string) string {
		return fmt.Sprintf(`{"error":"invalid_grant","error_description":%q}`, text)
	}
	tests := []struct {
		name   string
		status int
		body   string
		kind   providers.Kind
		code   string
		hints  []string // parts of the hint
	}{
		{
			"not delegated", 401, `{"error":"unauthorized_client","error_description":"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."}`,
			providers.Misconfigured, "unauthorized_client",
			[]string{"Domain-wide delegation", numberID, "https://mail.google.com/", "24 hours"},
		},
		{"not authorized", 403, `{"error":"access_denied","error_description":"Requested client not authorized."}`, providers.Misconfigured, "access_denied", []string{numberID}},
		{"no such user", 400, grant("Invalid email or User ID"), providers.Misconfigured, "invalid_grant", []string{employee, "active user", "gmail.com"}},
		{"no such account", 400, grant("Invalid grant: account not found"), providers.Misconfigured, "invalid_grant", []string{account, "deleted"}},
		{"key is gone", 400, grant("Invalid JWT Signature."), providers.Misconfigured, "invalid_grant", []string{"key of " + account}},
		{"clock", 400, grant("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."), providers.Misconfigured, "invalid_grant", []string{"clock of this machine is 7m30s fast"}},
		{"vague", 400, grant("Bad Request"), providers.Misconfigured, "invalid_grant", []string{account, employee, "clock"}},
		{"scope", 400, `{"error":"invalid_scope","error_description":"Invalid OAuth scope or ID token audience provided."}`, providers.Misconfigured, "invalid_scope", []string{"https://mail.google.com/"}},
		{"disabled", 401, `{"error":"disabled_client"}`, providers.Misconfigured, "disabled_client", []string{account}},
		{"deleted", 401, `{"error":"deleted_client"}`, providers.Misconfigured, "deleted_client", []string{account}},
		{"administrator", 400, `{"error":"admin_policy_enforced"}`, providers.Blocked, "admin_policy_enforced", []string{account}},
		{"internal", 400, `{"error":"internal_failure"}`, providers.Transient, "internal_failure", nil},
		{"rate", 403, `{"error":"rate_limit_exceeded"}`, providers.Transient, "rate_limit_exceeded", nil},
		{"out of service", 503, `<html>ya29.leaked</html>`, providers.Transient, "", nil},
		{"portal", 200, `<html>ya29.leaked</html>`, providers.Transient, "", []string{"captive portal"}},
		{"redirect", 302, ``, providers.Misconfigured, "", []string{"Options.TokenURL"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := new(tokenServer)
				s.answer = func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Date", time.Now().Add(-450*time.Second).UTC().Format(http.TimeFormat))
					body := strings.ReplaceAll(tt.body, "Bad Request", "Bad Request "+s.forms[0].Get("assertion"))
					answers(tt.status, body)(w, r)
				}
				d, err := google.ServiceAccountKey(keyFile(), google.Options{HTTPClient: s.client()})
				if err != nil {
					t.Fatal(err)
				}
				_, err = d.Token(t.Context(), sasl.TokenRequest{Username: employee})
				var failure *providers.Error
				if !errors.As(err, &failure) || failure.Kind != tt.kind || failure.Code != tt.code {
					t.Fatalf("error %#v, want %v %q", err, tt.kind, tt.code)
				}
				for _, part := range tt.hints {
					if !strings.Contains(failure.Hint, part) {
						t.Errorf("hint %q, want %q in it", failure.Hint, part)
					}
				}
				if tt.hints == nil && failure.Hint != "" {
					t.Errorf("hint %q, want none", failure.Hint)
				}
				if strings.ToUpper(failure.Hint) == failure.Hint && failure.Hint != "" || strings.Contains(failure.Hint, "ACCOUNT") || strings.Contains(failure.Hint, "CLIENT") {
					t.Errorf("hint %q has a gap", failure.Hint)
				}
				wantNoSecret(t, fmt.Sprintf("%v %+v %#v", err, *failure, d))
				if assertion := s.forms[0].Get("assertion"); strings.Contains(err.Error(), assertion) || strings.Contains(err.Error(), assertion[len(assertion)-40:]) {
					t.Errorf("error %v holds the assertion", err)
				}
			})
		})
	}
}
