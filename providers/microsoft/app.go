package microsoft

import (
	"context"
	"fmt"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

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

// NewApp returns an App that proves who it is by Options.Credential. It makes no
// request yet; the error is for arguments that cannot work, and a
// *[providers.Error] of kind Misconfigured.
func NewApp(o Options) (*App, error) {
	s, err := o.forApp()
	if err != nil {
		return nil, err
	}
	return &App{providers.NewCache(&appFetcher{&renewed{settings: s}}, s.Cache)}, nil
}

// ClientSecret is NewApp with a client secret, whatever Options.Credential is.
func ClientSecret(o Options, secret sasl.Secret) (*App, error) {
	o.Credential = Secret(secret)
	return NewApp(o)
}

// Token returns an access token for any mailbox. See [providers.Cache.Token] for
// its errors.
func (a *App) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	return a.cache.Token(ctx, req)
}

// Status tells how things stand. See [providers.Cache.Status].
func (a *App) Status() []providers.Status { return a.cache.Status() }

// Close ends the App. See [providers.Cache.Close].
func (a *App) Close() error { return a.cache.Close() }

// An appFetcher asks MSAL for the token of an application. MSAL neither joins
// requests nor pauses after a failure, so it stands behind a [providers.Cache].
type appFetcher struct{ *renewed }

var _ providers.Fetcher = (*appFetcher)(nil)

// Fetch asks MSAL, which has no token to return and so asks Entra.
func (f *appFetcher) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	ctx, call := begin(ctx, sasl.Secret{})
	client, err := f.get(ctx)
	if err != nil {
		return providers.Response{}, err
	}
	var options []confidential.AcquireByCredentialOption
	if claims := renewal(req.Rejected); claims != "" {
		options = append(options, confidential.WithClaims(claims))
	}
	result, err := client.AcquireTokenByCredential(ctx, f.scopes, options...)
	if err != nil {
		return providers.Response{}, f.failure(err, call)
	}
	return response(result, req.Rejected)
}

// renewal returns the claims that make Entra issue another token than the refused
// one, empty if none was refused. They have the form in which a Microsoft service
// asks for a token that was issued later.
func renewal(rejected *sasl.Rejection) string {
	if rejected == nil {
		return ""
	}
	return fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, time.Now().Unix())
}

// response returns what a token of MSAL amounts to. If a server has refused the one
// before, and the claims of this one say why, that is the error: the server itself
// gives no reason.
func response(result public.AuthResult, rejected *sasl.Rejection) (providers.Response, error) {
	token := sasl.Token{
		Value:   sasl.NewSecret(result.AccessToken),
		Expiry:  result.ExpiresOn,
		Subject: result.Account.PreferredUsername,
		Scopes:  result.GrantedScopes,
	}
	claims, err := Explain(token)
	if err != nil {
		return providers.Response{Token: token, RefreshAt: result.Metadata.RefreshOn}, nil
	}
	if hint := claims.Hint(); rejected != nil && hint != "" {
		return providers.Response{}, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider,
			Description: "the mail server refuses the token, and would refuse the next one", Hint: hint,
		}
	}
	if token.Subject == "" {
		token.Subject = claims.User
	}
	if len(claims.Scopes) == 0 && len(claims.Roles) > 0 { // MSAL only knows that it asked for /.default
		token.Scopes = claims.Roles
	}
	return providers.Response{Token: token, RefreshAt: result.Metadata.RefreshOn}, nil
}
