package smtp_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A census counts connections that are open at the same time.
type census struct {
	mu        sync.Mutex
	open, top int
	dial      func(context.Context, string, string) (net.Conn, error)
}

func (c *census) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	n, err := c.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.add(1)
	return &counted{Conn: n, gone: sync.OnceFunc(func() { c.add(-1) })}, nil
}

func (c *census) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open += n
	c.top = max(c.top, c.open)
}

// peak returns the most that were open at once since it was called last, when all
// is quiet.
func (c *census) peak() int {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.top = c.open }()
	return c.top
}

type counted struct {
	net.Conn
	gone func()
}

func (c *counted) Close() error { c.gone(); return c.Conn.Close() }

// persona returns a server with the manners of a service, and a configuration by
// the profile of that service for a user whose tokens are good.
func persona(t *testing.T, known *profile.Profile, o mock.Options, a *mock.Authority) (*mock.Server, smtp.Config, *census) {
	o.Network = mock.InMemory
	s := mock.Start(t, o)
	c := &census{dial: s.Dial}
	tokens := sasl.TokenString(func(context.Context) (string, error) { return a.Issue(user, 0).Value.Reveal(), nil })
	return s, smtp.Config{
		Profile: known, TLSConfig: s.TLSConfig(), DialContext: c.Dial, Auth: sasl.OAuth(user, tokens), LocalName: "client.example.com",
	}, c
}

// Microsoft 365 takes 3 connections and 30 messages a minute. With its profile,
// neither is ever exceeded, however many messages there are.
func TestPoolMicrosoft365(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.MicrosoftOAuth})
		s, cfg, census := persona(t, profile.Microsoft365(), mock.Microsoft365(a), a)
		p := poolOf(t, cfg, smtp.PoolOptions{MaxConns: 20, MessagesPerConn: 7})
		var (
			mu    sync.Mutex
			times []time.Time
			all   sync.WaitGroup
		)
		for i := range 100 {
			all.Go(func() {
				_, err := p.Send(t.Context(), envelope, numbered(i))
				good(t, err)
				mu.Lock()
				defer mu.Unlock()
				times = append(times, time.Now())
			})
		}
		all.Wait()
		slices.SortFunc(times, time.Time.Compare)
		for i := 30; i < len(times); i++ {
			if within := times[i].Sub(times[i-30]); within < time.Minute {
				t.Errorf("31 messages within %v", within)
			}
		}
		if took := times[99].Sub(times[0]); took < 3*time.Minute || took > 3*time.Minute+time.Second {
			t.Errorf("100 messages took %v", took)
		}
		if peak := census.peak(); peak > 3 || p.Stats().Throttled != 0 {
			t.Errorf("%d connections at once, %+v", peak, p.Stats())
		}
		for _, session := range s.Sessions() {
			for _, c := range session.Commands {
				if c.Code >= 400 {
					t.Errorf("%s was answered by %d", c.Verb, c.Code)
				}
			}
		}
	})
}

// Where others use the account, too, its limit is found out by being refused, and
// a message that was refused is its sender's to send again.
func TestPoolMicrosoft365Shared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.MicrosoftOAuth})
		o := mock.Microsoft365(a)
		o.Limits.Connections = 1
		o.Faults = []mock.Fault{slow()}
		_, cfg, census := persona(t, profile.Microsoft365(), o, a)
		p := poolOf(t, cfg, smtp.PoolOptions{})
		throttled := 0
		for _, err := range sendAll(t.Context(), p, 3) {
			if smtp.Classify(err) == smtp.Throttled {
				throttled++
			} else {
				good(t, err)
			}
		}
		peak, got := census.peak(), p.Stats()
		if throttled == 0 || peak > 3 || got.Throttled != 1 || got.Usable != 1 || got.Open != 1 || got.Idle != 1 || got.PausedUntil.IsZero() {
			t.Errorf("%d throttled, %d connections at once, %+v", throttled, peak, got)
		}
		_, err := p.Send(t.Context(), envelope, message)
		good(t, err)
		if peak := census.peak(); peak != 1 {
			t.Errorf("%d connections at once", peak)
		}
	})
}

// Gmail's 454 4.7.0 stops sign-ins for its time, and what was to be sent is sent.
func TestPoolGmail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.GoogleOAuth})
		o := mock.Gmail(a)
		o.Limits.SignInsPerMinute = 2
		s, cfg, census := persona(t, profile.Gmail(), o, a)
		p := poolOf(t, cfg, smtp.PoolOptions{MaxConns: 100, MessagesPerConn: 1})
		var refusals []time.Time
		began := time.Now()
		for i := range 10 {
			before := p.Stats().Throttled
			_, err := p.Send(t.Context(), envelope, numbered(i))
			good(t, err)
			if p.Stats().Throttled > before {
				refusals = append(refusals, time.Now())
			}
		}
		var accepted, refused int
		for _, auth := range s.Auths() {
			switch auth.Code {
			case 235:
				accepted++
			case 454:
				refused++
			default:
				t.Errorf("sign-in was answered by %d", auth.Code)
			}
		}
		peak := census.peak()
		if accepted != 10 || refused != 4 || len(refusals) != 4 || time.Since(began) < 4*time.Minute || peak > 10 {
			t.Errorf("%d accepted, %d refused at %v, %v in all, %d connections", accepted, refused, refusals, time.Since(began), peak)
		}
	})
}

// The conditions of the personas that a pool has to live with.
func TestPoolConditions(t *testing.T) {
	for _, c := range []struct {
		condition mock.Condition
		class     smtp.Class
		throttled bool
		most      int // connections, for 20 messages at once
	}{
		{mock.TooManySignIns, smtp.Throttled, true, 6},
		{mock.TryAgainLater, smtp.Throttled, true, 6},
		{mock.WebLoginRequired, smtp.Auth, false, 4},
		{mock.SMTPAuthDisabled, smtp.Auth, false, 3},
		{mock.ServiceNotActive, smtp.Throttled, true, 6},
	} {
		t.Run(fmt.Sprint(c.condition), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dialect, known, options := mock.GoogleOAuth, profile.Gmail(), mock.Gmail
				if c.condition > 100 {
					dialect, known, options = mock.MicrosoftOAuth, profile.Microsoft365(), mock.Microsoft365
				}
				a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: dialect})
				o := options(a, c.condition)
				o.Faults = []mock.Fault{slow()}
				s, cfg, _ := persona(t, known, o, a)
				p := poolOf(t, cfg, smtp.PoolOptions{MaxConns: 4})
				for _, err := range sendAll(t.Context(), p, 20) {
					if smtp.Classify(err) != c.class || !smtp.SafeToRetry(err) {
						t.Errorf("%v is %v", err, smtp.Classify(err))
					}
				}
				if n := s.Connections(); n > c.most || (p.Stats().Throttled > 0) != c.throttled {
					t.Errorf("%d connections; want no more than %d, %+v", n, c.most, p.Stats())
				}
			})
		})
	}
}
