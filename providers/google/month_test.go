package google_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// An unreliable transport answers for an authority that is out of order.
type unreliable struct {
	http.RoundTripper
	down atomic.Bool
}

func (u *unreliable) RoundTrip(r *http.Request) (*http.Response, error) {
	if !u.down.Load() {
		return u.RoundTripper.RoundTrip(r)
	}
	_ = r.Body.Close()
	return &http.Response{
		StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"30"}}, Request: r,
		Body: io.NopCloser(strings.NewReader("<html>Service Unavailable</html>")),
	}, nil
}

// A sendingMonth is a pool that sends all the time.
type sendingMonth struct {
	t      *testing.T
	server *mock.Server
	pool   *smtp.Pool
	sent   int
}

// until sends n messages at once, every so often, and returns the errors.
func (m *sendingMonth) until(end time.Time, every time.Duration, n int) (failures []error) {
	envelope := smtp.Envelope{From: mailbox, To: []string{"recipient@example.com"}}
	for time.Now().Before(end) {
		var all sync.WaitGroup
		errs := make([]error, n)
		for i := range errs {
			all.Go(func() {
				_, errs[i] = m.pool.Send(m.t.Context(), envelope, smtp.Bytes([]byte("Subject: x\r\n\r\nx\r\n")))
			})
		}
		all.Wait()
		for _, err := range errs {
			if err != nil {
				failures = append(failures, err)
			}
		}
		m.sent += len(m.server.TakeMessages())
		m.server.Forget()
		time.Sleep(every)
	}
	return failures
}

// TestMonth has a pool send for 30 days. Tokens last an hour, every third comes
// with another refresh token, the authority is out of order for 20 minutes when a
// renewal is due, and the user revokes the consent and signs in again after three
// hours. Of all that, the revocation alone reaches whoever sends.
func TestMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mock.StartAuthority(t, mock.AuthorityOptions{
			Network: mock.InMemory, Dialect: mock.GoogleOAuth, RotateRefresh: true, RotateEvery: 3,
		})
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Names: []string{"smtp.gmail.com"}, TLS: mock.ImplicitTLS, Tokens: a})
		client := a.HijackingClient()
		authority := &unreliable{RoundTripper: client.Transport}
		var mu sync.Mutex
		events := make(map[providers.EventKind]int)
		cache := providers.CacheOptions{
			Store: new(providers.MemoryStore), Key: "google/id/you",
			Early: 25 * time.Minute, // longer than the outage
			Events: func(e providers.Event) {
				mu.Lock()
				defer mu.Unlock()
				events[e.Kind]++
			},
		}
		first := a.Grant(mailbox)
		tokens, err := google.RefreshToken(testClient(), first, google.Options{
			HTTPClient: &http.Client{Transport: authority}, Cache: cache,
		})
		if err != nil {
			t.Fatal(err)
		}
		pool, err := smtp.NewPool(smtp.Config{
			Profile: profile.Gmail(), Auth: sasl.OAuth(mailbox, tokens), DialContext: s.Dial,
			TLSConfig: (&gmail{Server: s}).trust(),
		}, smtp.PoolOptions{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		m := &sendingMonth{t: t, server: s, pool: pool}
		const usual = 30 * time.Minute
		begin := time.Now()
		day := func(n int) time.Time { return begin.Add(time.Duration(n) * 24 * time.Hour) }
		quiet := func(failures []error) {
			t.Helper()
			if len(failures) > 0 {
				t.Fatalf("after %v: %d failures, the first: %v", time.Since(begin), len(failures), failures[0])
			}
		}

		quiet(m.until(day(10), usual, 1))
		quiet(m.until(time.Now().Add(2*time.Minute), time.Minute, 1)) // renews what is due
		quiet(m.until(tokens.Status()[0].RefreshAt, time.Minute, 1))
		authority.down.Store(true)
		quiet(m.until(time.Now().Add(20*time.Minute), time.Minute, 4))
		authority.down.Store(false)
		quiet(m.until(day(20), usual, 1))

		a.RevokeGrant(first) // and what has come out of it
		a.RevokeTokens(mailbox)
		before, mails := len(a.Requests()), m.sent
		failures := m.until(time.Now().Add(3*time.Hour), 5*time.Minute, 4)
		if len(failures) != 4*3*12 || m.sent != mails {
			t.Errorf("%d failures and %d messages without consent, want 144 and none", len(failures), m.sent-mails)
		}
		for _, err := range failures {
			var failure *providers.Error
			if !errors.As(err, &failure) || failure.Kind != providers.NeedsUser {
				t.Fatalf("error %v, want one for the user", err)
			}
		}
		if n := len(a.Requests()) - before; n > 3*12+1 {
			t.Errorf("%d requests with a dead grant in three hours", n)
		}

		// The user signs in again.
		if err := providers.SaveGrant(context.Background(), cache.Store, cache.Key, providers.Response{Grant: a.Grant(mailbox)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // the sign-in is not tried again at once
		quiet(m.until(day(30), usual, 1))

		mu.Lock()
		defer mu.Unlock()
		if want := (30*24 - 3 - 1) * 2; m.sent < want {
			t.Errorf("%d messages sent, want more than %d", m.sent, want)
		}
		renewed, rotated := events[providers.Renewed], events[providers.Rotated]
		if hours := 30 * 24; renewed < hours-4 || renewed > 2*hours || rotated < renewed/3-2 || rotated > renewed/3+1 {
			t.Errorf("%d renewals and %d rotations in 30 days", renewed, rotated)
		}
	})
}
