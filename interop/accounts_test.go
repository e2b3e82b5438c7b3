package interop

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// The one user of all servers. The password holds what is outside ASCII and what
// is special in base64 and in commands.
const (
	user     = "kim@example.test"
	password = "pass wörd=+/ \\\""
	token    = "ya29.fresh-token_~+/=="
	stale    = "ya29.stale-token"
)

// accounts is a directory that has the user and remembers every token that it is
// asked about.
type accounts struct {
	// refusal is what it says to any token but the good one. Nil means an error
	// challenge.
	refusal error

	// good is the token that it takes. Zero means token.
	good string

	// password is the user's. Zero means the constant.
	password string

	mu     sync.Mutex
	tokens []string
}

var _ sasl.Directory = (*accounts)(nil)

func (a *accounts) Account(_ context.Context, name string) (sasl.Account, error) {
	if name != user {
		return sasl.Account{}, fmt.Errorf("%w: %q", sasl.ErrNoAccount, name)
	}
	return sasl.Account{Password: sasl.NewSecret(a.secret()), Token: a.check}, nil
}

// secret is the user's password.
func (a *accounts) secret() string { return cmp.Or(a.password, password) }

// challenge is the error challenge of the servers that make their own.
var challenge = sasl.OAuthError{Status: "401", Schemes: "bearer", Scope: "https://mail.example.test/"}

func (a *accounts) check(_ context.Context, presented sasl.Secret) error {
	if a.takes(presented.Reveal()) {
		return nil
	}
	if a.refusal != nil {
		return a.refusal
	}
	refused := sasl.OAuthError{Status: challenge.Status, Schemes: challenge.Schemes, Scope: challenge.Scope}
	return &refused
}

// takes notes a token and reports whether it is the good one.
func (a *accounts) takes(presented string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens = append(a.tokens, presented)
	return presented == cmp.Or(a.good, token)
}

// presented returns the tokens that clients have come with, in order.
func (a *accounts) presented() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.tokens)
}

// A generator hands out the first of its tokens that has not been refused, and
// remembers what it was asked.
type generator struct {
	tokens []string

	mu       sync.Mutex
	requests []sasl.TokenRequest
}

var _ sasl.TokenGenerator = (*generator)(nil)

func (g *generator) Token(_ context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, req)
	for _, value := range g.tokens {
		if t := (sasl.Token{Value: sasl.NewSecret(value)}); !req.Rejected.Matches(t) {
			return t, nil
		}
	}
	return sasl.Token{}, sasl.ErrNoOtherToken
}

// asked returns the requests there were, in order.
func (g *generator) asked() []sasl.TokenRequest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.requests)
}

// oauth returns an Authenticator that runs one mechanism with the tokens given.
func oauth(mechanism string, tokens ...string) (*sasl.Authenticator, *generator) {
	g := &generator{tokens: tokens}
	a := sasl.OAuth(user, g)
	a.Policy.Order = []string{mechanism}
	return a, g
}

// wantTokens fails the test unless the server was presented with exactly these.
func wantTokens(t *testing.T, a *accounts, want ...string) {
	t.Helper()
	if got := a.presented(); !slices.Equal(got, want) {
		t.Errorf("the server was presented with %q, want %q", got, want)
	}
}
