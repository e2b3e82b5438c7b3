package generic

import (
	"context"
	"strings"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// RefreshToken returns a generator of access tokens for the mailbox whose owner
// granted refreshToken to the client c (RFC 6749, Section 6). It makes no request
// yet; the error is for arguments that cannot work, and a *[providers.Error] of
// kind Misconfigured.
//
// If the authority replaces the refresh token, the generator goes on with the new
// one and saves it in the Store of Options.Cache before it hands out the access
// token that came with it. Without a Store, the new one is lost with the program.
// A refreshToken that is zero stands for what [Login] or [LoginDevice] has saved.
func RefreshToken(s Server, c Client, refreshToken sasl.Secret, o Options) (*providers.Cache, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := checkClient(c); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if refreshToken.IsZero() && o.Cache.Store == nil {
		return nil, misconfigured("there is no refresh token, and no Options.Cache.Store in which one may be")
	}
	o.Cache.Grant, o.Cache.PerUser = refreshToken, false
	return providers.NewCache(&refresher{session{server: s, client: c, http: o.HTTPClient}}, o.Cache), nil
}

// A refresher fetches access tokens with the refresh token that the Cache keeps.
type refresher struct{ session }

var _ providers.Fetcher = (*refresher)(nil)

// Fetch asks the authority.
func (r *refresher) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	if req.Grant.IsZero() {
		return providers.Response{}, &providers.Error{
			Kind: providers.NeedsUser, Provider: r.name(), Description: "nobody has signed in yet",
			Hint: "sign in with Login or LoginDevice, to the same Store and Key",
		}
	}
	config := r.server.config(r.client)
	config.Scopes = nil
	token, err := config.TokenSource(r.bound(ctx), &oauth2.Token{RefreshToken: req.Grant.Reveal()}).Token()
	if err != nil {
		return providers.Response{}, r.failure(err, req.Grant)
	}
	return r.response(token)
}

// response returns what came with an access token. One that a mail server could
// make nothing of is an error (RFC 6749, Section 7.1).
func (s *session) response(t *oauth2.Token) (providers.Response, error) {
	if t.Type() != "Bearer" {
		return providers.Response{}, &providers.Error{
			Kind: providers.Misconfigured, Provider: s.name(),
			Description: "the token is of the type " + providers.Scrub(t.Type()) + ", and mail servers take bearer tokens alone",
			Hint:        "have the client registered for bearer tokens",
		}
	}
	return providers.Response{
		Token: sasl.Token{Value: sasl.NewSecret(t.AccessToken), Expiry: t.Expiry, Scopes: scopesOf(t)},
		Grant: sasl.NewSecret(t.RefreshToken),
	}, nil
}

// scopesOf returns what a token is for: a string of names (RFC 6749, Section 3.3),
// or, as some authorities have it, a list of them. Nil means that it was not said.
func scopesOf(t *oauth2.Token) []string {
	switch scope := t.Extra("scope").(type) {
	case string:
		return strings.Fields(scope)
	case []any:
		var names []string
		for _, name := range scope {
			if name, ok := name.(string); ok {
				names = append(names, name)
			}
		}
		return names
	}
	return nil
}
