package providers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestRequestsAreSpaced shows that sign-ins one after another are not as many
// requests, whatever the authority answers.
func TestRequestsAreSpaced(t *testing.T) {
	// Each returns how many requests 600 calls within a minute led to.
	minute := func(t *testing.T, cache *providers.Cache, a *authority, req sasl.TokenRequest) int {
		before := a.hits()
		for range 600 {
			_, _ = cache.Token(t.Context(), req)
			time.Sleep(100 * time.Millisecond)
		}
		return a.hits() - before
	}
	refused := func(t *testing.T) (*providers.Cache, *authority) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")
		a.set(func(a *authority) { a.err = sasl.ErrNoOtherToken })
		wantError(t, cache, rejection("t1"), sasl.ErrNoOtherToken)
		return cache, a
	}
	tests := []struct {
		name  string
		calls func(*testing.T, sasl.TokenRequest) int
	}{
		{"no other token, and none before", func(t *testing.T, req sasl.TokenRequest) int {
			a := &authority{err: sasl.ErrNoOtherToken}
			return minute(t, providers.NewCache(a, providers.CacheOptions{}), a, req)
		}},
		{"no other token, and half a minute is left", func(t *testing.T, req sasl.TokenRequest) int {
			cache, a := refused(t)
			time.Sleep(time.Hour - 30*time.Second)
			return minute(t, cache, a, req)
		}},
		{"no other token, and the one before has expired", func(t *testing.T, req sasl.TokenRequest) int {
			cache, a := refused(t)
			time.Sleep(time.Hour)
			return minute(t, cache, a, req)
		}},
		{"expired on arrival", func(t *testing.T, req sasl.TokenRequest) int {
			a := &authority{past: true}
			return minute(t, providers.NewCache(a, providers.CacheOptions{}), a, req)
		}},
		{"expired on arrival, and always the same", func(t *testing.T, req sasl.TokenRequest) int {
			a := &authority{past: true, same: true}
			return minute(t, providers.NewCache(a, providers.CacheOptions{}), a, req)
		}},
	}
	for _, tt := range tests {
		for what, req := range map[string]sasl.TokenRequest{"": {}, ", refused": rejection("t1")} {
			t.Run(tt.name+what, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					if n := tt.calls(t, req); n > 8 {
						t.Errorf("600 calls within a minute were %d requests", n)
					}
				})
			})
		}
	}
}

// TestDatesThatCannotBe shows that a grant is saved whatever the authority says of
// the token that came with it.
func TestDatesThatCannotBe(t *testing.T) {
	for _, date := range []time.Time{
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2101, 1, 1, 0, 0, 0, 0, time.FixedZone("far", 100*3600)),
	} {
		bubble(t, func(t *testing.T) {
			s, calls := new(providers.MemoryStore), 0
			fetch := providers.FetcherFunc(func(_ context.Context, req providers.Request) (providers.Response, error) {
				if calls++; req.Grant.Reveal() != fmt.Sprintf("grant-%d", calls) {
					return providers.Response{}, errors.New("not the grant of this time")
				}
				return providers.Response{
					Token:     sasl.Token{Value: sasl.NewSecret(fmt.Sprintf("t%d", calls)), Expiry: date},
					RefreshAt: date, Grant: grant(calls + 1),
				}, nil
			})
			for n := range 2 {
				cache := providers.NewCache(fetch, providers.CacheOptions{Store: s, Key: key, Grant: grant(1)})
				want(t, cache, sasl.TokenRequest{}, fmt.Sprintf("t%d", n+1))
				if err := cache.Close(); err != nil {
					t.Errorf("%v: %v", date, err)
				}
				time.Sleep(110 * 365 * 24 * time.Hour)
			}
		})
	}
}
