package microsoft

import (
	"context"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// OnBehalfOf returns a generator of access tokens for the user who calls a web
// service: the service shows the access token that its caller has sent, and gets one
// for the caller's mailbox. caller returns the former, which must be for this
// application and still good; it is asked before every request to Entra and must be
// safe for concurrent use. Each caller has a generator.
//
// The service proves itself by Options.Credential. There can be no Store: what the
// caller no longer shows, the service has no right to.
//
// Entra may want the caller to prove more than before. The error is then of kind
// NeedsUser, and [Challenge] returns what to hand back to the caller.
func OnBehalfOf(o Options, caller func(context.Context) (sasl.Secret, error)) (*providers.Cache, error) {
	if o.Cache.Store != nil || !o.Cache.Grant.IsZero() {
		return nil, misconfigured("a token on behalf of a caller is not kept: Options.Cache has no Store and no Grant here")
	}
	s, err := o.forUser("")
	if err != nil {
		return nil, err
	}
	if err := s.checkProver(); err != nil {
		return nil, err
	}
	if caller == nil {
		return nil, misconfigured("the function that returns the caller's token is nil")
	}
	return providers.NewCache(&behalfFetcher{s, caller}, s.Cache), nil
}

// A behalfFetcher fetches tokens on behalf of one caller.
type behalfFetcher struct {
	*settings
	caller func(context.Context) (sasl.Secret, error)
}

var _ providers.Fetcher = (*behalfFetcher)(nil)

// Fetch asks MSAL, by a client for this one request: MSAL would keep the token in
// the client, and with a cache of ours would lose it.
func (f *behalfFetcher) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	shown, err := f.caller(ctx)
	switch {
	case err != nil:
		return providers.Response{}, unavailable("the caller's token cannot be had", err)
	case shown.IsZero():
		return providers.Response{}, misconfigured("the caller's token is empty")
	}
	ctx, call := begin(ctx, sasl.Secret{}, shown)
	credential, secret, err := f.prove(ctx)
	if err != nil {
		return providers.Response{}, err
	}
	call.secrets = append(call.secrets, secret)
	client, err := f.confidentialClient(credential)
	if err != nil {
		return providers.Response{}, err
	}
	result, err := client.AcquireTokenOnBehalfOf(ctx, shown.Reveal(), f.scopes)
	if err != nil {
		return providers.Response{}, f.failure(err, call)
	}
	return response(result, req.Rejected)
}
