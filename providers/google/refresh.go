package google

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// RefreshToken returns a generator of access tokens for the mailbox whose owner
// granted refreshToken to the client c. It makes no request yet; the error is
// for arguments that cannot work, and a *[providers.Error] of kind Misconfigured.
//
// Google seldom replaces a refresh token. If it does, the generator goes on with
// the new one and, if Options.Cache has a Store, saves it there before it hands
// out the access token that came with it; the next program that is given the old
// one, or none, finds the new one. A refreshToken that is zero stands for what
// [Login] has saved.
func RefreshToken(c Client, refreshToken sasl.Secret, o Options) (*providers.Cache, error) {
	return newRefreshToken(c, refreshToken, "", o)
}

// newRefreshToken returns a generator whose tokens must have a scope, if one is
// named.
func newRefreshToken(c Client, refreshToken sasl.Secret, scope string, o Options) (*providers.Cache, error) {
	tokenURL, err := o.tokenURL()
	if err != nil {
		return nil, err
	}
	if err := o.checkCache(); err != nil {
		return nil, err
	}
	switch {
	case c.ID == "":
		return nil, misconfigured("the OAuth client has no id")
	case refreshToken.IsZero() && o.Cache.Store == nil:
		return nil, misconfigured("there is no refresh token: the consent that yields one asks for access_type=offline")
	case strings.HasPrefix(refreshToken.Reveal(), "ya29."):
		return nil, misconfigured("this is an access token, which lasts an hour: a refresh token starts with 1//")
	}
	cache := o.Cache
	cache.Grant, cache.PerUser = refreshToken, false
	return providers.NewCache(&refresher{client: c, tokenURL: tokenURL, http: providers.HTTPClient(o.HTTPClient), scope: scope}, cache), nil
}

// A refresher fetches access tokens with a refresh token (RFC 6749, Section 6).
type refresher struct {
	client   Client
	tokenURL string
	http     *http.Client
	scope    string // what the token must be good for; empty: anything
}

var _ providers.Fetcher = (*refresher)(nil)

// Fetch asks Google. It keeps no access token, so it need not be told of refused
// ones.
func (r *refresher) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	if req.Grant.IsZero() {
		return providers.Response{}, &providers.Error{
			Kind: providers.NeedsUser, Provider: provider, Description: "nobody has signed in yet",
			Hint: "sign in with Login, to the same Store and Key",
		}
	}
	// A source for this one request: a longer-lived one would be bound to the
	// context of its first use and would hand out its token for ever if Google
	// named no expiry.
	source := oauthConfig(r.client, r.tokenURL).TokenSource(
		context.WithValue(ctx, oauth2.HTTPClient, r.http),
		&oauth2.Token{RefreshToken: req.Grant.Reveal()},
	)
	token, err := source.Token()
	if err != nil {
		return providers.Response{}, ofClient(r.client, req.Grant).failure(err)
	}
	if granted := saslToken(token).Scopes; r.scope != "" && len(granted) > 0 && !slices.Contains(granted, r.scope) {
		return providers.Response{}, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider,
			Description: "the credentials were not granted the scope " + r.scope,
			Hint:        "sign in with Login, or name a service account with domain-wide delegation",
		}
	}
	return providers.Response{Token: saslToken(token), Grant: sasl.NewSecret(token.RefreshToken)}, nil
}

// oauthConfig is made for each request, for it holds the secret in the open. It
// names no scope: the answer is then for all that was granted.
func oauthConfig(c Client, tokenURL string) *oauth2.Config {
	return &oauth2.Config{
		ClientID:     c.ID,
		ClientSecret: c.Secret.Reveal(),
		Endpoint:     oauth2.Endpoint{TokenURL: tokenURL, AuthStyle: oauth2.AuthStyleInParams},
	}
}

// saslToken returns an access token of x/oauth2 as ours.
func saslToken(t *oauth2.Token) sasl.Token {
	scope, _ := t.Extra("scope").(string)
	return sasl.Token{Value: sasl.NewSecret(t.AccessToken), Expiry: t.Expiry, Scopes: strings.Fields(scope)}
}
