package interop

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	gosasl "github.com/emersion/go-sasl"

	"github.com/seed-55a66e92/postern/sasl"
)

// An imapServer is go-imap's server with its store in memory, on loopback under
// TLS. It signs in by the server sides of package sasl.
type imapServer struct {
	server      *imapserver.Server
	store       *imapmemserver.Server
	addr        string
	tls         *tls.Config // for its clients
	certificate tls.Certificate
	directory   sasl.Directory
	registry    *sasl.Registry
	served      chan error
}

// newIMAP starts a server, which has to be closed. A nil registry means Default.
func newIMAP(d sasl.Directory, registry *sasl.Registry) (*imapServer, error) {
	certificate, roots, err := makeCertificate()
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return nil, err
	}
	s := &imapServer{
		store: imapmemserver.New(), addr: listener.Addr().String(), tls: &tls.Config{RootCAs: roots},
		certificate: certificate, directory: d, registry: registry, served: make(chan error, 1),
	}
	s.store.AddUser(imapmemserver.NewUser(user, password))
	s.server = imapserver.New(&imapserver.Options{
		NewSession:   s.newSession,
		Logger:       log.New(io.Discard, "", 0),
		InsecureAuth: true, // the TLS of the listener is below what it looks at
	})
	go func() { s.served <- s.server.Serve(listener) }()
	return s, nil
}

func (s *imapServer) close() {
	s.server.Close()
	<-s.served
}

// startIMAP is newIMAP in a test.
func startIMAP(t *testing.T, d sasl.Directory, registry *sasl.Registry) *imapServer {
	t.Helper()
	s, err := newIMAP(d, registry)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func (s *imapServer) newSession(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	state := c.NetConn().(*tls.Conn).ConnectionState()
	if !state.HandshakeComplete {
		if err := c.NetConn().(*tls.Conn).HandshakeContext(context.Background()); err != nil {
			return nil, nil, err
		}
		state = c.NetConn().(*tls.Conn).ConnectionState()
	}
	facts := &sasl.Conn{
		Service: "imap", TLS: &state, ServerCertificate: s.certificate.Leaf,
		Offered: s.registry.Names(),
	}
	return &imapSession{s.store.NewSession(), s, facts}, nil, nil
}

// An imapSession is one of go-imap's that takes the word of package sasl for who
// its user is.
type imapSession struct {
	imapserver.Session
	server *imapServer
	facts  *sasl.Conn
}

var _ imapserver.SessionSASL = (*imapSession)(nil)

func (s *imapSession) AuthenticateMechanisms() []string { return s.facts.Offered }

func (s *imapSession) Authenticate(mechanism string) (gosasl.Server, error) {
	m, ok := s.server.registry.Lookup(mechanism)
	if !ok {
		return nil, &imap.Error{Type: imap.StatusResponseTypeNo, Text: "unknown mechanism"}
	}
	server, err := m.NewServer(context.Background(), s.facts, s.server.directory)
	return &imapSignIn{server, s}, err
}

// An imapSignIn opens the mailbox once a sign-in has succeeded, and tells refusals
// as IMAP does.
type imapSignIn struct {
	gosasl.Server
	session *imapSession
}

func (s *imapSignIn) Next(response []byte) (challenge []byte, done bool, err error) {
	challenge, done, err = s.Server.Next(response)
	if done {
		err = s.session.Login(user, password)
	}
	if err != nil {
		return nil, false, &imap.Error{
			Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeAuthenticationFailed, Text: "refused",
		}
	}
	return challenge, done, nil
}

// dialIMAP connects a client and says what a sign-in has to know of it.
func dialIMAP(ctx context.Context, s *imapServer) (*imapclient.Client, *sasl.Conn, error) {
	conn, err := (&tls.Dialer{Config: s.tls}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, nil, err
	}
	client := imapclient.New(conn, nil)
	if err := client.WaitGreeting(); err != nil {
		return nil, nil, err
	}
	host, _, err := net.SplitHostPort(s.addr)
	if err != nil {
		return nil, nil, err
	}
	state := conn.(*tls.Conn).ConnectionState()
	return client, &sasl.Conn{
		Service: "imap", Host: host,
		TLS: &state, Verified: true, // the dialer has checked it
		Offered: client.Caps().AuthMechanisms(),
	}, nil
}

// signInIMAP runs one exchange on a connection of its own, selects the mailbox
// and returns the mechanism.
func signInIMAP(t *testing.T, a *sasl.Authenticator, s *imapServer) (mechanism string, err error) {
	t.Helper()
	client, facts, err := dialIMAP(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	x, err := a.Begin(t.Context(), facts)
	if err != nil {
		return "", err
	}
	if err := x.Finish(client.Authenticate(x)); err != nil {
		return x.Mechanism(), err
	}
	if err := client.Noop().Wait(); err != nil {
		t.Errorf("NOOP after the sign-in: %v", err)
	}
	return x.Mechanism(), nil
}

// TestIMAPAccepted: go-imap's client runs an exchange of each kind as it is,
// against server sides of package sasl in go-imap's server.
func TestIMAPAccepted(t *testing.T) {
	server := startIMAP(t, new(accounts), nil)
	for _, mechanism := range []string{
		"XOAUTH2", "OAUTHBEARER", "PLAIN", "CRAM-MD5",
		"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512",
		"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS",
	} {
		t.Run(mechanism, func(t *testing.T) {
			a := sasl.Password(user, password)
			if slices.Contains([]string{"XOAUTH2", "OAUTHBEARER"}, mechanism) {
				a = sasl.OAuth(user, sasl.StaticToken(token))
			}
			a.Policy.Order = []string{mechanism}
			if got, err := signInIMAP(t, a, server); got != mechanism || err != nil {
				t.Errorf("%s: %v", got, err)
			}
		})
	}
}
