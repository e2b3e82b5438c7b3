package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// loadMessages is how many messages each goroutine of TestPoolUnderLoad sends. The
// environment can ask for more:
//
//	POSTERN_POOL_MESSAGES=10000 go test -race -timeout 3h -run TestPoolUnderLoad ./smtp
func loadMessages(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("POSTERN_POOL_MESSAGES"))
	switch {
	case os.Getenv("POSTERN_POOL_MESSAGES") == "" && testing.Short():
		return 10
	case os.Getenv("POSTERN_POOL_MESSAGES") == "":
		return 60
	case err != nil || n < 1:
		t.Fatal("POSTERN_POOL_MESSAGES is no number of messages")
	}
	return n
}

// loadRound is how many of them it sends before the server may forget them.
const loadRound = 20

// chaos is what a bad server does, by a seed: it drops, refuses, throttles and
// stalls anywhere, and once in a while it accepts a message and does not say so.
func chaos(seed uint64) []mock.Fault {
	turnedAway := mock.All(mock.Reply(421, "4.3.2", "busy"), mock.Drop())
	return []mock.Fault{
		mock.At("CONNECT").Sometimes(seed, 0.05, mock.Drop(), turnedAway, mock.NoReply()),
		mock.At("EHLO").Sometimes(seed, 0.02, mock.Drop(), mock.NoReply()),
		mock.At("AUTH").Sometimes(seed, 0.1, mock.Reply(454, "4.7.0", "too many"), mock.Drop(), mock.NoReply()),
		mock.At("NOOP").Sometimes(seed, 0.2, mock.Drop(), mock.Reply(221, "", "bye"), mock.NoReply()),
		mock.At("MAIL").Sometimes(seed, 0.01, mock.Drop(), turnedAway, mock.Reply(451, "4.7.0", "slow"), mock.Reply(432, "4.3.2", "threads"), mock.NoReply()),
		mock.At("RCPT").Sometimes(seed, 0.02, mock.Drop(), mock.Reply(450, "4.7.1", "grey"), mock.Reply(421, "4.7.0", "no"), mock.NoReply()),
		mock.At("DATA").Sometimes(seed, 0.01, mock.Drop(), mock.Reply(451, "4.3.2", "slow"), mock.NoReply()),
		mock.At("EOD").Sometimes(seed, 0.02, mock.Drop(), mock.DropMid(0), mock.DropMid(3), mock.Reply(432, "4.3.2", "threads"),
			mock.Reply(554, "5.7.1", "spam"), mock.NoReply(), mock.Reply(421, "4.7.0", "no")),
	}
}

// A ledger holds what became of messages, by their numbers.
type ledger struct {
	mu       sync.Mutex
	outcomes map[string]outcome
}

// An outcome is what a Send said of a message, and how often the server has it.
type outcome struct {
	accepted, refused, uncertain, stored int
}

func (l *ledger) note(id string, change func(*outcome)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.outcomes[id]
	change(&o)
	l.outcomes[id] = o
}

// said notes the result of a Send.
func (l *ledger) said(id string, result *smtp.Result, err error) {
	l.note(id, func(o *outcome) {
		switch {
		case result == nil:
		case err == nil:
			o.accepted++
		case errors.Is(err, smtp.ErrUncertain) && !smtp.SafeToRetry(err):
			o.uncertain++
		case smtp.SafeToRetry(err):
			o.refused++
		}
	})
}

// stored notes the messages that a server has.
func (l *ledger) stored(messages []mock.Message) {
	for _, m := range messages {
		id, _, _ := strings.Cut(strings.TrimPrefix(string(m.Data), "Message-ID: "), "\r\n")
		l.note(id, func(o *outcome) { o.stored++ })
	}
}

// check fails the test for each message whose Send has not told the truth, and
// returns how many there were of each kind.
func (l *ledger) check(t *testing.T, want int) (all outcome) {
	t.Helper()
	if len(l.outcomes) != want {
		t.Errorf("%d messages; want %d", len(l.outcomes), want)
	}
	for id, o := range l.outcomes {
		switch o {
		case outcome{accepted: 1, stored: 1}, outcome{refused: 1}, outcome{uncertain: 1}, outcome{uncertain: 1, stored: 1}:
		default:
			t.Errorf("message %s: %+v", id, o)
		}
		all.add(o)
	}
	return all
}

func (o *outcome) add(more outcome) {
	o.accepted += more.accepted
	o.refused += more.refused
	o.uncertain += more.uncertain
	o.stored += more.stored
}

// identified returns a message that a ledger knows.
func identified(id string) smtp.Message {
	return smtp.Bytes([]byte("Message-ID: " + id + "\r\n\r\nhello\r\n"))
}

// Through a pool of connections to a server that does all that a server can do
// wrong, each message is accepted, refused or uncertain, none of them twice and
// none lost, and nothing is left behind.
func TestPoolUnderLoad(t *testing.T) {
	const senders = 64
	each := loadMessages(t)
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{
					Network: mock.InMemory, TLS: mock.NoTLS, InsecureAuth: true, Directory: accept(short),
					Faults: chaos(seed + 1),
				})
				auth := sasl.OAuth(user, sasl.StaticToken(short))
				auth.Policy.InsecurePlaintext = true
				cfg := config(s, auth)
				cfg.TLS, cfg.TLSConfig = smtp.InsecureNoTLS, nil
				conns := &census{dial: s.Dial}
				cfg.DialContext = conns.Dial
				p := poolOf(t, cfg, smtp.PoolOptions{MaxConns: 16, CheckAfter: time.Millisecond, Seed: seed + 1})
				book := &ledger{outcomes: make(map[string]outcome)} // of one round
				var sum outcome
				var heap []uint64    // in use, after each round
				var goroutines []int // likewise
				for first := 0; first < each; first += loadRound {
					var all sync.WaitGroup
					end := min(each, first+loadRound)
					for sender := range senders {
						all.Go(func() {
							for i := first; i < end; i++ {
								id := fmt.Sprint(sender, ".", i)
								result, err := p.Send(t.Context(), envelope, identified(id))
								book.said(id, result, err)
							}
						})
					}
					all.Wait()
					synctest.Wait()
					book.stored(s.TakeMessages())
					s.Forget()
					sum.add(book.check(t, senders*(end-first)))
					clear(book.outcomes) // a message that comes twice after all is one too many of another round
					heap, goroutines = append(heap, inUse()), append(goroutines, runtime.NumGoroutine())
				}
				good(t, p.Close())
				book.stored(s.TakeMessages())
				sum.add(book.check(t, 0))
				got := p.Stats()
				if got.Accepted != int64(sum.accepted) || got.Uncertain != int64(sum.uncertain) || got.Failed != int64(sum.refused) || got.Open != 0 || got.Waiting != 0 {
					t.Errorf("%+v; the messages say %+v", got, sum)
				}
				rare := each <= loadRound || sum.uncertain > 0 && got.Dead > 0
				if sum.accepted < senders*each/2 || sum.refused == 0 || got.Throttled == 0 || !rare {
					t.Errorf("too few of a kind: %+v, %+v", sum, got)
				}
				peak := conns.peak()
				t.Logf("%+v, %+v, heap %d and then %d KiB, %d and at most %d goroutines, at most %d connections",
					sum, got, heap[0], heap[len(heap)-1], goroutines[0], slices.Max(goroutines), peak)
				if peak > 16 || peak < 4 {
					t.Errorf("%d connections at once; want many, and at most 16", peak)
				}
				checkFlat(t, heap)
				if most := slices.Max(goroutines); most > 20+16*4 { // of the test, and of each connection
					t.Errorf("%d goroutines", most)
				}
			})
		})
	}
}

// inUse returns the memory in use, in KiB.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc >> 10
}

// checkFlat fails the test if memory grows with the number of messages.
func checkFlat(t *testing.T, heap []uint64) {
	t.Helper()
	if first, last := heap[0], heap[len(heap)-1]; last > first+2<<10 {
		t.Errorf("memory went from %d to %d KiB", first, last)
	}
}

// closing ends a pool in the middle of its work.
var closing = map[string]struct {
	close func(context.Context, *smtp.Pool) error
	most  time.Duration
	all   bool // of those that were begun are sent
}{
	"Close":    {func(_ context.Context, p *smtp.Pool) error { return p.Close() }, 6 * time.Second, false},
	"Shutdown": {func(ctx context.Context, p *smtp.Pool) error { return p.Shutdown(ctx) }, time.Hour, true},
	"Shutdown with a deadline": {func(ctx context.Context, p *smtp.Pool) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return p.Shutdown(ctx)
	}, 11 * time.Second, false},
}

// Closing under load ends in bounded time, and each message has its outcome.
func TestPoolClosesUnderLoad(t *testing.T) {
	for name, c := range closing {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
					mock.At("EOD").Before().Do(mock.Delay(time.Second)),
					mock.At("EOD").Conn(2).Nth(3).Do(mock.NoReply()), // stalls for 10 minutes
				}})
				p := newPool(t, s, smtp.PoolOptions{})
				book := &ledger{outcomes: make(map[string]outcome)}
				var all sync.WaitGroup
				for i := range 100 {
					all.Go(func() {
						id := fmt.Sprint(i)
						result, err := p.Send(t.Context(), envelope, identified(id))
						book.said(id, result, err)
					})
				}
				time.Sleep(2500 * time.Millisecond)
				began := time.Now()
				err := c.close(t.Context(), p)
				if took := time.Since(began); took > c.most || (err == nil) != c.all {
					t.Errorf("%v after %v", err, took)
				}
				if _, err := p.Send(t.Context(), envelope, message); !errors.Is(err, smtp.ErrPoolClosed) {
					t.Errorf("got %v", err)
				}
				all.Wait() // at once: see the end of the clock's hour
				if took := time.Since(began); took > c.most {
					t.Errorf("the last message came back after %v", took)
				}
				good(t, p.Close(), s.WaitIdle(t.Context()))
				book.stored(s.Messages())
				sum := book.check(t, 100)
				switch {
				case sum.uncertain < 1 || sum.uncertain > 4:
					t.Errorf("%+v; want those uncertain that were on their way", sum)
				case c.all && sum.accepted != 99:
					t.Errorf("%+v; want all others accepted", sum)
				case !c.all && sum.refused < 50:
					t.Errorf("%+v; want those that waited refused", sum)
				}
			})
		})
	}
}

// Close with nothing to do but to say farewell ends at once where the server
// answers, and soon where it does not.
func TestPoolClosesIdleConnections(t *testing.T) {
	for name, c := range map[string]struct {
		fault []mock.Fault
		took  time.Duration
	}{
		"answer":  {nil, 0},
		"silence": {[]mock.Fault{mock.At("QUIT").Do(mock.NoReply())}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: c.fault})
				p := newPool(t, s, smtp.PoolOptions{MaxConns: 3})
				good(t, sendAll(t.Context(), p, 9)...)
				began := time.Now()
				good(t, p.Close())
				if took := time.Since(began); took != c.took || p.Stats().Open != 0 {
					t.Errorf("took %v, %+v", took, p.Stats())
				}
			})
		})
	}
}

// A message whose source does not end holds nobody up who closes the pool.
func TestPoolClosesInSpiteOfAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory})
		p := newPool(t, s, smtp.PoolOptions{})
		source := &deaf{end: make(chan struct{})}
		done := make(chan error)
		go func() { _, err := p.Send(t.Context(), envelope, smtp.Reader(source)); done <- err }()
		time.Sleep(time.Second)
		began := time.Now()
		if err := p.Close(); err == nil || time.Since(began) > 6*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		close(source.end)
		if err := <-done; smtp.Classify(err) != smtp.Canceled || !errors.Is(err, smtp.ErrPoolClosed) || !smtp.SafeToRetry(err) {
			t.Errorf("got %v", err)
		}
	})
}

// A deaf source says nothing until it is told to end, and has no Close.
type deaf struct{ end chan struct{} }

func (e *deaf) Read([]byte) (int, error) {
	<-e.end
	return 0, errors.New("ended")
}
