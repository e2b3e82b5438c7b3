package providers_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// bubble runs test in virtual time. What is under way when it returns has time to
// end: a renewal in the background may outlive its cause, but not for long.
func bubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t)
		time.Sleep(20 * time.Second)
	})
}

// An authority is a Fetcher that gives the tokens t1, t2, and so on, each good
// for an hour, after a second of virtual time.
type authority struct {
	mu       sync.Mutex
	requests []providers.Request
	err      error         // what it answers instead of a token; nil: a token
	same     bool          // it gives t1 for ever
	life     time.Duration // of a token; 0: an hour; negative: not stated
	past     bool          // its tokens have expired when they come
	stuck    bool          // it answers nothing until the context ends
}

func (a *authority) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	a.mu.Lock()
	a.requests = append(a.requests, req)
	n, err, same, life, past, stuck := len(a.requests), a.err, a.same, a.life, a.past, a.stuck
	a.mu.Unlock()

	answer := time.After(time.Second)
	if stuck {
		answer = nil
	}
	select {
	case <-answer:
	case <-ctx.Done():
		return providers.Response{}, &providers.Error{Provider: "test", Err: ctx.Err()}
	}
	if err != nil {
		return providers.Response{}, err
	}
	if same {
		n = 1
	}
	token := sasl.Token{Value: sasl.NewSecret(fmt.Sprintf("t%d", n)), Subject: req.Username}
	switch {
	case past:
		token.Expiry = time.Now().Add(-time.Hour)
	case life == 0:
		token.Expiry = time.Now().Add(time.Hour)
	case life > 0:
		token.Expiry = time.Now().Add(life)
	}
	return providers.Response{Token: token}, nil
}

func (a *authority) set(change func(*authority)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

func (a *authority) hits() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.requests)
}

// told reports whether the n-th request, from 1, told of a refusal of token.
func (a *authority) told(n int, token string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests[n-1].Rejected.Matches(tokenOf(token))
}

func tokenOf(value string) sasl.Token { return sasl.Token{Value: sasl.NewSecret(value)} }

// rejection is a request that tells of refused tokens.
func rejection(tokens ...string) sasl.TokenRequest {
	var refused []sasl.Token
	for _, value := range tokens {
		refused = append(refused, tokenOf(value))
	}
	return sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, refused...)}
}

// want asks for a token and compares it.
func want(t *testing.T, g sasl.TokenGenerator, req sasl.TokenRequest, value string) {
	t.Helper()
	token, err := g.Token(t.Context(), req)
	if err != nil {
		t.Fatalf("Token: %v, want %s", err, value)
	}
	if got := token.Value.Reveal(); got != value {
		t.Fatalf("Token = %s, want %s", got, value)
	}
}

// wantError asks for a token and wants an error that matches target.
func wantError(t *testing.T, g sasl.TokenGenerator, req sasl.TokenRequest, target error) {
	t.Helper()
	token, err := g.Token(t.Context(), req)
	if !errors.Is(err, target) {
		t.Fatalf("Token = %q, %v, want an error that matches %v", token.Value.Reveal(), err, target)
	}
}

func wantHits(t *testing.T, a *authority, n int) {
	t.Helper()
	if got := a.hits(); got != n {
		t.Fatalf("%d requests to the authority, want %d", got, n)
	}
}

// together calls g from n goroutines and returns what each got, in any order.
func together(t *testing.T, g sasl.TokenGenerator, n int, req sasl.TokenRequest) []string {
	t.Helper()
	results := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			token, err := g.Token(t.Context(), req)
			if err != nil {
				results[i] = err.Error()
				return
			}
			results[i] = token.Value.Reveal()
		})
	}
	all.Wait()
	return results
}

func wantAll(t *testing.T, results []string, want string) {
	t.Helper()
	for _, got := range results {
		if got != want {
			t.Fatalf("got %q, want %q for all", got, want)
		}
	}
}
