package sasl_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// An observed generator is asked twice, as the server refuses its first token.
func TestObserveTokens(t *testing.T) {
	expiry := time.Now().Add(time.Hour)
	type key struct{}
	tokens := watchedGenerator(func(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
		if ctx.Value(key{}) != "within" {
			t.Error("the generator does not get the observer's context")
		}
		if req.Rejected != nil {
			return sasl.Token{}, sasl.ErrNoOtherToken
		}
		return sasl.Token{Value: sasl.NewSecret("stale"), Expiry: expiry}, nil
	})
	var got []string
	ctx := sasl.ObserveTokens(t.Context(), func(ctx context.Context, req sasl.TokenRequest) (context.Context, func(time.Time, error)) {
		return context.WithValue(ctx, key{}, "within"), func(good time.Time, err error) {
			got = append(got, fmt.Sprintf("%s %t %t %t", req.Username, req.Rejected != nil, good.Equal(expiry), errors.Is(err, sasl.ErrNoOtherToken)))
		}
	})
	a := sasl.OAuth("you", tokens)
	conn := &sasl.Conn{Host: "mail.test", Loopback: true, Offered: []string{"XOAUTH2"}}
	x, err := a.Begin(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.Start(); err != nil {
		t.Fatal(err)
	}
	if err := x.Finish(sasl.ErrRejected); !errors.Is(err, sasl.ErrRejected) {
		t.Fatal(err)
	}
	if _, err := a.Begin(ctx, conn); !errors.Is(err, sasl.ErrNoOtherToken) {
		t.Fatal(err)
	}
	want := "you false true false, you true false true"
	if all := strings.Join(got, ", "); all != want {
		t.Errorf("observed %q; want %q", all, want)
	}
}

// Connections that share a call are told of one, and of one that panics too.
func TestObserveSharedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls, ends atomic.Int64
		ctx := sasl.ObserveTokens(t.Context(), func(ctx context.Context, req sasl.TokenRequest) (context.Context, func(time.Time, error)) {
			if req.Rejected != nil {
				calls.Add(1)
			}
			return ctx, func(_ time.Time, err error) {
				if req.Rejected != nil && err != nil {
					ends.Add(1)
				}
			}
		})
		a := sasl.OAuth(user, &leader{fate: func(context.Context) { panic("generator") }})
		f := &farm{good: renewed, refused: map[string]time.Time{}}
		var wg sync.WaitGroup
		for n := range connections {
			wg.Go(func() {
				defer func() { _ = recover() }()
				_, _ = a.Authenticate(ctx, secure("XOAUTH2"), &conduit{farm: f, number: n, latency: time.Second})
			})
		}
		wg.Wait()
		if calls.Load() != 2 || ends.Load() != 1 {
			t.Errorf("told of %d renewals, %d that failed; want 2 and 1", calls.Load(), ends.Load())
		}
	})
}

type watchedGenerator func(context.Context, sasl.TokenRequest) (sasl.Token, error)

func (f watchedGenerator) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	return f(ctx, req)
}
