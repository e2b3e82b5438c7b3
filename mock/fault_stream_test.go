package mock_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// pieces reads a connection to its end. It returns what each read gave, and how
// long after the first.
func pieces(conn net.Conn) (texts []string, at []time.Duration) {
	buf := make([]byte, 1<<16)
	var start time.Time
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			if texts == nil {
				start = time.Now()
			}
			texts, at = append(texts, string(buf[:n])), append(at, time.Since(start))
		}
		if err != nil {
			return texts, at
		}
	}
}

func TestManners(t *testing.T) {
	const second = time.Second
	for _, test := range []struct {
		name   string
		fault  mock.Fault
		want   []string // reads, the greeting left out
		spaced time.Duration
	}{
		{"drip", mock.At("NOOP").Do(mock.Drip(10, second)), []string{"250 Nothin", "g done\r\n", "221 Bye\r\n"}, second},
		{"drip of another reply", mock.At("NOOP").Do(mock.Drip(4, second), mock.Reply(451, "", "no")), []string{"451 ", "no\r\n", "221 Bye\r\n"}, second},
		{"split at places", mock.At("NOOP").Do(mock.Split(17, 2)), []string{"25", "0 Nothing done\r", "\n", "221 Bye\r\n"}, time.Millisecond},
		{"split octet by octet", mock.At("QUIT").Do(mock.Split()), append([]string{"250 Nothing done\r\n"}, strings.Split("221 Bye\r\n", "")...), time.Millisecond},
		{"drop mid", mock.At("NOOP").Do(mock.DropMid(5)), []string{"250 N"}, 0},
		{"drop mid of nothing", mock.At("NOOP").Do(mock.DropMid(0)), nil, 0},
		{"extra", mock.At("NOOP").Do(mock.Extra("250 one", "250 two")), []string{"250 Nothing done\r\n250 one\r\n250 two\r\n", "221 Bye\r\n"}, 0},
		{"unsolicited", mock.At("NOOP").Do(mock.Unsolicited("421 bye")), []string{"250 Nothing done\r\n", "421 bye\r\n", "221 Bye\r\n"}, time.Millisecond},
		{"mixed codes", mock.At("NOOP").Do(mock.MixedCodes(250, 500, 250)), []string{"250-line 1\r\n500-line 2\r\n250 line 3\r\n", "221 Bye\r\n"}, 0},
		{"endless", mock.At("NOOP").Do(mock.Endless("250-x", 10)), []string{"250-x\r\n250", "221 Bye\r\n"}, 0},
		{"flood", mock.At("NOOP").Do(mock.Flood(3)), []string{"xxx", "221 Bye\r\n"}, 0},
		{"half close", mock.At("NOOP").Do(mock.Raw([]byte("2")), mock.HalfClose()), []string{"2"}, 0},
		{"all", mock.At("NOOP").Do(mock.All(mock.Split(1), mock.Reply(421, "", "x"), mock.Drop())), []string{"4", "21 x\r\n"}, time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := mock.Start(t, plain(test.fault))
				conn, err := srv.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				(&client{t, conn, newReader(conn)}).expect(greeting)
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() {
					conn.Write([]byte("NOOP\r\n"))
					time.Sleep(time.Minute) // of the bubble's clock: the faults are over
					conn.Write([]byte("QUIT\r\n"))
					conn.(interface{ CloseWrite() error }).CloseWrite()
				})
				got, at := pieces(conn)
				if strings.Join(got, "|") != strings.Join(test.want, "|") {
					t.Errorf("read %q, want %q", got, test.want)
				}
				if test.spaced > 0 && len(at) > 1 {
					if i := len(at) - 1; at[1] != test.spaced && at[i]-at[i-1] != test.spaced {
						t.Errorf("pieces at %v, want them %v apart", at, test.spaced)
					}
				}
			})
		})
	}
}

func TestHalfCloseTakesWhatComes(t *testing.T) {
	srv := mock.Start(t, mock.Options{Faults: []mock.Fault{mock.At("NOOP").Do(mock.HalfClose())}})
	c := dial(t, srv)
	c.expect(greeting)
	c.ask("EHLO client.test\r\n")
	c.send("STARTTLS\r\n")
	c.expect("220 2.0.0 Ready to start TLS\r\n")
	c.startTLS(srv)
	c.send("NOOP\r\n")
	c.expectEnd()
	c.send(strings.Repeat("RSET\r\n", 10_000)) // does not fail: it is read
	c.conn.Close()
	if err := srv.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := srv.Transcript().String(); !strings.Contains(text, "half closed; 60000 more octets") {
		t.Error(text)
	}
}

func TestGarbage(t *testing.T) {
	said := func(seed uint64) string {
		srv := mock.Start(t, plain(mock.At("CONNECT").Do(mock.Garbage(seed, 100_000), mock.Drop())))
		got, err := io.ReadAll(dial(t, srv).conn)
		if err != nil || len(got) != 100_000 {
			t.Fatalf("%d octets, %v", len(got), err)
		}
		return string(got)
	}
	if first := said(1); first != said(1) || first == said(2) {
		t.Error("garbage does not go by its seed")
	}
}

func TestSwallow(t *testing.T) {
	srv := mock.Start(t, plain(mock.At("DATA").After().Do(mock.Swallow(1000), mock.Raw([]byte("421 enough\r\n")), mock.Drop())))
	c := dial(t, srv)
	c.expect(greeting)
	c.ask("HELO client.test\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<b@example.test>\r\n")
	c.ask("DATA\r\n")
	c.send(strings.Repeat("x", 999))
	c.send("x")
	c.expect("421 enough\r\n")
	c.expectEnd()
	if n := len(srv.Messages()); n != 0 {
		t.Errorf("%d messages", n)
	}
}

func TestAnyPoint(t *testing.T) {
	o := plain(mock.At("any").Do(mock.Split()))
	synctest.Test(t, func(t *testing.T) {
		srv := mock.Start(t, o)
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("HELO client.test\r\nQUIT\r\n"))
		texts, _ := pieces(conn)
		want := greeting + "250 mock.test\r\n221 Bye\r\n"
		if strings.Join(texts, "") != want || len(texts) != len(want) {
			t.Errorf("%q", texts)
		}
	})
}

// A readerConn reads from somewhere else.
type readerConn struct {
	net.Conn
	r io.Reader
}

func (c readerConn) Read(p []byte) (int, error) { return c.r.Read(p) }

func TestHandshakeFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault mock.Fault
		check func(error) bool
	}{
		{"alert", mock.At("TLS").Do(mock.FailHandshake()), func(err error) bool {
			var alert tls.AlertError
			return errors.As(err, &alert) && alert == 40 || err != nil && strings.Contains(err.Error(), "handshake failure")
		}},
		{"plain text instead", mock.At("TLS").Do(mock.Reply(220, "", "hello")), func(err error) bool {
			var header tls.RecordHeaderError
			return errors.As(err, &header)
		}},
		{"drop", mock.At("TLS").Do(mock.Drop()), func(err error) bool { return errors.Is(err, io.EOF) }},
		{"drop within", mock.At("TLS").Do(mock.DropMid(100)), func(err error) bool {
			return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		}},
		{"drip", mock.At("TLS").Do(mock.Drip(50, time.Second)), func(err error) bool { return err == nil }},
		{"late", mock.At("TLS").Before().Do(mock.Delay(time.Minute)), func(err error) bool { return err == nil }},
		{"stall", mock.At("TLS").Do(mock.Stall()), func(err error) bool {
			var e net.Error
			return errors.As(err, &e) && e.Timeout()
		}},
	} {
		for mode, start := range map[mock.TLSMode]string{mock.ImplicitTLS: "", mock.STARTTLS: "STARTTLS\r\n"} {
			t.Run(test.name+start, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mode, Faults: []mock.Fault{test.fault}})
					conn, err := srv.Dial(t.Context(), "", "")
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					if start != "" {
						c := &client{t, conn, newReader(conn)}
						c.expect(greeting)
						c.ask("EHLO client.test\r\n")
						c.send(start)
						c.expect("220 2.0.0 Ready to start TLS\r\n")
						conn = readerConn{conn, c.r} // what came in clear may be buffered
					}
					conn.SetDeadline(time.Now().Add(time.Hour))
					begin := time.Now()
					if err := tls.Client(conn, srv.TLSConfig()).Handshake(); !test.check(err) {
						t.Errorf("handshake: %v", err)
					}
					if took := time.Since(begin); test.name == "drip" && took < 5*time.Second {
						t.Errorf("dripped within %v", took)
					}
				})
			})
		}
	}
}

// TestChaos meets the same faults each time, and the transcript tells the seed.
func TestChaos(t *testing.T) {
	run := func(seed uint64) string {
		srv := mock.Start(t, plain(mock.Chaos(seed, 0.3,
			mock.Reply(451, "4.3.0", "no"), mock.Reply(250, "", "fine"), mock.Extra("250 more"))))
		c := dial(t, srv)
		c.send(strings.Repeat("NOOP\r\n", 50) + "QUIT\r\n")
		io.Copy(io.Discard, c.conn)
		srv.Close()
		return srv.Transcript().String()
	}
	first := run(7)
	if !strings.Contains(first, "*: chaos with seed 7: Reply at NOOP\n") || !strings.Contains(first, "Extra at NOOP\n") {
		t.Errorf("transcript does not tell:\n%s", first)
	}
	if run(7) != first {
		t.Error("another run with the seed met other faults")
	}
	if run(8) == first {
		t.Error("another seed met the same faults")
	}
}
