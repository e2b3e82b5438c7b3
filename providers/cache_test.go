package providers_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

func TestHerdAtExpiry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		wantAll(t, together(t, cache, 100, sasl.TokenRequest{}), "t1")
		wantHits(t, a, 1)

		time.Sleep(2 * time.Hour)
		wantAll(t, together(t, cache, 100, sasl.TokenRequest{}), "t2")
		wantHits(t, a, 2)
	})
}

// TestLeaderGivesUp shows that the request goes on for those who still wait.
func TestLeaderGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()

		leader := make(chan error)
		go func() {
			_, err := cache.Token(ctx, sasl.TokenRequest{})
			leader <- err
		}()
		synctest.Wait()
		follower := make(chan []string)
		go func() { follower <- together(t, cache, 10, sasl.TokenRequest{}) }()

		if err := <-leader; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("leader: %v, want its deadline", err)
		}
		wantAll(t, <-follower, "t1")
		wantHits(t, a, 1)
	})
}

func TestContextDoneBeforeTheCall(t *testing.T) {
	a := new(authority)
	cache := providers.NewCache(a, providers.CacheOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cache.Token(ctx, sasl.TokenRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Token: %v, want context.Canceled", err)
	}
	wantHits(t, a, 0)
}

// TestEarlyRenewal shows that nobody waits for a renewal before expiry, and when
// it happens.
func TestEarlyRenewal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")

		time.Sleep(time.Hour - 5*time.Minute - 31*time.Second) // jitter is 30 s
		want(t, cache, sasl.TokenRequest{}, "t1")
		synctest.Wait()
		wantHits(t, a, 1)

		time.Sleep(62 * time.Second)
		start := time.Now()
		wantAll(t, together(t, cache, 100, sasl.TokenRequest{}), "t1")
		if waited := time.Since(start); waited != 0 {
			t.Errorf("callers waited %v for a renewal in the background", waited)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, cache, sasl.TokenRequest{}, "t2")
		wantHits(t, a, 2)
	})
}

// TestFleet shows that machines which started as one do not renew as one.
func TestFleet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		caches := make([]*providers.Cache, 100)
		for i := range caches {
			caches[i] = providers.NewCache(a, providers.CacheOptions{})
			go caches[i].Token(t.Context(), sasl.TokenRequest{})
		}
		time.Sleep(55*time.Minute + time.Second)
		for _, cache := range caches {
			cache.Token(t.Context(), sasl.TokenRequest{})
		}
		synctest.Wait()
		if n := a.hits() - len(caches); n < 20 || n > 80 {
			t.Errorf("%d of 100 machines renewed in the first half of the time for it", n)
		}
	})
}

// TestMinRemaining shows that a caller waits rather than take a token that is all
// but used up.
func TestMinRemaining(t *testing.T) {
	for left, value := range map[time.Duration]string{61 * time.Second: "t1", 59 * time.Second: "t2"} {
		bubble(t, func(t *testing.T) {
			a := new(authority)
			cache := providers.NewCache(a, providers.CacheOptions{})
			want(t, cache, sasl.TokenRequest{}, "t1")
			time.Sleep(time.Hour - left)
			want(t, cache, sasl.TokenRequest{}, value)
		})
	}
}

func TestLifetimes(t *testing.T) {
	tests := []struct {
		name    string
		life    time.Duration
		options providers.CacheOptions
		after   time.Duration // since the token was given
		want    string
	}{
		{"no expiry, within what is assumed", -1, providers.CacheOptions{}, 24 * time.Minute, "t1"},
		{"no expiry, beyond it", -1, providers.CacheOptions{}, 31 * time.Minute, "t2"},
		{"no expiry, assumption set", -1, providers.CacheOptions{AssumeLifetime: 3 * time.Hour}, 2 * time.Hour, "t1"},
		{"short-lived, first half", 40 * time.Second, providers.CacheOptions{}, 19 * time.Second, "t1"},
		{"short-lived, used up", 40 * time.Second, providers.CacheOptions{}, 41 * time.Second, "t2"},
		{"minimum set", time.Hour, providers.CacheOptions{MinRemaining: 10 * time.Minute}, 51 * time.Minute, "t2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a := &authority{life: tt.life}
				cache := providers.NewCache(a, tt.options)
				want(t, cache, sasl.TokenRequest{}, "t1")
				time.Sleep(tt.after)
				want(t, cache, sasl.TokenRequest{}, tt.want)
			})
		})
	}
}

// TestExpiredOnArrival shows that a token that the authority gives is handed out
// whatever its expiry says: the clock here may be wrong.
func TestExpiredOnArrival(t *testing.T) {
	fetch := func(context.Context, providers.Request) (providers.Response, error) {
		token := tokenOf("old")
		token.Expiry = time.Now().Add(-time.Hour)
		return providers.Response{Token: token}, nil
	}
	want(t, providers.NewCache(providers.FetcherFunc(fetch), providers.CacheOptions{}), sasl.TokenRequest{}, "old")
}

// TestRefreshAt shows that the authority's own hint comes first.
func TestRefreshAt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls := 0
		cache := providers.NewCache(providers.FetcherFunc(func(context.Context, providers.Request) (providers.Response, error) {
			calls++
			token := tokenOf(fmt.Sprintf("t%d", calls))
			token.Expiry = time.Now().Add(24 * time.Hour)
			return providers.Response{Token: token, RefreshAt: time.Now().Add(12 * time.Hour)}, nil
		}), providers.CacheOptions{})
		want(t, cache, sasl.TokenRequest{}, "t1")
		time.Sleep(12*time.Hour - time.Second)
		want(t, cache, sasl.TokenRequest{}, "t1")
		time.Sleep(time.Second)
		want(t, cache, sasl.TokenRequest{}, "t1") // sets off the renewal
		synctest.Wait()
		want(t, cache, sasl.TokenRequest{}, "t2")
	})
}

// TestSourceWithACacheOfItsOwn shows that a Fetcher which gives the same token
// until it expires is not asked all the time.
func TestSourceWithACacheOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls := 0
		expiry := time.Now().Add(time.Hour)
		cache := providers.NewCache(providers.FetcherFunc(func(context.Context, providers.Request) (providers.Response, error) {
			calls++
			token := tokenOf("same")
			token.Expiry = expiry
			return providers.Response{Token: token}, nil
		}), providers.CacheOptions{})
		for time.Until(expiry) > time.Minute {
			want(t, cache, sasl.TokenRequest{}, "same")
			synctest.Wait()
			time.Sleep(time.Second)
		}
		if calls > 12 {
			t.Errorf("%d requests in an hour for one token", calls)
		}
	})
}

func TestFetchTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := &authority{stuck: true}
		cache := providers.NewCache(a, providers.CacheOptions{})
		start := time.Now()
		_, err := cache.Token(t.Context(), sasl.TokenRequest{})
		if waited := time.Since(start); waited != 20*time.Second {
			t.Errorf("waited %v, want 20 s", waited)
		}
		var failure *providers.Error
		if !errors.As(err, &failure) || !failure.Temporary() || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v: want a temporary one that is not the caller's deadline", err)
		}
		if text := "test: the authority did not answer within 20s"; err.Error() != text {
			t.Errorf("error %q, want %q", err, text)
		}
	})
}

// TestFetcherThatDoesNotReturn shows that nobody waits for ever.
func TestFetcherThatDoesNotReturn(t *testing.T) {
	cache := providers.NewCache(providers.FetcherFunc(func(context.Context, providers.Request) (providers.Response, error) {
		runtime.Goexit()
		panic("unreachable")
	}), providers.CacheOptions{})
	_, err := cache.Token(t.Context(), sasl.TokenRequest{})
	if err == nil || !strings.Contains(err.Error(), "did not return") {
		t.Errorf("error %v", err)
	}
}

func TestEmptyToken(t *testing.T) {
	cache := providers.NewCache(providers.FetcherFunc(func(context.Context, providers.Request) (providers.Response, error) {
		return providers.Response{}, nil
	}), providers.CacheOptions{})
	_, err := cache.Token(t.Context(), sasl.TokenRequest{})
	if err == nil || !strings.Contains(err.Error(), "empty token") {
		t.Errorf("error %v", err)
	}
}

func TestUsers(t *testing.T) {
	alice, bob := sasl.TokenRequest{Username: "alice@example.com"}, sasl.TokenRequest{Username: "bob@example.com"}
	t.Run("one token for all", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			a := new(authority)
			cache := providers.NewCache(a, providers.CacheOptions{})
			want(t, cache, alice, "t1")
			want(t, cache, bob, "t1")
			wantHits(t, a, 1)
			if got := a.requests[0].Username; got != "" {
				t.Errorf("the request names %q although the token is for all", got)
			}
		})
	})
	t.Run("a token for each", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			a := new(authority)
			cache := providers.NewCache(a, providers.CacheOptions{PerUser: true})
			want(t, cache, alice, "t1")
			want(t, cache, bob, "t2")
			want(t, cache, alice, "t1")
			wantHits(t, a, 2)
			for i, req := range []sasl.TokenRequest{alice, bob} {
				if got := a.requests[i].Username; got != req.Username {
					t.Errorf("request %d names %q, want %q", i+1, got, req.Username)
				}
			}
			refused := rejection("t1")
			refused.Username = alice.Username
			want(t, cache, refused, "t3")
			want(t, cache, bob, "t2")
		})
	})
	t.Run("bounded, but for those who wait", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			calls := 0
			cache := providers.NewCache(providers.FetcherFunc(func(_ context.Context, req providers.Request) (providers.Response, error) {
				if req.Username == alice.Username {
					calls++
					time.Sleep(time.Second)
				}
				return providers.Response{Token: tokenOf("t")}, nil
			}), providers.CacheOptions{PerUser: true})
			go cache.Token(t.Context(), alice)
			time.Sleep(time.Millisecond) // she has waited the longest
			for i := range providers.MaxUsers {
				want(t, cache, sasl.TokenRequest{Username: fmt.Sprint(i)}, "t")
			}
			want(t, cache, alice, "t")
			if calls != 1 {
				t.Errorf("%d requests for a user who was waiting, want 1", calls)
			}
		})
	})
	t.Run("bounded", func(t *testing.T) {
		cache := providers.NewCache(providers.FetcherFunc(func(context.Context, providers.Request) (providers.Response, error) {
			return providers.Response{Token: tokenOf("t")}, nil
		}), providers.CacheOptions{PerUser: true})
		for i := range providers.MaxUsers + 10 {
			want(t, cache, sasl.TokenRequest{Username: fmt.Sprint(i)}, "t")
		}
		if n := cache.Users(); n != providers.MaxUsers {
			t.Errorf("%d users remembered, want %d", n, providers.MaxUsers)
		}
	})
}
