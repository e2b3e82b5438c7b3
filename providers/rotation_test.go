package providers_test

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

const key = "test/client/you@example.com"

func stored(i providers.Fetcher, s providers.Store, a *audience) *providers.Cache {
	return providers.NewCache(i, providers.CacheOptions{Store: s, Key: key, Grant: grant(1), Events: a.hear})
}

// TestRotation shows that a grant which the authority replaced is used from then
// on, and by the next program.
func TestRotation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, s, a := &issuer{rotate: 1}, new(providers.MemoryStore), new(audience)
		cache := stored(i, s, a)
		want(t, cache, sasl.TokenRequest{}, "t1")
		synctest.Wait()
		a.want(t, providers.Renewed, providers.Rotated)
		time.Sleep(2 * time.Hour)
		want(t, cache, sasl.TokenRequest{}, "t2")

		next := stored(i, s, a) // with the grant that was configured, which is used up
		want(t, next, sasl.TokenRequest{}, "t2")
		time.Sleep(2 * time.Hour)
		want(t, next, sasl.TokenRequest{}, "t3")
		i.wantUsed(t, "grant-1", "grant-2", "grant-3")
	})
}

func TestRotationInMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i := &issuer{rotate: 1}
		cache := providers.NewCache(i, providers.CacheOptions{Grant: grant(1)})
		for _, token := range []string{"t1", "t2", "t3"} {
			want(t, cache, sasl.TokenRequest{}, token)
			time.Sleep(2 * time.Hour)
		}
		i.wantUsed(t, "grant-1", "grant-2", "grant-3")
	})
}

// TestSavedBeforeUse shows that nobody has the token before the grant that came
// with it is saved.
func TestSavedBeforeUse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, s := &issuer{rotate: 1}, new(providers.MemoryStore)
		want(t, stored(i, s, new(audience)), sasl.TokenRequest{}, "t1")
		// Another program starts at that very moment.
		want(t, stored(i, s, new(audience)), rejection("t1"), "t2")
		i.wantUsed(t, "grant-1", "grant-2")
	})
}

// TestFailedSave shows that the token is of use although the grant cannot be
// saved, and that saving is tried again.
func TestFailedSave(t *testing.T) {
	full := errors.New("disk full")
	t.Run("until it works", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			i, a := &issuer{rotate: 1}, new(audience)
			s := &brokenStore{Store: new(providers.MemoryStore), save: full}
			cache := stored(i, s, a)
			want(t, cache, sasl.TokenRequest{}, "t1")
			synctest.Wait()
			a.want(t, providers.Renewed, providers.SaveFailed)
			if got := cache.Status()[0].Unsaved; !errors.Is(got, full) {
				t.Errorf("Status: unsaved because of %v, want %v", got, full)
			}
			if n := s.tries(); n != 3 {
				t.Errorf("%d tries to save, want 3", n)
			}

			want(t, cache, sasl.TokenRequest{}, "t1") // too soon for another try
			synctest.Wait()
			a.want(t)
			s.set(func(s *brokenStore) { s.save = nil })
			time.Sleep(2 * time.Second)
			want(t, cache, sasl.TokenRequest{}, "t1")
			synctest.Wait()
			a.want(t, providers.Saved, providers.Rotated)
			if got := cache.Status()[0].Unsaved; got != nil {
				t.Errorf("Status: still unsaved because of %v", got)
			}
			want(t, stored(i, s, a), rejection("t1"), "t2")
			i.wantUsed(t, "grant-1", "grant-2")
		})
	})
	t.Run("that has happened after all", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			i, a := &issuer{rotate: 1}, new(audience)
			cache := stored(i, deceptiveStore{new(providers.MemoryStore)}, a)
			want(t, cache, sasl.TokenRequest{}, "t1")
			synctest.Wait()
			a.want(t, providers.Renewed, providers.Rotated)
		})
	})
	t.Run("though the old record is written again", func(t *testing.T) { // as when keys are changed
		bubble(t, func(t *testing.T) {
			i, a := &issuer{rotate: 1}, new(audience)
			s := &brokenStore{Store: new(providers.MemoryStore), save: full}
			if err := providers.SaveGrant(t.Context(), s.Store, key, providers.Response{Grant: grant(1)}); err != nil {
				t.Fatal(err)
			}
			cache := stored(i, s, a)
			want(t, cache, sasl.TokenRequest{}, "t1")
			data, version, err := s.Store.Load(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Store.Save(t.Context(), key, data, version); err != nil {
				t.Fatal(err)
			}
			s.set(func(s *brokenStore) { s.save = nil })
			if err := cache.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			want(t, stored(i, s, a), rejection("t1"), "t2")
			i.wantUsed(t, "grant-1", "grant-2")
		})
	})
	t.Run("until the next token", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			i, a := &issuer{rotate: 1}, new(audience)
			s := &brokenStore{Store: new(providers.MemoryStore), save: full}
			cache := stored(i, s, a)
			want(t, cache, sasl.TokenRequest{}, "t1")
			time.Sleep(2 * time.Hour)
			want(t, cache, sasl.TokenRequest{}, "t2")
			i.wantUsed(t, "grant-1", "grant-2")
			s.set(func(s *brokenStore) { s.save = nil })
			if err := cache.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			next := stored(i, s, a)
			want(t, next, sasl.TokenRequest{}, "t2")
		})
	})
	t.Run("for good", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			s := &brokenStore{Store: new(providers.MemoryStore), save: full}
			cache := stored(&issuer{rotate: 1}, s, new(audience))
			for range 120 {
				want(t, cache, sasl.TokenRequest{}, "t1")
				synctest.Wait()
				time.Sleep(10 * time.Second)
			}
			if n := s.tries(); n > 3*30 {
				t.Errorf("%d tries to save in 20 minutes", n)
			}
			if err := cache.Close(); !errors.Is(err, full) {
				t.Errorf("Close: %v, want %v", err, full)
			}
		})
	})
}

// TestPreviousGrant shows what happens if the grant in the Store, which was never
// used, is refused: as after a crash of the authority before it kept the grant.
func TestPreviousGrant(t *testing.T) {
	rotated := func(t *testing.T) (*issuer, providers.Store, *audience) {
		i, s, a := &issuer{rotate: 1}, new(providers.MemoryStore), new(audience)
		want(t, stored(i, s, a), sasl.TokenRequest{}, "t1")
		time.Sleep(2 * time.Hour)
		a.want(t, providers.Renewed, providers.Rotated)
		return i, s, a
	}
	t.Run("is good", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			i, s, a := rotated(t)
			previous := &pickyIssuer{issuer: i, good: "grant-1"}
			want(t, stored(previous, s, a), sasl.TokenRequest{}, "t2")
			synctest.Wait()
			a.want(t, providers.Recovered, providers.Renewed, providers.Rotated)
			if previous.refused != 1 {
				t.Errorf("%d refusals, want 1", previous.refused)
			}
		})
	})
	t.Run("is no good", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			i, s, a := rotated(t)
			i.revoke()
			wantKind(t, stored(i, s, a), providers.NeedsUser)
			i.wantUsed(t, "grant-1", "grant-2", "grant-1")
			wantKind(t, stored(i, s, a), providers.NeedsUser)
			i.wantUsed(t, "grant-1", "grant-2", "grant-1", "grant-2")
		})
	})
	t.Run("is not tried by who got the grant", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			i := &issuer{rotate: 1}
			cache := stored(i, new(providers.MemoryStore), new(audience))
			want(t, cache, sasl.TokenRequest{}, "t1")
			i.revoke()
			time.Sleep(2 * time.Hour)
			wantKind(t, cache, providers.NeedsUser)
			i.wantUsed(t, "grant-1", "grant-2")
		})
	})
	t.Run("is gone once the grant has been used", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			i, s, a := rotated(t)
			i.set(func(i *issuer) { i.rotate = 0 })
			want(t, stored(i, s, a), sasl.TokenRequest{}, "t2")
			i.revoke()
			time.Sleep(2 * time.Hour)
			wantKind(t, stored(i, s, a), providers.NeedsUser)
			i.wantUsed(t, "grant-1", "grant-2", "grant-2")
		})
	})
}

// A deceptiveStore saves what it says it has not saved.
type deceptiveStore struct{ providers.Store }

func (s deceptiveStore) Save(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
	_, err := s.Store.Save(ctx, name, data, old)
	return "", cmp.Or(err, errors.New("the answer was lost"))
}
