package google

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A Base is who a program is to Google Cloud: what [Keyless] starts from. It is
// no generator, and only this package can get at its tokens, for no mailbox takes
// them: the service account of a machine has none. [MetadataBase],
// [ExternalAccountBase], [ImpersonatedBase], [TokenSourceBase] and [DefaultBase]
// make one. A Base is safe for concurrent use and may serve several Delegations.
type Base interface {
	// cloudToken returns a token for Google Cloud that is not among the rejected.
	cloudToken(ctx context.Context, rejected *sasl.Rejection) (sasl.Token, error)

	// serviceAccount returns who the tokens are for, "" if that is unknown.
	serviceAccount(ctx context.Context) (string, error)

	// quotaProject returns the project that requests are to count towards, "" if it
	// is that of whoever makes them. A user has none.
	quotaProject() string
}

// A cachedBase keeps the tokens of a Fetcher.
type cachedBase struct {
	cache   *providers.Cache
	account func(context.Context) (string, error) // nil: unknown
	project string
}

func newBase(f providers.Fetcher, account func(context.Context) (string, error), project string) Base {
	return &cachedBase{providers.NewCache(f, providers.CacheOptions{}), account, project}
}

func (b *cachedBase) cloudToken(ctx context.Context, rejected *sasl.Rejection) (sasl.Token, error) {
	return b.cache.Token(ctx, sasl.TokenRequest{Rejected: rejected})
}

func (b *cachedBase) serviceAccount(ctx context.Context) (string, error) {
	if b.account == nil {
		return "", nil
	}
	return b.account(ctx)
}

func (b *cachedBase) quotaProject() string { return b.project }

// named is the account of a Base that knows it from the start.
func named(account string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return account, nil }
}

// once keeps what f returns without an error.
func once(f func(context.Context) (string, error)) func(context.Context) (string, error) {
	var mu sync.Mutex
	var known string
	return func(ctx context.Context) (string, error) {
		mu.Lock()
		value := known
		mu.Unlock()
		if value != "" {
			return value, nil
		}
		value, err := f(ctx) // perhaps by several at once, which does no harm
		if err != nil {
			return "", err
		}
		mu.Lock()
		defer mu.Unlock()
		known = value
		return value, nil
	}
}

// TokenSourceBase returns a Base of the tokens of ts, which must have the scope
// https://www.googleapis.com/auth/cloud-platform, for programs that have a token
// source already. What [FromTokenSource] says of sources holds here too. Keyless
// must be told the service account.
func TokenSourceBase(ts oauth2.TokenSource) Base {
	return newBase(sourced(ts), nil, "")
}

// ImpersonatedBase returns a Base that is another service account, for a base
// that may create its tokens (roles/iam.serviceAccountTokenCreator). Each of
// delegates, if there are any, may do so for the next, and the last for
// serviceAccount.
//
// Keyless needs none of this to sign as a service account that base may create
// tokens for; it is for chains in which somebody else signs.
func ImpersonatedBase(serviceAccount string, base Base, o Options, delegates ...string) (Base, error) {
	i, err := newIAM(o)
	if err != nil {
		return nil, err
	}
	if err := checkChain(serviceAccount, base, delegates); err != nil {
		return nil, err
	}
	if serviceAccount == "" {
		return nil, misconfigured("ImpersonatedBase was given no service account")
	}
	fetch := func(ctx context.Context, _ providers.Request) (providers.Response, error) {
		return i.generateAccessToken(ctx, base, serviceAccount, delegates)
	}
	return newBase(providers.FetcherFunc(fetch), named(serviceAccount), ""), nil
}

// checkChain returns what is wrong with the service accounts of a chain.
func checkChain(account string, base Base, delegates []string) error {
	if base == nil {
		return misconfigured("there is no Base")
	}
	for _, name := range append([]string{account}, delegates...) {
		if name != "" && !isAddress(name) {
			return misconfigured(providers.Scrub(name) + " is not the address of a service account, such as name@project.iam.gserviceaccount.com")
		}
	}
	return nil
}

// userBase is a user who has signed in to Google Cloud.
func userBase(f *credentialsFile, o Options) (Base, error) {
	if err := f.useTokenURI(&o); err != nil {
		return nil, err
	}
	tokenURL, err := o.tokenURL()
	switch {
	case err != nil:
		return nil, err
	case f.ClientID == "" || f.RefreshToken == "":
		return nil, misconfigured("the credentials of the user lack the client or the refresh token: sign in to gcloud anew")
	}
	r := &refresher{client: f.client(), tokenURL: tokenURL, http: providers.HTTPClient(o.HTTPClient), scope: cloudScope}
	cache := providers.NewCache(r, providers.CacheOptions{Grant: sasl.NewSecret(f.RefreshToken)})
	return &cachedBase{cache: cache, project: f.QuotaProject}, nil
}

// keyBase is a service account with a key.
func keyBase(f *credentialsFile, o Options) (Base, error) {
	a, err := f.asserter(o)
	if err != nil {
		return nil, err
	}
	sign, err := f.signer()
	if err != nil {
		return nil, err
	}
	fetch := func(ctx context.Context, _ providers.Request) (providers.Response, error) {
		assertion, err := sign(ctx, claims(f.ClientEmail, "", cloudScope, a.audience, time.Now()))
		if err != nil {
			return providers.Response{}, err
		}
		token, err := a.token(ctx, assertion, ofDelegation(f.ClientEmail, f.ClientID, f.ClientEmail))
		return providers.Response{Token: token}, err
	}
	return newBase(providers.FetcherFunc(fetch), named(f.ClientEmail), f.QuotaProject), nil
}

// direct returns a copy of c, or a client that goes straight to where it is told
// and soon gives up on a machine that is not there.
func direct(c *http.Client) *http.Client {
	if c == nil {
		c = &http.Client{Transport: &http.Transport{
			DialContext:  (&net.Dialer{Timeout: dialTimeout}).DialContext,
			MaxIdleConns: 2, IdleConnTimeout: time.Minute,
		}}
	}
	return providers.HTTPClient(c)
}

// dialTimeout is how long the metadata server is waited for to connect. It is
// tried six times, within the time of one request.
const dialTimeout = 2 * time.Second
