package generic

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A Client is a program as it is registered with the authority.
type Client struct {
	ID string

	// Secret is what the client proves itself by. Zero means that it is a public
	// client (RFC 6749, Section 2.1), such as a program on a user's machine.
	Secret sasl.Secret
}

// Options are what is seldom needed. The zero value is right for production.
type Options struct {
	// HTTPClient sends the requests. Redirects are never followed, whatever it
	// says. Nil means a client of its own over http.DefaultTransport.
	HTTPClient *http.Client

	// Cache says when tokens are renewed and, with a Store and a Key, where they
	// are kept. Many authorities replace the refresh token with every use: give
	// it a Store. Grant and PerUser are set as each generator needs them.
	Cache providers.CacheOptions
}

// check returns what is wrong with the options.
func (o Options) check() error {
	if o.Cache.Store != nil && o.Cache.Key == "" {
		return misconfigured("Options.Cache.Store needs a Key, under which the grant is kept")
	}
	return nil
}

const provider = "generic"

// misconfigured is the error for arguments that cannot work.
func misconfigured(description string) error {
	return &providers.Error{Kind: providers.Misconfigured, Provider: provider, Description: description}
}

// checkURL refuses a URL that secrets may not be sent to.
func checkURL(name, value string) error {
	u, err := url.Parse(value)
	switch {
	case value == "":
		return misconfigured(name + " is empty: see the authority's documentation, or let Discover find it")
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return misconfigured(name + " is not a URL such as https://host/path")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return misconfigured(name + " must be https: secrets are sent there")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// checkClient returns what is wrong with a client.
func checkClient(c Client) error {
	if c.ID == "" {
		return misconfigured("Client.ID is empty: it is what the authority calls the client id")
	}
	return nil
}
