package mock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/smtp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

func TestEndlessLine(t *testing.T) {
	for name, start := range map[string]string{
		"command":  "",
		"response": "EHLO client.test\r\nAUTH PLAIN\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			srv := mock.Start(t, insecure(mock.Options{}))
			c := dial(t, srv)
			c.send(start)
			junk := strings.Repeat("x", 1<<16)
			sent := 0
			for ; sent < 4<<20; sent += len(junk) {
				if _, err := c.conn.Write([]byte(junk)); err != nil {
					break
				}
			}
			if sent >= 4<<20 {
				t.Error("the server takes a line of 4 MiB")
			}
			if _, err := io.Copy(io.Discard, c.r); err != nil {
				t.Log(err)
			}
		})
	}
}

func TestThousandsOfCommands(t *testing.T) {
	srv := mock.Start(t, insecure(mock.Options{}))
	c := dial(t, srv)
	c.expect(greeting)
	const n = 70_000 // more than are recorded
	go func() {
		for range n / 100 {
			c.conn.Write([]byte(strings.Repeat("RSET\r\n", 100)))
		}
		c.conn.Write([]byte("QUIT\r\n"))
	}()
	for range n {
		c.expect("250 2.0.0 Reset\r\n")
	}
	c.expect("221 2.0.0 Bye\r\n")
	srv.Close()
	if s := srv.Sessions()[0]; len(s.Commands) > 50_000 || len(s.Transcript) > 50_000 {
		t.Errorf("%d commands, %d lines recorded", len(s.Commands), len(s.Transcript))
	}
	srv.Forget()
	if n := len(srv.Sessions()); n != 0 || srv.Connections() != 1 {
		t.Errorf("%d sessions, %d connections behind Forget", n, srv.Connections())
	}
}

// TestClientThatDoesNotRead sends commands and never reads a reply: the server
// waits for it instead of piling replies up.
func TestClientThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := insecure(mock.Options{})
		o.Window = 4 << 10
		srv := mock.Start(t, o)
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetWriteDeadline(time.Now().Add(time.Hour))
		n, err := io.Copy(conn, io.LimitReader(repeat("HELP\r\n"), 10<<20))
		if e, ok := err.(interface{ Timeout() bool }); !ok || !e.Timeout() || n > 1<<20 {
			t.Errorf("wrote %d octets, %v; want a timeout before 1 MiB", n, err)
		}
	})
}

// repeat is a reader of a text again and again.
type repeat string

func (r repeat) Read(p []byte) (int, error) {
	n := 0
	for n+len(r) <= len(p) {
		n += copy(p[n:], r)
	}
	return n, nil
}

// TestDisconnectAnywhere ends a session behind each of its octets. No message is
// stored before its end has come.
func TestDisconnectAnywhere(t *testing.T) {
	session := "EHLO client.test\r\nAUTH LOGIN\r\n" + b64("user") + "\r\n" + b64("secret") +
		"\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.test>\r\nDATA\r\ntext\r\n.\r\n"
	srv := mock.Start(t, insecure(mock.Options{}))
	for n := range len(session) + 1 {
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(session[:n]))
		conn.(interface{ CloseWrite() error }).CloseWrite()
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("behind %q: %v", session[:n], err)
		}
		conn.Close()
		if want := n / len(session); len(srv.Messages()) != want {
			t.Fatalf("%d messages behind %q, want %d", len(srv.Messages()), session[:n], want)
		}
	}
	for _, s := range srv.Sessions() {
		if s.Open && s.ID < len(session) {
			t.Errorf("session %d is open", s.ID)
		}
	}
}

func TestParallel(t *testing.T) {
	srv := mock.Start(t, mock.Options{RequireAuth: true, Strict: true})
	var wg sync.WaitGroup
	const clients = 20
	for i := range clients {
		wg.Go(func() {
			auth := smtp.PlainAuth("", "user", "secret", "127.0.0.1")
			if err := send(srv, auth, "from@example.test", "to@example.test", fmt.Sprintf("Subject: %d\r\n\r\n", i)); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() { _, _ = srv.Transcript().String(), srv.Messages() })
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	messages, err := srv.WaitMessages(ctx, clients)
	if len(messages) < clients || err != nil {
		t.Errorf("%d messages, %v", len(messages), err)
	}
	wg.Wait()
	if srv.Connections() != clients || len(srv.Auths()) != clients {
		t.Errorf("%d connections, %d AUTH commands", srv.Connections(), len(srv.Auths()))
	}
}

func TestWaitMessages(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := srv.WaitMessages(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	srv.Close()
	if _, err := srv.WaitMessages(t.Context(), 1); err == nil || err.Error() != "mock: 0 of 1 messages when the server was closed" {
		t.Errorf("closed: %v", err)
	}
}

// TestNothingLeft opens servers in every state, closes them and counts what still
// runs.
func TestNothingLeft(t *testing.T) {
	for _, network := range []mock.Network{mock.Loopback, mock.InMemory} {
		for _, sent := range []string{"", "EHLO client.test\r\nAUTH PLAIN\r\n", "HELO client.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.test>\r\nDATA\r\nx", "STARTTLS\r\n", "NOOP\r\n", "VRFY x\r\n", "HELP\r\n", "RSET\r\n", "BDAT 10\r\nx", "EHLO client.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.test>\r\nDATA\r\nx"} {
			srv, err := mock.New(mock.Options{Network: network, InsecureAuth: true, Faults: []mock.Fault{
				mock.At("NOOP").Do(mock.Stall()),
				mock.At("VRFY").Do(mock.Endless("250-x", 0)),
				mock.At("HELP").Do(mock.HalfClose()),
				mock.At("RSET").Do(mock.Drip(1, time.Hour)),
				mock.At("DATA").After().Do(mock.Swallow(1 << 40)),
			}})
			if err != nil {
				t.Fatal(err)
			}
			c := dial(t, srv)
			c.expect(greeting)
			c.send(sent)
			if err := srv.Close(); err != nil {
				t.Error(err)
			}
			if err := srv.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
			c.conn.Close()
			if srv.Sessions()[0].Open {
				t.Error("a session is open behind Close")
			}
			if _, err := srv.Dial(t.Context(), "", ""); err == nil {
				t.Error("dialled behind Close")
			}
		}
	}
	authority, err := mock.NewAuthority(mock.AuthorityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := authority.HTTPClient().Get(authority.URL()); err != nil {
		t.Error(err)
	} else {
		resp.Body.Close()
	}
	authority.Close()
	if left := leftovers(t.Context(), time.Minute); left != "" {
		t.Error(left)
	}
}
