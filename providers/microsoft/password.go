package microsoft

import (
	"context"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/seed-55a66e92/postern/sasl"
)

// LoginDeprecatedPassword signs a user in by name and password, without the user.
// Neither a second factor nor a personal account can be satisfied so, and most
// organizations forbid it. For what it returns and saves see [Login].
//
// Deprecated: Microsoft withdraws this grant (RFC 9700, Section 2.4 forbids it). Use
// [Login] or [LoginDevice], or have an application sign in as itself, by [NewApp].
func LoginDeprecatedPassword(ctx context.Context, o Options, user string, password sasl.Secret) (Grant, error) {
	l, err := newLogin(o, user)
	if err != nil {
		return Grant{}, err
	}
	users, ok := l.client.(*publicUsers)
	switch {
	case !ok:
		return Grant{}, misconfigured("a sign-in by password is for an application without Options.Credential, which allows public client flows")
	case user == "" || password.IsZero():
		return Grant{}, misconfigured("a sign-in by password needs a user name and a password")
	}
	bound, cancel := context.WithTimeout(ctx, 2*loginTimeout) // two requests
	defer cancel()
	bound, call := begin(bound, sasl.Secret{}, password)
	//nolint:staticcheck // it is as deprecated there as it is here
	result, err := users.client.AcquireTokenByUsernamePassword(bound, l.scopes, user, password.Reveal(), public.WithClaims(l.Claims))
	switch {
	case ctx.Err() != nil:
		return Grant{}, unfinished(ctx)
	case err != nil:
		return Grant{}, l.failure(err, call)
	}
	return l.keep(ctx, result, call)
}
