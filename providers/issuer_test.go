package providers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// An issuer is a Fetcher whose authority gives tokens for a grant: g1 at first,
// replaced by g2, g3, and so on. A grant that was replaced ends the whole family
// if it is used again (RFC 9700, Section 4.14.2). Tokens are t1, t2, and so on,
// each good for an hour and given after a second of virtual time.
type issuer struct {
	mu      sync.Mutex
	rotate  int      // a new grant with every so many tokens; 0: never
	lenient bool     // it forgives the use of a grant that was replaced
	err     error    // what it answers instead
	used    []string // the grants it saw
	tokens  int
	grants  int // the number of the good grant; 0: 1; negative: none is
}

func (i *issuer) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return providers.Response{}, ctx.Err()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.used = append(i.used, req.Grant.Reveal())
	i.grants = max(i.grants, 1) * sign(i.grants)
	switch {
	case i.err != nil:
		return providers.Response{}, i.err
	case i.grants < 0:
		return providers.Response{}, revoked()
	case req.Grant.Reveal() != fmt.Sprintf("grant-%d", i.grants) && !i.lenient:
		i.grants = -i.grants
		return providers.Response{}, revoked()
	}
	i.tokens++
	response := providers.Response{Token: sasl.Token{
		Value: sasl.NewSecret(fmt.Sprintf("t%d", i.tokens)), Expiry: time.Now().Add(time.Hour),
	}}
	if i.rotate > 0 && i.tokens%i.rotate == 0 {
		i.grants++
		response.Grant = grant(i.grants)
	}
	return response, nil
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

// revoke ends the grant; signIn gives another.
func (i *issuer) revoke() { i.set(func(i *issuer) { i.grants = -max(i.grants, 1) }) }

func (i *issuer) signIn() sasl.Secret {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.grants = 1 - i.grants
	return grant(i.grants)
}

// replace is a new sign-in while the grant is still good: it ends that.
func (i *issuer) replace() sasl.Secret {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.grants = max(i.grants, 1) + 1000
	return grant(i.grants)
}

func (i *issuer) set(change func(*issuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

func (i *issuer) wantUsed(t *testing.T, grants ...string) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if !slices.Equal(i.used, grants) {
		t.Fatalf("the authority saw the grants %q, want %q", i.used, grants)
	}
}

func grant(n int) sasl.Secret { return sasl.NewSecret(fmt.Sprintf("grant-%d", n)) }

func revoked() error {
	return &providers.Error{Kind: providers.NeedsUser, Provider: "test", Code: "invalid_grant", Status: 400, Hint: "sign in again"}
}

// wantKind asks for a token and wants a failure of that kind.
func wantKind(t *testing.T, g sasl.TokenGenerator, kind providers.Kind) {
	t.Helper()
	token, err := g.Token(t.Context(), sasl.TokenRequest{})
	var failure *providers.Error
	if !errors.As(err, &failure) || failure.Kind != kind {
		t.Fatalf("Token = %q, %v; want an error of kind %v", token.Value.Reveal(), err, kind)
	}
}

// A brokenStore is a Store whose methods fail when they are told to.
type brokenStore struct {
	providers.Store
	mu                sync.Mutex
	load, save, holds error
	saves             int
}

func (b *brokenStore) set(change func(*brokenStore)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// tries returns how often somebody tried to save.
func (b *brokenStore) tries() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.saves
}

func (b *brokenStore) Load(ctx context.Context, name string) (sasl.Secret, providers.Version, error) {
	b.mu.Lock()
	err := b.load
	b.mu.Unlock()
	if err != nil {
		return sasl.Secret{}, "", err
	}
	return b.Store.Load(ctx, name)
}

func (b *brokenStore) Save(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
	b.mu.Lock()
	b.saves++
	err := b.save
	b.mu.Unlock()
	if err != nil {
		return "", err
	}
	return b.Store.Save(ctx, name, data, old)
}

func (b *brokenStore) Lock(ctx context.Context, name string) (func() error, error) {
	b.mu.Lock()
	err := b.holds
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return b.Store.Lock(ctx, name)
}

// An audience keeps the events of a Cache.
type audience struct {
	mu     sync.Mutex
	events []providers.Event
}

func (a *audience) hear(e providers.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

// want compares the kinds of the events since the last call.
func (a *audience) want(t *testing.T, kinds ...providers.EventKind) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	var got []providers.EventKind
	for _, e := range a.events {
		got = append(got, e.Kind)
	}
	if !slices.Equal(got, kinds) {
		t.Fatalf("events %v, want %v", a.events, kinds)
	}
	a.events = nil
}
