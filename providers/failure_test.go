package providers_test

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestOutage shows that an authority that is out of order is not noticed while
// the token is good, and is not flooded.
func TestOutage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		down := &providers.Error{Kind: providers.Transient, Status: 503}
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")
		expiry := time.Now().Add(time.Hour)
		a.set(func(a *authority) { a.err = down })

		for time.Until(expiry) > 2*time.Second {
			want(t, cache, sasl.TokenRequest{}, "t1")
			time.Sleep(time.Second)
		}
		if n := a.hits(); n < 5 || n > 15 {
			t.Errorf("%d requests in the last five minutes, want one a minute after a quick start", n)
		}
		time.Sleep(5 * time.Second)
		wantError(t, cache, sasl.TokenRequest{}, down)

		a.set(func(a *authority) { a.err = nil })
		time.Sleep(67 * time.Second)
		if _, err := cache.Token(t.Context(), sasl.TokenRequest{}); err != nil {
			t.Errorf("the authority works again: %v", err)
		}
	})
}

// TestRecovery shows that an outage leaves no trace behind.
func TestRecovery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		down := &providers.Error{Kind: providers.Transient, Status: 503}
		a := &authority{err: down}
		cache := providers.NewCache(a, providers.CacheOptions{})
		for range 10 {
			wantError(t, cache, sasl.TokenRequest{}, down)
			time.Sleep(67 * time.Second) // the longest pause
		}
		a.set(func(a *authority) { a.err = nil })
		want(t, cache, sasl.TokenRequest{}, "t11")

		time.Sleep(time.Hour)
		a.set(func(a *authority) { a.err = down })
		wantError(t, cache, sasl.TokenRequest{}, down)
		a.set(func(a *authority) { a.err = nil })
		time.Sleep(1100 * time.Millisecond) // the longest first pause
		want(t, cache, sasl.TokenRequest{}, "t13")
	})
}

// TestDeadGrant shows that a failure which no retry mends costs one request.
func TestDeadGrant(t *testing.T) {
	for _, kind := range []providers.Kind{providers.NeedsUser, providers.Misconfigured, providers.Blocked} {
		t.Run(kind.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				dead := &providers.Error{Kind: kind, Code: "invalid_grant"}
				a := &authority{err: dead}
				cache := providers.NewCache(a, providers.CacheOptions{})
				wantAll(t, together(t, cache, 100, sasl.TokenRequest{}), dead.Error())
				wantAll(t, together(t, cache, 100, sasl.TokenRequest{}), dead.Error())
				time.Sleep(5*time.Minute - time.Second)
				wantError(t, cache, sasl.TokenRequest{}, dead)
				wantHits(t, a, 1)

				a.set(func(a *authority) { a.err = nil })
				time.Sleep(time.Second)
				want(t, cache, sasl.TokenRequest{}, "t2")
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	tests := []struct {
		name string
		err  error
		// After the first request, no other before least; one by most.
		least, most time.Duration
	}{
		{"transient", &providers.Error{Kind: providers.Transient}, 900 * time.Millisecond, 1100 * time.Millisecond},
		{"of any type", errors.New("no route to host"), 900 * time.Millisecond, 1100 * time.Millisecond},
		{"as the authority asks", &providers.Error{RetryAfter: 30 * time.Second}, 30*time.Second - 1, 30 * time.Second},
		{"bounded", &providers.Error{RetryAfter: 30 * time.Hour}, 10*time.Minute - 1, 10 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a := &authority{err: tt.err}
				cache := providers.NewCache(a, providers.CacheOptions{})
				wantError(t, cache, sasl.TokenRequest{}, tt.err)
				time.Sleep(tt.least)
				wantError(t, cache, sasl.TokenRequest{}, tt.err)
				wantHits(t, a, 1)
				time.Sleep(tt.most - tt.least)
				wantError(t, cache, sasl.TokenRequest{}, tt.err)
				wantHits(t, a, 2)
			})
		})
	}
}
