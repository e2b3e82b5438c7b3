package providers_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

func TestEventText(t *testing.T) {
	expiry := time.Date(2026, 11, 22, 21, 30, 0, 0, time.UTC)
	tests := []struct {
		event providers.Event
		want  string
	}{
		{providers.Event{Kind: providers.Renewed, Key: "a/b", User: "you", Expiry: expiry}, `token renewed key="a/b" user="you" expiry=2026-11-22T21:30:00Z`},
		{providers.Event{Kind: providers.SaveFailed, Err: errors.New("disk full")}, "token save failed: disk full"},
		{providers.Event{Kind: providers.Shared}, "token shared"},
		{providers.Event{Kind: providers.Forced}, "token forced"},
		{providers.Event{Kind: providers.Rotated}, "token rotated"},
		{providers.Event{Kind: providers.Recovered}, "token recovered"},
		{providers.Event{Kind: providers.Superseded}, "token superseded"},
		{providers.Event{Kind: providers.Saved}, "token saved"},
		{providers.Event{}, "token EventKind(0)"},
	}
	for _, tt := range tests {
		if got := tt.event.String(); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

// TestEvents shows what is told of a failure, once, and of a forced renewal.
func TestEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, a := new(issuer), new(audience)
		cache := providers.NewCache(i, providers.CacheOptions{Grant: grant(1), Events: a.hear})
		want(t, cache, sasl.TokenRequest{}, "t1")
		want(t, cache, rejection("t1"), "t2")
		synctest.Wait()
		a.want(t, providers.Renewed, providers.Forced, providers.Renewed)

		i.revoke()
		time.Sleep(57 * time.Minute)
		for range 30 { // the token is good, but somebody should act
			want(t, cache, sasl.TokenRequest{}, "t2")
			time.Sleep(2 * time.Second)
		}
		a.want(t, providers.Failed)
	})
}

// TestEventHookMayAsk shows that a hook which asks for a token does not wait for
// itself.
func TestEventHookMayAsk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var cache *providers.Cache
		asked := make(chan error, 1)
		cache = providers.NewCache(new(issuer), providers.CacheOptions{Grant: grant(1), Events: func(providers.Event) {
			_, err := cache.Token(t.Context(), sasl.TokenRequest{})
			asked <- err
		}})
		want(t, cache, sasl.TokenRequest{}, "t1")
		if err := <-asked; err != nil {
			t.Error(err)
		}
	})
}

func TestStatus(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := new(authority)
		cache := providers.NewCache(a, providers.CacheOptions{PerUser: true, Store: new(providers.MemoryStore), Key: "k"})
		want(t, cache, sasl.TokenRequest{Username: "b/2"}, "t1")
		expiry := time.Now().Add(time.Hour)
		down := &providers.Error{Kind: providers.Transient}
		a.set(func(a *authority) { a.err = down })
		if _, err := cache.Token(t.Context(), sasl.TokenRequest{Username: "a"}); !errors.Is(err, down) {
			t.Fatalf("error %v, want %v", err, down)
		}
		got := cache.Status()
		if len(got) != 2 || got[0].User != "a" || got[0].Key != "k/a" || got[0].Failures != 1 || got[0].Err != down ||
			!got[0].RetryAt.After(time.Now()) || !got[0].Expiry.IsZero() {
			t.Errorf("the user without a token: %+v", got)
		}
		if got[1].User != "b/2" || got[1].Key != "k/b%2F2" || got[1].Err != nil || !got[1].Expiry.Equal(expiry) || got[1].Refused {
			t.Errorf("the user with a token: %+v", got)
		}
	})
}

func TestKindOf(t *testing.T) {
	for err, want := range map[error]providers.Kind{
		nil:                     providers.Transient,
		errors.New("something"): providers.Transient,
		fmt.Errorf("wrapped: %w", &providers.Error{Kind: providers.Blocked}): providers.Blocked,
	} {
		if got := providers.KindOf(err); got != want {
			t.Errorf("KindOf(%v) = %v, want %v", err, got, want)
		}
	}
}
