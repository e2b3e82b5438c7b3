package sasl

import (
	"context"
	"errors"
	"fmt"
)

// A Directory is a server's store of accounts. Implementations must be safe for
// concurrent use.
type Directory interface {
	// Account returns the account of that authentication identity, or an error
	// that matches [ErrNoAccount]. Any other error is temporary to the client.
	//
	// Along with ErrNoAccount, a directory that must not tell who has an account
	// returns one that looks like the others. Nobody signs in to it, whatever is
	// in it. Without it, a token of an unknown user is refused without an error
	// challenge; and where accounts have keys in SCRAM, an unknown user's salt
	// and iterations are those of an account with a Password, as is the time that
	// the exchange takes. Its salt has to be the same each time.
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

	// SCRAM holds what the server keeps in place of the password, by the name of
	// the mechanism without -PLUS: "SCRAM-SHA-256". For a mechanism that is not
	// there, the key is derived from Password at every sign-in, with 4096
	// iterations. Clients are told a key's salt and iterations before they have
	// proved anything: if those differ from 16 octets and 4096, they tell that
	// there is such an account.
	SCRAM map[string]StoredKey

	// Token checks an access token for this account and returns nil for a good
	// one. An [*OAuthError] is sent to the client as an error challenge before the
	// refusal; an error that matches [ErrRejected] is a refusal without one; any
	// other error is temporary.
	Token func(ctx context.Context, token Secret) error

	// MayActAs reports whether the account may act as that authorization
	// identity. Nil means: as nobody but itself.
	MayActAs func(authzid string) bool
}

// allow refuses the account of authn if it may not act as authz.
func (a *Account) allow(authn, authz string) error {
	if !a.mayActAs(authn, authz) {
		return fmt.Errorf("%w: may not act as the authorization identity", ErrRejected)
	}
	return nil
}

// mayActAs reports whether the account of authn may act as authz.
func (a *Account) mayActAs(authn, authz string) bool {
	return authz == "" || authz == authn || a.MayActAs != nil && a.MayActAs(authz)
}
