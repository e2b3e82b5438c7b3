package mock_test

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// wholeSession signs in and sends two messages, by BDAT and by DATA.
var wholeSession = "EHLO client.test\r\nAUTH LOGIN\r\n" + b64("user") + "\r\n" + b64("secret") + "\r\n" +
	"MAIL FROM:<a@example.test> RET=HDRS\r\nRCPT TO:<b@example.test> NOTIFY=NEVER\r\nBDAT 6\r\nabcd\r\nBDAT 2 LAST\r\n\r\n" +
	"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n..text\r\n.\r\nQUIT\r\n"

// TestOctetByOctet sends a whole session in writes of one octet, over each
// network and inside TLS: it means the same.
func TestOctetByOctet(t *testing.T) {
	for _, network := range []mock.Network{mock.Loopback, mock.InMemory} {
		for _, mode := range []mock.TLSMode{mock.NoTLS, mock.ImplicitTLS} {
			srv := mock.Start(t, mock.Options{Network: network, TLS: mode, InsecureAuth: true})
			c := dial(t, srv)
			if mode == mock.ImplicitTLS {
				c.startTLS(srv)
			}
			for i := range len(wholeSession) {
				c.send(wholeSession[i : i+1])
			}
			io.Copy(io.Discard, c.r)
			srv.Close()
			if m := srv.Messages(); len(m) != 2 || string(m[0].Data) != "abcd\r\n\r\n" || string(m[1].Data) != ".text\r\n" || m[1].User != "user" {
				t.Errorf("network %d, TLS %d: stored %v\n%s", network, mode, m, srv.Transcript())
			}
		}
	}
}

// TestDisconnectWithinAll ends a session, with BDAT and DATA, behind each of its
// octets, by an end of input and by a reset: a message is stored when the last of
// its octets has come, and not before.
func TestDisconnectWithinAll(t *testing.T) {
	first := strings.Index(wholeSession, "RSET")
	second := strings.Index(wholeSession, "QUIT")
	for n := range len(wholeSession) + 1 {
		srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, InsecureAuth: true})
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(wholeSession[:n]))
		conn.(interface{ CloseWrite() error }).CloseWrite()
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("behind %q: %v", wholeSession[:n], err)
		}
		conn.Close()
		want := 0
		if n >= first {
			want++
		}
		if n >= second {
			want++
		}
		if got := len(srv.Messages()); got != want {
			t.Fatalf("%d messages behind %q, want %d", got, wholeSession[:n], want)
		}
		srv.Close()
		if s := srv.Sessions()[0]; s.Open || strings.Contains(s.Failure, "panic") {
			t.Errorf("session %+v", s)
		}
	}
}

// A stingyConn breaks behind some octets that were written.
type stingyConn struct {
	net.Conn
	left int
}

func (c *stingyConn) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		c.Conn.Write(p[:len(p)+c.left])
		c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// TestDisconnectWithinTLS ends a session in the octets below TLS.
func TestDisconnectWithinTLS(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS})
	whole := false
	for n := 0; !whole; n += 23 {
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		c := tls.Client(&stingyConn{conn, n}, srv.TLSConfig())
		_, err = c.Write([]byte(wholeSession))
		if whole = err == nil; whole {
			io.Copy(io.Discard, c)
		}
		conn.Close()
		if !whole && len(srv.Messages()) != 0 {
			t.Fatalf("a message behind %d octets", n)
		}
	}
	srv.Close()
	if n := len(srv.Messages()); n != 2 {
		t.Errorf("%d messages of the whole session, want 2", n)
	}
}

// TestBoundedMemory sends much of everything and looks at what was allocated.
func TestBoundedMemory(t *testing.T) {
	const envelope = "EHLO client.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.test>\r\n"
	const much = 16 << 20
	for name, test := range map[string]struct{ start, unit string }{
		"content":           {envelope + "DATA\r\n", "a line of text\r\n"},
		"content, no CRLF":  {envelope + "DATA\r\n", "xxxxxxxxxxxxxxxx"},
		"content, only CR":  {envelope + "DATA\r\n", "\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r"},
		"refused chunk":     {"EHLO client.test\r\nBDAT 16777216\r\n", "RSET\r\nRSET\r\nNO\r\n"},
		"chunk too big":     {envelope + "BDAT 16777216 LAST\r\n", "RSET\r\nRSET\r\nNO\r\n"},
		"command, no CRLF":  {"", "NOOP xxxxxxxxxxx"},
		"response, no CRLF": {"EHLO client.test\r\nAUTH PLAIN\r\n", "xxxxxxxxxxxxxxxx"},
		"BDAT, no CRLF":     {envelope + "BDAT ", "0000000000000000"},
		"octets of value 0": {"", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, InsecureAuth: true, MaxSize: 1 << 20})
			c := dial(t, srv)
			c.send(test.start)
			go io.Copy(io.Discard, c.r)
			var was, is runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&was)
			block := []byte(strings.Repeat(test.unit, 4096))
			for sent := 0; sent < much; sent += len(block) {
				if _, err := c.conn.Write(block); err != nil {
					break // it has had enough, which it may
				}
			}
			runtime.GC() // what is left is what the server holds
			runtime.ReadMemStats(&is)
			c.conn.Close()
			srv.Close()
			if grown := int64(is.HeapAlloc) - int64(was.HeapAlloc); grown > 4<<20 {
				t.Errorf("%d octets more are in use", grown)
			}
			if n := len(srv.Messages()); n != 0 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// TestIdleLimit keeps a server waiting in each state. It ends the connection at
// the limit exactly, and a client that owes a command is told why.
func TestIdleLimit(t *testing.T) {
	const limit = 5 * time.Minute
	const envelope = "EHLO client.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.test>\r\n"
	for _, test := range []struct {
		name, start string
		mode        mock.TLSMode
		last        string // of what the server says
	}{
		{"command", "", mock.NoTLS, "421 4.4.2 Timeout, closing connection\r\n"},
		{"part of a command", "NOO", mock.NoTLS, "421 4.4.2 Timeout, closing connection\r\n"},
		{"content", envelope + "DATA\r\nxxx", mock.NoTLS, "354 Send the message, then a line of one dot\r\n"},
		{"chunk", envelope + "BDAT 10\r\nxxx", mock.NoTLS, "451 4.4.2 Connection ended within a chunk\r\n"},
		{"response", "EHLO client.test\r\nAUTH PLAIN\r\n", mock.NoTLS, "334 \r\n"},
		{"handshake", "", mock.ImplicitTLS, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: test.mode, InsecureAuth: true, IdleLimit: limit})
				conn, err := srv.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				start := time.Now()
				conn.Write([]byte(test.start))
				said, err := io.ReadAll(conn)
				if !strings.HasSuffix(string(said), test.last) || err != nil {
					t.Errorf("said %q, %v; want %q last", said, err, test.last)
				}
				// Replies may have waited for the rest of a line.
				if took := time.Since(start); took < limit || took > limit+time.Second {
					t.Errorf("waited %v, want %v", took, limit)
				}
			})
		})
	}
}

// TestIdleLimitOfReaders does not read: the server gives up writing.
func TestIdleLimitOfReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mock.Start(t, mock.Options{
			Network: mock.InMemory, TLS: mock.NoTLS, Window: 1000, IdleLimit: time.Minute,
			Faults: []mock.Fault{mock.At("NOOP").Do(mock.Endless("250-x", 0))},
		})
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("NOOP\r\n"))
		start := time.Now()
		if err := srv.WaitIdle(t.Context()); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if s := srv.Sessions()[0]; !strings.Contains(s.Failure, "timeout") {
			t.Errorf("failure %q", s.Failure)
		}
	})
}
