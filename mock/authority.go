package mock

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// An Authority is an OAuth 2.0 authorization server (RFC 6749) with the routes
// of Google and of Microsoft. As a [TokenChecker] it lets a [Server] check the
// tokens that it issued. It is safe for concurrent use.
//
// Its routes are
//
//	GET  /authorize, /o/oauth2/auth, /o/oauth2/v2/auth, /{tenant}/oauth2/v2.0/authorize
//	POST /device_authorization, /device/code, /{tenant}/oauth2/v2.0/devicecode (RFC 8628)
//	POST /token, /{tenant}/oauth2/v2.0/token
//	POST /introspect (RFC 7662)
//	POST /revoke (RFC 7009)
//	GET  /.well-known/openid-configuration
//	GET  /.well-known/oauth-authorization-server (RFC 8414)
//	GET  /{tenant}/v2.0/.well-known/openid-configuration
//	GET  /jwks, /oauth2/v3/certs, /{tenant}/discovery/v2.0/keys
//	GET  /common/discovery/instance, /common/UserRealm/{user}
//	POST /v1/projects/-/serviceAccounts/{account}:signJwt, :generateAccessToken
//	POST /v1/token (RFC 8693)
//	GET  /computeMetadata/v1/..., /metadata/identity/oauth2/token, /msi/token
//	POST /msi/shell
//
// and its grants are authorization_code (with PKCE, RFC 7636), refresh_token,
// device_code and, but for Google's route with GoogleOAuth, client_credentials and
// password; at /token, too, jwt-bearer of a [ServiceAccount], and at Microsoft's
// route jwt-bearer on behalf of a user. A client authenticates by a secret or, with
// a certificate, by an assertion (RFC 7523).
//
// A refresh token comes, at Google's authorization endpoint, with access_type=offline
// and the first consent or prompt=consent, at Microsoft's with the scope
// offline_access, and else always. It is good for the client that first uses it, and
// for no other.
//
// The authority remembers the latest 10,000 access tokens and grants that clients
// brought about, the latest 1,000 codes and devices that wait, and logs the latest
// 10,000 requests.
type Authority struct {
	listener listener
	plain    listener // of the metadata servers, without TLS
	server   *http.Server
	metadata *http.Server
	serving  sync.WaitGroup
	*vault
}

// A vault is what an authority knows. Package fmt follows no pointer within a
// struct, so it does not show where one that holds an authority is printed.
type vault struct {
	opts AuthorityOptions

	mu       sync.Mutex
	clients  []*http.Client
	closed   bool
	tokens   map[string]*accessToken
	issued   []string          // the keys of tokens, the oldest first
	grants   map[string]*grant // by refresh token, used ones included
	faults   []*activeFault
	requests []AuthorityRequest

	entered        []*grant                       // those that clients brought about, the oldest first
	codes          *kept[*code]                   // authorization codes
	consents       *kept[bool]                    // which clients users have consented to
	standing       *Consent                       // of users with browsers of their own, nil for none
	tickets        map[string]Consent             // of users whom Authorize plays
	browser        *http.Client                   // theirs
	keysOf         map[string][]*rsa.PublicKey    // of service accounts
	devices        *kept[*device]                 // by device code
	certificates   map[string][]*x509.Certificate // of clients
	assertions     *kept[bool]                    // which clients have used
	identityHeader string                         // secret of the App Service
	machines       *kept[string]                  // the token of a machine, by identity
}

// An accessToken is one that was issued. An empty user stands for any: it was
// issued to a client in its own name.
type accessToken struct {
	user    string
	client  string
	scopes  []string
	grant   *grant // that brought it, nil if none did
	issued  time.Time
	expiry  time.Time
	revoked bool
	machine bool // of no person, and so without a mailbox
}

// A grant is what a user has consented to.
type grant struct {
	user    string
	client  string // the first that used it, "" until then
	scopes  []string
	openID  []string // scopes of OpenID Connect, nil if no client has asked
	current string   // the refresh token that is good
	uses    int      // of current
	used    []string // those before it, the oldest first
	revoked bool
}

// StartAuthority returns a running authority for a test, with which it ends.
func StartAuthority(t TB, o AuthorityOptions) *Authority {
	t.Helper()
	a, err := NewAuthority(o)
	if err != nil {
		giveUp(t, err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// NewAuthority returns a running authority. Its caller closes it.
func NewAuthority(o AuthorityOptions) (*Authority, error) {
	o.Clients, o.Names = maps.Clone(o.Clients), slices.Clone(o.Names)
	o.Users, o.Redirects = maps.Clone(o.Users), slices.Clone(o.Redirects)
	o.ServiceAccounts, o.Federated = slices.Clone(o.ServiceAccounts), maps.Clone(o.Federated)
	if o.Tenant == "" {
		o.Tenant = "contoso"
	}
	if o.DeviceInterval == 0 {
		o.DeviceInterval = 5 * time.Second
	}
	if o.Scope == "" {
		o.Scope = o.Dialect.scope()
	}
	if o.TTL == 0 {
		o.TTL = time.Hour
	}
	if err := checkLoopback("AuthorityOptions.Listen", o.Network, o.Listen); err != nil {
		return nil, err
	}
	if err := checkNames("AuthorityOptions.Names", o.Names); err != nil {
		return nil, err
	}
	cert, err := newCertificate(Good, append([]string{authorityHost}, o.Names...))
	if err != nil {
		return nil, err
	}
	l, err := listen(o.Network, o.Listen, net.JoinHostPort(authorityHost, "443"), 0)
	if err != nil {
		return nil, err
	}
	plain, err := listenPlain(o)
	if err != nil {
		l.Close()
		return nil, err
	}
	a := &Authority{listener: l, plain: plain, vault: newVault(o)}
	if err := a.Inject(o.Faults...); err != nil {
		l.Close()
		plain.Close()
		return nil, fmt.Errorf("%w, in AuthorityOptions.Faults", err)
	}
	routes := a.routes()
	a.server = a.newServer(a.logged(a.faulty(routes)))
	a.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	a.metadata = a.newServer(a.logged(a.faulty(plainRoutes(routes))))
	a.serving.Go(func() { _ = a.server.ServeTLS(l, "", "") }) // its error is that it was closed
	a.serving.Go(func() { _ = a.metadata.Serve(plain) })
	return a, nil
}

func (a *Authority) newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // a client that breaks off is no news
		ConnState:         a.connState,
	}
}

func newVault(o AuthorityOptions) *vault {
	return &vault{
		opts: o, tokens: make(map[string]*accessToken), grants: make(map[string]*grant),
		codes: newKept[*code](maxBegun), consents: newKept[bool](maxTokens), tickets: make(map[string]Consent),
		keysOf: make(map[string][]*rsa.PublicKey), machines: newKept[string](maxBegun),
		devices: newKept[*device](maxBegun), certificates: make(map[string][]*x509.Certificate), assertions: newKept[bool](maxTokens),
		identityHeader: random(32),
	}
}

// authorityHost is the name of the authority in its certificate and in memory.
const authorityHost = "authority.test"

// connState lets Close wait for connections.
func (a *Authority) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		a.serving.Add(1)
	case http.StateClosed, http.StateHijacked:
		a.serving.Done()
	}
}

// Close ends the authority, its clients' idle connections included. What it has
// recorded stays, and so do its tokens.
func (a *Authority) Close() error {
	a.mu.Lock()
	clients := a.clients
	a.closed, a.clients = true, nil
	a.mu.Unlock()
	for _, c := range clients {
		c.CloseIdleConnections()
	}
	err := errors.Join(a.server.Close(), a.metadata.Close())
	a.serving.Wait()
	return err
}

// URL returns the root of the authority, without a slash at its end.
func (a *Authority) URL() string {
	return "https://" + strings.TrimSuffix(a.listener.Addr().String(), ":443")
}

// AuthorizationURL returns the authorization endpoint of Dialect, without a query.
func (a *Authority) AuthorizationURL() string {
	switch a.opts.Dialect {
	case MicrosoftOAuth:
		return a.URL() + "/" + a.opts.Tenant + "/oauth2/v2.0/authorize"
	case GoogleOAuth:
		return a.URL() + "/o/oauth2/v2/auth"
	}
	return a.URL() + "/authorize"
}

// TokenURL returns the token endpoint: Microsoft's with MicrosoftOAuth, else
// Google's.
func (a *Authority) TokenURL() string {
	if a.opts.Dialect == MicrosoftOAuth {
		return a.URL() + "/" + a.opts.Tenant + "/oauth2/v2.0/token"
	}
	return a.URL() + "/token"
}

// RootCAs returns the same pool as [Server.RootCAs].
func (a *Authority) RootCAs() *x509.CertPool { return rootCAs() }

// CAPEM returns the same certificate as [Server.CAPEM].
func (a *Authority) CAPEM() []byte { return caPEM() }

// Grant returns a new refresh token of a user, with the scopes given; none means
// Scope.
func (a *Authority) Grant(user string, scopes ...string) sasl.Secret {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := &grant{user: user, scopes: a.orDefault(scopes)}
	a.renew(g)
	return sasl.NewSecret(g.current)
}

// renew gives a grant a new refresh token.
func (a *Authority) renew(g *grant) {
	if g.current != "" {
		a.retire(g, g.current)
	}
	g.current, g.uses = "1//"+random(40), 0
	a.grants[g.current] = g
}

// RevokeGrant makes a refresh token useless, and all that replaced it.
func (a *Authority) RevokeGrant(refresh sasl.Secret) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if g := a.grants[refresh.Reveal()]; g != nil {
		g.revoked = true
	}
}

// Issue returns a new access token of a user, with the scopes given; none means
// Scope. A ttl of zero means TTL. With an empty user it is good for any.
func (a *Authority) Issue(user string, ttl time.Duration, scopes ...string) sasl.Token {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ttl == 0 {
		ttl = a.opts.TTL
	}
	value, token := a.issue(accessToken{user: user, scopes: a.orDefault(scopes)}, ttl)
	return sasl.Token{Value: sasl.NewSecret(value), Expiry: token.expiry, Subject: user, Scopes: slices.Clone(token.scopes)}
}

func (a *Authority) issue(t accessToken, ttl time.Duration) (string, *accessToken) {
	t.issued = time.Now()
	t.expiry = t.issued.Add(ttl)
	value := a.newToken(&t)
	a.remember(value, &t)
	return value, &t
}

func (a *Authority) orDefault(scopes []string) []string {
	if len(scopes) == 0 {
		return []string{a.opts.Scope}
	}
	return slices.Clone(scopes)
}

// Revoke makes an access token useless.
func (a *Authority) Revoke(token sasl.Secret) {
	a.change(token, func(t *accessToken) { t.revoked = true })
}

// Expire makes an access token as old as it can be.
func (a *Authority) Expire(token sasl.Secret) {
	a.change(token, func(t *accessToken) { t.expiry = time.Now() })
}

func (a *Authority) change(token sasl.Secret, f func(*accessToken)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.tokens[token.Reveal()]; t != nil {
		f(t)
	}
}

// RevokeTokens makes all access tokens of a user useless and returns how many
// were good. Refresh tokens stay.
func (a *Authority) RevokeTokens(user string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, t := range a.tokens {
		if strings.EqualFold(t.user, user) && t.good() {
			t.revoked = true
			n++
		}
	}
	return n
}

func (t *accessToken) good() bool { return !t.revoked && time.Now().Before(t.expiry) }

// random returns n characters that nobody can guess.
func random(n int) string {
	b := make([]byte, (n+1)/2)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)[:n]
}

// newToken returns a value that no token has, in the dialect's form.
func (a *Authority) newToken(t *accessToken) string {
	length := a.opts.TokenLength
	if a.opts.Dialect == MicrosoftOAuth {
		if jwt := a.jwt(t, length); jwt != "" {
			return jwt
		}
	}
	if length == 0 {
		length = 60
	}
	prefix := "mock."
	if a.opts.Dialect == GoogleOAuth {
		prefix = "ya29."
	}
	// Less than 16 characters would not be unique.
	return prefix + random(max(length-len(prefix), 16))
}
