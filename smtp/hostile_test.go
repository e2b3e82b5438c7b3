package smtp_test

import (
	"context"
	"encoding/base64"
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

// A server may repeat what it was sent, whole or in part, in clear or not. It
// shows nowhere.
func TestServerRepeatsTheSecret(t *testing.T) {
	const token = "ya29.Zk3-vN8qPw_2rT6yLx0-repeated-Jd7Gf5"
	response := base64.StdEncoding.EncodeToString([]byte("user=" + user + "\x01auth=Bearer " + token + "\x01\x01"))
	for name, reply := range map[string]string{
		"token":           "535 5.7.8 bad token " + token,
		"half of it":      "535 5.7.8 bad token " + token[:20],
		"response":        "500 5.5.2 unknown command: AUTH XOAUTH2 " + response,
		"half a response": "535-no\r\n535 " + response[len(response)/2:],
		"raw line":        "AUTH XOAUTH2 " + response,
		"in a challenge":  "334 " + base64.StdEncoding.EncodeToString([]byte(`{"status":"400","scope":"`+token[10:]+`"}`)),
	} {
		t.Run(name, func(t *testing.T) {
			s := mock.Start(t, mock.Options{
				Network: mock.InMemory, Directory: accept(long),
				Faults: []mock.Fault{mock.At("AUTH").Do(mock.Raw([]byte(reply + "\r\n")))},
			})
			log, logged := logger()
			cfg := config(s, sasl.OAuth(user, sasl.StaticToken(token)))
			cfg.Logger = log
			_, err := smtp.Dial(t.Context(), cfg)
			if err == nil {
				t.Fatal("no error")
			}
			scan(t, token, err, logged.String())
			scan(t, response, err, logged.String())
			var auth *smtp.AuthError
			if errors.As(err, &auth) {
				scan(t, token, auth, auth.Reply, auth.OAuth)
				if auth.OAuth != nil {
					scan(t, token, string(auth.OAuth.Raw()))
				}
			}
		})
	}
}

// A challenge may share octets with what was sent: it reaches the mechanism as
// it is.
func TestChallengeThatResemblesTheResponse(t *testing.T) {
	token := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(user, 6)))
	s := mock.Start(t, mock.Options{
		Network: mock.InMemory, Directory: accept(long),
		Faults: []mock.Fault{mock.At("AUTH").Do(mock.Raw([]byte("334 " + base64.StdEncoding.EncodeToString([]byte("user="+user+`{"status":"401"}`)) + "\r\n")))},
	})
	_, err := smtp.Dial(t.Context(), config(s, sasl.OAuth(user, sasl.StaticToken(token))))
	var auth *smtp.AuthError
	if !errors.As(err, &auth) || auth.OAuth == nil || !strings.Contains(string(auth.OAuth.Raw()), user) {
		t.Errorf("got %v", err)
	}
}

// Somebody else's deadline is not the end of the caller's context.
func TestTimeoutsOfOthersAreNotCancellation(t *testing.T) {
	lookup := &net.DNSError{Err: "timed out", IsTimeout: true}
	_, err := smtp.Dial(t.Context(), smtp.Config{Addr: "mock.test", DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, fmt.Errorf("%w: %w", lookup, context.DeadlineExceeded)
	}})
	if smtp.Classify(err) != smtp.Network {
		t.Errorf("dial: %v is %v", err, smtp.Classify(err))
	}
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
	slow := sasl.TokenString(func(context.Context) (string, error) { return "", temporaryError{context.DeadlineExceeded} })
	if _, err := smtp.Dial(t.Context(), config(s, sasl.OAuth(user, slow))); smtp.Classify(err) != smtp.Temporary {
		t.Errorf("generator: %v is %v", err, smtp.Classify(err))
	}
}

// The timeout of a command does not cut the handshake behind it.
func TestHandshakeHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("STARTTLS").After().Do(mock.Delay(10 * time.Second))}})
		cfg := config(s, nil)
		cfg.Timeouts = smtp.Timeouts{Command: time.Second, TLS: time.Minute}
		c, err := smtp.Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

// endless is a message that never ends.
type endless struct{ octet byte }

func (e endless) Open() (io.ReadCloser, error) { return io.NopCloser(e), nil }

func (e endless) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	for i := range p {
		p[i] = e.octet
	}
	return len(p), nil
}

func TestEndlessMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, mock.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Send(ctx, envelope, endless{'x'}); smtp.Classify(err) != smtp.Canceled {
			t.Errorf("of text: %v", err)
		}
		if _, err := c.Send(t.Context(), envelope, endless{0}); !errors.Is(err, smtp.ErrMessage) {
			t.Errorf("of NUL: %v", err)
		}
		if _, err := c.Send(ctx, envelope, message); smtp.Classify(err) != smtp.Canceled {
			t.Errorf("late: %v", err)
		}
		if _, err := c.Send(t.Context(), envelope, message); err != nil {
			t.Errorf("next message: %v", err)
		}
	})
}

// A reader that waits is woken by its Close when the context ends.
func TestReaderThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, mock.Options{})
		r, w := io.Pipe()
		defer w.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Send(ctx, envelope, smtp.Reader(r))
		if smtp.Classify(err) != smtp.Canceled || !smtp.SafeToRetry(err) {
			t.Errorf("%v is %v", err, smtp.Classify(err))
		}
	})
}

// peer is a server that is nobody's idea of one: it talks as told.
func peer(t *testing.T, talk func(conn net.Conn, line func() string)) smtp.Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		octet := make([]byte, 1)
		talk(conn, func() string {
			var b strings.Builder
			for {
				if _, err := conn.Read(octet); err != nil {
					return b.String()
				}
				b.Write(octet)
				if octet[0] == '\n' {
					return b.String()
				}
			}
		})
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return smtp.Config{Addr: l.Addr().String(), TLS: smtp.InsecureNoTLS, LocalName: "client.example.com"}
}

// upToContent plays a server up to the 354, in lockstep.
func upToContent(conn net.Conn, line func() string) {
	io.WriteString(conn, "220 hi\r\n")
	for _, reply := range []string{"250 hi", "250 ok", "250 ok", "354 go"} {
		line()
		io.WriteString(conn, reply+"\r\n")
	}
}

// A server that speaks up while the message is still under way is heard, and
// believed only if it refuses.
func TestReplyBeforeTheEndOfTheMessage(t *testing.T) {
	for _, tt := range []struct {
		name, reply string
		class       smtp.Class
		code        int
	}{
		{"refused", "552 5.3.4 too big\r\n", smtp.Permanent, 552},
		{"refused for now", "452 4.3.1 full\r\n", smtp.Temporary, 452},
		{"accepted", "250 2.0.0 queued\r\n", smtp.Network, 0},
		{"nonsense", "what?\r\n", smtp.Network, 0},
		{"closed", "", smtp.Network, 0},
	} {
		for _, reads := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, reads on: %v", tt.name, reads), func(t *testing.T) {
				cfg := peer(t, func(conn net.Conn, line func() string) {
					upToContent(conn, line)
					io.CopyN(io.Discard, conn, 100_000)
					io.WriteString(conn, tt.reply)
					if tt.name == "closed" {
						return
					}
					if reads {
						io.Copy(io.Discard, conn)
					} else {
						conn.(*net.TCPConn).CloseWrite()
						<-t.Context().Done()
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				res, err := smtp.Send(ctx, cfg, envelope, smtp.Bytes(make8(64<<20)))
				if err == nil || errors.Is(err, smtp.ErrUncertain) || !smtp.SafeToRetry(err) || res.Reply.Code != tt.code || smtp.Classify(err) != tt.class {
					t.Errorf("got %v (%v), reply %v", err, smtp.Classify(err), res.Reply)
				}
				if tt.name == "accepted" && !errors.Is(err, smtp.ErrProtocol) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// Thousands of mechanisms cost neither time nor a long error.
func TestManyMechanisms(t *testing.T) {
	cfg := peer(t, func(conn net.Conn, line func() string) {
		io.WriteString(conn, "220 hi\r\n")
		line()
		var reply strings.Builder
		for i := range 4000 {
			fmt.Fprintf(&reply, "250-AUTH M%d N%d O%d\r\n", i, i, i)
		}
		io.WriteString(conn, "250-hi\r\n"+reply.String()+"250 OK\r\n")
		line()
	})
	cfg.Auth = sasl.Password(user, "pencil")
	_, err := smtp.Dial(t.Context(), cfg)
	var none *sasl.NoMechanismError
	if !errors.As(err, &none) || len(err.Error()) > 1000 {
		t.Errorf("got %d octets: %.200v", len(err.Error()), err)
	}
}

// A refused mechanism that has seen the password is not followed by another that
// would show it again. SCRAM shows none, so another kind of it may do.
func TestRefusedMechanismThatSawThePassword(t *testing.T) {
	for _, tt := range []struct {
		offered []string
		tried   string
	}{
		{[]string{"PLAIN", "LOGIN"}, "PLAIN"},
		{[]string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"}, "SCRAM-SHA-256 SCRAM-SHA-1"},
	} {
		s := mock.Start(t, mock.Options{
			Network: mock.InMemory, Users: map[string]string{user: "pencil"}, Mechanisms: tt.offered,
			Faults: []mock.Fault{mock.At("AUTH").Do(mock.Reply(534, "5.7.9", "Application-specific password required"))},
		})
		_, err := smtp.Dial(t.Context(), config(s, sasl.Password(user, "pencil")))
		var auth *smtp.AuthError
		if !errors.As(err, &auth) || auth.Reply == nil || auth.Reply.Code != 534 {
			t.Errorf("%v: got %v", tt.offered, err)
		}
		var tried []string
		for _, a := range s.Auths() {
			tried = append(tried, a.Mechanism)
		}
		if got := strings.Join(tried, " "); got != tt.tried {
			t.Errorf("%v: tried %s, want %s", tt.offered, got, tt.tried)
		}
	}
}

// One that has not seen it is followed by another that is as strong (RFC 4954,
// Section 6, of 534).
func TestRefusedMechanismThatSawNoPassword(t *testing.T) {
	for _, code := range []int{504, 534} {
		s := mock.Start(t, mock.Options{
			Network: mock.InMemory, Users: map[string]string{user: "pencil"}, Mechanisms: []string{"SCRAM-SHA-256", "SCRAM-SHA-1"},
			Faults: []mock.Fault{mock.At("AUTH").Nth(1).Do(mock.Reply(code, "5.7.9", "Not by this one"))},
		})
		c, err := smtp.Dial(t.Context(), config(s, sasl.Password(user, "pencil")))
		if err != nil {
			t.Errorf("%d: %v, %d AUTH", code, err, len(s.Auths()))
			continue
		}
		c.Close()
		if auths := s.Auths(); len(auths) != 2 || auths[1].Mechanism != "SCRAM-SHA-1" || auths[1].Code != 235 {
			t.Errorf("%d: %v, want SCRAM-SHA-1 behind the refusal", code, auths)
		}
	}
}

// What the server said of the token outlives the connection.
func TestChallengeBeforeClose(t *testing.T) {
	s := mock.Start(t, mock.Options{
		Network: mock.InMemory, Directory: accept(long),
		Faults: []mock.Fault{mock.At("AUTH/2").Do(mock.Drop())},
	})
	_, err := smtp.Dial(t.Context(), config(s, sasl.OAuth(user, sasl.StaticToken(short))))
	var auth *smtp.AuthError
	if !errors.As(err, &auth) || auth.OAuth == nil || auth.OAuth.Status != "401" || smtp.Classify(err) != smtp.Network {
		t.Errorf("%v is %v", err, smtp.Classify(err))
	}
}

func TestLOGINWithoutPassword(t *testing.T) {
	for _, point := range []string{"AUTH", "AUTH/2"} {
		s := mock.Start(t, mock.Options{
			Network: mock.InMemory, Users: map[string]string{user: "pencil"}, Mechanisms: []string{"LOGIN"},
			Faults: []mock.Fault{mock.At(point).Do(mock.Reply(235, "2.7.0", "welcome"))},
		})
		if _, err := smtp.Dial(t.Context(), config(s, sasl.Password(user, "pencil"))); !errors.Is(err, sasl.ErrProtocol) {
			t.Errorf("%s: %v", point, err)
		}
	}
}

func TestSendEndsWithItsTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The server reads on but never answers the end: the timeout of the end
		// counts once, although somebody has listened from the first block on.
		_, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("EOD").Do(mock.Stall())}})
		began := time.Now()
		_, err := c.Send(t.Context(), envelope, smtp.Bytes(make8(1<<20)))
		if took := time.Since(began); !errors.Is(err, smtp.ErrUncertain) || !errors.Is(err, os.ErrDeadlineExceeded) || took != 10*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
	})
}
