package providers_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestAnyOrder has programs that share a grant live through whatever comes, in
// many random orders: refusals, outages, restarts, long sleeps, sign-ins. The
// authority ends the grant if one that was replaced is used again. Whatever
// comes, no caller is told to sign in, gets a token that has expired or that it
// said was refused, or waits for long; and the authority is not flooded.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { anyOrder(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

// A life is one of several programs.
type life struct {
	cache *providers.Cache
	last  sasl.Token
}

func anyOrder(t *testing.T, random *rand.Rand) {
	i, s := &issuer{rotate: 1 + random.IntN(3)}, new(providers.MemoryStore)
	start := func() *life {
		o := providers.CacheOptions{Store: s, Key: key}
		if random.IntN(2) == 0 {
			o.Grant = grant(1) // it was configured, once
		}
		return &life{cache: providers.NewCache(i, o)}
	}
	if err := providers.SaveGrant(t.Context(), s, key, providers.Response{Grant: grant(1)}); err != nil {
		t.Fatal(err)
	}
	lives := []*life{start(), start(), start()}
	begin := time.Now()
	down, refusals := false, 0
	for range 300 {
		n := random.IntN(len(lives))
		switch action := random.IntN(20); {
		case action == 0:
			down = !down
			i.set(func(i *issuer) {
				i.err = nil
				if down {
					i.err = &providers.Error{Kind: providers.Transient, Status: 503}
				}
			})
		case action == 1:
			if err := lives[n].cache.Close(); err != nil {
				t.Fatal(err)
			}
			lives[n] = start()
		case action == 2:
			time.Sleep(time.Duration(random.IntN(40)) * time.Minute)
		case action == 3 && !down:
			time.Sleep(5 * time.Second) // nothing is under way with the old grant
			if err := providers.SaveGrant(t.Context(), s, key, providers.Response{Grant: i.replace()}); err != nil {
				t.Fatal(err)
			}
		default:
			refusals += crowd(t, lives, random)
			time.Sleep(time.Duration(random.IntN(60)) * time.Second)
		}
	}
	// One for each token that expires or is refused, and those of outages, which
	// are spaced by up to a minute.
	if most := int(time.Since(begin)/(20*time.Second)) + refusals; len(i.used) > most {
		t.Errorf("%d requests in %v with %d refusals, want %d at most", len(i.used), time.Since(begin), refusals, most)
	}
}

// crowd has some callers of every program ask at once, some with news of a token
// that was refused, and returns how many had such news.
func crowd(t *testing.T, lives []*life, random *rand.Rand) (refusals int) {
	t.Helper()
	var all sync.WaitGroup
	for _, l := range lives {
		var rejected *sasl.Rejection
		if random.IntN(6) == 0 && !l.last.Value.IsZero() {
			rejected = sasl.NewRejection(sasl.ErrRejected, l.last)
			refusals++
		}
		got := make([]sasl.Token, 1+random.IntN(4))
		for c := range got {
			all.Go(func() {
				asked := time.Now()
				token, err := l.cache.Token(t.Context(), sasl.TokenRequest{Rejected: rejected})
				switch {
				case err == nil && (rejected.Matches(token) || !time.Now().Before(token.Expiry)):
					t.Errorf("a token that is of no use: it expires in %v", time.Until(token.Expiry))
				case err != nil && providers.KindOf(err) != providers.Transient:
					t.Errorf("error %v", err)
				}
				if waited := time.Since(asked); waited > 30*time.Second {
					t.Errorf("waited %v", waited)
				}
				got[c] = token
			})
		}
		defer func() { l.last = got[0] }()
	}
	all.Wait()
	return refusals
}
