package generic

import (
	"context"

	"golang.org/x/oauth2/clientcredentials"

	"github.com/seed-55a66e92/postern/providers"
)

// ClientCredentials returns a generator of access tokens that a client gets for
// itself, with no user present (RFC 6749, Section 4.4). Whether such a token may
// send for a mailbox is up to the mail server. One token serves all user names. The
// generator makes no request yet; the error
// is for arguments that cannot work, and a *[providers.Error] of kind
// Misconfigured.
func ClientCredentials(s Server, c Client, o Options) (*providers.Cache, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := checkClient(c); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if c.Secret.IsZero() {
		return nil, misconfigured("Client.Secret is empty: a client without a secret gets no token of its own (RFC 6749, Section 4.4)")
	}
	o.Cache.PerUser = false
	return providers.NewCache(&ownFetcher{session{server: s, client: c, http: o.HTTPClient}}, o.Cache), nil
}

// An ownFetcher fetches access tokens of the client itself.
type ownFetcher struct{ session }

var _ providers.Fetcher = (*ownFetcher)(nil)

// Fetch asks the authority.
func (f *ownFetcher) Fetch(ctx context.Context, _ providers.Request) (providers.Response, error) {
	config := f.server.config(f.client)
	own := clientcredentials.Config{
		ClientID: config.ClientID, ClientSecret: config.ClientSecret,
		TokenURL: config.Endpoint.TokenURL, AuthStyle: config.Endpoint.AuthStyle, Scopes: config.Scopes,
	}
	token, err := own.Token(f.bound(ctx))
	if err != nil {
		return providers.Response{}, f.failure(err)
	}
	got, err := f.response(token)
	return providers.Response{Token: got.Token}, err // what else comes is not for this grant (RFC 6749, Section 4.4.3)
}
