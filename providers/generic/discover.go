package generic

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/providers"
)

// Discover asks an authority where its endpoints are, by OpenID Connect Discovery
// or, if it has none, by RFC 8414. issuer is how the authority calls itself, such
// as https://id.example.com/realms/staff; it must be https, or http on loopback,
// and its answer must say the same. The Server still lacks its Scopes, which the
// mail server's documentation names.
//
// The error is a *[providers.Error]. c sends the requests; nil means a client over
// http.DefaultTransport.
func Discover(ctx context.Context, issuer string, c *http.Client) (Server, error) {
	if err := checkURL("the issuer", issuer); err != nil {
		return Server{}, err
	}
	if strings.Contains(issuer, "?") {
		return Server{}, misconfigured("the issuer has a query, which none has (RFC 8414, Section 2)")
	}
	s := session{http: c, limit: requestTimeout}
	d := &discovery{issuer: issuer, http: s.httpClient(ctx)}
	var first error
	for _, address := range wellKnown(issuer) {
		found, err := d.ask(ctx, address)
		if err == nil {
			return found.server()
		}
		if ctx.Err() != nil {
			return Server{}, ctx.Err()
		}
		if first == nil || providers.KindOf(first) == providers.Misconfigured && providers.KindOf(err) == providers.Transient {
			first = err
		}
	}
	return Server{}, first
}

// wellKnown returns where the metadata of an issuer may be (OpenID Connect
// Discovery, Section 4; RFC 8414, Section 3).
func wellKnown(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil
	}
	path := strings.TrimSuffix(u.Path, "/")
	at := func(path string) string {
		v := *u
		v.Path, v.RawPath, v.RawQuery = path, "", ""
		return v.String()
	}
	return []string{
		at(path + "/.well-known/openid-configuration"),
		at("/.well-known/oauth-authorization-server" + path),
	}
}

// A discovery is one search for the metadata of an issuer.
type discovery struct {
	issuer string
	http   *http.Client
}

// A metadata document, as far as it matters here.
type metadata struct {
	Issuer     string   `json:"issuer"`
	AuthURL    string   `json:"authorization_endpoint"`
	TokenURL   string   `json:"token_endpoint"`
	DeviceURL  string   `json:"device_authorization_endpoint"`
	ClientAuth []string `json:"token_endpoint_auth_methods_supported"`
	NamesSelf  bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207, Section 3
}

// ask fetches one document.
func (d *discovery) ask(ctx context.Context, address string) (*metadata, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, misconfigured("the issuer is not a URL such as https://host/path")
	}
	r.Header.Set("Accept", "application/json")
	answer, err := d.http.Do(r)
	var network *url.Error
	if errors.As(err, &network) {
		return nil, providers.Unreachable(provider, network)
	} else if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, &providers.Error{Kind: providers.Transient, Provider: provider, Description: "the authority's answer is cut short", Err: err}
	}
	if answer.StatusCode != http.StatusOK {
		return nil, &providers.Error{
			Kind: providers.Classify(answer.StatusCode, ""), Provider: provider, Status: answer.StatusCode,
			RetryAfter:  providers.RetryAfter(answer.Header.Get("Retry-After")),
			Description: "there is no metadata of the issuer " + d.shown(),
			Hint:        "check the issuer's URL; an authority without metadata needs a Server with its endpoints",
		}
	}
	var found metadata
	if json.Unmarshal(body, &found) != nil {
		return nil, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider, Description: "the metadata of the issuer " + d.shown() + " is not JSON",
			Hint: "look for a proxy or a captive portal between here and the authority",
		}
	}
	if found.Issuer != d.issuer && found.Issuer != strings.TrimSuffix(d.issuer, "/") { // RFC 8414, Section 3.3
		return nil, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider,
			Description: "the authority calls itself " + providers.Scrub(found.Issuer) + " and not " + d.shown(),
			Hint:        "take the issuer as the authority writes it",
		}
	}
	return &found, nil
}

func (d *discovery) shown() string { return providers.Scrub(d.issuer) }

// server returns what the document says.
func (m *metadata) server() (Server, error) {
	s := Server{Issuer: m.Issuer, NamesIssuer: m.NamesSelf, TokenURL: m.TokenURL, AuthURL: m.AuthURL, DeviceURL: m.DeviceURL}
	// Without the list there is client_secret_basic alone (RFC 8414, Section 2).
	if !slices.Contains(m.ClientAuth, "client_secret_basic") && slices.Contains(m.ClientAuth, "client_secret_post") {
		s.ClientAuth = ClientSecretPost
	}
	for _, endpoint := range []struct{ name, value string }{
		{"the token_endpoint of the authority", m.TokenURL},
		{"the authorization_endpoint of the authority", m.AuthURL},
		{"the device_authorization_endpoint of the authority", m.DeviceURL},
	} {
		if endpoint.value == "" && endpoint.name != "the token_endpoint of the authority" {
			continue
		}
		if err := checkURL(endpoint.name, endpoint.value); err != nil {
			return Server{}, err
		}
	}
	return s, nil
}
