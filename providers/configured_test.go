package providers_test

import (
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestSignInOverConfiguration shows which grant counts if one was configured and
// somebody signs in: whichever is news.
func TestSignInOverConfiguration(t *testing.T) {
	signIn := func(t *testing.T, s providers.Store, n int) {
		t.Helper()
		if err := providers.SaveGrant(t.Context(), s, key, providers.Response{Grant: grant(n)}); err != nil {
			t.Fatal(err)
		}
	}
	configured := func(i *issuer, s providers.Store, n int) *providers.Cache {
		return providers.NewCache(i, providers.CacheOptions{Store: s, Key: key, Grant: grant(n)})
	}
	bubble(t, func(t *testing.T) {
		i, s := &issuer{lenient: true}, new(providers.MemoryStore)
		cache := configured(i, s, 1)
		want(t, cache, sasl.TokenRequest{}, "t1")
		signIn(t, s, 2)
		time.Sleep(2 * time.Hour)
		want(t, cache, sasl.TokenRequest{}, "t2") // by what is running
		time.Sleep(2 * time.Hour)
		want(t, configured(i, s, 1), sasl.TokenRequest{}, "t3") // and by the next program
		signIn(t, s, 3)
		want(t, configured(i, s, 1), sasl.TokenRequest{}, "t4")
		want(t, configured(i, s, 4), sasl.TokenRequest{}, "t5") // the configuration is changed
		time.Sleep(2 * time.Hour)
		want(t, configured(i, s, 4), sasl.TokenRequest{}, "t6")
		i.wantUsed(t, "grant-1", "grant-2", "grant-2", "grant-3", "grant-4", "grant-4")
	})
}
