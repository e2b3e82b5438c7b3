package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// newPool returns a pool that leads to s, without a sign-in, and is closed with
// the test.
func newPool(t *testing.T, s *mock.Server, opts smtp.PoolOptions) *smtp.Pool {
	t.Helper()
	return poolOf(t, config(s, nil), opts)
}

func poolOf(t *testing.T, cfg smtp.Config, opts smtp.PoolOptions) *smtp.Pool {
	t.Helper()
	if opts.Seed == 0 {
		opts.Seed = 1
	}
	p, err := smtp.NewPool(cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// numbered returns a message with a number to know it by.
func numbered(n int) smtp.Message {
	return smtp.Bytes(fmt.Appendf(nil, "Subject: %d\r\n\r\nhello\r\n", n))
}

// sendAll sends n messages at once and returns their errors.
func sendAll(ctx context.Context, p *smtp.Pool, n int) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { _, errs[i] = p.Send(ctx, envelope, numbered(i)) })
	}
	all.Wait()
	return errs
}

// slow is a server that takes a second to greet: in a bubble, all messages that
// are sent at once wait together before the first has its answer.
func slow() mock.Fault { return mock.At("CONNECT").Before().Do(mock.Delay(time.Second)) }

// good fails the test for each error.
func good(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Errorf("got %v", err)
		}
	}
}

func TestPoolRefusesBadInput(t *testing.T) {
	valid := smtp.Config{Addr: "mail.example.com"}
	both := sasl.Password(user, "pencil")
	both.Credentials.Token = sasl.StaticToken(short)
	for name, c := range map[string]struct {
		cfg  smtp.Config
		opts smtp.PoolOptions
	}{
		"no server":                   {smtp.Config{}, smtp.PoolOptions{}},
		"two kinds of credentials":    {smtp.Config{Addr: "mail.example.com", Auth: both}, smtp.PoolOptions{}},
		"negative MaxConns":           {valid, smtp.PoolOptions{MaxConns: -1}},
		"negative MessagesPerConn":    {valid, smtp.PoolOptions{MessagesPerConn: -1}},
		"negative MessagesPerMinute":  {valid, smtp.PoolOptions{MessagesPerMinute: -1}},
		"negative SessionAge":         {valid, smtp.PoolOptions{SessionAge: -1}},
		"negative IdleTimeout":        {valid, smtp.PoolOptions{IdleTimeout: -1}},
		"negative CheckAfter":         {valid, smtp.PoolOptions{CheckAfter: -1}},
		"negative MaxWait":            {valid, smtp.PoolOptions{MaxWait: -1}},
		"negative Pause":              {valid, smtp.PoolOptions{Pause: -1}},
		"negative MaxPause":           {valid, smtp.PoolOptions{MaxPause: -1}},
		"negative SignInPause":        {valid, smtp.PoolOptions{SignInPause: -1}},
		"several faults in one error": {smtp.Config{Addr: "a b"}, smtp.PoolOptions{MaxConns: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := smtp.NewPool(c.cfg, c.opts)
			if p != nil || !errors.Is(err, smtp.ErrConfig) || smtp.Classify(err) != smtp.Local {
				t.Errorf("got %v and %v", p, err)
			}
		})
	}
}

func TestPoolSendAfterClose(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	p := newPool(t, s, smtp.PoolOptions{})
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	good(t, p.Shutdown(t.Context()))
	result, err := p.Send(t.Context(), envelope, message)
	if result == nil || !errors.Is(err, smtp.ErrPoolClosed) || smtp.Classify(err) != smtp.Local || !smtp.SafeToRetry(err) {
		t.Errorf("got %v and %v", result, err)
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// A message that cannot be sent does not wait, nor does it cost a connection.
func TestPoolChecksFirst(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	p := newPool(t, s, smtp.PoolOptions{})
	result, err := p.Send(t.Context(), smtp.Envelope{}, message)
	if result == nil || !errors.Is(err, smtp.ErrEnvelope) {
		t.Errorf("got %v and %v", result, err)
	}
	result, err = p.Send(t.Context(), envelope, nil)
	if result == nil || !errors.Is(err, smtp.ErrMessage) || s.Connections() != 0 {
		t.Errorf("got %v and %v", result, err)
	}
}

func TestPoolKeepsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Strict: true})
		p := poolOf(t, config(s, sasl.OAuth(user, sasl.StaticToken(short))), smtp.PoolOptions{})
		for i := range 3 {
			result, err := p.Send(t.Context(), envelope, numbered(i))
			if err != nil || result.Mechanism == "" || result.Attempts != 1 || result.TLS == nil {
				t.Fatalf("%+v, %v", result, err)
			}
		}
		if got := verbs(only(t, s)); got != "CONNECT EHLO STARTTLS EHLO AUTH"+strings.Repeat(" MAIL RCPT DATA EOD", 3) {
			t.Errorf("commands %s", got)
		}
	})
}

// The limit of the profile holds, whatever is asked for.
func TestPoolBounds(t *testing.T) {
	for name, c := range map[string]struct{ asked, allowed, want int }{
		"by default":     {0, 0, 4},
		"by the options": {6, 0, 6},
		"by the profile": {0, 3, 3},
		"by the smaller": {9, 5, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{
					Network: mock.InMemory, Faults: []mock.Fault{mock.At("EOD").Before().Do(mock.Delay(time.Second))},
				})
				cfg := config(s, nil)
				cfg.Profile = &profile.Profile{Limits: profile.Limits{MaxConns: c.allowed}}
				began := time.Now()
				good(t, sendAll(t.Context(), poolOf(t, cfg, smtp.PoolOptions{MaxConns: c.asked}), 5*c.want)...)
				if s.Connections() != c.want || time.Since(began).Truncate(time.Second) != 5*time.Second {
					t.Errorf("%d connections and %v; want %d and 5 s", s.Connections(), time.Since(began), c.want)
				}
			})
		})
	}
}

// Messages go out in the order in which they came.
func TestPoolIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{
			Network: mock.InMemory, Faults: []mock.Fault{mock.At("EOD").Before().Do(mock.Delay(time.Second))},
		})
		p := newPool(t, s, smtp.PoolOptions{MaxConns: 1})
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() { _, err := p.Send(t.Context(), envelope, numbered(i)); good(t, err) })
			synctest.Wait()
		}
		if s := p.Stats(); s.Waiting != 19 || s.Open != 1 || s.Idle != 0 {
			t.Errorf("%+v", s)
		}
		all.Wait()
		for i, m := range s.Messages() {
			if want := fmt.Sprintf("Subject: %d\r\n", i); !strings.HasPrefix(string(m.Data), want) {
				t.Errorf("message %d begins with %.20q", i, m.Data)
			}
		}
	})
}

// A message that waits goes when its context ends or its time is over, and the
// others keep their places.
func TestPoolWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{
			Network: mock.InMemory, Faults: []mock.Fault{mock.At("EOD").Nth(1).Before().Do(mock.Delay(time.Minute))},
		})
		p := newPool(t, s, smtp.PoolOptions{MaxConns: 1, MaxWait: 50 * time.Second})
		var all sync.WaitGroup
		first := func() { _, err := p.Send(t.Context(), envelope, numbered(0)); good(t, err) }
		all.Go(first)
		synctest.Wait()
		began := time.Now()
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			result, err := p.Send(ctx, envelope, numbered(1))
			var phase *smtp.PhaseError
			if result == nil || smtp.Classify(err) != smtp.Canceled || !errors.As(err, &phase) || phase.Phase != smtp.PhaseQueue ||
				!errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
		all.Go(func() {
			_, err := p.Send(t.Context(), envelope, numbered(2))
			if !errors.Is(err, smtp.ErrPoolBusy) || smtp.Classify(err) != smtp.Throttled || time.Since(began) != 50*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
		time.Sleep(40 * time.Second)
		all.Go(func() { _, err := p.Send(t.Context(), envelope, numbered(3)); good(t, err) })
		all.Wait()
		if n := len(s.Messages()); n != 2 || s.Connections() != 1 {
			t.Errorf("%d messages, %d connections", n, s.Connections())
		}
		want := smtp.PoolStats{Open: 1, Idle: 1, Usable: 1, Accepted: 2, Failed: 2, Dials: 1}
		if got := p.Stats(); got != want {
			t.Errorf("%+v; want %+v", got, want)
		}
	})
}

// once counts how often it is closed.
type once struct {
	io.Reader
	closed int
}

func (o *once) Close() error { o.closed++; return nil }

// A message that can be read once survives a connection that fails before it is
// read, and is closed in the end.
func TestPoolKeepsReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("MAIL").Conn(1).Do(mock.Drop())}})
		p := newPool(t, s, smtp.PoolOptions{})
		source := &once{Reader: strings.NewReader("Subject: once\r\n\r\nhello\r\n")}
		result, err := p.Send(t.Context(), envelope, smtp.Reader(source))
		if err != nil || result.Attempts != 2 || len(result.Warnings) != 1 || source.closed == 0 {
			t.Errorf("%+v, %v, closed %d times", result, err, source.closed)
		}
		if m := s.Messages(); len(m) != 1 || string(m[0].Data) != "Subject: once\r\n\r\nhello\r\n" {
			t.Errorf("messages %v", m)
		}
		refused := &once{Reader: strings.NewReader("")}
		if _, err := p.Send(t.Context(), smtp.Envelope{}, smtp.Reader(refused)); err == nil {
			t.Error("no error")
		}
	})
}

// Hooks are told how long each message has waited, and with what result.
func TestPoolTellsOfWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{
			Network: mock.InMemory, Faults: []mock.Fault{mock.At("EOD").Before().Do(mock.Delay(time.Second)), mock.At("MAIL").Conn(1).Nth(3).Do(mock.Drop())},
		})
		var told []string
		cfg := config(s, nil)
		cfg.Hooks = &smtp.Hooks{Queue: func(ctx context.Context, q smtp.Queued) {
			told = append(told, fmt.Sprint(ctx.Value(spanKey{}), " ", q.Duration, " ", q.Connect, " ", smtp.Classify(q.Err)))
		}}
		p := poolOf(t, cfg, smtp.PoolOptions{MaxConns: 1})
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				ctx := context.WithValue(t.Context(), spanKey{}, i)
				if i == 2 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, time.Second/2)
					defer cancel()
				}
				_, _ = p.Send(ctx, envelope, numbered(i))
			})
			synctest.Wait()
		}
		all.Wait()
		want := "[0 0s true none 2 500ms false canceled 1 1s false none 3 2s false none 3 0s true none]"
		if got := fmt.Sprint(told); got != want {
			t.Errorf("told of %s; want %s", got, want)
		}
	})
}
