package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// phases are the places where a server can fall silent, and the defaults of RFC
// 5321, Section 4.5.3.2 for them.
var phases = []struct {
	point string
	limit time.Duration
	// uncertain: the message may have been accepted
	uncertain bool
}{
	{"CONNECT", 5 * time.Minute, false},
	{"EHLO", 5 * time.Minute, false},
	{"STARTTLS", 5 * time.Minute, false},
	{"AUTH", 5 * time.Minute, false},
	{"MAIL", 5 * time.Minute, false},
	{"RCPT", 5 * time.Minute, false},
	{"DATA", 2 * time.Minute, false},
	{"EOD", 10 * time.Minute, true},
}

func stalled(t *testing.T, point string) smtp.Config {
	s := mock.Start(t, mock.Options{
		Network: mock.InMemory, Directory: accept(short), Without: []string{"PIPELINING"},
		Faults: []mock.Fault{mock.At(point).Do(mock.Stall())},
	})
	return config(s, sasl.OAuth(user, sasl.StaticToken(short)))
}

func TestTimeouts(t *testing.T) {
	for _, phase := range phases {
		for _, limit := range []time.Duration{0, 7 * time.Second} {
			t.Run(fmt.Sprint(phase.point, " ", limit), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cfg := stalled(t, phase.point)
					cfg.Timeouts = smtp.Timeouts{Greeting: limit, Command: limit, DataInit: limit, DataEnd: limit}
					began := time.Now()
					_, err := smtp.Send(t.Context(), cfg, envelope, message)
					want := phase.limit
					if limit != 0 {
						want = limit
					}
					if took := time.Since(began); took != want {
						t.Errorf("took %v; want %v", took, want)
					}
					var timeout net.Error
					if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
						t.Errorf("got %v", err)
					}
					if errors.Is(err, smtp.ErrUncertain) != phase.uncertain || smtp.SafeToRetry(err) == phase.uncertain {
						t.Errorf("uncertain: %v", err)
					}
				})
			})
		}
	}
}

func TestCancelWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := smtp.Config{Addr: "mock.test", DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := smtp.Dial(ctx, cfg); smtp.Classify(err) != smtp.Canceled {
			t.Errorf("%v is %v", err, smtp.Classify(err))
		}
		began := time.Now()
		if _, err := smtp.Dial(t.Context(), cfg); smtp.Classify(err) != smtp.Network || time.Since(began) != 30*time.Second {
			t.Errorf("%v is %v, after %v", err, smtp.Classify(err), time.Since(began))
		}
	})
}

// silent is a server that accepts connections and no more.
func silent(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("CONNECT").Do(mock.Stall())}})
	return s.Dial
}

func TestHandshakeTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := smtp.Dial(t.Context(), smtp.Config{Addr: "smtps://mock.test", DialContext: silent(t)})
		if !errors.Is(err, os.ErrDeadlineExceeded) || smtp.Classify(err) != smtp.Network || time.Since(began) != 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestCancelWhileTheTokenIsFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
		a := sasl.OAuth(user, sasl.TokenString(func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := smtp.Send(ctx, config(s, a), envelope, message)
		if !errors.Is(err, context.DeadlineExceeded) || smtp.Classify(err) != smtp.Canceled || len(s.Auths()) != 0 {
			t.Errorf("got %v", err)
		}
	})
}

// A reply that drips in gains no time, however fast it drips.
func TestDrippedReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var drip []mock.Action
		for _, octet := range []byte("250 this takes for ever\r\n") {
			drip = append(drip, mock.Raw([]byte{octet}), mock.Delay(50*time.Second))
		}
		_, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("MAIL").Do(drip...)}})
		began := time.Now()
		_, err := c.Send(t.Context(), envelope, message)
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != 5*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// A transfer may take as long as it moves.
func TestSlowTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Window: 4096})
		cfg := config(s, nil)
		cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := s.Dial(ctx, network, addr)
			return slowConn{conn}, err
		}
		body := strings.Repeat(strings.Repeat("x", 70)+"\r\n", 5000)
		began := time.Now()
		if _, err := smtp.Send(t.Context(), cfg, envelope, smtp.Bytes([]byte(body))); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 20*time.Minute {
			t.Errorf("took only %v", took)
		}
	})
}

// A slowConn takes a minute for each large write.
type slowConn struct{ net.Conn }

func (c slowConn) Write(p []byte) (int, error) {
	if len(p) > 8000 {
		time.Sleep(time.Minute)
	}
	return c.Conn.Write(p)
}

// A server that stops reading holds up nobody for longer than the limit.
func TestBlockedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{
			Network: mock.InMemory, Window: 4096,
			Faults: []mock.Fault{mock.At("DATA").After().Do(mock.Stall())},
		})
		began := time.Now()
		_, err := smtp.Send(t.Context(), config(s, nil), envelope, smtp.Bytes(make8(1<<20)))
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != 3*time.Minute || !smtp.SafeToRetry(err) {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestCloseWaitsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("QUIT").Do(mock.Stall())}})
		began := time.Now()
		c.Close()
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
		if err := c.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	res, err := smtp.Send(t.Context(), smtp.Config{Addr: addr}, envelope, message)
	if smtp.Classify(err) != smtp.Network || !smtp.SafeToRetry(err) || res.Attempts != 1 || !strings.Contains(err.Error(), addr) {
		t.Errorf("got %+v, %v", res, err)
	}
}

func TestServerWithoutTLSOnImplicitPort(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	cfg := config(s, nil)
	cfg.Addr, cfg.TLS = s.Addr(), smtp.TLSImplicit
	_, err := smtp.Dial(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("got %v", err)
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("says that the connection was closed: %v", err)
	}
}
