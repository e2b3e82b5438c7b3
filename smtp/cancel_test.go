package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// everyPhase makes a server, or something before it, fall silent in each phase
// of a session.
var everyPhase = []struct {
	name      string
	fault     mock.Fault
	options   mock.Options
	dial      bool // the dialer falls silent
	token     bool // the generator does
	body      int  // octets of the message
	uncertain bool // the message may have been accepted
	accepted  bool // it has been
}{
	{name: "dial", dial: true},
	{name: "handshake of implicit TLS", fault: mock.At("TLS").Do(mock.Stall()), options: mock.Options{TLS: mock.ImplicitTLS}},
	{name: "greeting", fault: mock.At("CONNECT").Do(mock.Stall())},
	{name: "EHLO", fault: mock.At("EHLO").Do(mock.Stall())},
	{name: "STARTTLS", fault: mock.At("STARTTLS").Do(mock.Stall())},
	{name: "handshake", fault: mock.At("TLS").Do(mock.Stall())},
	{name: "second EHLO", fault: mock.At("EHLO").Nth(2).Do(mock.Stall())},
	{name: "token", token: true},
	{name: "AUTH", fault: mock.At("AUTH").Do(mock.Stall())},
	{name: "MAIL", fault: mock.At("MAIL").Do(mock.Stall())},
	{name: "RCPT", fault: mock.At("RCPT").Do(mock.Stall())},
	{name: "DATA", fault: mock.At("DATA").Do(mock.Stall())},
	{name: "content", fault: mock.At("DATA").After().Do(mock.Stall()), body: 1 << 20, options: mock.Options{Window: 4096}},
	{name: "end of message", fault: mock.At("EOD").Do(mock.Stall()), uncertain: true},
	{name: "QUIT", fault: mock.At("QUIT").Do(mock.Stall()), accepted: true},
}

// The end of a context ends whatever the client is doing at once, closes the
// connection and leaves no goroutine: one that is left blocks the end of the
// bubble. What was accepted stays accepted.
func TestContextEndsEveryPhase(t *testing.T) {
	for _, phase := range everyPhase {
		for _, pipelining := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, pipelining %v", phase.name, pipelining), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := phase.options
					o.Network, o.Directory = mock.InMemory, accept(short)
					o.Without = []string{"CHUNKING", "BINARYMIME"}
					if !pipelining {
						o.Without = append(o.Without, "PIPELINING")
					}
					if !phase.dial && !phase.token {
						o.Faults = []mock.Fault{phase.fault}
					}
					s := mock.Start(t, o)
					cfg := config(s, sasl.OAuth(user, generator(phase.token)))
					conn := cutDialer(&cfg, s, phase.dial)
					body := message
					if phase.body > 0 {
						body = smtp.Bytes(make8(phase.body))
					}

					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(time.Second, cancel)
					began := time.Now()
					_, err := smtp.Send(ctx, cfg, envelope, body)
					took := time.Since(began)

					if phase.accepted {
						if err != nil || took != 0 {
							t.Errorf("%v after %v; want success at once", err, took)
						}
					} else if took > time.Second+100*time.Millisecond || !errors.Is(err, context.Canceled) {
						t.Errorf("%v after %v; want the end of the context after 1s", err, took)
					}
					if errors.Is(err, smtp.ErrUncertain) != phase.uncertain || !phase.accepted && smtp.SafeToRetry(err) == phase.uncertain {
						t.Errorf("uncertain: %v", err)
					}
					if class := smtp.Classify(err); class != smtp.Canceled && !phase.uncertain && !phase.accepted {
						t.Errorf("%v is %v", err, class)
					}
					if *conn != nil && !(*conn).isClosed() {
						t.Error("the connection was left open")
					}
				})
			})
		}
	}
}

// generator returns a generator of the short token, or one that never answers.
func generator(silent bool) sasl.TokenGenerator {
	if !silent {
		return sasl.StaticToken(short)
	}
	return sasl.TokenString(func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	})
}

// cutDialer makes cfg dial s, or nobody, and returns where the connection will
// be seen.
func cutDialer(cfg *smtp.Config, s *mock.Server, silent bool) **cutConn {
	seen := new(*cutConn)
	cfg.DialContext = dialCut(s.Dial, func(conn net.Conn) net.Conn {
		*seen = newCutConn(conn, peerIsWell, 0)
		return *seen
	})
	if silent {
		cfg.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	return seen
}

// Close has no context: it waits a second for the reply to QUIT, and as long for
// a server that does not even read.
func TestCloseOfADeafServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
		cfg := config(s, nil)
		conn := cutDialer(&cfg, s, false)
		c, err := smtp.Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		(*conn).goDeaf()
		began := time.Now()
		err = c.Close()
		if took := time.Since(began); took != time.Second || err == nil || !(*conn).isClosed() {
			t.Errorf("%v after %v", err, took)
		}
	})
}
