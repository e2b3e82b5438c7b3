package smtp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A connection that was idle is used again only if it answers NOOP by 250.
func TestPoolAsksWhetherAConnectionLives(t *testing.T) {
	for name, c := range map[string]struct {
		fault mock.Fault
		took  time.Duration // for the second message
		alive bool
	}{
		"250":                  {mock.At("NOOP").Do(mock.Reply(250, "2.0.0", "here")), 0, true},
		"221":                  {mock.At("NOOP").Do(mock.Reply(221, "2.0.0", "bye")), 0, false},
		"200":                  {mock.At("NOOP").Do(mock.Raw([]byte("200 well\r\n"))), 0, false},
		"354":                  {mock.At("NOOP").Do(mock.Raw([]byte("354 go ahead\r\n"))), 0, false},
		"421 of an idle one":   {mock.At("NOOP").Do(mock.Reply(421, "4.4.2", "idle"), mock.Drop()), 0, false},
		"421":                  {mock.At("NOOP").Do(mock.Reply(421, "4.7.0", "busy"), mock.Drop()), time.Second, false},
		"451":                  {mock.At("NOOP").Do(mock.Reply(451, "4.3.0", "not now")), 0, false},
		"502":                  {mock.At("NOOP").Do(mock.Reply(502, "5.5.1", "what?")), 0, false},
		"silence":              {mock.At("NOOP").Do(mock.NoReply()), 10 * time.Second, false},
		"an end":               {mock.At("NOOP").Do(mock.Drop()), 0, false},
		"two replies":          {mock.At("NOOP").Do(mock.Extra("250 twice")), 0, false},
		"nonsense":             {mock.At("NOOP").Do(mock.Garbage(1, 100)), 0, false},
		"farewell, unasked":    {mock.At("EOD").After().Do(mock.Delay(7*time.Second), mock.Reply(421, "4.4.2", "idle"), mock.Drop()), 0, false},
		"end, unasked":         {mock.At("EOD").After().Do(mock.Delay(7*time.Second), mock.Drop()), 0, false},
		"a reply, unasked":     {mock.At("EOD").After().Do(mock.Delay(7*time.Second), mock.Reply(250, "", "hm")), 0, false},
		"half of a reply":      {mock.At("NOOP").Do(mock.DropMid(2)), 0, false},
		"mixed codes":          {mock.At("NOOP").Do(mock.MixedCodes(250, 221)), 0, false},
		"250 in several lines": {mock.At("NOOP").Do(mock.Reply(250, "2.0.0", "still", "here")), 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{c.fault}})
				p := newPool(t, s, smtp.PoolOptions{})
				_, err := p.Send(t.Context(), envelope, numbered(1))
				good(t, err)
				time.Sleep(8 * time.Second)
				began := time.Now()
				result, err := p.Send(t.Context(), envelope, numbered(2))
				if err != nil || result.Attempts != 1 || len(result.Warnings) != 0 {
					t.Errorf("%+v, %v", result, err)
				}
				if took := time.Since(began); took < c.took || took > c.took*3/2+time.Second/2 {
					t.Errorf("took %v; want %v", took, c.took)
				}
				conns, dead := 1, int64(0)
				if !c.alive {
					conns, dead = 2, 1
				}
				if s.Connections() != conns || p.Stats().Dead != dead || len(s.Messages()) != 2 {
					t.Errorf("%d connections, %d messages, %+v; want %d and 2", s.Connections(), len(s.Messages()), p.Stats(), conns)
				}
			})
		})
	}
}

// A connection that was used just now is not asked.
func TestPoolDoesNotAskTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory})
		p := newPool(t, s, smtp.PoolOptions{CheckAfter: 20 * time.Second})
		for range 3 {
			_, err := p.Send(t.Context(), envelope, message)
			good(t, err)
			time.Sleep(19 * time.Second)
		}
		if got := verbs(only(t, s)); strings.Contains(got, "NOOP") {
			t.Errorf("commands %s", got)
		}
	})
}

// The caller's context ends a check as it ends all else, and that says nothing
// of the server.
func TestPoolCheckEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("NOOP").Do(mock.Stall())}})
		p := newPool(t, s, smtp.PoolOptions{})
		_, err := p.Send(t.Context(), envelope, message)
		good(t, err)
		time.Sleep(8 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		result, err := p.Send(ctx, envelope, message)
		if result == nil || smtp.Classify(err) != smtp.Canceled || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		_, err = p.Send(t.Context(), envelope, message)
		good(t, err)
		if time.Since(began) != time.Second {
			t.Errorf("the next one took %v", time.Since(began))
		}
	})
}

// Connections end when they have done enough, and no message pays for it.
func TestPoolRetiresConnections(t *testing.T) {
	for name, c := range map[string]struct {
		limits mock.Limits
		opts   smtp.PoolOptions
		every  time.Duration // between messages
		conns  int           // for 6 messages
	}{
		"messages":             {mock.Limits{}, smtp.PoolOptions{MessagesPerConn: 2}, 0, 3},
		"MAILMAX":              {mock.Limits{MailMax: 3}, smtp.PoolOptions{}, 0, 2},
		"the smaller":          {mock.Limits{MailMax: 4}, smtp.PoolOptions{MessagesPerConn: 1}, 0, 6},
		"age":                  {mock.Limits{}, smtp.PoolOptions{SessionAge: 25 * time.Second}, 10 * time.Second, 2},
		"the server's age":     {mock.Limits{SessionAge: 25 * time.Second}, smtp.PoolOptions{}, 10 * time.Second, 2},
		"idleness":             {mock.Limits{}, smtp.PoolOptions{IdleTimeout: 9 * time.Second}, 10 * time.Second, 6},
		"idleness, by default": {mock.Limits{}, smtp.PoolOptions{}, 59 * time.Second, 1},
		"and more than that":   {mock.Limits{}, smtp.PoolOptions{}, 61 * time.Second, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Limits: c.limits, Strict: true})
				p := newPool(t, s, c.opts)
				for i := range 6 {
					_, err := p.Send(t.Context(), envelope, numbered(i))
					good(t, err)
					time.Sleep(c.every)
				}
				if s.Connections() != c.conns || p.Stats().Throttled != 0 {
					t.Errorf("%d connections; want %d, %+v", s.Connections(), c.conns, p.Stats())
				}
			})
		})
	}
}

// What a connection ends by when the pool closes it is QUIT.
func TestPoolSaysQuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Strict: true})
		p := newPool(t, s, smtp.PoolOptions{})
		good(t, sendAll(t.Context(), p, 3)...)
		good(t, p.Close(), s.WaitIdle(t.Context()))
		for _, session := range s.Sessions() {
			if last := session.Commands[len(session.Commands)-1]; last.Verb != "QUIT" || last.Code != 221 {
				t.Errorf("ended with %+v", last)
			}
		}
	})
}

// drops is how many connections a message costs where the server goes away at a
// point of the first one, or of each.
var drops = []struct {
	point     string
	always    bool
	conns     int
	uncertain bool
	fails     bool
}{
	{"CONNECT", false, 2, false, false},
	{"EHLO", false, 2, false, false},
	{"STARTTLS", false, 2, false, false},
	{"AUTH", false, 2, false, false},
	{"MAIL", false, 2, false, false},
	{"RCPT", false, 1, false, true}, // MAIL was accepted
	{"DATA", false, 1, false, true},
	{"EOD", false, 1, true, true},
	{"CONNECT", true, 2, false, true},
	{"EHLO", true, 2, false, true},
	{"AUTH", true, 2, false, true},
	{"MAIL", true, 2, false, true},
	{"EOD", true, 1, true, true},
}

func TestPoolRedialsOnce(t *testing.T) {
	for _, c := range drops {
		for name, without := range map[string][]string{" in a group": nil, " in lockstep": {"PIPELINING"}} {
			name = c.point + name
			if c.always {
				name += " always"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					point := mock.At(c.point)
					if !c.always {
						point = point.Conn(1)
					}
					s := mock.Start(t, mock.Options{
						Network: mock.InMemory, Directory: accept(short), Without: without, Faults: []mock.Fault{point.Do(mock.Drop())},
					})
					p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{})
					began := time.Now()
					result, err := p.Send(t.Context(), envelope, message)
					if (err != nil) != c.fails || errors.Is(err, smtp.ErrUncertain) != c.uncertain || smtp.SafeToRetry(err) != (c.fails && !c.uncertain) {
						t.Errorf("got %v", err)
					}
					if s.Connections() != c.conns || result.Attempts != c.conns {
						t.Errorf("%d connections, %d attempts; want %d", s.Connections(), result.Attempts, c.conns)
					}
					if paused := time.Since(began); (c.conns == 2) != (paused >= time.Second && paused <= 3*time.Second/2) {
						t.Errorf("took %v", paused)
					}
				})
			})
		}
	}
}

// A connection that has carried messages and is closed by the server meanwhile
// costs no pause: that it was idle is no fault of the server. If that shows only
// when a message goes over it, it costs a warning.
func TestPoolReplacesStaleConnections(t *testing.T) {
	farewell := mock.All(mock.Reply(421, "4.4.2", "idle"), mock.Drop())
	for name, c := range map[string]struct {
		fault    mock.Fault
		attempts int
	}{
		"closed":            {mock.At("EOD").Conn(1).After().Do(mock.Delay(time.Second), mock.Drop()), 1},
		"closed with a 421": {mock.At("EOD").Conn(1).After().Do(mock.Delay(time.Second), farewell), 1},
		"drop at MAIL":      {mock.At("MAIL").Conn(1).Nth(2).Do(mock.Drop()), 2},
		"421 at MAIL":       {mock.At("MAIL").Conn(1).Nth(2).Do(farewell), 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{c.fault}})
				p := newPool(t, s, smtp.PoolOptions{})
				_, err := p.Send(t.Context(), envelope, message)
				good(t, err)
				time.Sleep(2 * time.Second)
				began := time.Now()
				result, err := p.Send(t.Context(), envelope, message)
				if err != nil || result.Attempts != c.attempts || len(result.Warnings) != c.attempts-1 || time.Since(began) > 10*time.Millisecond {
					t.Errorf("%+v, %v after %v", result, err, time.Since(began))
				}
			})
		})
	}
}

// A server that is gone gets a few connections for all messages that wait, with
// pauses between them, and the messages come back.
func TestPoolDoesNotHammer(t *testing.T) {
	for name, gone := range map[string]mock.Action{
		"no greeting": mock.Drop(),
		"421":         mock.All(mock.Reply(421, "4.3.2", "busy"), mock.Drop()),
		"554":         mock.All(mock.Reply(554, "5.3.2", "go away"), mock.Drop()),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{slow(), mock.At("CONNECT").Do(gone)}})
				p := newPool(t, s, smtp.PoolOptions{})
				for round := range 4 {
					began, before := time.Now(), s.Connections()
					for _, err := range sendAll(t.Context(), p, 50) {
						if err == nil || !smtp.SafeToRetry(err) {
							t.Errorf("got %v", err)
						}
					}
					dials, took := s.Connections()-before, time.Since(began)
					if dials > 6 || took > 3*time.Minute || round > 0 && took < time.Second {
						t.Errorf("round %d: %d connections in %v", round, dials, took)
					}
				}
			})
		})
	}
}

// The TLS sessions of a pool are resumed.
func TestPoolResumesTLS(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	addr, resumed := ticketServer(t, s, tls.NoClientCert, 2)
	var conns atomic.Int32
	p := poolOf(t, smtp.Config{
		Addr: "smtps://" + addr, TLSConfig: trustAny(),
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conns.Add(1)
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}, smtp.PoolOptions{MaxConns: 1, MessagesPerConn: 1, Pause: time.Nanosecond, MaxPause: time.Nanosecond})
	for range 2 { // it has no words for mail
		if _, err := p.Send(t.Context(), envelope, message); err == nil {
			t.Error("sent")
		}
		if conns.Load() >= 2 {
			break
		}
	}
	good(t, p.Close())
	if got := resumed(); len(got) != 2 || got[0] || !got[1] {
		t.Errorf("resumed %v; want the second of two", got)
	}
}
