package generic

import (
	"errors"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
)

// FromTokenSource returns a generator of the tokens of ts, for programs that have
// a token source already. The tokens must be good for the server that is signed
// in to.
//
// A token source knows nothing of contexts, so one that hangs is waited for no
// longer than the caller wants, and is not called again until it returns. It also
// has no way to renew a token before it expires: if a server refuses one that ts
// goes on to return, the answer is [sasl.ErrNoOtherToken]. [RefreshToken] has
// neither weakness. An error of the source's own making reaches the caller of the
// sign-in unchanged.
//
// Most sources of x/oauth2 make their requests with the context that they were
// made with. Make them with one that lasts as long as the program.
func FromTokenSource(ts oauth2.TokenSource) *providers.Cache {
	var s session
	return providers.NewCache(providers.Blocking(func() (providers.Response, error) {
		if ts == nil {
			return providers.Response{}, misconfigured("FromTokenSource was given no token source")
		}
		token, err := ts.Token()
		var refused *oauth2.RetrieveError
		var network *url.Error
		switch {
		case errors.As(err, &refused), errors.As(err, &network):
			return providers.Response{}, s.failure(err)
		case err != nil:
			return providers.Response{}, err
		case token == nil:
			return providers.Response{}, misconfigured("the token source returned neither a token nor an error")
		}
		got, err := s.response(token)
		return providers.Response{Token: got.Token}, err // the source keeps its refresh token
	}), providers.CacheOptions{})
}
