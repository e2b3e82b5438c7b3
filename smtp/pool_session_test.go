package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Credentials that are refused now stop no message while there is a connection
// that is signed in by them: it waits for that one.
func TestPoolGoesOnWhereItIsSignedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Faults: []mock.Fault{
			mock.At("EOD").Before().Do(mock.Delay(time.Second)),
			mock.At("AUTH").Conn(2).Do(mock.Reply(535, "5.7.8", "no")),
		}})
		p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{MaxConns: 2})
		_, err := p.Send(t.Context(), envelope, message)
		good(t, err)
		refused := 0
		for _, err := range sendAll(t.Context(), p, 10) {
			if until := new(smtp.StoppedError); errors.As(err, &until) {
				t.Errorf("did not wait: %v", err)
			} else if err != nil {
				refused++
			}
		}
		if refused != 1 || len(s.Messages()) != 10 || s.Connections() != 2 {
			t.Errorf("%d refused, %d messages, %d connections", refused, len(s.Messages()), s.Connections())
		}
	})
}

// A session that the server has forgotten the sign-in of is replaced by another;
// one that was never good for MAIL is not, for that would help nobody.
func TestPoolSignsInAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fault           mock.Fault
		conns, attempts int
		fails           bool
	}{
		"530 once":     {mock.At("MAIL").Conn(1).Nth(2).Do(mock.Reply(530, "5.7.0", "sign in")), 2, 2, false},
		"535 once":     {mock.At("MAIL").Conn(1).Nth(2).Do(mock.Reply(535, "5.7.3", "token is over")), 2, 2, false},
		"530 for ever": {mock.At("MAIL").Do(mock.Reply(530, "5.7.0", "sign in")), 1, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Faults: []mock.Fault{c.fault}})
				p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{})
				_, _ = p.Send(t.Context(), envelope, numbered(1))
				source := smtp.Reader(strings.NewReader("Subject: 2\r\n\r\n"))
				result, err := p.Send(t.Context(), envelope, source)
				if (smtp.Classify(err) == smtp.Auth) != c.fails || (err == nil) == c.fails || result.Attempts != c.attempts || len(result.Warnings) != c.attempts-1 {
					t.Errorf("%+v, %v", result, err)
				}
				if s.Connections() != c.conns || len(s.Auths()) != c.conns {
					t.Errorf("%d connections, %d sign-ins; want %d", s.Connections(), len(s.Auths()), c.conns)
				}
			})
		})
	}
}

// RSET that is not answered by 250 is no sign of life either.
func TestPoolTrustsNoOtherReset(t *testing.T) {
	for name, c := range map[string]struct {
		reset    mock.Action
		attempts int // of the message behind it
		warnings int
	}{
		"221 and an end":  {mock.All(mock.Reply(221, "2.0.0", "bye"), mock.Drop()), 2, 1},
		"221 and no end":  {mock.Reply(221, "2.0.0", "bye"), 1, 0},
		"500":             {mock.Reply(500, "5.5.1", "what?"), 2, 1}, // so MAIL is nested
		"421 and an end":  {mock.All(mock.Reply(421, "4.4.2", "idle"), mock.Drop()), 2, 1},
		"no reply at all": {mock.Drop(), 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
					mock.At("RCPT").Conn(1).Nth(1).Do(mock.Reply(550, "5.1.1", "nobody")),
					mock.At("RSET").Conn(1).Nth(1).Do(c.reset),
				}})
				p := newPool(t, s, smtp.PoolOptions{})
				if _, err := p.Send(t.Context(), envelope, numbered(1)); smtp.Classify(err) != smtp.Permanent {
					t.Fatalf("got %v", err)
				}
				result, err := p.Send(t.Context(), envelope, numbered(2))
				if err != nil || result.Attempts != c.attempts || len(result.Warnings) != c.warnings {
					t.Errorf("%+v, %v", result, err)
				}
				_, err = p.Send(t.Context(), envelope, numbered(3))
				good(t, err)
				if s.Connections() != 2 || len(s.Messages()) != 2 {
					t.Errorf("%d connections, %d messages; want 2", s.Connections(), len(s.Messages()))
				}
			})
		})
	}
}

// A network that has forgotten all connections costs a message one wait, not one
// for each of them.
func TestPoolGivesUpAllSilentConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			slow(), mock.At("NOOP").Do(mock.Stall()),
		}})
		p := newPool(t, s, smtp.PoolOptions{MaxConns: 8})
		good(t, sendAll(t.Context(), p, 8)...)
		time.Sleep(20 * time.Second)
		began := time.Now()
		_, err := p.Send(t.Context(), envelope, message)
		good(t, err)
		if took := time.Since(began); took > 13*time.Second { // NOOP, QUIT, and a greeting
			t.Errorf("took %v", took)
		}
	})
}

// A connection is not dead because whoever wanted it had no time.
func TestPoolCountsNoCanceledCheckAsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("NOOP").Do(mock.Stall())}})
		p := newPool(t, s, smtp.PoolOptions{})
		_, err := p.Send(t.Context(), envelope, message)
		good(t, err)
		time.Sleep(8 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Send(ctx, envelope, message); smtp.Classify(err) != smtp.Canceled || p.Stats().Dead != 0 {
			t.Errorf("%v, %+v", err, p.Stats())
		}
	})
}

// 421 asks for less where it answers QUIT, too, and where nothing was asked.
func TestPoolHearsTheLastWord(t *testing.T) {
	busy := mock.All(mock.Reply(421, "4.7.0", "busy"), mock.Drop())
	for name, c := range map[string]struct {
		fault mock.Fault
		slows bool
	}{
		"421 to QUIT":               {mock.At("QUIT").Do(busy), true},
		"421 to QUIT, for idleness": {mock.At("QUIT").Do(mock.Reply(421, "4.4.2", "idle")), false},
		"221 to QUIT":               {mock.At("QUIT").Do(mock.Reply(221, "2.0.0", "bye")), false},
		"421 behind the 250":        {mock.At("EOD").Conn(1).Do(mock.Raw([]byte("250 ok\r\n421 4.7.0 busy\r\n")), mock.Drop()), true},
		"421 that is not asked for": {mock.At("EOD").Conn(1).After().Do(mock.Delay(10*time.Second), busy), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Tolerate: mock.UnreachedFaults, Faults: []mock.Fault{c.fault}})
				p := newPool(t, s, smtp.PoolOptions{IdleTimeout: 30 * time.Second})
				_, err := p.Send(t.Context(), envelope, message)
				good(t, err)
				time.Sleep(30*time.Second + time.Millisecond)
				if got := p.Stats(); (got.Throttled > 0) != c.slows || got.Open != 0 {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// explosive is a message that panics when it is read.
type explosive struct{ io.Reader }

func (explosive) Read([]byte) (int, error) { panic("read") }

// Whoever recovers from a panic of a message, a hook or a token generator finds
// the pool as it was: no connection less, and nothing to wait for in Close.
func TestPoolSurvivesPanics(t *testing.T) {
	for _, where := range []string{"message", "generator", "queue", "EHLO", "NOOP", "MAIL", "."} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
				armed, fired := false, 0
				blow := func(at string) {
					if armed && at == where {
						fired++
						panic("blown")
					}
				}
				cfg := config(s, sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) { blow("generator"); return short, nil })))
				if where != "message" && where != "generator" { // without hooks, nobody but the pool closes anything
					cfg.Hooks = &smtp.Hooks{
						Queue: func(context.Context, smtp.Queued) { blow("queue") },
						Command: func(_ context.Context, c smtp.Command) {
							if c.Err == nil {
								blow(c.Verb)
							}
						},
					}
				}
				p := poolOf(t, cfg, smtp.PoolOptions{MaxConns: 2, MessagesPerMinute: 1000})
				if where == "NOOP" {
					_, err := p.Send(t.Context(), envelope, message)
					good(t, err)
					time.Sleep(10 * time.Second)
				}
				armed = true
				for range 5 {
					func() {
						defer func() {
							if r := recover(); r == nil && where != "NOOP" {
								t.Error("no panic")
							}
						}()
						msg := message
						if where == "message" {
							msg = smtp.Reader(explosive{})
						}
						_, _ = p.Send(t.Context(), envelope, msg)
					}()
				}
				armed = false
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				good(t, sendAll(ctx, p, 4)...)
				began := time.Now()
				good(t, p.Close())
				if got := p.Stats(); got.Open != 0 || got.Waiting != 0 || time.Since(began) > time.Second {
					t.Errorf("%+v after %v", got, time.Since(began))
				}
				if got := p.Stats(); got.Failed != int64(max(fired, 0)) && where != "message" || where == "message" && got.Failed != 5 {
					t.Errorf("%d panics, %+v", fired, got)
				}
			})
		})
	}
}

// The longest durations there are mean what they say.
func TestPoolForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Faults: []mock.Fault{
			mock.At("AUTH").Do(mock.Reply(454, "4.7.0", "too many")),
		}})
		const ever = time.Duration(math.MaxInt64)
		p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{
			SignInPause: ever, Pause: ever, MaxPause: ever, IdleTimeout: ever, SessionAge: ever, MaxWait: ever, CheckAfter: ever,
		})
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		_, err := p.Send(ctx, envelope, message)
		auth := new(smtp.AuthError)
		if smtp.Classify(err) != smtp.Canceled || !errors.As(err, &auth) || len(s.Auths()) != 1 {
			t.Errorf("%v, %d sign-ins", err, len(s.Auths()))
		}
	})
}

// Closing while connections are being made takes no longer, and the messages that
// make them come back, unsent.
func TestPoolClosesWhileDialling(t *testing.T) {
	for _, point := range []string{"CONNECT", "EHLO", "STARTTLS", "AUTH"} {
		t.Run(point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{
					Network: mock.InMemory, Directory: accept(short), Tolerate: mock.UnreachedFaults,
					Faults: []mock.Fault{mock.At(point).Do(mock.Stall())},
				})
				p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{})
				done := make(chan []error)
				go func() { done <- sendAll(t.Context(), p, 10) }()
				time.Sleep(time.Second)
				began := time.Now()
				if err := p.Close(); err == nil || time.Since(began) > 6*time.Second {
					t.Errorf("%v after %v", err, time.Since(began))
				}
				for _, err := range <-done {
					if !errors.Is(err, smtp.ErrPoolClosed) || !smtp.SafeToRetry(err) {
						t.Errorf("got %v", err)
					}
				}
				if got := p.Stats(); got.Open != 0 || got.Failed != 10 {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// After a failure there is one try at a time, whoever looks at the moment when it
// ends.
func TestPoolTriesOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			mock.At("CONNECT").Before().Do(mock.Delay(time.Second)), mock.At("CONNECT").Do(mock.Drop()),
		}})
		cfg := config(s, nil)
		c := &census{dial: s.Dial}
		cfg.DialContext = c.Dial
		p := poolOf(t, cfg, smtp.PoolOptions{MaxConns: 8})
		_, _ = p.Send(t.Context(), envelope, message)
		c.peak()
		for round := range 20 {
			sendAll(t.Context(), p, 10)
			if peak := c.peak(); peak > 1 {
				t.Fatal(fmt.Sprint("round ", round), peak)
			}
		}
	})
}

// Connections that fail together are one failure: what is over behind the pause
// costs no message.
func TestPoolOutlivesAHiccup(t *testing.T) {
	for name, fault := range map[string]mock.Action{
		"drop": mock.Drop(),
		"421":  mock.All(mock.Reply(421, "4.3.2", "busy"), mock.Drop()),
		"454":  mock.All(mock.Reply(454, "4.3.0", "busy"), mock.Drop()),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				faults := []mock.Fault{slow()}
				for i := range 4 {
					faults = append(faults, mock.At("CONNECT").Conn(i+1).Do(fault))
				}
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: faults})
				p := newPool(t, s, smtp.PoolOptions{MaxConns: 4})
				good(t, sendAll(t.Context(), p, 20)...)
			})
		})
	}
}
