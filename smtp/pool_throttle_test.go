package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Which replies slow a pool down, and which do not.
func TestPoolSlowsDown(t *testing.T) {
	for _, c := range []struct {
		point, enhanced string
		code            int
		slows           bool
	}{
		{"MAIL", "4.7.0", 421, true},
		{"MAIL", "4.3.2", 421, true},
		{"MAIL", "", 421, true},
		{"MAIL", "4.4.2", 421, false}, // that connection was idle or is old
		{"MAIL", "4.3.2", 432, true},
		{"MAIL", "4.7.1", 450, true},
		{"MAIL", "4.3.2", 451, true},
		{"MAIL", "4.3.0", 451, false},
		{"MAIL", "", 451, false},
		{"MAIL", "4.3.1", 452, false},
		{"MAIL", "5.7.1", 550, false},
		{"RCPT", "4.7.0", 421, true},
		{"RCPT", "4.7.1", 450, false}, // greylisting
		{"RCPT", "4.7.1", 451, false},
		{"RCPT", "4.3.2", 451, false},
		{"RCPT", "4.5.3", 452, false},
		{"RCPT", "4.3.2", 432, false},
		{"DATA", "4.7.0", 421, true},
		{"DATA", "4.7.0", 451, true},
		{"DATA", "4.3.2", 432, true},
		{"DATA", "4.3.0", 451, false},
		{"EOD", "4.7.0", 421, true},
		{"EOD", "4.7.28", 450, true},
		{"EOD", "4.3.2", 432, true},
		{"EOD", "4.3.2", 451, true},
		{"EOD", "4.2.0", 430, false},
		{"EOD", "4.2.2", 452, false},
		{"EOD", "5.7.1", 554, false},
	} {
		t.Run(fmt.Sprint(c.point, " ", c.code, " ", c.enhanced), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
					mock.At(c.point).Conn(1).Nth(2).Do(mock.Reply(c.code, c.enhanced, "not now")),
				}})
				p := newPool(t, s, smtp.PoolOptions{MaxConns: 8})
				_, err := p.Send(t.Context(), envelope, numbered(1))
				good(t, err)
				began := time.Now()
				result, err := p.Send(t.Context(), envelope, numbered(2))
				redialled := c.point == "MAIL" && c.code == 421
				if (err == nil) != redialled || result.Attempts != len(result.Warnings)+1 || !redialled && result.Attempts != 1 {
					t.Errorf("%+v, %v", result, err)
				}
				if err != nil && (smtp.Classify(err) == smtp.Throttled) != c.slows {
					t.Errorf("%v is %v", err, smtp.Classify(err))
				}
				got := p.Stats()
				if slowed := got.Throttled > 0; slowed != c.slows || (got.Usable < 8) != c.slows {
					t.Errorf("%+v", got)
				}
				_, err = p.Send(t.Context(), envelope, numbered(3))
				good(t, err)
				if paused := time.Since(began); c.slows != (paused >= time.Second && paused <= 3*time.Second/2) || !c.slows && paused != 0 {
					t.Errorf("paused for %v", paused)
				}
			})
		})
	}
}

// Pauses grow while the server goes on refusing.
func TestPoolPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			mock.At("MAIL").Do(mock.Reply(451, "4.7.0", "slow down")),
		}})
		p := newPool(t, s, smtp.PoolOptions{MaxConns: 8})
		began := time.Now()
		for range 5 { // at 0, 1, 3, 7, 15 s and more
			_, err := p.Send(t.Context(), envelope, message)
			if smtp.Classify(err) != smtp.Throttled {
				t.Fatalf("got %v", err)
			}
		}
		if took := time.Since(began); took < 15*time.Second || took > 23*time.Second {
			t.Errorf("5 refusals took %v", took)
		}
		if got := p.Stats(); got.Usable != 1 || got.Throttled != 5 || got.PausedUntil.IsZero() {
			t.Errorf("%+v", got)
		}
	})
}

// Connections come back one by one with what the server accepts.
func TestPoolRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			mock.At("MAIL").Conn(1).Nth(1).Do(mock.Reply(451, "4.7.0", "slow down")),
			mock.At("MAIL").Conn(1).Nth(2).Do(mock.Reply(451, "4.7.0", "slow down")),
		}})
		p := newPool(t, s, smtp.PoolOptions{MaxConns: 4})
		for range 2 {
			if _, err := p.Send(t.Context(), envelope, message); smtp.Classify(err) != smtp.Throttled {
				t.Fatalf("got %v", err)
			}
		}
		var usable []int
		for range 10 {
			_, err := p.Send(t.Context(), envelope, message)
			good(t, err)
			usable = append(usable, p.Stats().Usable)
		}
		// One more for as many messages as there are connections.
		if got, want := fmt.Sprint(usable), "[2 2 2 3 3 3 4 4 4 4]"; got != want {
			t.Errorf("connections %s; want %s", got, want)
		}
	})
}

// Refusals of messages that were on their way together are one.
func TestPoolCountsRefusalsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			mock.At("EOD").Nth(1).Before().Do(mock.Delay(time.Second)),
			mock.At("EOD").Nth(1).Do(mock.Reply(451, "4.7.0", "slow down")),
		}})
		p := newPool(t, s, smtp.PoolOptions{MaxConns: 8})
		for _, err := range sendAll(t.Context(), p, 8) {
			if smtp.Classify(err) != smtp.Throttled {
				t.Errorf("got %v", err)
			}
		}
		synctest.Wait() // connections that are too many say QUIT
		if got := p.Stats(); got.Throttled != 1 || got.Usable != 4 || got.Open != 4 {
			t.Errorf("%+v", got)
		}
	})
}

// Greylisted recipients do not slow the others.
func TestPoolGreylisting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			mock.At("RCPT").Sometimes(3, 0.5, mock.Reply(450, "4.7.1", "greylisted"), mock.Reply(452, "4.5.3", "too many")),
		}})
		p := newPool(t, s, smtp.PoolOptions{MaxConns: 3})
		began := time.Now()
		var refused int
		for _, err := range sendAll(t.Context(), p, 200) {
			if err != nil {
				refused++
				if smtp.Classify(err) != smtp.Temporary {
					t.Errorf("%v is %v", err, smtp.Classify(err))
				}
			}
		}
		if got := p.Stats(); refused == 0 || refused == 200 || time.Since(began) >= time.Second || got.Throttled != 0 || got.Usable != 3 {
			t.Errorf("%d refused in %v, %+v", refused, time.Since(began), got)
		}
	})
}

// A sign-in that is refused for now stops all others for its time, and those that
// are signed in go on.
func TestPoolStopsSignIns(t *testing.T) {
	for name, reply := range map[string]mock.Action{
		"454": mock.Reply(454, "4.7.0", "Too many login attempts"),
		"432": mock.Reply(432, "4.7.0", "not now"),
		"421": mock.Reply(421, "4.7.0", "not now"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Faults: []mock.Fault{
					mock.At("EOD").Conn(1).Before().Do(mock.Delay(time.Second)),
					mock.At("AUTH").Conn(2).Do(reply),
				}})
				p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{MaxConns: 2})
				began := time.Now()
				done := make(chan error)
				go func() { done <- errors.Join(sendAll(t.Context(), p, 30)...) }()
				time.Sleep(20 * time.Second)
				if n := s.Connections(); n != 2 {
					t.Errorf("%d connections; want 2", n)
				}
				if err := <-done; err != nil {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took > 32*time.Second {
					t.Errorf("30 messages over the connection that is signed in took %v", took)
				}
			})
		})
	}
}

func TestPoolSignInBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Faults: []mock.Fault{
			slow(), mock.At("AUTH").Do(mock.Reply(454, "4.7.0", "Too many login attempts")),
		}})
		p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{MaxConns: 2})
		// Each round meets two more refusals, twice as long after the one before.
		for round, least := range []time.Duration{1 + 2, 4 + 8, 16 + 16, 16 + 16, 16 + 16} {
			began := time.Now()
			for _, err := range sendAll(t.Context(), p, 20) {
				var auth *smtp.AuthError
				if !errors.As(err, &auth) || auth.Reply.Code != 454 || smtp.Classify(err) != smtp.Throttled {
					t.Errorf("round %d: %v", round, err)
				}
			}
			if took := time.Since(began); took < least*time.Minute || took > least*time.Minute*3/2+10*time.Second {
				t.Errorf("round %d took %v", round, took)
			}
		}
		if n := len(s.Auths()); n != 12 { // two at once at first
			t.Errorf("%d sign-ins", n)
		}
	})
}

// Waiting for a sign-in ends with MaxWait, and says what for.
func TestPoolMaxWaitNamesItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Faults: []mock.Fault{
			mock.At("AUTH").Do(mock.Reply(454, "4.7.0", "Too many login attempts")),
		}})
		p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{MaxWait: 10 * time.Second})
		began := time.Now()
		_, err := p.Send(t.Context(), envelope, message)
		var auth *smtp.AuthError
		if !errors.Is(err, smtp.ErrPoolBusy) || !errors.As(err, &auth) || smtp.Classify(err) != smtp.Throttled || !strings.Contains(err.Error(), "Too many login attempts") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = p.Send(ctx, envelope, message)
		if smtp.Classify(err) != smtp.Canceled || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &auth) {
			t.Errorf("got %v", err)
		}
	})
}

// Credentials that are refused are not tried again for a while, by nobody.
func TestPoolStopsAfterARefusal(t *testing.T) {
	for name, c := range map[string]struct {
		auth  func() *sasl.Authenticator
		auths int // in one try
	}{
		"password": {func() *sasl.Authenticator { return sasl.Password(user, "wrong") }, 1},
		"token":    {func() *sasl.Authenticator { return sasl.OAuth(user, sasl.StaticToken("ya29.wrong")) }, 1},
		"no token": {func() *sasl.Authenticator {
			return sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) { return "", errors.New("revoked") }))
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
				p := poolOf(t, config(s, c.auth()), smtp.PoolOptions{MaxConns: 1})
				stopped := 0
				for _, err := range sendAll(t.Context(), p, 20) {
					if smtp.Classify(err) != smtp.Auth {
						t.Errorf("got %v", err)
					}
					if until := new(smtp.StoppedError); errors.As(err, &until) {
						stopped++
						if left := time.Until(until.Until); left <= 50*time.Second || left > sasl.CoolDown {
							t.Errorf("for %v", left)
						}
					}
				}
				if stopped != 19 || s.Connections() != 1 || len(s.Auths()) != c.auths {
					t.Errorf("%d stopped, %d connections, %d sign-ins", stopped, s.Connections(), len(s.Auths()))
				}
				time.Sleep(sasl.CoolDown)
				if _, err := p.Send(t.Context(), envelope, message); smtp.Classify(err) != smtp.Auth || s.Connections() != 2 {
					t.Errorf("got %v and %d connections", err, s.Connections())
				}
			})
		})
	}
}

// A token that dies while its connections live troubles nobody.
func TestPoolSessionOutlivesItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		directory := accept(short)
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: directory})
		p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{IdleTimeout: time.Hour})
		for range 4 {
			_, err := p.Send(t.Context(), envelope, message)
			good(t, err)
			directory.mu.Lock()
			delete(directory.good, short)
			directory.mu.Unlock()
			time.Sleep(10 * time.Minute)
		}
		if len(s.Auths()) != 1 {
			t.Errorf("%d sign-ins", len(s.Auths()))
		}
	})
}

// A logger hears of pauses, and may ask for Stats.
func TestPoolLogsPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("MAIL").Nth(1).Do(mock.Reply(451, "4.7.0", "slow down"))}})
		cfg := config(s, nil)
		log, text := logger()
		cfg.Logger = log
		p := poolOf(t, cfg, smtp.PoolOptions{})
		_, _ = p.Send(t.Context(), envelope, message)
		_, err := p.Send(t.Context(), envelope, message)
		good(t, err)
		if n := strings.Count(text.String(), "smtp pool slows down"); n != 1 || !strings.Contains(text.String(), "slow down") {
			t.Errorf("%d times in %s", n, text)
		}
	})
}
