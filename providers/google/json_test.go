package google_test

import (
	"net/http"
	"testing"

	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

func TestAuthorizedUserJSON(t *testing.T) {
	const credentials = `"client_id":"` + clientID + `","client_secret":"` + clientSecret + `","refresh_token":"` + refreshValue + `"`
	tests := []struct {
		name, file string
		options    google.Options
		url        string // where the request goes
	}{
		{"gcloud", `{"type":"authorized_user",` + credentials + `}`, google.Options{}, "POST https://oauth2.googleapis.com/token"},
		{"Python", `{"token":"ya29.old","token_uri":"https://www.googleapis.com/oauth2/v4/token","scopes":["https://mail.google.com/"],` + credentials + `}`, google.Options{}, "POST https://www.googleapis.com/oauth2/v4/token"},
		{"options come first", `{"token_uri":"https://elsewhere.example/",` + credentials + `}`, google.Options{TokenURL: "https://mine.example/token"}, "POST https://mine.example/token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &tokenServer{answer: answers(http.StatusOK, `{"access_token":"ya29.x","expires_in":3599}`)}
			tt.options.HTTPClient = s.client()
			tokens, err := google.AuthorizedUserJSON([]byte(tt.file), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil {
				t.Fatal(err)
			}
			form := s.forms[0]
			if form.Get("client_id") != clientID || form.Get("client_secret") != clientSecret || form.Get("refresh_token") != refreshValue {
				t.Errorf("form %v", form)
			}
			if s.urls[0] != tt.url {
				t.Errorf("request %q, want %q", s.urls[0], tt.url)
			}
		})
	}
}

func TestOtherJSON(t *testing.T) {
	foreign := "google: token_uri is not a https URL of googleapis.com; set Options.TokenURL if it is meant"
	tests := []struct{ name, file, want string }{
		{"nothing", ``, "google: the credentials are not JSON of the right form"},
		{"a list", `[]`, "google: the credentials are not JSON of the right form"},
		{"cut off", `{"refresh_token":"` + refreshValue, "google: the credentials are not JSON of the right form"},
		{"empty", `{}`, "google: the OAuth client has no id"},
		{"no grant", `{"client_id":"x"}`, "google: there is no refresh token: the consent that yields one asks for access_type=offline"},
		{"client file", `{"installed":{"client_id":"x","client_secret":"` + clientSecret + `"}}`, "google: this file describes an OAuth client and holds no user's consent: it has no refresh token. Give its client id and secret to Login, which gets one"},
		{"web client file", `{"web":{}}`, "google: this file describes an OAuth client and holds no user's consent: it has no refresh token. Give its client id and secret to Login, which gets one"},
		{"service account", `{"type":"service_account","private_key":"x"}`, "google: this is the key of a service account (service_account), and authorized_user is wanted; ServiceAccountKey takes it, for the mailboxes of a Workspace"},
		{"other type", `{"type":"external_account"}`, "google: this is a configuration for another cloud (external_account), and authorized_user is wanted; ExternalAccountBase takes it, for Keyless"},
		{"stand-in", `{"type":"impersonated_service_account"}`, "google: this is a credential that stands for a service account (impersonated_service_account), and authorized_user is wanted; Default takes it"},
		{"distributed cloud", `{"type":"gdch_service_account"}`, "google: this is a credential of Google Distributed Cloud (gdch_service_account), and authorized_user is wanted; there are no mailboxes"},
		{"workforce", `{"type":"external_account_authorized_user"}`, "google: this is the sign-in of a workforce user (external_account_authorized_user), and authorized_user is wanted; for mail that nobody watches, use a service account"},
		{"unknown type", `{"type":"new_kind"}`, "google: credentials of type new_kind are not known; authorized_user is what is wanted"},
		{"other universe", `{"universe_domain":"example.com"}`, "google: credentials of the universe example.com are of no use: mailboxes are in googleapis.com"},
		{"foreign server", `{"client_id":"x","refresh_token":"y","token_uri":"https://googleapis.com.example/token"}`, foreign},
		{"foreign server, similar name", `{"client_id":"x","refresh_token":"y","token_uri":"https://mygoogleapis.com/token"}`, foreign},
		{"no TLS", `{"client_id":"x","refresh_token":"y","token_uri":"http://oauth2.googleapis.com/token"}`, foreign},
		{"user info", `{"client_id":"x","refresh_token":"y","token_uri":"https://a@oauth2.googleapis.com/token"}`, foreign},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := google.AuthorizedUserJSON([]byte(tt.file), google.Options{})
			wantMisconfigured(t, err, tt.want)
		})
	}
}
