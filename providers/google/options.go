package google

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2/google"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

const (
	provider = "google"

	// mailScope is the one scope that signs in to SMTP.
	mailScope = "https://mail.google.com/"

	// cloudScope is what a Base is for: to sign on behalf of a service account.
	cloudScope = "https://www.googleapis.com/auth/cloud-platform"
)

// A Client is an OAuth client, as registered in the Google Cloud console.
type Client struct {
	ID     string
	Secret sasl.Secret // of a desktop or web client; no other kind can have a mail scope
}

// Options are what is seldom needed. The zero value is right for production.
type Options struct {
	// HTTPClient sends the requests, but for those to the metadata server (see
	// [MetadataOptions]). Redirects are never followed, whatever it says. Nil means
	// a client of its own over http.DefaultTransport.
	HTTPClient *http.Client

	// TokenURL is where tokens are fetched: https, or http on loopback, as all
	// URLs here. An assertion is made out to Google's own endpoint even so. Empty
	// means https://oauth2.googleapis.com/token.
	TokenURL string

	// AuthURL is where [Login] sends the browser. Empty means
	// https://accounts.google.com/o/oauth2/auth.
	AuthURL string

	// IAMURL is the root of the service that signs for [Keyless]. Empty means
	// https://iamcredentials.googleapis.com.
	IAMURL string

	// STSURL is where [ExternalAccountBase] exchanges tokens, whatever its file
	// says. Empty means what the file says, which must be Google's, or else
	// https://sts.googleapis.com/v1/token.
	STSURL string

	// Cache says when tokens are renewed and, with a Store and a Key, where they
	// are kept. Grant and PerUser are set as each generator needs them.
	Cache providers.CacheOptions
}

// endpoint returns the URL of an option, or usual if it is not set.
func endpoint(name, value, usual string) (string, error) {
	if value == "" {
		return usual, nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.User != nil {
		return "", misconfigured("Options." + name + " is not a URL such as https://host/path")
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return value, nil
	}
	return "", misconfigured("Options." + name + " must be https: secrets are sent there")
}

// tokenURL returns where tokens are fetched.
func (o *Options) tokenURL() (string, error) {
	return endpoint("TokenURL", o.TokenURL, google.Endpoint.TokenURL)
}

// checkCache returns what is wrong with where records are to be kept.
func (o *Options) checkCache() error {
	if o.Cache.Store != nil && o.Cache.Key == "" {
		return misconfigured("Options.Cache.Store needs a Key, the name of the record in it")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// isGoogle reports whether a URL is one of Google's OAuth servers or interfaces.
func isGoogle(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return strings.HasSuffix(host, ".googleapis.com") || host == "accounts.google.com"
}

// misconfigured is the error for arguments that cannot work.
func misconfigured(description string) error {
	return &providers.Error{Kind: providers.Misconfigured, Provider: provider, Description: description}
}
