package google

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// RefreshToken returns a generator of access tokens for the mailbox whose owner
// granted refreshToken to the client c. It makes no request yet; the error is
// for arguments that cannot work, and a *[providers.Error] of kind Misconfigured.
//
// If Google replaces the refresh token, which is rare, the generator goes on
// with the new one for as long as it lives.
func RefreshToken(c Client, refreshToken sasl.Secret, o Options) (*providers.Cache, error) {
	tokenURL, err := o.tokenURL()
	if err != nil {
		return nil, err
	}
	switch {
	case c.ID == "":
		return nil, misconfigured("the OAuth client has no id")
	case refreshToken.IsZero():
		return nil, misconfigured("there is no refresh token: the consent that yields one asks for access_type=offline")
	case strings.HasPrefix(refreshToken.Reveal(), "ya29."):
		return nil, misconfigured("this is an access token, which lasts an hour: a refresh token starts with 1//")
	}
	return providers.NewCache(&refresher{
		client:       c,
		tokenURL:     tokenURL,
		http:         providers.HTTPClient(o.HTTPClient),
		refreshToken: refreshToken,
	}, o.Cache), nil
}

// A refresher fetches access tokens with a refresh token (RFC 6749, Section 6).
type refresher struct {
	client   Client
	tokenURL string
	http     *http.Client

	mu           sync.Mutex
	refreshToken sasl.Secret
}

var _ providers.Fetcher = (*refresher)(nil)

// Fetch asks Google. It keeps no access token, so it need not be told of refused
// ones.
func (r *refresher) Fetch(ctx context.Context, _ providers.Request) (providers.Response, error) {
	old := r.current()
	// A source for this one request: a longer-lived one would be bound to the
	// context of its first use and would hand out its token for ever if Google
	// named no expiry.
	source := r.config().TokenSource(
		context.WithValue(ctx, oauth2.HTTPClient, r.http),
		&oauth2.Token{RefreshToken: old.Reveal()},
	)
	token, err := source.Token()
	if err != nil {
		return providers.Response{}, requestFailure(err, r.client, old)
	}
	r.rotate(token.RefreshToken)
	return providers.Response{Token: saslToken(token)}, nil
}

// config is made for each request, for it holds the secret in the open. It names
// no scope: the answer is then for all that was granted.
func (r *refresher) config() *oauth2.Config {
	return &oauth2.Config{
		ClientID:     r.client.ID,
		ClientSecret: r.client.Secret.Reveal(),
		Endpoint:     oauth2.Endpoint{TokenURL: r.tokenURL, AuthStyle: oauth2.AuthStyleInParams},
	}
}

func (r *refresher) current() sasl.Secret {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refreshToken
}

// rotate takes a new refresh token in place of the old one.
func (r *refresher) rotate(refreshToken string) {
	if refreshToken == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refreshToken = sasl.NewSecret(refreshToken)
}

// saslToken returns an access token of x/oauth2 as ours.
func saslToken(t *oauth2.Token) sasl.Token {
	scope, _ := t.Extra("scope").(string)
	return sasl.Token{Value: sasl.NewSecret(t.AccessToken), Expiry: t.Expiry, Scopes: strings.Fields(scope)}
}
