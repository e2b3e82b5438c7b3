package google

import (
	"encoding/json"
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
	f, err := parseCredentials(file)
	if err != nil {
		return nil, err
	}
	if f.Type != "" && f.Type != typeUser {
		return nil, f.refuse(typeUser)
	}
	if err := f.useTokenURI(&o); err != nil {
		return nil, err
	}
	return RefreshToken(f.client(), sasl.NewSecret(f.RefreshToken), o)
}

// The types of credentials that Google's tools write.
const (
	typeUser         = "authorized_user"
	typeKey          = "service_account"
	typeExternal     = "external_account"
	typeExternalUser = "external_account_authorized_user"
	typeImpersonated = "impersonated_service_account"
	typeGDCH         = "gdch_service_account"
)

// A credentialsFile is a file of any of these types.
type credentialsFile struct {
	Type     string `json:"type"`
	Universe string `json:"universe_domain"`
	TokenURI string `json:"token_uri"`

	ClientID     string `json:"client_id"` // of a service account: its numeric id
	ClientSecret string `json:"client_secret"`
	RefreshToken string `json:"refresh_token"`

	ClientEmail  string `json:"client_email"`
	PrivateKey   string `json:"private_key"`
	PrivateKeyID string `json:"private_key_id"`

	QuotaProject string `json:"quota_project_id"` // whose quota requests count towards

	TokenURL         string          `json:"token_url"`
	ImpersonationURL string          `json:"service_account_impersonation_url"`
	Delegates        []string        `json:"delegates"`
	Source           json.RawMessage `json:"source_credentials"`

	CredentialSource struct {
		File string `json:"file"`
	} `json:"credential_source"`

	// What the file of an OAuth client holds.
	Installed json.RawMessage `json:"installed"`
	Web       json.RawMessage `json:"web"`
}

func parseCredentials(file []byte) (*credentialsFile, error) {
	f := new(credentialsFile)
	// The decoder's error might quote a secret.
	if json.Unmarshal(file, f) != nil {
		return nil, misconfigured("the credentials are not JSON of the right form")
	}
	switch {
	case f.Installed != nil || f.Web != nil:
		return nil, misconfigured("this file describes an OAuth client and holds no user's consent: it has no refresh token. " +
			"Give its client id and secret to Login, which gets one")
	case f.Universe != "" && f.Universe != "googleapis.com":
		return nil, misconfigured("credentials of the universe " + shown(f.Universe) + " are of no use: mailboxes are in googleapis.com")
	}
	return f, nil
}

// refuse returns the error for credentials of another type than is wanted.
func (f *credentialsFile) refuse(wanted string) error {
	var is, use string
	switch f.Type {
	case "":
		return misconfigured("the credentials have no type; " + wanted + " is what is wanted")
	case typeUser:
		is, use = "the credential of a user", "AuthorizedUserJSON takes it"
	case typeKey:
		is, use = "the key of a service account", "ServiceAccountKey takes it, for the mailboxes of a Workspace"
	case typeExternal:
		is, use = "a configuration for another cloud", "ExternalAccountBase takes it, for Keyless"
	case typeExternalUser:
		is, use = "the sign-in of a workforce user", "for mail that nobody watches, use a service account"
	case typeImpersonated:
		is, use = "a credential that stands for a service account", "Default takes it"
	case typeGDCH:
		is, use = "a credential of Google Distributed Cloud", "there are no mailboxes"
	default:
		return misconfigured("credentials of type " + providers.Scrub(f.Type) + " are not known; " + wanted + " is what is wanted")
	}
	return misconfigured("this is " + is + " (" + f.Type + "), and " + wanted + " is wanted; " + use)
}

func (f *credentialsFile) client() Client {
	return Client{ID: f.ClientID, Secret: sasl.NewSecret(f.ClientSecret)}
}

// useTokenURI has o use the token_uri of the file, unless it has a TokenURL.
func (f *credentialsFile) useTokenURI(o *Options) error {
	if o.TokenURL != "" || f.TokenURI == "" {
		return nil
	}
	if !isGoogle(f.TokenURI) {
		return misconfigured("token_uri is not a https URL of googleapis.com; set Options.TokenURL if it is meant")
	}
	o.TokenURL = f.TokenURI
	return nil
}

// impersonated returns the service account that the URL in a file is about.
func (f *credentialsFile) impersonated() (string, error) {
	if f.ImpersonationURL == "" {
		return "", nil
	}
	_, account, _ := strings.Cut(f.ImpersonationURL, "/serviceAccounts/")
	account, method, _ := strings.Cut(account, ":")
	if !isGoogle(f.ImpersonationURL) || method != "generateAccessToken" || !isAddress(account) {
		return "", misconfigured("service_account_impersonation_url is not a https URL of iamcredentials.googleapis.com for generateAccessToken")
	}
	return account, nil
}

// isAddress reports whether s has the form of an e-mail address that may stand
// in a URL.
func isAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && strings.Contains(domain, ".") && plainName.MatchString(s)
}
