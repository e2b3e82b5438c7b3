package mock

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Server is a submission server (RFC 6409) that records all it is told. It is
// safe for concurrent use, and each connection is served in parallel.
type Server struct {
	opts     *Options // behind a pointer, so that nobody prints its passwords
	listener listener
	cert     tls.Certificate
	journal  journal
	script   *script // nil: it behaves
	usage    usage
	reached  []atomic.Bool // of opts.Faults, those that happened

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
	coming int           // connections in memory that were dialled and have no session yet
	moved  chan struct{} // closed when a connection begins or ends, or a fault first happens
	ended  chan struct{} // closed when the first Close has done its work
}

// A TB is what [Start] and [StartAuthority] need of a testing.TB.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(func())
}

// Start returns a running server for a test. It ends with the test, and if the
// test fails, the transcript is logged. The test fails if a script was not
// followed or a fault never happened, and with Options.Strict for violations of
// the protocol. A server that behaves takes any number of connections; octets
// behind QUIT are a violation.
func Start(t TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		giveUp(t, err)
	}
	t.Cleanup(func() {
		t.Helper()
		s.awaitFaults()
		if err := s.Close(); err != nil {
			t.Errorf("%v", err)
		}
		s.script.report(t)
		s.reportFaults(t)
		s.journal.report(t, s.opts.Strict)
	})
	return s
}

// giveUp ends a test that cannot have what it asked for. If t has no FailNow, a
// panic does it: a nil server would, too, but later and elsewhere.
func giveUp(t TB, err error) {
	t.Helper()
	t.Errorf("%v", err)
	if t, ok := t.(interface{ FailNow() }); ok {
		t.FailNow()
	}
	panic(err)
}

// New returns a running server. Its caller closes it.
func New(o Options) (*Server, error) {
	o, err := o.clone().withDefaults()
	if err != nil {
		return nil, err
	}
	cert, err := newCertificate(o.Certificate, append([]string{o.Hostname}, o.Names...))
	if err != nil {
		return nil, err
	}
	l, err := listen(o.Network, o.Listen, o.defaultAddr(), o.Window)
	if err != nil {
		return nil, err
	}
	s := &Server{opts: &o, listener: l, cert: cert, conns: make(map[net.Conn]struct{}), moved: make(chan struct{}), ended: make(chan struct{})}
	s.reached = make([]atomic.Bool, len(o.Faults))
	s.journal.init()
	s.journal.onLine = o.OnLine
	s.script = newScript(o.Script, o.Tolerate)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.accept)
	return s, nil
}

// pause waits before another try to accept, for the process may have run out of
// files. It reports whether the server is still open.
func (s *Server) pause() bool {
	select {
	case <-time.After(10 * time.Millisecond):
		return true
	case <-s.ctx.Done():
		return false
	}
}

// stir wakes those who wait for a change. The caller holds the lock.
func (s *Server) stir() {
	close(s.moved)
	s.moved = make(chan struct{})
}

// Addr is where the server listens, as host:port. Of an in-memory server it is
// Hostname and the port that suits its TLS mode.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is Addr as a URL: smtps with ImplicitTLS, else smtp.
func (s *Server) URL() string {
	if s.opts.TLS == ImplicitTLS {
		return "smtps://" + s.Addr()
	}
	return "smtp://" + s.Addr()
}

// Dial connects to the server, whatever network and addr say. It has the
// signature of a net.Dialer's DialContext, so that a client can be led here
// while it believes to talk to the addr that it verifies.
func (s *Server) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	s.expect(+1)
	conn, err := s.listener.dial(ctx)
	if err != nil {
		s.expect(-1)
	}
	return conn, err
}

// TLSConfig returns a new configuration for clients that dial Addr: it trusts
// the mock's authority and expects the name in Addr. A client that sets the
// expected name by itself needs [Server.RootCAs] only.
func (s *Server) TLSConfig() *tls.Config {
	host, _, _ := net.SplitHostPort(s.Addr()) // every Addr of ours has both
	return &tls.Config{RootCAs: s.RootCAs(), ServerName: host, MinVersion: tls.VersionTLS12}
}

// RootCAs returns a pool that holds the certificate authority of the mock, which
// is one for all servers of a process.
func (s *Server) RootCAs() *x509.CertPool { return rootCAs() }

// tlsConfig is the server's side of TLS.
func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{s.cert},
		ClientAuth:   s.opts.ClientAuth,
		ClientCAs:    rootCAs(),
		// A ticket would be one more write, and so count as a round trip.
		SessionTicketsDisabled: true,
	}
}

// CAPEM returns the authority of RootCAs in PEM, for other programs.
func (s *Server) CAPEM() []byte { return caPEM() }

// defaultAddr is the address that an in-memory server goes by.
func (o *Options) defaultAddr() string {
	if o.TLS == ImplicitTLS {
		return net.JoinHostPort(o.Hostname, "465")
	}
	return net.JoinHostPort(o.Hostname, "587")
}

// A listener is a net.Listener that can be dialled without its address.
type listener interface {
	net.Listener
	dial(context.Context) (net.Conn, error)

	// barrier waits until Accept has returned all connections that were there
	// before, or ctx ends.
	barrier(ctx context.Context)
}

func listen(n Network, addr, memoryAddr string, window int) (listener, error) {
	switch n {
	case Loopback:
		l, err := net.Listen("tcp", cmp.Or(addr, "127.0.0.1:0"))
		if err != nil {
			return nil, fmt.Errorf("mock: %w", err)
		}
		return newTCPListener(l), nil
	case InMemory:
		return newMemoryListener(memoryAddr, window), nil
	}
	return nil, errors.New("mock: unknown Options.Network")
}
