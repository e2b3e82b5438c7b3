package providers_test

import (
	"context"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestMonth runs two programs with one grant for 30 days. The grant is replaced
// with every third token, the authority is out of order for 20 minutes at the
// worst time, and the user revokes the grant and signs in again an hour later.
// Callers notice nothing but the revocation.
func TestMonth(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, s, a := &issuer{rotate: 3}, new(providers.MemoryStore), new(audience)
		// Renewals begin early enough for an outage of 20 minutes.
		o := providers.CacheOptions{Store: s, Key: key, Early: 25 * time.Minute, Events: a.hear}
		if err := providers.SaveGrant(t.Context(), s, key, providers.Response{Grant: grant(1)}); err != nil {
			t.Fatal(err)
		}
		programs := []*providers.Cache{providers.NewCache(i, o), providers.NewCache(i, o)}
		begin := time.Now()
		ask := func(when time.Duration) (failed int) {
			for time.Since(begin) < when {
				for _, p := range programs {
					token, err := p.Token(t.Context(), sasl.TokenRequest{})
					switch {
					case err != nil && providers.KindOf(err) != providers.NeedsUser:
						t.Fatalf("after %v: %v", time.Since(begin), err)
					case err != nil:
						failed++
					case !time.Now().Before(token.Expiry):
						t.Fatalf("after %v: an expired token", time.Since(begin))
					}
				}
				time.Sleep(30 * time.Second)
			}
			return failed
		}
		const day = 24 * time.Hour
		wantFailures := func(got, least, most int) {
			t.Helper()
			if got < least || got > most {
				t.Fatalf("after %v: %d calls failed, want %d to %d", time.Since(begin), got, least, most)
			}
		}

		wantFailures(ask(10*day), 0, 0)
		due := programs[0].Status()[0].RefreshAt
		wantFailures(ask(due.Sub(begin)-time.Minute), 0, 0)
		i.set(func(i *issuer) { i.err = &providers.Error{Kind: providers.Transient, Status: 503} })
		wantFailures(ask(time.Since(begin)+20*time.Minute), 0, 0)
		i.set(func(i *issuer) { i.err = nil })
		wantFailures(ask(20*day), 0, 0)

		i.revoke()
		before := len(i.used)
		wantFailures(ask(20*day+2*time.Hour), 2*60, 2*2*120) // once the last token has expired
		if n := len(i.used) - before; n > 2*2*13 {
			t.Errorf("%d requests with a dead grant in two hours", n)
		}
		if err := providers.SaveGrant(context.Background(), s, key, providers.Response{Grant: i.signIn()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		wantFailures(ask(30*day), 0, 0)
		if n := len(i.used); n > 30*24*2 {
			t.Errorf("%d requests in 30 days", n)
		}
	})
}
