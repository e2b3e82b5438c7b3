package providers_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")

		wantAll(t, together(t, cache, 100, rejection("t1")), "t2")
		wantHits(t, a, 2)
		if !a.told(2, "t1") {
			t.Error("the Fetcher was not told of the refused token")
		}

		want(t, cache, rejection("t1"), "t2") // late news
		time.Sleep(2 * time.Minute)
		want(t, cache, rejection("t1"), "t2")
		want(t, cache, sasl.TokenRequest{}, "t2")
		wantHits(t, a, 2)
	})
}

// TestRefusedTokenIsDroppedForAll shows that a caller who has not heard of the
// refusal gets the new token too.
func TestRefusedTokenIsDroppedForAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")

		renewed := make(chan []string)
		go func() { renewed <- together(t, cache, 1, rejection("t1")) }()
		synctest.Wait()
		want(t, cache, sasl.TokenRequest{}, "t2")
		wantAll(t, <-renewed, "t2")
		wantHits(t, a, 2)
	})
}

// TestRenewalsAreRare shows that refusing every token forces no more than one
// renewal a minute.
func TestRenewalsAreRare(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")
		want(t, cache, rejection("t1"), "t2")

		wantError(t, cache, rejection("t2"), sasl.ErrNoOtherToken)
		want(t, cache, sasl.TokenRequest{}, "t2") // it may do for another mailbox
		time.Sleep(58 * time.Second)              // the renewal took a second of the minute
		wantError(t, cache, rejection("t1", "t2"), sasl.ErrNoOtherToken)
		wantHits(t, a, 2)

		time.Sleep(time.Second)
		want(t, cache, rejection("t1", "t2"), "t3")
		wantHits(t, a, 3)
	})
}

// TestNoOtherToken shows that an authority which insists on one token is not
// asked twice for another.
func TestNoOtherToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := &authority{same: true}
		cache := providers.NewCache(a, providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")
		for range 10 {
			wantError(t, cache, rejection("t1"), sasl.ErrNoOtherToken)
			time.Sleep(2 * time.Minute)
		}
		wantHits(t, a, 2)
		want(t, cache, sasl.TokenRequest{}, "t1")
	})
}

func TestFetcherHasNoOtherToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")
		a.set(func(a *authority) { a.err = sasl.ErrNoOtherToken })
		for range 10 {
			wantError(t, cache, rejection("t1"), sasl.ErrNoOtherToken)
			time.Sleep(2 * time.Minute)
		}
		wantHits(t, a, 2)
		want(t, cache, sasl.TokenRequest{}, "t1")

		a.set(func(a *authority) { a.err = nil })
		time.Sleep(time.Hour)
		want(t, cache, rejection("t1"), "t3") // a new token comes with expiry as ever
	})
}

// TestRefusalDuringEarlyRenewal shows that a caller whose token was refused takes
// the one that is under way.
func TestRefusalDuringEarlyRenewal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")
		time.Sleep(57 * time.Minute)
		want(t, cache, sasl.TokenRequest{}, "t1") // sets off the renewal
		want(t, cache, rejection("t1"), "t2")
		wantHits(t, a, 2)
	})
}

// TestRenewalBringsTheRefusedToken shows that a request which was under way
// before the refusal is not the last word.
func TestRenewalBringsTheRefusedToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := &authority{same: true}
		cache := providers.NewCache(a, providers.CacheOptions{})
		first := make(chan []string)
		go func() { first <- together(t, cache, 1, sasl.TokenRequest{}) }()
		synctest.Wait()
		second := make(chan []string)
		go func() { second <- together(t, cache, 1, rejection("t1")) }()
		synctest.Wait()
		a.set(func(a *authority) { a.same = false })

		wantAll(t, <-first, "t1")
		wantAll(t, <-second, "t2")
		if a.told(1, "t1") || !a.told(2, "t1") {
			t.Error("want the second request alone to tell of the refusal")
		}
	})
}

// TestFailedRenewal shows what is left when the authority fails to renew a
// refused token.
func TestFailedRenewal(t *testing.T) {
	transient := &providers.Error{Kind: providers.Transient, Status: 503}
	revoked := &providers.Error{Kind: providers.NeedsUser, Code: "invalid_grant"}

	t.Run("for now", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			a := new(authority)
			cache := providers.NewCache(a, providers.CacheOptions{})
			want(t, cache, sasl.TokenRequest{}, "t1")
			a.set(func(a *authority) { a.err = transient })
			wantError(t, cache, rejection("t1"), transient)
			time.Sleep(10 * time.Second)
			wantError(t, cache, rejection("t1"), transient)
			want(t, cache, sasl.TokenRequest{}, "t1")
			wantHits(t, a, 3) // a failure is spaced by its back-off, not by the minute

			a.set(func(a *authority) { a.err = nil })
			time.Sleep(5 * time.Second)
			want(t, cache, sasl.TokenRequest{}, "t4")
			if !a.told(4, "t1") {
				t.Error("the Fetcher was not told of the refused token by a caller who did not know of it")
			}
		})
	})
	t.Run("for good", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			a := new(authority)
			cache := providers.NewCache(a, providers.CacheOptions{})
			want(t, cache, sasl.TokenRequest{}, "t1")
			a.set(func(a *authority) { a.err = revoked })
			wantAll(t, together(t, cache, 100, rejection("t1")), revoked.Error())
			wantError(t, cache, sasl.TokenRequest{}, revoked)
			wantHits(t, a, 2)
		})
	})
}

// TestExpiryIsNoForcedRenewal shows that a token which took the place of an
// expired one may be renewed at once, although the expired one had been refused.
func TestExpiryIsNoForcedRenewal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")
		a.set(func(a *authority) { a.err = &providers.Error{Kind: providers.Transient} })
		wantError(t, cache, rejection("t1"), a.err)
		a.set(func(a *authority) { a.err = nil })
		time.Sleep(time.Hour)
		want(t, cache, sasl.TokenRequest{}, "t3")
		want(t, cache, rejection("t3"), "t4")
	})
}

// TestExpiredRefusedToken shows that a token which is never fresh does not make
// the Cache go round in circles.
func TestExpiredRefusedToken(t *testing.T) {
	calls := 0
	cache := providers.NewCache(providers.FetcherFunc(func(context.Context, providers.Request) (providers.Response, error) {
		calls++
		token := tokenOf("old")
		token.Expiry = time.Now().Add(-time.Hour)
		return providers.Response{Token: token}, nil
	}), providers.CacheOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := cache.Token(ctx, rejection("old")); !errors.Is(err, sasl.ErrNoOtherToken) {
		t.Errorf("error %v, want ErrNoOtherToken", err)
	}
	if calls != 1 {
		t.Errorf("%d requests, want 1", calls)
	}
}
