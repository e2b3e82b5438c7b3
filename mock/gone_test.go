package mock_test

import (
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// TestClientsThatJustClose: a client that closes with a reply unread resets a TCP
// connection, and one that is done at once may not even be accepted yet. Both are
// ends of a connection, and nothing goes unseen.
func TestClientsThatJustClose(t *testing.T) {
	for name, test := range map[string]struct{ script, says string }{
		"dials, closes":       {"S: 220 x\nEOF", ""},
		"QUIT, closes":        {"S: 220 x\nC: QUIT\nS: 221 bye\nEOF", "QUIT\r\n"},
		"QUIT, server closes": {"S: 220 x\nC: QUIT\nS: 221 bye\nCLOSE", "QUIT\r\n"},
		"two lines, closes":   {"S: 220 x\nC: NOOP\nS: 250 x\nC: QUIT\nS: 221 bye\nEOF", "NOOP\r\nQUIT\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, network := range []mock.Network{mock.Loopback, mock.InMemory} {
				for range 20 {
					step, err := mock.ParseDialogue("test.smtp", strings.NewReader(test.script))
					if err != nil {
						t.Fatal(err)
					}
					srv, err := mock.New(mock.Options{Network: network, TLS: mock.NoTLS, Script: step})
					if err != nil {
						t.Fatal(err)
					}
					conn, err := srv.Dial(t.Context(), "", "")
					if err != nil {
						t.Fatal(err)
					}
					conn.Write([]byte(test.says))
					conn.Close()
					srv.Close() // at once
					if err := srv.Err(); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// TestUnreadReplyIsAnEnd: here the reply has surely arrived before the client
// closes.
func TestUnreadReplyIsAnEnd(t *testing.T) {
	for _, mode := range []mock.TLSMode{mock.NoTLS, mock.ImplicitTLS} {
		srv := mock.Start(t, mock.Options{TLS: mode, Script: mock.Seq(mock.Send("220 x"), mock.Expect("QUIT"), mock.Send("221 bye", "221 bye"), mock.ExpectEOF())})
		c := dial(t, srv)
		raw := c.conn
		if mode == mock.ImplicitTLS {
			c.startTLS(srv)
		}
		c.expect("220 x\r\n")
		c.send("QUIT\r\n")
		c.expect("221 bye\r\n")
		raw.Close() // without the farewell of TLS
		srv.Close()
	}
}

// TestWaitIdleSeesAll: a connection that waits to be accepted is not over.
func TestWaitIdleSeesAll(t *testing.T) {
	for _, network := range []mock.Network{mock.Loopback, mock.InMemory} {
		srv := mock.Start(t, mock.Options{Network: network, TLS: mock.NoTLS})
		for i := range 50 {
			conn, err := srv.Dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if err := srv.WaitIdle(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := srv.Connections(); n != i+1 {
				t.Fatalf("%d connections, want %d", n, i+1)
			}
		}
		srv.Close()
		if err := srv.WaitIdle(t.Context()); err != nil {
			t.Errorf("closed: %v", err)
		}
	}
}
