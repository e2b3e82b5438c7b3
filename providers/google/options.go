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

// A Client is an OAuth client, as registered in the Google Cloud console.
type Client struct {
	ID     string
	Secret sasl.Secret // of a desktop or web client; no other kind can have a mail scope
}

// Options are what is seldom needed. The zero value is right for production.
type Options struct {
	// HTTPClient sends the requests. Redirects are never followed, whatever it
	// says. Nil means a client of its own over http.DefaultTransport.
	HTTPClient *http.Client

	// TokenURL is where tokens are fetched: https, or http on loopback. Empty
	// means https://oauth2.googleapis.com/token.
	TokenURL string

	// Cache says when tokens are renewed.
	Cache providers.CacheOptions
}

// tokenURL returns where tokens are fetched.
func (o *Options) tokenURL() (string, error) {
	if o.TokenURL == "" {
		return google.Endpoint.TokenURL, nil
	}
	u, err := url.Parse(o.TokenURL)
	if err != nil || u.Host == "" || u.User != nil {
		return "", misconfigured("Options.TokenURL is not a URL such as https://host/path")
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return o.TokenURL, nil
	}
	return "", misconfigured("Options.TokenURL must be https: a client secret and a refresh token are sent there")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// misconfigured is the error for arguments that cannot work.
func misconfigured(description string) error {
	return &providers.Error{Kind: providers.Misconfigured, Provider: provider, Description: description}
}

const provider = "google"
