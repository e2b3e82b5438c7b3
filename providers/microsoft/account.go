package microsoft

import (
	"context"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// Account returns a generator of access tokens for a user who has signed in: by
// [Login], [LoginDevice] or a [WebLogin], which have kept the grant in the Store and
// under the Key of Options.Cache. user is the name that the user signs in with;
// empty means whoever has signed in. Each user has a Key, and a generator.
//
// It makes no request yet, but looks at the record: the error is for arguments that
// cannot work, for a record that cannot be read, and for one of another user, client
// id or cloud. It is a *[providers.Error] of kind Misconfigured. If nobody has
// signed in yet, Token says so, until somebody does.
//
// Entra replaces the refresh token with every use. The new one is saved before the
// access token that came with it is handed out.
//
// Without a Store, Options.Cache.Grant is what a sign-in returned as [Grant].Value.
// It may also be the cache that another program's MSAL has serialized, in whatever
// language, or a refresh token: see [RefreshToken].
func Account(o Options, user string) (*providers.Cache, error) {
	s, err := o.forUser(user)
	switch {
	case err != nil:
		return nil, err
	case o.Cache.Store == nil && o.Cache.Grant.IsZero():
		return nil, misconfigured("there is no Options.Cache.Store in which a sign-in may be, and no Options.Cache.Grant")
	}
	if !o.Cache.Grant.IsZero() {
		if err := s.checkGrant(o.Cache.Grant, user); err != nil {
			return nil, err
		}
	}
	client, err := s.users()
	if err != nil {
		return nil, err
	}
	return providers.NewCache(&accountFetcher{settings: s, user: user, client: client}, s.Cache), nil
}

// RefreshToken is [Account] with a refresh token that some other program has got
// for the client of Options. The generator finds out whose it is with its first
// request, and goes on with what Entra replaces it by. A program that is started
// again with the old one, or none, finds the new one in the Store.
func RefreshToken(o Options, user string, refreshToken sasl.Secret) (*providers.Cache, error) {
	switch {
	case refreshToken.IsZero() && o.Cache.Store == nil:
		return nil, misconfigured("there is no refresh token: a sign-in yields one if it asks for offline_access")
	case strings.HasPrefix(refreshToken.Reveal(), "eyJ"):
		return nil, misconfigured("this is an access token or an ID token, which lasts an hour: a refresh token is no JWT")
	}
	o.Cache.Grant = refreshToken
	return Account(o, user)
}

// A userClient is one of MSAL's two kinds of client, as far as users are concerned.
type userClient interface {
	// page returns the address where a user signs in.
	page(ctx context.Context, redirect, user string) (string, error)
	// redeem gets a token for an authorization code.
	redeem(ctx context.Context, code, redirect, verifier string) (public.AuthResult, error)
	// renew gets a token for the refresh token of an account.
	renew(ctx context.Context, account public.Account, claims string) (public.AuthResult, error)
}

// users returns the client for users.
func (s *settings) users() (userClient, error) {
	if s.prove != nil {
		return &confidentialUsers{renewed{settings: s}}, nil
	}
	client, err := s.publicClient()
	return &publicUsers{s, client}, err
}

// publicUsers are the users of a program without credentials.
type publicUsers struct {
	*settings
	client public.Client
}

func (p *publicUsers) page(ctx context.Context, redirect, user string) (string, error) {
	return p.client.AuthCodeURL(ctx, p.ClientID, redirect, append(reserved(), p.scopes...), public.WithLoginHint(user), public.WithClaims(p.Claims))
}

func (p *publicUsers) redeem(ctx context.Context, code, redirect, verifier string) (public.AuthResult, error) {
	return p.client.AcquireTokenByAuthCode(ctx, code, redirect, p.scopes, public.WithChallenge(verifier), public.WithClaims(p.Claims))
}

func (p *publicUsers) renew(ctx context.Context, account public.Account, claims string) (public.AuthResult, error) {
	return p.client.AcquireTokenSilent(ctx, p.scopes, public.WithSilentAccount(account), public.WithClaims(claims))
}

// confidentialUsers are the users of a program with a credential.
type confidentialUsers struct{ renewed }

func (c *confidentialUsers) page(ctx context.Context, redirect, user string) (string, error) {
	client, err := c.get(ctx)
	if err != nil {
		return "", err
	}
	return client.AuthCodeURL(ctx, c.ClientID, redirect, append(reserved(), c.scopes...), confidential.WithLoginHint(user), confidential.WithClaims(c.Claims))
}

func (c *confidentialUsers) redeem(ctx context.Context, code, redirect, verifier string) (public.AuthResult, error) {
	client, err := c.get(ctx)
	if err != nil {
		return public.AuthResult{}, err
	}
	return client.AcquireTokenByAuthCode(ctx, code, redirect, c.scopes, confidential.WithChallenge(verifier), confidential.WithClaims(c.Claims))
}

// renew leaves the claims out: MSAL takes none here, and needs none to ask Entra.
func (c *confidentialUsers) renew(ctx context.Context, account public.Account, _ string) (public.AuthResult, error) {
	client, err := c.get(ctx)
	if err != nil {
		return public.AuthResult{}, err
	}
	return client.AcquireTokenSilent(ctx, c.scopes, confidential.WithSilentAccount(account))
}

// An accountFetcher fetches the tokens of one user, with an MSAL client of its own.
type accountFetcher struct {
	*settings
	user   string
	client userClient
}

var _ providers.Fetcher = (*accountFetcher)(nil)

// Fetch has MSAL use the refresh token of the grant.
func (f *accountFetcher) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	if req.Grant.IsZero() {
		return providers.Response{}, nobody()
	}
	g, err := f.readGrant(req.Grant, f.user)
	if err != nil {
		return providers.Response{}, err
	}
	if req.Rejected != nil {
		g.foreign = nil // the refused token may be there
	}
	ctx, call := begin(ctx, f.encode(g), g.refresh)
	result, err := f.client.renew(ctx, f.account(g), renewal(req.Rejected))
	if err != nil && !usable(result) {
		return providers.Response{}, f.failure(err, call)
	}
	next := f.after(call.after(), g, result.Account)
	if g.user == "" && next.user != "" && f.user != "" {
		if !isNamed(f.user, result) {
			return providers.Response{}, f.other(providers.Misconfigured, next.user, f.user)
		}
		next.user = f.user
	}
	got, err := response(result, req.Rejected)
	if err != nil {
		return providers.Response{}, err
	}
	if got.Token.Subject == "" {
		got.Token.Subject = next.user
	}
	got.Grant = f.encode(next)
	return got, nil
}

// usable reports whether MSAL has returned a good token. It does so along with an
// error, too, when a token that it found is to be renewed and that fails.
func usable(result public.AuthResult) bool {
	return result.AccessToken != "" && time.Until(result.ExpiresOn) > time.Minute
}

// other is the error for a sign-in of another user than was meant.
func (s *settings) other(kind providers.Kind, got, want string) error {
	return &providers.Error{
		Kind: kind, Provider: provider,
		Description: providers.Scrub(got) + " signed in, not " + providers.Scrub(want),
		Hint: "sign in again and choose the right account, perhaps in a private window; if both names are of the same mailbox, " +
			"pass the one that signs in",
	}
}
