package generic_test

import (
	"errors"
	"testing"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/sasl"
)

// A sourceFunc is a token source.
type sourceFunc func() (*oauth2.Token, error)

func (f sourceFunc) Token() (*oauth2.Token, error) { return f() }

func TestFromTokenSource(t *testing.T) {
	token, err := generic.FromTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "access-1"})).Token(t.Context(), sasl.TokenRequest{})
	if err != nil || token.Value.Reveal() != "access-1" {
		t.Errorf("%v, %v", token, err)
	}
	own := errors.New("the vault is locked")
	_, err = generic.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) { return nil, own })).Token(t.Context(), sasl.TokenRequest{})
	if !errors.Is(err, own) {
		t.Errorf("%v, want the source's own error", err)
	}
	_, err = generic.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) { return nil, nil })).Token(t.Context(), sasl.TokenRequest{})
	want(t, err, providers.Misconfigured, "neither a token nor an error")
	_, err = generic.FromTokenSource(nil).Token(t.Context(), sasl.TokenRequest{})
	want(t, err, providers.Misconfigured, "no token source")
}

// A refusal of the authority is told as by any other generator.
func TestFromTokenSourceRefused(t *testing.T) {
	a := authority(t, mock.AuthorityOptions{})
	grant := a.Grant(user)
	a.RevokeGrant(grant)
	config := oauth2.Config{
		ClientID: clientID, ClientSecret: secret,
		Endpoint: oauth2.Endpoint{TokenURL: a.TokenURL(), AuthStyle: oauth2.AuthStyleInParams},
	}
	ctx := contextWith(t, a)
	_, err := generic.FromTokenSource(config.TokenSource(ctx, &oauth2.Token{RefreshToken: grant.Reveal()})).Token(t.Context(), sasl.TokenRequest{})
	want(t, err, providers.NeedsUser, "generic: invalid_grant")
}
