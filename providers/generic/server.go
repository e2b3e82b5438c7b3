package generic

import (
	"net/http"
	"slices"
	"time"

	"golang.org/x/oauth2"
)

// A Server is an OAuth 2.0 authority: where it is and what it wants. [Discover]
// finds most of it; [Yahoo], [Fastmail] and others return what is known of the
// authorities of mail providers. A Server is data, and may be changed to suit.
type Server struct {
	// Name stands in errors. Zero means "generic".
	Name string

	// Issuer is how the authority calls itself (RFC 8414, Section 2). If it is
	// set, an answer of the authorization endpoint that names another issuer is
	// refused (RFC 9207, Section 2.4).
	Issuer string

	// NamesIssuer says that the authority names itself in every answer of its
	// authorization endpoint (RFC 9207, Section 3). An answer that does not is
	// refused then: it may be another authority's.
	NamesIssuer bool

	TokenURL  string // token endpoint; always needed
	AuthURL   string // authorization endpoint, for [Login]
	DeviceURL string // device authorization endpoint, for [LoginDevice]

	// ClientAuth is how a client with a secret authenticates.
	ClientAuth ClientAuth

	// Scopes are what is asked for when a user signs in and by
	// [ClientCredentials]. A refresh asks for nothing, and so gets what was
	// granted (RFC 6749, Section 6).
	Scopes []string

	// AuthParams are added to the authorization request, such as
	// "access_type": "offline". They cannot take the place of what [Login] sends.
	AuthParams map[string]string
}

// ClientAuth is how a client presents its secret to the token endpoint (RFC 6749,
// Section 2.3.1).
type ClientAuth int

const (
	// ClientSecretBasic is HTTP Basic, which every authority has to support.
	ClientSecretBasic ClientAuth = iota
	// ClientSecretPost is parameters in the request body, which some want instead.
	ClientSecretPost
)

// check returns what is wrong with the endpoint that all flows need.
func (s Server) check() error { return checkURL("Server.TokenURL", s.TokenURL) }

// config is made for each request, for it holds the client's secret in the open.
func (s Server) config(c Client) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if s.ClientAuth == ClientSecretPost || c.Secret.IsZero() { // a public client only says who it is (RFC 6749, Section 3.2.1)
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: c.ID, ClientSecret: c.Secret.Reveal(),
		Scopes: slices.Clone(s.Scopes),
		Endpoint: oauth2.Endpoint{
			AuthURL: s.AuthURL, TokenURL: s.TokenURL, DeviceAuthURL: s.DeviceURL, AuthStyle: style,
		},
	}
}

// A session is how one client talks to one authority.
type session struct {
	server Server
	client Client
	http   *http.Client
	limit  time.Duration // of each request; 0: that of its context alone
}
