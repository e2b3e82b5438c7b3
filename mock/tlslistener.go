package mock

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
)

// A TLSListener is a place in the networks of this package for a server that is
// not of this package, such as an http.Server: its connections are TLS, with a
// certificate of the mock's authority.
type TLSListener struct {
	listener listener
	config   *tls.Config
}

var _ net.Listener = (*TLSListener)(nil)

// ListenTLS returns a listener for a server that is known by names, at least one.
// On [Loopback] it listens on 127.0.0.1, on a port that is free.
func ListenTLS(n Network, kind Certificate, names ...string) (*TLSListener, error) {
	if len(names) == 0 {
		names = []string{"mock.test"}
	}
	if err := checkNames("ListenTLS", names); err != nil {
		return nil, err
	}
	cert, err := newCertificate(kind, names)
	if err != nil {
		return nil, err
	}
	l, err := listen(n, "", net.JoinHostPort(names[0], "443"), 0)
	if err != nil {
		return nil, err
	}
	return &TLSListener{l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}, nil
}

// Accept returns the next connection. Its handshake is yet to come.
func (l *TLSListener) Accept() (net.Conn, error) {
	conn, err := l.listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(conn, l.config), nil
}

// Close ends the listener, not its connections.
func (l *TLSListener) Close() error { return l.listener.Close() }

// Addr returns where it listens: in memory, the first of its names and port 443.
func (l *TLSListener) Addr() net.Addr { return l.listener.Addr() }

// Dial connects to the listener, whatever network and addr say. The connection is
// not encrypted yet.
func (l *TLSListener) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return l.listener.dial(ctx)
}

// RootCAs returns the same pool as [Server.RootCAs].
func (l *TLSListener) RootCAs() *x509.CertPool { return rootCAs() }
