package interop

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosasl "github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// maxMessage is the largest message that the server takes, in octets.
const maxMessage = 1 << 20

// A server is go-smtp's server on loopback. It stores what it is sent.
type server struct {
	serverOptions
	url  string
	tls  *tls.Config // for its clients
	wire buffer      // all that was said, below TLS

	mu         sync.Mutex
	bearers    []gosasl.OAuthBearerOptions // what OAUTHBEARER's server side read
	deliveries []delivery
}

// A delivery is a message and the circumstances of its arrival.
type delivery struct {
	Mechanism, User string
	TLS             bool
	From            string
	To              []string
	Body            gosmtp.BodyType // BODY= of MAIL
	Size            int64           // SIZE= of MAIL
	Data            []byte
}

// serverOptions say how a server behaves.
type serverOptions struct {
	mode     smtp.TLSMode
	accounts *accounts

	// mechanisms are those that it offers. Nil means PLAIN, OAUTHBEARER and XOAUTH2.
	mechanisms []string

	// hearsAll lets anybody begin a transaction, and send mail for example.test.
	hearsAll bool

	// quiet keeps what the server complains of to itself. Zero means that it fails
	// the test.
	quiet bool
}

// startServer starts a server that ends with the test. Then, every client has to
// have gone.
func startServer(t *testing.T, mode smtp.TLSMode, a *accounts) *server {
	t.Helper()
	return startServerWith(t, serverOptions{mode: mode, accounts: a})
}

func startServerWith(t *testing.T, o serverOptions) *server {
	t.Helper()
	certificate, roots := newCertificate(t)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{serverOptions: o, tls: &tls.Config{RootCAs: roots}, url: "smtp://" + listener.Addr().String()}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}

	theirs := gosmtp.NewServer(gosmtp.BackendFunc(s.newSession))
	theirs.Domain = "interop.test"
	theirs.MaxMessageBytes = maxMessage
	theirs.Debug = &s.wire
	var complaints buffer
	theirs.ErrorLog = log.New(&complaints, "", 0)
	if o.mode == smtp.TLSImplicit {
		s.url = "smtps://" + listener.Addr().String()
		listener = tls.NewListener(listener, config)
	} else {
		theirs.TLSConfig = config
	}

	served := make(chan error, 1)
	go func() { served <- theirs.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := theirs.Shutdown(ctx); err != nil {
			t.Errorf("server: a connection stays open: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("server: %v", err)
		}
		if text := complaints.String(); text != "" && !o.quiet {
			t.Errorf("server: %s", text)
		}
	})
	return s
}

// config returns how our client reaches the server.
func (s *server) config(a *sasl.Authenticator) smtp.Config {
	return smtp.Config{Addr: s.url, TLSConfig: s.tls, Auth: a}
}

// last returns the latest delivery and how many there are.
func (s *server) last() (delivery, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.deliveries) == 0 {
		return delivery{}, 0
	}
	return s.deliveries[len(s.deliveries)-1], len(s.deliveries)
}

// bearerOptions returns what OAUTHBEARER's server side read, in order.
func (s *server) bearerOptions() []gosasl.OAuthBearerOptions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bearers)
}

func (s *server) newSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	_, encrypted := c.TLSConnectionState()
	return &session{server: s, encrypted: encrypted}, nil
}

// A session is the server's part in one connection, or in half of one: STARTTLS
// begins another.
type session struct {
	server    *server
	encrypted bool
	mechanism string
	identity  sasl.Identifier // who is signing in, or has
	current   delivery
}

var _ gosmtp.AuthSession = (*session)(nil)

func (s *session) AuthMechanisms() []string {
	if s.server.mechanisms != nil {
		return s.server.mechanisms
	}
	return []string{gosasl.Plain, gosasl.OAuthBearer, "XOAUTH2"}
}

// Auth returns go-sasl's server sides of what it has, and else ours.
func (s *session) Auth(mechanism string) (gosasl.Server, error) {
	s.mechanism = mechanism
	switch mechanism {
	case gosasl.Plain:
		return gosasl.NewPlainServer(s.plain), nil
	case gosasl.OAuthBearer:
		return gosasl.NewOAuthBearerServer(s.bearer), nil
	}
	ours, ok := sasl.Default().Lookup(mechanism)
	if !ok || !slices.Contains(s.AuthMechanisms(), mechanism) {
		return nil, gosmtp.ErrAuthUnknownMechanism
	}
	server, err := ours.NewServer(context.Background(), &sasl.Conn{Service: "smtp"}, s.server.accounts)
	if err != nil {
		return nil, err
	}
	s.identity = server.(sasl.Identifier)
	return server, nil
}

// named is an Identifier for the server sides that tell who it is by callback.
type named string

func (n named) Identity() (authn, authz string) { return string(n), "" }

func (s *session) plain(authz, name, secret string) error {
	if authz != "" || name != user || secret != s.server.accounts.secret() {
		return gosmtp.ErrAuthFailed
	}
	s.identity = named(name)
	return nil
}

func (s *session) bearer(o gosasl.OAuthBearerOptions) *gosasl.OAuthBearerError {
	s.server.mu.Lock()
	s.server.bearers = append(s.server.bearers, o)
	s.server.mu.Unlock()
	if o.Username != user || !s.server.accounts.takes(o.Token) {
		return &gosasl.OAuthBearerError{Status: "invalid_token", Schemes: challenge.Schemes, Scope: challenge.Scope}
	}
	s.identity = named(o.Username)
	return nil
}

// signedIn returns who signed in, "" if nobody did.
func (s *session) signedIn() string {
	if s.identity == nil {
		return ""
	}
	name, _ := s.identity.Identity()
	return name
}

func (s *session) Mail(from string, o *gosmtp.MailOptions) error {
	name := s.signedIn()
	if name == "" && !s.server.hearsAll {
		return gosmtp.ErrAuthRequired
	}
	s.current = delivery{
		Mechanism: s.mechanism, User: name, TLS: s.encrypted,
		From: from, Body: o.Body, Size: o.Size,
	}
	return nil
}

// isLocal reports whether an address is of example.test, and of nobody behind it
// (RFC 5321, Section 3.6.1).
func isLocal(addr string) bool {
	name, found := strings.CutSuffix(addr, "@example.test")
	return found && !strings.ContainsAny(name, "@%!")
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if s.signedIn() == "" && !isLocal(to) {
		return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1}, Message: "No relay"}
	}
	s.current.To = append(s.current.To, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.current.Data = data
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.deliveries = append(s.server.deliveries, s.current)
	return nil
}

func (s *session) Reset()        { s.current = delivery{} }
func (s *session) Logout() error { return nil }

// A buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
