// Package providers holds what every adapter to an OAuth 2.0 authority shares: a
// cache that keeps access tokens alive, and errors that say who can mend what.
//
// Programs take a ready-made generator from providers/google or
// providers/microsoft. This package is for those who write one.
//
// # A generator in ten lines
//
// Write a function that asks the authority for a token, every time it is called,
// and put a [Cache] on top:
//
//	tokens := providers.NewCache(providers.FetcherFunc(
//		func(ctx context.Context, req providers.Request) (providers.Response, error) {
//			value, expiry, err := askAuthority(ctx)
//			if err != nil {
//				return providers.Response{}, err
//			}
//			return providers.Response{Token: sasl.Token{Value: sasl.NewSecret(value), Expiry: expiry}}, nil
//		}), providers.CacheOptions{})
//
//	auth := sasl.OAuth("you@example.com", tokens)
//
// Any number of connections may share one Cache, and should: it is the one place
// that knows what is under way.
//
// # What the Cache does
//
//   - One request at a time. Whoever needs a token while a request is under way
//     waits for it. It does not end when the caller who caused it gives up, but
//     when [CacheOptions.FetchTimeout] does.
//   - Renewal before expiry. Some minutes before a token expires, the next caller
//     gets it at once and sets off a request in the background. A caller waits
//     only when the token is all but used up.
//   - Refused tokens. A token that [sasl.TokenRequest.Rejected] tells of is dropped,
//     if it is still the one in the Cache; late news of an old token costs
//     nothing. It is renewed once, and no two renewals are forced within a minute,
//     so that a mailbox which is set up wrongly does not become a flood of
//     requests. Meanwhile the answer is [sasl.ErrNoOtherToken].
//   - Failures. While the authority is out of order, the token is served for as
//     long as it is good, and requests are spaced by a second, then two, up to a
//     minute, or by what the authority asks for. A failure that no retry mends,
//     such as a revoked grant, is remembered for five minutes and returned
//     without a request.
//
// # Errors
//
// An [*Error] has a [Kind]: whether time will mend it, or the user, whoever set
// the program up, or an administrator. Its text holds the authority's own code
// (RFC 6749, Section 5.2, and RFC 8628, Section 3.5), a hint, and no secret:
//
//	var failure *providers.Error
//	if errors.As(err, &failure) && failure.Kind == providers.NeedsUser {
//		log.Printf("sign in again: %v", failure)
//	}
package providers
