package microsoft

import (
	"context"
	"fmt"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// An App is an application that signs in as itself. Its token is good for every
// mailbox that the application may send for, so one App serves them all. It is
// safe for concurrent use.
type App struct {
	cache *providers.Cache
}

var _ sasl.TokenGenerator = (*App)(nil)

// ClientSecret returns an App that proves who it is by a client secret: the
// secret's value, not its id. It makes no request yet; the error is for
// arguments that cannot work, and a *[providers.Error] of kind Misconfigured.
func ClientSecret(o Options, secret sasl.Secret) (*App, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	credential, err := confidential.NewCredFromSecret(secret.Reveal())
	if err != nil {
		return nil, misconfigured("MSAL does not take the client secret")
	}
	return newApp(o, credential, secret)
}

func checkSecret(secret sasl.Secret) error {
	switch {
	case secret.IsZero():
		return misconfigured("the client secret is empty")
	case uuid.MatchString(secret.Reveal()):
		return misconfigured("the client secret is a UUID, as the id of a secret is: use its value, which is shown once, when the secret is made")
	}
	return nil
}

// newApp returns an App over MSAL. secrets are kept out of errors.
func newApp(o Options, credential confidential.Credential, secrets ...sasl.Secret) (*App, error) {
	client, err := confidential.New(o.Authority+"/"+o.Tenant, o.ClientID, credential,
		confidential.WithHTTPClient(&recorder{providers.HTTPClient(o.HTTPClient)}),
		// Discovery asks Microsoft whether an authority may be trusted. Ours
		// comes from the program, which trusts it, and often is not Microsoft's.
		confidential.WithInstanceDiscovery(false))
	if err != nil {
		return nil, misconfigured("MSAL does not take these options")
	}
	f := &appFetcher{client: client, clientID: o.ClientID, tenant: o.Tenant, scope: o.Scope, secrets: secrets}
	return &App{providers.NewCache(f, o.Cache)}, nil
}

// Token returns an access token for any mailbox. See [providers.Cache.Token] for
// its errors.
func (a *App) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	return a.cache.Token(ctx, req)
}

// An appFetcher asks MSAL for the token of an application. MSAL neither joins
// requests nor pauses after a failure, so it stands behind a [providers.Cache].
type appFetcher struct {
	client           confidential.Client
	clientID, tenant string
	scope            string
	secrets          []sasl.Secret
}

var _ providers.Fetcher = (*appFetcher)(nil)

// Fetch asks MSAL, and makes it go to Entra if a server has refused a token.
func (f *appFetcher) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	ctx, last := withRecord(ctx)
	result, err := f.client.AcquireTokenByCredential(ctx, []string{f.scope}, renewal(req.Rejected)...)
	if err != nil {
		return providers.Response{}, f.failure(err, last)
	}
	return providers.Response{
		Token: sasl.Token{
			Value:  sasl.NewSecret(result.AccessToken),
			Expiry: result.ExpiresOn,
			Scopes: result.GrantedScopes,
		},
		RefreshAt: result.Metadata.RefreshOn,
	}, nil
}

// renewal returns what makes MSAL pass its own cache by: claims. These have the
// form in which a Microsoft service asks for a token that was issued later than
// the one it refuses.
func renewal(rejected *sasl.Rejection) []confidential.AcquireByCredentialOption {
	if rejected == nil {
		return nil
	}
	claims := fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, time.Now().Unix())
	return []confidential.AcquireByCredentialOption{confidential.WithClaims(claims)}
}
