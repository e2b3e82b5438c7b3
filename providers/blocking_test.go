package providers_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

func TestBlocking(t *testing.T) {
	t.Run("a call that hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			calls, release := 0, make(chan struct{})
			fetcher := providers.Blocking(func() (providers.Response, error) {
				calls++
				<-release
				return providers.Response{Token: sasl.Token{Value: sasl.NewSecret("token-1")}}, nil
			})
			for range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				began := time.Now()
				_, err := fetcher.Fetch(ctx, providers.Request{})
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
					t.Errorf("after %v: %v, want the context's error after 1s", time.Since(began), err)
				}
			}
			go func() {
				synctest.Wait() // until somebody waits for the call again
				close(release)
			}()
			response, err := fetcher.Fetch(t.Context(), providers.Request{})
			if err != nil || response.Token.Value.Reveal() != "token-1" || calls != 1 {
				t.Errorf("%v, %v after %d calls, want the token of the one call", response, err, calls)
			}
		})
	})
	t.Run("an error as it is", func(t *testing.T) {
		want := errors.New("no luck")
		_, err := providers.Blocking(func() (providers.Response, error) { return providers.Response{}, want }).
			Fetch(t.Context(), providers.Request{})
		if err != want { //nolint:errorlint // it has to be the very same
			t.Errorf("%v, want %v", err, want)
		}
	})
	t.Run("a function that ends its goroutine", func(t *testing.T) {
		_, err := providers.Blocking(func() (providers.Response, error) { runtime.Goexit(); return providers.Response{}, nil }).
			Fetch(t.Context(), providers.Request{})
		if providers.KindOf(err) != providers.Misconfigured {
			t.Errorf("%v, want a Misconfigured error", err)
		}
	})
	t.Run("the refused token again", func(t *testing.T) {
		calls := 0
		cache := providers.NewCache(providers.Blocking(func() (providers.Response, error) {
			calls++
			return providers.Response{Token: sasl.Token{Value: sasl.NewSecret("token-1")}}, nil
		}), providers.CacheOptions{})
		first, err := cache.Token(t.Context(), sasl.TokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = cache.Token(t.Context(), sasl.TokenRequest{Rejected: sasl.NewRejection(errors.New("535"), first)})
		if !errors.Is(err, sasl.ErrNoOtherToken) || calls != 2 {
			t.Errorf("%v after %d calls, want ErrNoOtherToken after 2", err, calls)
		}
	})
}
