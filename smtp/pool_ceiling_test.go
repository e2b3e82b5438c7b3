package smtp_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A crowd sends messages as fast as a pool takes them.
type crowd struct {
	p         *smtp.Pool
	stop      chan struct{}
	all       sync.WaitGroup
	mu        sync.Mutex
	sent      int
	throttled int
}

func startCrowd(t *testing.T, p *smtp.Pool, senders int) *crowd {
	c := &crowd{p: p, stop: make(chan struct{})}
	for range senders {
		c.all.Go(func() {
			for {
				select {
				case <-c.stop:
					return
				default:
				}
				_, err := p.Send(t.Context(), envelope, message)
				c.mu.Lock()
				switch smtp.Classify(err) {
				case smtp.None:
					c.sent++
				case smtp.Throttled:
					c.throttled++
				default:
					t.Errorf("got %v", err)
				}
				c.mu.Unlock()
			}
		})
	}
	return c
}

// during lets the crowd work for a while, and returns how many of its messages
// were sent and were refused for now.
func (c *crowd) during(d time.Duration) (sent, throttled int) {
	c.mu.Lock()
	sent, throttled = c.sent, c.throttled
	c.mu.Unlock()
	time.Sleep(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent - sent, c.throttled - throttled
}

func (c *crowd) end() {
	close(c.stop)
	c.all.Wait()
}

// Other machines hold connections to the account. What the server leaves to this
// one is found out, remembered, and asked for more of now and then; when the
// others are gone, all of it comes back.
func TestPoolSharesAnAccount(t *testing.T) {
	for _, most := range []int{3, 4} {
		t.Run(fmt.Sprint("2 of ", most), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{
					Network: mock.InMemory, Directory: accept(short), Limits: mock.Limits{Connections: 5},
					Faults: []mock.Fault{mock.At("EOD").Before().Do(mock.Delay(time.Second))},
				})
				cfg := config(s, sasl.OAuth(user, sasl.StaticToken(short)))
				var others []*smtp.Client
				for range 3 {
					c, err := smtp.Dial(t.Context(), cfg)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					others = append(others, c)
				}
				p := poolOf(t, cfg, smtp.PoolOptions{MaxConns: most, MessagesPerConn: 1 << 30, SessionAge: 24 * time.Hour})
				c := startCrowd(t, p, 8)
				defer c.end()
				c.during(time.Minute) // to find out
				sent, throttled := c.during(30 * time.Minute)
				if throttled > 15 || sent < 2*1800*9/10 { // two a second, but for pauses
					t.Errorf("within half an hour %d were sent, and %d refused", sent, throttled)
				}
				for _, c := range others {
					c.Close()
				}
				c.during(40 * time.Minute)
				sent, throttled = c.during(5 * time.Minute)
				if p.Stats().Usable != most || throttled > 0 || sent < most*300-10 {
					t.Errorf("in the end %d were sent within 5 minutes, and %d refused, %+v", sent, throttled, p.Stats())
				}
			})
		})
	}
}

// The same where the server refuses the connection and not the message: nobody
// waits for long, and hardly a connection is tried in vain.
func TestPoolFindsItsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			mock.At("EOD").Before().Do(mock.Delay(time.Second)),
		}})
		full := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			mock.At("CONNECT").Do(mock.Reply(421, "4.7.0", "too many connections"), mock.Drop()),
		}})
		cfg := config(s, nil)
		places := make(chan struct{}, 3)
		cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			select {
			case places <- struct{}{}:
			default:
				return full.Dial(ctx, network, addr)
			}
			n, err := s.Dial(ctx, network, addr)
			if err != nil {
				<-places
				return nil, err
			}
			return &counted{Conn: n, gone: sync.OnceFunc(func() { <-places })}, nil
		}
		p := poolOf(t, cfg, smtp.PoolOptions{MaxConns: 20, MessagesPerConn: 1 << 30, SessionAge: 24 * time.Hour})
		c := startCrowd(t, p, 40)
		defer c.end()
		c.during(time.Minute)
		before := full.Connections()
		sent, throttled := c.during(20 * time.Minute)
		if tried := full.Connections() - before; tried > 12 || throttled > 6 || sent < 3*1200*9/10 {
			t.Errorf("within 20 minutes %d were sent, %d refused and %d connections", sent, throttled, tried)
		}
	})
}

// A server that refuses everybody for a while has said nothing about how many
// connections it likes.
func TestPoolForgetsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			mock.At("CONNECT").Conn(1).Do(mock.Reply(421, "4.3.2", "starting"), mock.Drop()),
			mock.At("CONNECT").Conn(2).Do(mock.Reply(421, "4.3.2", "starting"), mock.Drop()),
			mock.At("EOD").Before().Do(mock.Delay(time.Second)),
		}})
		p := newPool(t, s, smtp.PoolOptions{MaxConns: 4})
		c := startCrowd(t, p, 8)
		defer c.end()
		c.during(20 * time.Second)
		if got := p.Stats(); got.Usable != 4 {
			t.Errorf("%+v", got)
		}
	})
}

// Which replies slow a pool down while a connection is made.
func TestPoolSlowsDownBeforeMail(t *testing.T) {
	for _, c := range []struct {
		point, enhanced string
		code            int
		slows           bool
	}{
		{"CONNECT", "4.7.0", 421, true},
		{"CONNECT", "4.4.2", 421, false}, // that connection took too long
		{"CONNECT", "4.7.1", 450, false}, // only at MAIL, DATA and the end of data
		{"CONNECT", "5.7.1", 554, false},
		{"EHLO", "4.3.2", 421, true},
		{"EHLO", "4.3.2", 451, false},
		{"STARTTLS", "4.7.0", 421, true},
		{"STARTTLS", "4.7.0", 454, false}, // RFC 3207, Section 4: TLS not available
		{"AUTH", "4.7.0", 421, true},
		{"AUTH", "4.7.0", 454, true},
		{"AUTH", "4.3.2", 432, true},
		{"AUTH", "4.7.12", 432, false}, // RFC 4954, Section 6: the password is to be changed
		{"AUTH", "4.7.1", 451, false},
		{"AUTH", "5.7.8", 535, false},
	} {
		t.Run(fmt.Sprint(c.point, " ", c.code, " ", c.enhanced), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Faults: []mock.Fault{
					mock.At(c.point).Conn(1).Do(mock.Reply(c.code, c.enhanced, "not now")),
				}})
				p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{MaxConns: 8})
				_, _ = p.Send(t.Context(), envelope, message)
				if got := p.Stats(); (got.Throttled == 1) != c.slows {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}
