package sasl

import (
	"context"
	"errors"
)

// A Directory is a server's store of accounts. Implementations must be safe for
// concurrent use.
type Directory interface {
	// Account returns the account of that authentication identity, or an error
	// that matches [ErrNoAccount]. Any other error is temporary to the client.
	Account(ctx context.Context, username string) (Account, error)
}

// ErrNoAccount is what a [Directory] returns for an unknown user. The client is
// told no more than for a wrong password.
var ErrNoAccount = errors.New("sasl: no such account")

// An Account is what a server knows of one user. A mechanism whose field is
// zero refuses the user.
type Account struct {
	// Password is the password in clear.
	Password Secret

	// Token checks an access token for this account and returns nil for a good
	// one. An [*OAuthError] is sent to the client as an error challenge before the
	// refusal; an error that matches [ErrRejected] is a refusal without one; any
	// other error is temporary.
	Token func(ctx context.Context, token Secret) error

	// MayActAs reports whether the account may act as that authorization
	// identity. Nil means: as nobody but itself.
	MayActAs func(authzid string) bool
}

// mayActAs reports whether the account of authn may act as authz.
func (a *Account) mayActAs(authn, authz string) bool {
	return authz == "" || authz == authn || a.MayActAs != nil && a.MayActAs(authz)
}
