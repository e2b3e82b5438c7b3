package mock

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// HTTPClient returns a client that trusts the authority and reaches it wherever
// it listens. Close of the authority closes its idle connections.
func (a *Authority) HTTPClient() *http.Client {
	return a.client(&tls.Config{RootCAs: rootCAs(), MinVersion: tls.VersionTLS12})
}

// HijackingClient returns a client like HTTPClient that sends the requests for
// every host to the authority, so that URLs of production can stay as they are: the
// authority answers for https://oauth2.googleapis.com, for
// https://login.microsoftonline.com and for http://169.254.169.254 alike.
func (a *Authority) HijackingClient() *http.Client {
	return a.client(&tls.Config{RootCAs: rootCAs(), ServerName: authorityHost, MinVersion: tls.VersionTLS12})
}

// client returns a client whose connections all lead here. It knows no other
// network, so a request that was meant for elsewhere cannot get there.
func (a *Authority) client(config *tls.Config) *http.Client {
	c := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return a.plain.dial(ctx) },
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return a.dialTLS(ctx, addr, config)
		},
	}}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients = append(a.clients, c)
	return c
}

// dialTLS connects to the authority as if it were addr.
func (a *Authority) dialTLS(ctx context.Context, addr string, config *tls.Config) (net.Conn, error) {
	conn, err := a.listener.dial(ctx)
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	if host, _, err := net.SplitHostPort(addr); err == nil && config.ServerName == "" {
		config.ServerName = host
	}
	tlsConn := tls.Client(conn, config)
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return tlsConn, nil
}
