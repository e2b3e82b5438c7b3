package providers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A pickyIssuer is an issuer after it has lost its memory of all grants but one.
type pickyIssuer struct {
	*issuer
	good    string
	refused int
}

func (p *pickyIssuer) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	if req.Grant.Reveal() != p.good {
		p.refused++
		return providers.Response{}, revoked()
	}
	p.set(func(i *issuer) { i.lenient = true })
	return p.issuer.Fetch(ctx, req)
}

// TestProgramsShareTokens shows that of programs with one Store one asks the
// authority, in the beginning, at expiry and after a refusal.
func TestProgramsShareTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, s, a := &issuer{rotate: 1}, new(providers.MemoryStore), new(audience)
		programs := []*providers.Cache{stored(i, s, a), stored(i, s, a), stored(i, s, a)}
		all := func(req sasl.TokenRequest, token string) {
			t.Helper()
			for _, p := range programs {
				wantAll(t, together(t, p, 10, req), token)
			}
		}
		all(sasl.TokenRequest{}, "t1")
		a.want(t, providers.Renewed, providers.Rotated, providers.Shared, providers.Shared)
		time.Sleep(2 * time.Hour)
		all(sasl.TokenRequest{}, "t2")
		all(rejection("t2"), "t3")
		for _, p := range programs { // too soon for all, not only for who renewed it
			wantError(t, p, rejection("t2", "t3"), sasl.ErrNoOtherToken)
		}
		late := stored(i, s, a) // a program that starts only now
		wantError(t, late, rejection("t2", "t3"), sasl.ErrNoOtherToken)
		want(t, late, sasl.TokenRequest{}, "t3") // it may do for another mailbox
		i.wantUsed(t, "grant-1", "grant-2", "grant-3")

		time.Sleep(time.Minute)
		programs = append(programs, late)
		all(rejection("t2", "t3"), "t4")
	})
}

// TestLateProgram shows that a program which starts when a renewal is near renews
// the token, for itself and for the others.
func TestLateProgram(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, s, a := new(issuer), new(providers.MemoryStore), new(audience)
		early := stored(i, s, a)
		want(t, early, sasl.TokenRequest{}, "t1")
		time.Sleep(54 * time.Minute)
		want(t, stored(i, s, a), sasl.TokenRequest{}, "t1")
		time.Sleep(2 * time.Minute)
		want(t, stored(i, s, a), sasl.TokenRequest{}, "t2")
		want(t, early, sasl.TokenRequest{}, "t1") // looks at the record meanwhile
		synctest.Wait()
		want(t, early, sasl.TokenRequest{}, "t2")
		i.wantUsed(t, "grant-1", "grant-1")
	})
}

// TestSignInAgain shows that a program whose grant is dead asks nobody until
// somebody signs in again, and then goes on within a second.
func TestSignInAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, s := new(issuer), new(providers.MemoryStore)
		i.revoke()
		save := func(g sasl.Secret) {
			if err := providers.SaveGrant(t.Context(), s, key, providers.Response{Grant: g}); err != nil {
				t.Fatal(err)
			}
		}
		save(grant(1))
		cache := providers.NewCache(i, providers.CacheOptions{Store: s, Key: key})
		for range 250 {
			wantKind(t, cache, providers.NeedsUser)
			time.Sleep(time.Second)
		}
		i.wantUsed(t, "grant-1")
		if n := cache.Status()[0].Failures; n != 1 {
			t.Errorf("Status: %d failures although one request failed", n)
		}

		save(i.signIn())
		time.Sleep(time.Second)
		want(t, cache, sasl.TokenRequest{}, "t1")
		i.wantUsed(t, "grant-1", "grant-2")
	})
}

// TestSignInDuringRequest shows that a new sign-in is not overwritten by what
// came of the old one.
func TestSignInDuringRequest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, a := &issuer{rotate: 1}, new(audience)
		s := &brokenStore{Store: new(providers.MemoryStore), save: errors.New("disk full")}
		cache := stored(i, s, a)
		want(t, cache, sasl.TokenRequest{}, "t1")
		s.set(func(s *brokenStore) { s.save = nil })
		fresh := providers.Response{Grant: sasl.NewSecret("fresh")}
		if err := providers.SaveGrant(t.Context(), s, key, fresh); err != nil {
			t.Fatal(err)
		}
		if err := cache.Close(); err != nil {
			t.Fatal(err)
		}
		a.want(t, providers.Renewed, providers.SaveFailed, providers.Superseded)
		next := providers.NewCache(&pickyIssuer{issuer: i, good: "fresh"}, providers.CacheOptions{Store: s, Key: key})
		want(t, next, sasl.TokenRequest{}, "t2")
	})
}

// TestLockLost shows that somebody who writes without the lock, or after this
// program has lost it, is not overwritten, unless what he wrote is older.
func TestLockLost(t *testing.T) {
	tests := []struct {
		name   string
		writes sasl.Secret // the grant that somebody writes during the request
		events []providers.EventKind
		next   string // the grant that the next program uses
	}{
		{"a new sign-in", sasl.NewSecret("fresh"), []providers.EventKind{providers.Renewed, providers.Superseded}, "fresh"},
		{"the grant of before", grant(1), []providers.EventKind{providers.Renewed, providers.Rotated}, "grant-2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				elsewhere, s, a := new(providers.MemoryStore), new(providers.MemoryStore), new(audience)
				for store, g := range map[providers.Store]sasl.Secret{elsewhere: tt.writes, s: grant(1)} {
					if err := providers.SaveGrant(t.Context(), store, key, providers.Response{Grant: g}); err != nil {
						t.Fatal(err)
					}
				}
				i := &issuer{rotate: 1}
				intruded := providers.FetcherFunc(func(ctx context.Context, req providers.Request) (providers.Response, error) {
					written, _, _ := elsewhere.Load(ctx, key)
					_, version, _ := s.Load(ctx, key)
					if _, err := s.Save(ctx, key, written, version); err != nil {
						t.Error(err)
					}
					return i.Fetch(ctx, req)
				})
				cache := providers.NewCache(intruded, providers.CacheOptions{Store: s, Key: key, Events: a.hear})
				want(t, cache, sasl.TokenRequest{}, "t1")
				synctest.Wait()
				a.want(t, tt.events...)

				next := &pickyIssuer{issuer: i, good: tt.next}
				want(t, providers.NewCache(next, providers.CacheOptions{Store: s, Key: key}), rejection("t1"), "t2")
				if next.refused != 0 {
					t.Errorf("the next program used another grant than %s", tt.next)
				}
			})
		})
	}
}

// TestGrantConfiguredAnew shows that a grant which was configured takes the place
// of a stored one that did not come out of it.
func TestGrantConfiguredAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, s := &issuer{rotate: 1}, new(providers.MemoryStore)
		want(t, stored(i, s, new(audience)), sasl.TokenRequest{}, "t1")
		anew := i.signIn
		i.revoke()
		cache := providers.NewCache(i, providers.CacheOptions{Store: s, Key: key, Grant: anew()})
		want(t, cache, sasl.TokenRequest{}, "t2")
		i.wantUsed(t, "grant-1", "grant-3")
	})
}

// TestStoreFails shows that a token is served while the Store is out of order,
// and that no grant is used without its lock.
func TestStoreFails(t *testing.T) {
	down := errors.New("connection refused")
	for name, fail := range map[string]func(*brokenStore){
		"Lock": func(s *brokenStore) { s.holds = down },
		"Load": func(s *brokenStore) { s.load = down },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				i, s := new(issuer), &brokenStore{Store: new(providers.MemoryStore)}
				cache := stored(i, s, new(audience))
				want(t, cache, sasl.TokenRequest{}, "t1")
				s.set(fail)
				time.Sleep(57 * time.Minute)
				want(t, cache, sasl.TokenRequest{}, "t1")
				time.Sleep(10 * time.Minute)
				wantError(t, cache, sasl.TokenRequest{}, down)
				wantKind(t, cache, providers.Transient)
				i.wantUsed(t, "grant-1")
			})
		})
	}
	t.Run("record", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			s := new(providers.MemoryStore)
			if _, err := s.Save(t.Context(), key, sasl.NewSecret("{"), ""); err != nil {
				t.Fatal(err)
			}
			wantKind(t, stored(new(issuer), s, new(audience)), providers.Misconfigured)
		})
	})
	t.Run("held too long", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			s := new(providers.MemoryStore)
			unlock, err := s.Lock(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			_, err = stored(new(issuer), s, new(audience)).Token(t.Context(), sasl.TokenRequest{})
			if providers.KindOf(err) != providers.Transient || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(fmt.Sprint(err), "lock") {
				t.Errorf("error %v, want a transient one about the lock, not the caller's deadline", err)
			}
			if err := unlock(); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("no key", func(t *testing.T) {
		s := new(providers.MemoryStore)
		wantKind(t, providers.NewCache(new(issuer), providers.CacheOptions{Store: s}), providers.Misconfigured)
	})
	t.Run("no fetcher", func(t *testing.T) {
		wantKind(t, providers.NewCache(nil, providers.CacheOptions{}), providers.Misconfigured)
	})
}

// TestStoredTokenDuringOutage shows that a program which starts while the
// authority is out of order serves what the one before it has left.
func TestStoredTokenDuringOutage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, s := new(issuer), new(providers.MemoryStore)
		want(t, stored(i, s, new(audience)), sasl.TokenRequest{}, "t1")
		down := &providers.Error{Kind: providers.Transient, Status: 503}
		i.set(func(i *issuer) { i.err = down })
		time.Sleep(58 * time.Minute) // a renewal is due
		next := stored(i, s, new(audience))
		want(t, next, sasl.TokenRequest{}, "t1")
		time.Sleep(3 * time.Minute)
		wantError(t, next, sasl.TokenRequest{}, down)
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i, s := &issuer{rotate: 1}, new(providers.MemoryStore)
		cache := stored(i, s, new(audience))
		waiting := make(chan []string)
		go func() { waiting <- together(t, cache, 1, sasl.TokenRequest{}) }()
		synctest.Wait()
		if err := cache.Close(); err != nil { // waits: the grant is being replaced
			t.Error(err)
		}
		if _, err := providers.Inspect(t.Context(), s, key); err != nil {
			t.Errorf("after Close: %v", err)
		}
		wantAll(t, <-waiting, "t1")
		wantError(t, cache, sasl.TokenRequest{}, providers.ErrClosed)
		if err := cache.Close(); err != nil {
			t.Errorf("the second Close: %v", err)
		}
		want(t, stored(i, s, new(audience)), sasl.TokenRequest{}, "t1")
		i.wantUsed(t, "grant-1")
	})
}

func TestInspect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := new(providers.MemoryStore)
		if _, err := providers.Inspect(t.Context(), s, key); !errors.Is(err, providers.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
		began := time.Now()
		want(t, stored(&issuer{rotate: 1}, s, new(audience)), sasl.TokenRequest{}, "t1")
		got, err := providers.Inspect(t.Context(), s, key)
		if err != nil {
			t.Fatal(err)
		}
		if grant, err := providers.LoadGrant(t.Context(), s, key); err != nil || grant.Reveal() != "grant-2" {
			t.Errorf("grant %q, %v, want the second", grant.Reveal(), err)
		}
		if _, err := providers.LoadGrant(t.Context(), s, "another"); !errors.Is(err, providers.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
		if !got.Grant || !got.Unproven || !got.GrantedAt.Equal(began.Add(time.Second)) || !got.Expiry.Equal(began.Add(time.Hour+time.Second)) {
			t.Errorf("%+v", got)
		}
	})
}
