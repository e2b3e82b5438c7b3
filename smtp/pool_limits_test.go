package smtp_test

import (
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/smtp"
)

// A pool keeps to what its profile says, and uses all of it.
func TestPoolKeepsProfileLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits profile.Limits
		every  time.Duration // between two messages
		conns  int           // in all
		took   time.Duration
	}{
		"MaxConns":          {profile.Limits{MaxConns: 1}, 0, 1, 0},
		"MessagesPerMinute": {profile.Limits{MaxConns: 1, MessagesPerMinute: 2}, 0, 1, 2 * time.Minute},
		"MessagesPerConn":   {profile.Limits{MaxConns: 1, MessagesPerConn: 2}, 0, 3, 0},
		"SessionAge":        {profile.Limits{MaxConns: 1, SessionAge: 50 * time.Second}, 20 * time.Second, 2, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory})
				cfg := config(s, nil)
				cfg.Profile = &profile.Profile{Limits: c.limits}
				p := poolOf(t, cfg, smtp.PoolOptions{IdleTimeout: 5 * time.Minute})
				began := time.Now()
				for i := range 6 {
					_, err := p.Send(t.Context(), envelope, numbered(i))
					good(t, err)
					time.Sleep(c.every)
				}
				if took := time.Since(began).Truncate(time.Second); s.Connections() != c.conns || took != c.took {
					t.Errorf("%d connections and %v, want %d and %v", s.Connections(), took, c.conns, c.took)
				}
			})
		})
	}
}

// Each limit of a profile is either kept by a pool or for people to plan by, and
// its documentation says which: a new one has to be put into one of these lists.
func TestEveryProfileLimitIsKeptOrInformative(t *testing.T) {
	kept := []string{"MaxConns", "MessagesPerMinute", "MessagesPerConn", "SessionAge"}
	informative := []string{"MessageSize", "Recipients", "MessagesPerDay", "RecipientsPerDay"}
	var all []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[profile.Limits]()) {
		all = append(all, f.Name)
	}
	if want := slices.Concat(kept, informative); !slices.Equal(all, want) {
		t.Errorf("profile.Limits has %q, and the lists %q", all, want)
	}
}

// What is for people to plan by stops no message: the server decides.
func TestInformativeLimitsStopNothing(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	cfg := config(s, nil)
	cfg.Profile = &profile.Profile{Limits: profile.Limits{MessageSize: 1, Recipients: 1, MessagesPerDay: 1, RecipientsPerDay: 1}}
	for range 2 {
		_, err := smtp.Send(t.Context(), cfg, smtp.Envelope{From: user, To: []string{"a@example.com", "b@example.com"}}, message)
		good(t, err)
	}
	if n := len(s.Messages()); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}
