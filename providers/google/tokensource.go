package google

import (
	"context"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
)

// FromTokenSource returns a generator of the tokens of ts, for programs that
// have a token source already. The tokens must have the scope
// https://mail.google.com/ and belong to the user who signs in.
//
// A token source knows nothing of contexts, so one that hangs is waited for no
// longer than the caller wants, and is not called again until it returns. It
// also has no way to renew a token before it expires: if Gmail refuses one that
// ts goes on to return, the answer is [sasl.ErrNoOtherToken]. [RefreshToken] has
// neither weakness. An error of the source's own making reaches the caller of the
// sign-in unchanged.
//
// Most sources of x/oauth2 make their requests with the context that they were
// made with. Make them with one that lasts as long as the program.
func FromTokenSource(ts oauth2.TokenSource) *providers.Cache {
	return providers.NewCache(sourced(ts), providers.CacheOptions{})
}

// sourced fetches tokens from a token source of x/oauth2.
func sourced(ts oauth2.TokenSource) providers.Fetcher {
	if ts == nil {
		return providers.FetcherFunc(func(context.Context, providers.Request) (providers.Response, error) {
			return providers.Response{}, misconfigured("there is no token source")
		})
	}
	q := &question{rows: sourceRefusals(), names: sourceNames()}
	return providers.Blocking(func() (providers.Response, error) {
		token, err := ts.Token()
		switch {
		case err != nil:
			err, _ = q.known(err)
			return providers.Response{}, err
		case token == nil:
			return providers.Response{}, misconfigured("the token source returned neither a token nor an error")
		}
		return providers.Response{Token: saslToken(token)}, nil
	})
}
