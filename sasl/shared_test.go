package sasl_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

const connections = 50

// A farm is a server with many connections. It takes one token and refuses all
// others, by turns with an error challenge and without.
type farm struct {
	good string

	mu      sync.Mutex
	auths   []auth
	refused map[string]time.Time // when a client first heard that a token is refused
}

type auth struct {
	connection int
	token      string
	time       time.Time
}

// A conduit is one connection to a farm.
type conduit struct {
	*farm
	number  int
	latency time.Duration
	token   string
}

func (c *conduit) Auth(_ context.Context, _ string, initial []byte) (sasl.Reply, error) {
	_, rest, _ := strings.Cut(string(initial), "auth=Bearer ")
	c.token = strings.TrimRight(rest, "\x01")
	c.mu.Lock()
	c.auths = append(c.auths, auth{c.number, c.token, time.Now()})
	c.mu.Unlock()
	time.Sleep(c.latency)
	if c.token == c.good {
		return sasl.Reply{}, nil
	}
	if c.number%2 == 0 {
		return sasl.Reply{More: true, Challenge: []byte(errorJSON)}, nil
	}
	return c.refuse()
}

func (c *conduit) Respond(context.Context, []byte) (sasl.Reply, error) { return c.refuse() }

func (c *conduit) Cancel(context.Context) (sasl.Reply, error) {
	return sasl.Reply{}, errors.New("test: cancelled")
}

func (c *conduit) refuse() (sasl.Reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.refused[c.token]; !ok {
		c.refused[c.token] = time.Now()
	}
	return sasl.Reply{Verdict: replyCode(535)}, nil
}

// signIn runs a on all connections at once and returns their errors. Connection
// n starts after n times stagger.
func (f *farm) signIn(ctx context.Context, a *sasl.Authenticator, stagger time.Duration) []error {
	f.refused = map[string]time.Time{}
	errs := make([]error, connections)
	var wg sync.WaitGroup
	for n := range connections {
		wg.Go(func() {
			time.Sleep(time.Duration(n) * stagger)
			_, errs[n] = a.Authenticate(ctx, secure("XOAUTH2"), &conduit{farm: f, number: n, latency: 100 * time.Millisecond})
		})
	}
	wg.Wait()
	return errs
}

// check fails the test if a token was sent after its refusal was known, or twice
// on one connection.
func (f *farm) check(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, a := range f.auths {
		if at, ok := f.refused[a.token]; ok && a.time.After(at) {
			t.Errorf("connection %d sent %s %v after its refusal was known", a.connection, a.token, a.time.Sub(at))
		}
		key := fmt.Sprint(a.connection, a.token)
		if seen[key] {
			t.Errorf("connection %d sent %s twice", a.connection, a.token)
		}
		seen[key] = true
	}
}

func (f *farm) sent(token string) (n int) {
	for _, a := range f.auths {
		if a.token == token {
			n++
		}
	}
	return n
}

// A cache is a generator with a token of its own that it renews on demand, one
// caller at a time. Its lock is a channel, which a bubble of synctest understands.
type cache struct {
	lock     chan struct{}
	token    string
	renewals int
}

func newCache() *cache { return &cache{lock: make(chan struct{}, 1), token: token} }

func (c *cache) Token(_ context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	c.lock <- struct{}{}
	defer func() { <-c.lock }()
	if req.Rejected.Matches(bearer(c.token)) {
		time.Sleep(time.Second)
		c.renewals++
		c.token = renewed
	}
	return bearer(c.token), nil
}

// A source is a plain function: it knows nothing of refusals and returns what it
// has each time, after a while.
type source struct {
	mu    sync.Mutex
	until time.Time // when the first token is replaced by the second
	late  int       // calls since
}

func (s *source) get(context.Context) (string, error) {
	s.mu.Lock()
	old := time.Now().Before(s.until)
	if !old {
		s.late++
	}
	s.mu.Unlock()
	if old {
		return token, nil
	}
	time.Sleep(time.Second)
	return renewed, nil
}

func TestFiftyConnections(t *testing.T) {
	for _, stagger := range []time.Duration{0, time.Millisecond, 30 * time.Millisecond} {
		t.Run(fmt.Sprintf("caching generator, %v apart", stagger), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				generator := newCache()
				f := &farm{good: renewed}
				for n, err := range f.signIn(t.Context(), sasl.OAuth(user, generator), stagger) {
					if err != nil {
						t.Errorf("connection %d: %v", n, err)
					}
				}
				f.check(t)
				if generator.renewals != 1 || f.sent(renewed) != connections {
					t.Errorf("%d renewals, %d times the new token, want 1 and %d", generator.renewals, f.sent(renewed), connections)
				}
			})
		})
	}

	t.Run("plain function", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &source{until: time.Now().Add(50 * time.Millisecond)}
			f := &farm{good: renewed}
			for n, err := range f.signIn(t.Context(), sasl.OAuth(user, sasl.TokenString(s.get)), 0) {
				if err != nil {
					t.Errorf("connection %d: %v", n, err)
				}
			}
			f.check(t)
			if s.late != 1 || f.sent(token) != connections || f.sent(renewed) != connections {
				t.Errorf("%d calls for the new token, sent %d and %d times", s.late, f.sent(token), f.sent(renewed))
			}
		})
	})

	for _, stagger := range []time.Duration{0, 30 * time.Millisecond} {
		t.Run(fmt.Sprintf("static token, %v apart", stagger), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &farm{good: renewed}
				for n, err := range f.signIn(t.Context(), sasl.OAuth(user, sasl.StaticToken(token)), stagger) {
					if !errors.Is(err, sasl.ErrNoOtherToken) || !errors.Is(err, sasl.ErrRejected) {
						t.Errorf("connection %d: %v", n, err)
					}
				}
				f.check(t)
				if stagger == 0 && f.sent(token) != connections {
					t.Errorf("sent %d times", f.sent(token))
				}
			})
		})
	}

	t.Run("every token refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			generator := newCache()
			f := &farm{good: "none"}
			a := sasl.OAuth(user, generator)
			for n, err := range f.signIn(t.Context(), a, 30*time.Millisecond) {
				if !errors.Is(err, sasl.ErrRejected) {
					t.Errorf("connection %d: %v", n, err)
				}
			}
			f.check(t)
			before := len(f.auths)
			for n, err := range f.signIn(t.Context(), a, 0) {
				var cool *sasl.CoolDownError
				if !errors.As(err, &cool) {
					t.Errorf("connection %d: %v, want a CoolDownError", n, err)
				}
			}
			if len(f.auths) != before || generator.renewals != 1 {
				t.Errorf("%d more sign-ins during the cool-down, %d renewals", len(f.auths)-before, generator.renewals)
			}
		})
	})
}

// A leader asks the generator on behalf of others. In these tests what happens
// to it is its own affair.
type leader struct {
	fate  func(context.Context) // what happens in the first renewal
	mu    sync.Mutex
	calls int // renewals
}

func (l *leader) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	if req.Rejected == nil {
		return bearer(token), nil
	}
	l.mu.Lock()
	l.calls++
	first := l.calls == 1
	l.mu.Unlock()
	time.Sleep(time.Second) // all others queue up
	if first {
		l.fate(ctx)
	}
	return bearer(renewed), ctx.Err()
}

type cancelKey struct{}

func TestLeaderCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		generator := &leader{fate: func(ctx context.Context) { ctx.Value(cancelKey{}).(context.CancelFunc)() }}
		a := sasl.OAuth(user, generator)
		f := &farm{good: renewed, refused: map[string]time.Time{}}
		errs := make([]error, connections)
		var wg sync.WaitGroup
		for n := range connections {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ctx = context.WithValue(ctx, cancelKey{}, cancel)
				_, errs[n] = a.Authenticate(ctx, secure("XOAUTH2"), &conduit{farm: f, number: n, latency: time.Second})
			})
		}
		wg.Wait()
		failed := 0
		for _, err := range errs {
			if err != nil {
				failed++
				wantErrors(t, err, context.Canceled, sasl.ErrRejected)
			}
		}
		if failed != 1 || generator.calls != 2 {
			t.Errorf("%d connections failed after %d renewals, want 1 and 2", failed, generator.calls)
		}
		f.check(t)
	})
}

func TestLeaderPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		generator := &leader{fate: func(context.Context) { panic("generator") }}
		a := sasl.OAuth(user, generator)
		f := &farm{good: renewed, refused: map[string]time.Time{}}
		errs := make([]error, connections)
		var wg sync.WaitGroup
		for n := range connections {
			wg.Go(func() {
				defer func() {
					if p := recover(); p != nil {
						errs[n] = errors.New(p.(string))
					}
				}()
				_, errs[n] = a.Authenticate(t.Context(), secure("XOAUTH2"), &conduit{farm: f, number: n, latency: time.Second})
			})
		}
		wg.Wait()
		failed := 0
		for _, err := range errs {
			if err != nil {
				failed++
			}
		}
		if failed != 1 || generator.calls != 2 {
			t.Errorf("%d connections failed after %d renewals, want 1 and 2", failed, generator.calls)
		}
	})
}

// A connection that waits for another one's renewal leaves when its own context
// ends.
func TestFollowerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		generator := &leader{fate: func(context.Context) { <-release }}
		a := sasl.OAuth(user, generator)
		f := &farm{good: renewed, refused: map[string]time.Time{}}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := a.Authenticate(t.Context(), secure("XOAUTH2"), &conduit{farm: f, number: 1, latency: time.Second}); err != nil {
				t.Errorf("leader: %v", err)
			}
		})
		time.Sleep(1500 * time.Millisecond) // the leader has been refused and asks
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute/2)
		defer cancel()
		start := time.Now()
		_, err := a.Authenticate(ctx, secure("XOAUTH2"), &conduit{farm: f, number: 2})
		wantErrors(t, err, context.DeadlineExceeded)
		if waited := time.Since(start); waited != time.Minute/2 {
			t.Errorf("waited %v", waited)
		}
		close(release)
		wg.Wait()
		if generator.calls != 1 {
			t.Errorf("%d renewals", generator.calls)
		}
	})
}
