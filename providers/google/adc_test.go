package google_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// defaultTo makes file the default credentials, by the variable or as gcloud does.
func defaultTo(t *testing.T, file []byte, byVariable bool) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("APPDATA", filepath.Join(home, ".config"))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	if file == nil {
		return
	}
	path := filepath.Join(home, ".config", "gcloud", "application_default_credentials.json")
	if byVariable {
		path = filepath.Join(home, "credentials.json")
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", path)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, file, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// userFile is what gcloud leaves when a user signs in.
const userFile = `{"type":"authorized_user","client_id":"` + clientID + `","client_secret":"` + clientSecret + `","refresh_token":"` + refreshValue + `"}`

func impersonatedFile(source, more string) []byte {
	return []byte(`{"type":"impersonated_service_account","source_credentials":` + source + standIn + more + `}`)
}

// TestDefault shows what is made of each kind of default credentials: whom it
// asks for what, in order.
func TestDefault(t *testing.T) {
	mailToken := goodToken
	cloudToken := `{"access_token":"` + leakedBase + `","expires_in":3599,"scope":"https://www.googleapis.com/auth/cloud-platform"}`
	const other = "other@project.iam.gserviceaccount.com"
	atOther := strings.Replace(atSign, account, other, 1)
	federated := string(externalFile(`{"file":"FILE"}`, ""))
	tests := []struct {
		name    string
		file    []byte // nil: there is none
		account string
		tokens  []string // the answers of the token endpoint
		want    []string
	}{
		{"key", keyFile(), "", []string{mailToken}, []string{atToken}},
		{"key, of the same account", keyFile(), account, []string{mailToken}, []string{atToken}},
		{"key, another signs", keyFile(), other, []string{cloudToken, mailToken}, []string{atToken, atOther, atToken}},
		{"user", []byte(userFile), "", []string{mailToken}, []string{atToken}},
		{"user, account signs", []byte(userFile), account, []string{cloudToken, mailToken}, []string{atToken, atSign, atToken}},
		{"other cloud", []byte(federated), account, []string{mailToken}, []string{atExchange, atSign, atToken}},
		{"other cloud, stand-in", []byte(strings.TrimSuffix(federated, "}") + standIn + "}"), "", []string{mailToken}, []string{atExchange, atStandIn, atSign, atToken}},
		{"stand-in of a user", impersonatedFile(userFile, ""), "", []string{cloudToken, mailToken}, []string{atToken, atSign, atToken}},
		{"stand-in of a user, another signs", impersonatedFile(userFile, ""), other, []string{cloudToken, mailToken}, []string{atToken, atStandIn, atOther, atToken}},
		{"stand-in of a key", impersonatedFile(string(keyFile("client_email", other)), ""), "", []string{cloudToken, mailToken}, []string{atToken, atSign, atToken}},
		{"stand-in of a stand-in", impersonatedFile(string(impersonatedFile(userFile, "")), ""), "", []string{cloudToken, mailToken}, []string{atToken, atStandIn, atSign, atToken}},
		{"machine", nil, "", []string{mailToken}, []string{atEmail, atMetadata, atSign, atToken}},
		{"machine, another signs", nil, other, []string{mailToken}, []string{atMetadata, atOther, atToken}},
	}
	for _, tt := range tests {
		for _, byVariable := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, variable %v", tt.name, byVariable), func(t *testing.T) {
				subject := filepath.Join(t.TempDir(), "subject")
				if err := os.WriteFile(subject, []byte("subject"), 0o600); err != nil {
					t.Fatal(err)
				}
				file := tt.file
				if file != nil {
					file = []byte(strings.ReplaceAll(string(file), "FILE", subject))
				}
				defaultTo(t, file, byVariable)
				c := startCloud()
				c.set(atToken, inTurn(tt.tokens...))
				c.set(atOther, c.answers[atSign])
				metadataServer(t, c) // Default asks it with a client of its own
				tokens, err := google.Default(google.DefaultOptions{
					Options: google.Options{HTTPClient: c.client()}, ServiceAccount: tt.account,
				})
				if err != nil {
					t.Fatal(err)
				}
				token, err := tokens.Token(t.Context(), forEmployee)
				if err != nil || token.Value.Reveal() != "ya29.x" {
					t.Fatalf("token %q, %v", token.Value.Reveal(), err)
				}
				var where []string
				for _, r := range c.requests {
					where = append(where, r.where)
				}
				if !reflect.DeepEqual(where, tt.want) {
					t.Errorf("requests\n%q, want\n%q", where, tt.want)
				}
			})
		}
	}
}

// TestDefaultDelegates shows that a chain in the credentials is passed on.
func TestDefaultDelegates(t *testing.T) {
	defaultTo(t, impersonatedFile(userFile, `,"delegates":["a@project.iam.gserviceaccount.com"]`), true)
	c := startCloud()
	tokens, err := google.Default(google.DefaultOptions{Options: google.Options{HTTPClient: c.client()}})
	if err != nil {
		t.Fatal(err)
	}
	c.set(atToken, inTurn(`{"access_token":"`+leakedBase+`","expires_in":3599}`, goodToken))
	if _, err := tokens.Token(t.Context(), forEmployee); err != nil {
		t.Fatal(err)
	}
	if body := c.at(atSign)[0].body; !strings.Contains(body, `"delegates":["projects/-/serviceAccounts/a@project.iam.gserviceaccount.com"]`) {
		t.Errorf("body %s", body)
	}
}

// TestQuotaProject shows that a user's requests count towards the project that
// the user has chosen.
func TestQuotaProject(t *testing.T) {
	defaultTo(t, []byte(strings.TrimSuffix(userFile, "}")+`,"quota_project_id":"my-project"}`), true)
	c := startCloud()
	base, err := google.DefaultBase(google.Options{HTTPClient: c.client()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyless(t, c, account, base).Token(t.Context(), forEmployee); err == nil {
		t.Error("a user with a scope for mail alone is taken for a Base")
	}
	c = startCloud()
	c.set(atToken, inTurn(`{"access_token":"`+leakedBase+`","expires_in":3599}`, goodToken))
	if base, err = google.DefaultBase(google.Options{HTTPClient: c.client()}); err != nil {
		t.Fatal(err)
	}
	if _, err := keyless(t, c, account, base).Token(t.Context(), forEmployee); err != nil {
		t.Fatal(err)
	}
	if got := c.at(atSign)[0].header.Get("X-Goog-User-Project"); got != "my-project" {
		t.Errorf("X-Goog-User-Project %q", got)
	}
}

// TestDefaultRefusals shows what cannot sign in to a mailbox, and what is said of
// it.
func TestDefaultRefusals(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"client", `{"installed":{"client_id":"x"}}`, "google: this file describes an OAuth client and holds no user's consent: it has no refresh token. Give its client id and secret to Login, which gets one"},
		{"distributed cloud", `{"type":"gdch_service_account"}`, "google: this is a credential of Google Distributed Cloud (gdch_service_account), and service_account is wanted; there are no mailboxes"},
		{"no type", `{}`, "google: the credentials have no type; service_account is what is wanted"},
		{"new type", `{"type":"new"}`, "google: credentials of type new are not known; service_account is what is wanted"},
		{"nonsense", `ya29.leaked`, "google: the credentials are not JSON of the right form"},
		{"no source", `{"type":"impersonated_service_account"}`, "google: credentials of type impersonated_service_account name a service account and hold source_credentials; these do not"},
		{"source of no use", string(impersonatedFile(`{"type":"gdch_service_account"}`, "")), "google: this is a credential of Google Distributed Cloud (gdch_service_account), and service_account is wanted; there are no mailboxes"},
		{"many stand-ins", nested(9), "google: credentials of type impersonated_service_account name a service account and hold source_credentials; these do not"},
		{"other universe", `{"type":"service_account","universe_domain":"example.com"}`, "google: credentials of the universe example.com are of no use: mailboxes are in googleapis.com"},
		{"very large", strings.Repeat(" ", 1<<20) + userFile, "google: the default credentials cannot be read: the file is larger than 1 MiB; see what GOOGLE_APPLICATION_CREDENTIALS names"},
		{"user without a grant", `{"type":"authorized_user","client_id":"x"}`, "google: there is no refresh token: the consent that yields one asks for access_type=offline"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defaultTo(t, []byte(tt.file), true)
			tokens, err := google.Default(google.DefaultOptions{})
			wantMisconfigured(t, err, tt.want)
			if tokens != nil {
				t.Errorf("a generator %T besides the error", tokens)
			}
			if tt.name == "user without a grant" {
				return
			}
			_, err = google.DefaultBase(google.Options{})
			wantMisconfigured(t, err, tt.want)
		})
	}
}

// nested is a credential that stands for others, n deep.
func nested(n int) string {
	file := userFile
	for range n {
		file = string(impersonatedFile(file, ""))
	}
	return file
}

// TestMissingCredentials shows that a file which is named must be there.
func TestMissingCredentials(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.json")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", missing)
	_, err := google.Default(google.DefaultOptions{})
	if providers.KindOf(err) != providers.Misconfigured || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("error %v, want the file's name", err)
	}
}

// TestUserWithoutMail shows that the credentials of gcloud do not reach a mail
// server that would refuse them.
func TestUserWithoutMail(t *testing.T) {
	defaultTo(t, []byte(userFile), false)
	c := startCloud()
	c.set(atToken, answers(200, `{"access_token":"ya29.leaked","expires_in":3599,"scope":"openid https://www.googleapis.com/auth/cloud-platform"}`))
	tokens, err := google.Default(google.DefaultOptions{Options: google.Options{HTTPClient: c.client()}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokens.Token(t.Context(), sasl.TokenRequest{Username: mailbox})
	wantMisconfigured(t, err, "google: the credentials were not granted the scope https://mail.google.com/; sign in with Login, or name a service account with domain-wide delegation")
}

// TestDefaultFileIsJSON keeps the files of this test honest.
func TestDefaultFileIsJSON(t *testing.T) {
	for _, file := range []string{userFile, nested(3), string(externalFile(`{}`, standIn))} {
		if !json.Valid([]byte(file)) {
			t.Errorf("%s is no JSON", file)
		}
	}
}
