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
// every https host to the authority, so that URLs of production can stay as they
// are: the authority answers for oauth2.googleapis.com and for
// login.microsoftonline.com alike.
func (a *Authority) HijackingClient() *http.Client {
	return a.client(&tls.Config{RootCAs: rootCAs(), ServerName: authorityHost, MinVersion: tls.VersionTLS12})
}

// client returns a client whose connections all lead here. It knows no other
// network, so a request that was meant for elsewhere cannot get there.
func (a *Authority) client(config *tls.Config) *http.Client {
	c := &http.Client{Transport: &http.Transport{
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return a.listener.dial(ctx) },
		TLSClientConfig: config,
	}}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients = append(a.clients, c)
	return c
}
