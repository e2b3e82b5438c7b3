// Package providers holds what every adapter to an OAuth 2.0 authority shares: a
// cache that keeps access tokens alive, stores that keep refresh tokens over the
// end of a program, and errors that say who can mend what.
//
// Programs take a ready-made generator from providers/google, providers/microsoft
// or providers/generic. This package is for those who write one, and for those
// who want to say where tokens are kept.
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
//   - Renewal before expiry. Some minutes before a token expires (see
//     [CacheOptions.Early]), the next caller gets it at once and sets off a request
//     in the background. A caller waits only when the token is all but used up.
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
// # Refresh tokens
//
// A Fetcher that works with a refresh token finds it in [Request.Grant]. If the
// authority replaces it, the new one is [Response.Grant], and the Cache takes care
// of it from there. The first comes from the configuration, as
// [CacheOptions.Grant], or from a sign-in, by [SaveGrant].
//
// Many authorities replace the refresh token with every use, and revoke all of
// them if one is used twice (RFC 9700, Section 4.14.2): they cannot tell a second
// program from a thief. So a refresh token must outlive the program, and programs
// that share one must take turns. With a [Store] they do:
//
//	store, err := providers.NewFileStore(filepath.Join(config, "tokens"))
//	if err != nil { ... }
//	tokens := providers.NewCache(fetcher, providers.CacheOptions{
//		Store: store,
//		Key:   "example.com/client id/you@example.com",
//	})
//	defer tokens.Close()
//
// The Cache holds the lock of the record from before a request until what came of
// it is saved, and only then hands the token out. Whoever else waited for the lock
// finds a good token in the record and asks nobody: in four programs with a
// hundred callers there is one request.
//
//   - If the record cannot be saved, the token is handed out all the same, an
//     event tells of it, and saving is tried again, by further calls of Token and
//     by [Cache.Close].
//   - If a program is killed before the new refresh token is saved, the next one
//     uses the old, as it must. An authority that forgives that goes on; any other
//     refuses, and the error has the kind [NeedsUser].
//   - The refresh token before the present one is kept until the present one has
//     been used. Should a program find the present one refused that another has
//     left behind, it tries the one before, once.
//   - If the user signs in again, every running program goes over to the new
//     grant with its next request, and one whose grant was dead within a second.
//     No program overwrites a new grant with what came of an old one, or with the
//     old one that is still in its configuration.
//
// A [FileStore] is for the programs of one user on one machine, a [MemoryStore]
// for tests. [Encrypted] seals the records of any Store. Package
// providers/storetest tells whether a Store of your own is right.
//
// # Watching
//
// [CacheOptions.Events] is told of what happens, and [Cache.Status] says how
// things stand. A failure of a kind other than Transient, while the present token
// is still good, is the time to call for the user: not yet has a mail failed.
//
//	Events: func(e providers.Event) {
//		log.Print(e)
//		if e.Kind == providers.Failed && providers.KindOf(e.Err) != providers.Transient {
//			alarm(e.Err)
//		}
//	}
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
//
// Tokens and grants are in no error, event or status, even if a Fetcher is
// careless with its errors: the Cache takes out those that it knows of.
package providers
