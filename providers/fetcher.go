package providers

import (
	"context"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A Fetcher gets access tokens from an OAuth 2.0 authority. It is what the
// adapter of a provider implements; a [Cache] makes a generator of it.
//
// Fetch asks the authority each time. It need not care about expiry, concurrency
// or what failed a moment ago: a Cache calls it once at a time for each user, and
// no more often than it must. It must return soon after ctx is done, be safe for
// concurrent use for different users, and return an [*Error] for what the
// authority refuses, so that the Cache knows whether another try makes sense. It
// runs in a goroutine of the Cache, so a panic of it ends the program.
type Fetcher interface {
	Fetch(ctx context.Context, req Request) (Response, error)
}

// A FetcherFunc is a function that is a [Fetcher].
type FetcherFunc func(context.Context, Request) (Response, error)

// Fetch calls f.
func (f FetcherFunc) Fetch(ctx context.Context, req Request) (Response, error) { return f(ctx, req) }

// A Request says which token to fetch.
type Request struct {
	// Username is the mailbox the token is for. Empty unless the Cache keeps a
	// token for each user (see [CacheOptions.PerUser]).
	Username string

	// Rejected tells of tokens that a server has refused lately; nil if none. A
	// Fetcher that holds tokens itself, as some libraries do, returns none of
	// these: it goes to the authority for another, or returns
	// [sasl.ErrNoOtherToken] if there is no way to one.
	Rejected *sasl.Rejection

	// Grant is what the user's consent amounts to: a refresh token, or whatever
	// the Fetcher last returned as [Response.Grant]. Zero means that there is
	// none; a Fetcher that needs one returns an [*Error] of kind NeedsUser.
	Grant sasl.Secret
}

// A Response is what the authority gave.
type Response struct {
	// Token is the token. A zero Expiry means that the authority named none; the
	// Cache then assumes [CacheOptions.AssumeLifetime], never "for ever".
	Token sasl.Token

	// RefreshAt is when the authority wants the token to be renewed. Zero means
	// that it did not say; the Cache decides.
	RefreshAt time.Time

	// Grant takes the place of [Request.Grant] from now on: the refresh token that
	// came with the token (RFC 6749, Section 6). It is saved before anybody gets
	// the token. Zero means that the grant stays as it is.
	Grant sasl.Secret
}
