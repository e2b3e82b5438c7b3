package google

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// AuthorizedUserJSON is [RefreshToken] with the client and the refresh token
// from JSON: the file of type authorized_user that gcloud writes, or what
// to_json of Google's Python library returns.
//
// A token_uri in the file must be one of Google's, for the secrets are sent
// there; [Options.TokenURL] takes its place.
func AuthorizedUserJSON(file []byte, o Options) (*providers.Cache, error) {
	var f struct {
		Type         string `json:"type"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		RefreshToken string `json:"refresh_token"`
		TokenURI     string `json:"token_uri"`

		// What the file holds if it is another one.
		Installed, Web json.RawMessage
	}
	if json.Unmarshal(file, &f) != nil {
		return nil, misconfigured("the credentials are not JSON")
	}
	switch {
	case f.Installed != nil || f.Web != nil:
		return nil, misconfigured("this file describes an OAuth client and holds no user's consent: it has no refresh token")
	case f.Type == "service_account":
		return nil, misconfigured("this is the key of a service account, which has no mailbox of its own and no refresh token")
	case f.Type != "" && f.Type != "authorized_user":
		return nil, misconfigured("credentials of type " + providers.Scrub(f.Type) + " hold no refresh token; authorized_user is the type that does")
	}
	if o.TokenURL == "" && f.TokenURI != "" {
		if !isGoogle(f.TokenURI) {
			return nil, misconfigured("token_uri is not a https URL of googleapis.com; set Options.TokenURL if it is meant")
		}
		o.TokenURL = f.TokenURI
	}
	client := Client{ID: f.ClientID, Secret: sasl.NewSecret(f.ClientSecret)}
	return RefreshToken(client, sasl.NewSecret(f.RefreshToken), o)
}

// isGoogle reports whether a URL is one of Google's OAuth servers.
func isGoogle(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return strings.HasSuffix(host, ".googleapis.com") || host == "accounts.google.com"
}
