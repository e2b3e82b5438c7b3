package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A journal is hooks that write down what they are told, each line behind the
// spans that it is in, and that keep all they were handed.
type journal struct {
	lines  []string
	args   []any
	states []smtp.State
	open   int // spans
}

type spanKey struct{}

func (j *journal) note(ctx context.Context, format string, args ...any) {
	path, _ := ctx.Value(spanKey{}).(string)
	j.lines = append(j.lines, path+fmt.Sprintf(format, args...))
}

// enter notes the begin of a span, whose end is for leave.
func (j *journal) enter(ctx context.Context, name, format string, args ...any) (_ context.Context, leave func(error, string, ...any)) {
	j.note(ctx, name+" "+format, args...)
	j.open++
	path, _ := ctx.Value(spanKey{}).(string)
	return context.WithValue(ctx, spanKey{}, path+"  "), func(err error, format string, args ...any) {
		j.open--
		j.note(ctx, "end of "+name+" "+format+": "+smtp.Classify(err).String(), args...)
	}
}

func (j *journal) keep(args ...any) { j.args = append(j.args, args...) }

func (j *journal) hooks() *smtp.Hooks {
	return &smtp.Hooks{
		Queue: func(ctx context.Context, q smtp.Queued) {
			j.keep(q, q.Err)
			j.note(ctx, "waited %v, connect %t: %s", q.Duration, q.Connect, smtp.Classify(q.Err))
		},
		Connect: func(ctx context.Context, c smtp.Connection) (context.Context, func(smtp.Connection, error)) {
			ctx, leave := j.enter(ctx, "connect", "%s attempt %d", c.Server, c.Attempt)
			return ctx, func(done smtp.Connection, err error) {
				j.keep(c, done, err)
				leave(err, "tls %t %q", done.TLS != nil, done.Mechanism)
			}
		},
		Lookup: func(ctx context.Context, l smtp.Lookup) {
			j.keep(l)
			j.note(ctx, "lookup %s", l.Host)
		},
		Dial: func(ctx context.Context, a smtp.DialAttempt) {
			j.keep(a)
			j.note(ctx, "dial %s %s: %v", a.Network, a.Addr, a.Err)
		},
		Handshake: func(ctx context.Context, h smtp.Handshake) {
			j.keep(h, h.Err)
			j.note(ctx, "handshake %s, verified %t: %s", h.ServerName, h.Verified, smtp.Classify(h.Err))
		},
		Auth: func(ctx context.Context, s smtp.SignIn) (context.Context, func(smtp.SignIn, error)) {
			ctx, leave := j.enter(ctx, "auth", "%s of %d", s.Username, len(s.Decisions))
			return ctx, func(done smtp.SignIn, err error) {
				j.keep(s, done, err)
				leave(err, "%s, %d commands, %d round trips", done.Mechanism, done.Commands, done.RoundTrips)
			}
		},
		Token: func(ctx context.Context, f smtp.TokenFetch) (context.Context, func(smtp.TokenFetch, error)) {
			ctx, leave := j.enter(ctx, "token", "%s at %s, renewal %t", f.Username, f.Host, f.Renewal)
			return ctx, func(done smtp.TokenFetch, err error) {
				j.keep(f, done, err)
				leave(err, "expiry known %t", !done.Expiry.IsZero())
			}
		},
		Message: func(ctx context.Context, d smtp.Delivery) (context.Context, func(*smtp.Result, error)) {
			ctx, leave := j.enter(ctx, "message", "%s %v %d octets over %s", d.From, d.To, d.Size, d.Connection.Mechanism)
			return ctx, func(r *smtp.Result, err error) {
				j.keep(d, r, err)
				leave(err, "%d accepted", len(r.Accepted))
			}
		},
		Command: func(ctx context.Context, c smtp.Command) {
			j.keep(c, c.Reply, c.Err)
			line := fmt.Sprintf("%s %q %d: %d", c.Verb, c.Line, c.Octets, c.Reply.Code)
			if c.Err != nil {
				line += " " + smtp.Classify(c.Err).String()
			}
			j.note(ctx, "%s", line)
		},
		Progress: func(ctx context.Context, p smtp.Progress) { j.note(ctx, "progress %d of %d", p.Sent, p.Total) },
		State: func(ctx context.Context, s smtp.StateChange) {
			j.keep(s, s.Err)
			j.states = append(j.states, s.To)
			j.note(ctx, "state %v to %v", s.From, s.To)
		},
	}
}

// watched leads to s and tells j.
func watched(s *mock.Server, a *sasl.Authenticator, j *journal) smtp.Config {
	cfg := config(s, a)
	cfg.Hooks = j.hooks()
	return cfg
}

// A whole session: STARTTLS, a refused token and its renewal, a message.
func TestHooks(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
	var j journal
	cfg := watched(s, sasl.OAuth(user, &inTurn{tokens: []string{"stale", short}}), &j)
	if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimPrefix(`
connect mock.test:587 attempt 1
  state none to connecting
  dial tcp mock.test:587: <nil>
  state connecting to connected
   "" 0: 220
  EHLO "EHLO client.example.com" 25: 250
  STARTTLS "STARTTLS" 10: 220
  handshake mock.test, verified true: none
  state connected to encrypted
  EHLO "EHLO client.example.com" 25: 250
  auth you@example.com of 12
    token you@example.com at mock.test, renewal false
    end of token expiry known false: none
    AUTH "AUTH XOAUTH2 [40 octets]" 71: 334
    AUTH "[response, 0 octets]" 2: 535
    token you@example.com at mock.test, renewal true
    end of token expiry known false: none
    AUTH "AUTH XOAUTH2 [68 octets]" 107: 235
  end of auth XOAUTH2, 2 commands, 3 round trips: none
  state encrypted to ready
end of connect tls true "XOAUTH2": none
message you@example.com [friend@example.com] 23 octets over XOAUTH2
  state ready to sending
  MAIL "MAIL FROM:<you@example.com> SIZE=23" 37: 250
  RCPT "RCPT TO:<friend@example.com>" 30: 250
  DATA "DATA" 6: 354
  progress 23 of 23
  . "." 23: 250
  state sending to ready
end of message 1 accepted: none
QUIT "QUIT" 6: 0
  state ready to closed`, "\n"), "\n")
	if diff := cmp.Diff(want, j.lines); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// Hooks are told of every end of a connection, whatever it is: once, with no span
// left open and no command forgotten.
func TestHooksWhereItStalls(t *testing.T) {
	for _, phase := range phases {
		t.Run(phase.point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				cfg := stalled(t, phase.point)
				cfg.Hooks = j.hooks()
				if _, err := smtp.Send(t.Context(), cfg, envelope, message); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("got %v", err)
				}
				var closed, failed int
				for _, state := range j.states {
					if state == smtp.StateClosed {
						closed++
					}
				}
				for _, arg := range j.args {
					if c, ok := arg.(smtp.Command); ok && c.Err != nil {
						failed++
						if !errors.Is(c.Err, os.ErrDeadlineExceeded) || c.Duration != phase.limit || c.Reply.Code != 0 {
							t.Errorf("%+v, after %v", c, c.Duration)
						}
					}
				}
				if closed != 1 || j.states[len(j.states)-1] != smtp.StateClosed || j.open != 0 || failed != 1 {
					t.Errorf("closed %d times, %d commands failed, %d spans open:\n%s", closed, failed, j.open, strings.Join(j.lines, "\n"))
				}
			})
		})
	}
}

// Replies of a group are told as they come, each with its own time.
func TestHooksTellTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			mock.At("RCPT").Nth(2).Before().Do(mock.Delay(3 * time.Second)),
			mock.At("EOD").Before().Do(mock.Delay(5 * time.Second)),
		}})
		var got []string
		cfg := config(s, nil)
		cfg.Hooks = &smtp.Hooks{Command: func(_ context.Context, c smtp.Command) {
			got = append(got, fmt.Sprintf("%s %v", c.Verb, c.Duration))
		}}
		env := smtp.Envelope{From: user, To: []string{"a@x.test", "b@x.test"}}
		if _, err := smtp.Send(t.Context(), cfg, env, message); err != nil {
			t.Fatal(err)
		}
		want := "MAIL 0s, RCPT 0s, RCPT 3s, DATA 3s, . 5s, QUIT 0s"
		if all := strings.Join(got, ", "); !strings.HasSuffix(all, want) {
			t.Errorf("told of %s; want %s at the end", all, want)
		}
	})
}

// AUTH that shares a group with a message is told before it, and with LMTP every
// recipient's reply is.
func TestHooksInGroups(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Users: map[string]string{user: "pencil"}, Mechanisms: []string{"PLAIN"}})
	var j journal
	cfg := watched(s, sasl.Password(user, "pencil"), &j)
	cfg.AuthInGroup = true
	if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(j.lines, "\n")
	order := []string{"message ", `AUTH "AUTH PLAIN [23 octets]" 45: 235`, "end of auth PLAIN, 1 commands, 1 round trips", `MAIL "MAIL `, `RCPT "`, `DATA "`, `. "."`, "end of message"}
	for _, want := range order {
		_, rest, found := strings.Cut(all, want)
		if !found {
			t.Fatalf("%q is not where it should be in\n%s", want, strings.Join(j.lines, "\n"))
		}
		all = rest
	}

	var final []string
	_, err := lmtp(t, func(c *smtp.Config) {
		c.Hooks = &smtp.Hooks{Command: func(_ context.Context, c smtp.Command) {
			if c.Verb == "." {
				final = append(final, c.Reply.String())
			}
		}}
	}, []string{"250 mock.test"}, commands(), mock.Expect("DATA"), mock.Send("354 go"), mock.ExpectContent(),
		mock.Send("250 2.0.0 a"), mock.Send("452 4.2.2 full"), mock.Bye())
	if smtp.Classify(err) != smtp.Partial || strings.Join(final, ", ") != "250 2.0.0 a, 452 4.2.2 full" {
		t.Errorf("told of %q, %v", final, err)
	}
}

// A real dialer tells of the lookup and of every address.
func TestHooksDial(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.Loopback})
	_, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	var j journal
	cfg := watched(s, nil, &j)
	cfg.Addr, cfg.DialContext = net.JoinHostPort("localhost", port), nil
	cfg.TLSConfig.ServerName = "mock.test"
	c, err := smtp.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	all := strings.Join(j.lines, "\n")
	if !strings.Contains(all, "  lookup localhost\n") || !strings.Contains(all, "  dial tcp 127.0.0.1:"+port+": <nil>\n") {
		t.Errorf("told of\n%s", all)
	}
}

// Hooks may return nothing: the context stays what it is.
func TestHooksReturnNothing(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
	cfg := config(s, sasl.OAuth(user, sasl.StaticToken(short)))
	nothing := &smtp.Hooks{
		Connect: func(context.Context, smtp.Connection) (context.Context, func(smtp.Connection, error)) {
			return nil, nil
		},
		Auth: func(context.Context, smtp.SignIn) (context.Context, func(smtp.SignIn, error)) { return nil, nil },
		Token: func(context.Context, smtp.TokenFetch) (context.Context, func(smtp.TokenFetch, error)) {
			return nil, nil
		},
		Message: func(context.Context, smtp.Delivery) (context.Context, func(*smtp.Result, error)) { return nil, nil },
	}
	var j journal
	cfg.Hooks = nothing.With(j.hooks()).With(nil).With(nothing)
	if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
		t.Error(err)
	}
	if n := len(j.lines); n == 0 || j.open != 0 {
		t.Errorf("%d events, %d spans open", n, j.open)
	}
	if h := (*smtp.Hooks)(nil).With(nil); h != nil {
		t.Errorf("got %v", h)
	}
}

// With calls one after the other and nests their spans.
func TestHooksWith(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	var got []string
	named := func(name string) *smtp.Hooks {
		return &smtp.Hooks{
			Message: func(ctx context.Context, _ smtp.Delivery) (context.Context, func(*smtp.Result, error)) {
				got = append(got, "begin "+name)
				return context.WithValue(ctx, spanKey{}, name), func(*smtp.Result, error) { got = append(got, "end "+name) }
			},
			Command: func(ctx context.Context, c smtp.Command) {
				if c.Verb == "MAIL" {
					got = append(got, fmt.Sprint(name, " within ", ctx.Value(spanKey{})))
				}
			},
		}
	}
	cfg := config(s, nil)
	cfg.Hooks = named("a").With(named("b"))
	if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
		t.Fatal(err)
	}
	want := "begin a, begin b, a within b, b within b, end b, end a"
	if all := strings.Join(got, ", "); all != want {
		t.Errorf("got %s; want %s", all, want)
	}
}

// A hook that panics ends the connection: which replies are to come is unknown.
func TestHookPanics(t *testing.T) {
	for _, verb := range []string{"EHLO", "MAIL", "DATA", "."} {
		t.Run(verb, func(t *testing.T) {
			s := mock.Start(t, mock.Options{Network: mock.InMemory})
			cfg := config(s, nil)
			cfg.Hooks = &smtp.Hooks{Command: func(_ context.Context, c smtp.Command) {
				if c.Verb == verb && c.Err == nil {
					panic("hook")
				}
			}}
			var client *smtp.Client
			func() {
				defer func() {
					if recover() != "hook" {
						t.Error("the panic did not reach the caller")
					}
				}()
				var err error
				if client, err = smtp.Dial(t.Context(), cfg); err == nil {
					_, _ = client.Send(t.Context(), envelope, message)
				}
			}()
			if verb == "EHLO" {
				return
			}
			if _, err := client.Send(t.Context(), envelope, message); !errors.Is(err, smtp.ErrBroken) {
				t.Errorf("sent over it again: %v", err)
			}
		})
	}
}

func TestStateString(t *testing.T) {
	for s, want := range map[smtp.State]string{smtp.StateNone: "none", smtp.StateReady: "ready", smtp.StateClosed: "closed", 99: "unknown", -1: "unknown"} {
		if got := s.String(); got != want {
			t.Errorf("%d: %q; want %q", int(s), got, want)
		}
	}
}

// Connections of a Pool share hooks: every one is told of from its begin to its
// end, and no event of one comes amid those of another that it is not part of.
func TestHooksInPool(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
	var opened, closed, messages, commands atomic.Int64
	cfg := config(s, sasl.OAuth(user, sasl.StaticToken(short)))
	cfg.Hooks = &smtp.Hooks{
		State: func(_ context.Context, c smtp.StateChange) {
			switch c.To {
			case smtp.StateConnecting:
				opened.Add(1)
			case smtp.StateClosed:
				closed.Add(1)
			}
		},
		Command: func(context.Context, smtp.Command) { commands.Add(1) },
		Message: func(ctx context.Context, _ smtp.Delivery) (context.Context, func(*smtp.Result, error)) {
			return ctx, func(r *smtp.Result, err error) {
				if err == nil && len(r.Accepted) == 1 {
					messages.Add(1)
				}
			}
		},
	}
	pool, err := smtp.NewPool(cfg, smtp.PoolOptions{MaxConns: 3, MessagesPerConn: 5})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				if _, err := pool.Send(t.Context(), envelope, message); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	pool.Close()
	if messages.Load() != 40 || opened.Load() != closed.Load() || opened.Load() < 8 || commands.Load() < 4*40 {
		t.Errorf("%d messages, %d connections opened, %d closed, %d commands", messages.Load(), opened.Load(), closed.Load(), commands.Load())
	}
}

// With forgets no hook.
func TestHooksWithAll(t *testing.T) {
	all := new(journal).hooks()
	for name, h := range map[string]*smtp.Hooks{
		"first": all.With(new(smtp.Hooks)), "second": new(smtp.Hooks).With(all), "both": all.With(all),
	} {
		v := reflect.ValueOf(h).Elem()
		for i := range v.NumField() {
			if v.Field(i).IsNil() {
				t.Errorf("%s: no %s", name, v.Type().Field(i).Name)
			}
		}
	}
}
