package mock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryBothWrite(t *testing.T) {
	a, b := memoryPipe("a", "b", 16)
	for _, conn := range []net.Conn{a, b} { // neither waits for a reader
		if n, err := conn.Write(make([]byte, 16)); n != 16 || err != nil {
			t.Fatalf("wrote %d octets, %v", n, err)
		}
	}
}

func TestMemoryHalfClose(t *testing.T) {
	a, b := memoryPipe("a", "b", defaultWindow)
	a.Write([]byte("question"))
	a.CloseWrite()
	if got, err := io.ReadAll(b); string(got) != "question" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write behind CloseWrite: %v", err)
	}
	b.Write([]byte("answer"))
	b.Close()
	if got, err := io.ReadAll(a); string(got) != "answer" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestMemoryClose(t *testing.T) {
	a, b := memoryPipe("a", "b", defaultWindow)
	a.Close()
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("own read: %v", err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("own write: %v", err)
	}
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("peer's read: %v", err)
	}
	if _, err := b.Write([]byte("x")); err != nil {
		t.Errorf("peer's first write: %v", err)
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("peer's second write: %v", err)
	}
}

func TestMemoryReset(t *testing.T) {
	a, b := memoryPipe("a", "b", defaultWindow)
	a.Write([]byte("lost"))
	a.reset()
	for _, conn := range []net.Conn{a, b} {
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write: %v", err)
		}
	}
}

func TestMemoryUnblocks(t *testing.T) {
	for name, end := range map[string]func(a, b *memoryConn){
		"own close":    func(a, _ *memoryConn) { a.Close() },
		"peer's close": func(_, b *memoryConn) { b.Close() },
		"reset":        func(_, b *memoryConn) { b.reset() },
		"deadline":     func(a, _ *memoryConn) { a.SetDeadline(time.Unix(1, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := memoryPipe("a", "b", 4)
				errs := make(chan error, 2)
				go func() {
					_, err := a.Read(make([]byte, 1))
					errs <- err
				}()
				go func() {
					_, err := a.Write(make([]byte, 10))
					errs <- err
				}()
				synctest.Wait() // both wait
				end(a, b)
				for range 2 {
					if err := <-errs; err == nil && name != "peer's close" {
						t.Error("no error")
					}
				}
			})
		})
	}
}

func TestMemoryDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memoryPipe("a", "b", 4)
		a.SetReadDeadline(time.Now().Add(time.Minute))
		a.SetReadDeadline(time.Now().Add(time.Hour)) // the latest counts
		start := time.Now()
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Hour {
			t.Errorf("read: %v after %v", err, time.Since(start))
		}
		b.Write([]byte("x"))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read behind the deadline: %v", err)
		}
		a.SetReadDeadline(time.Time{})
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("read without a deadline: %d, %v", n, err)
		}
		a.SetWriteDeadline(time.Now().Add(time.Minute))
		if n, err := a.Write(make([]byte, 10)); n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %d, %v", n, err)
		}
		var e net.Error
		if _, err := a.Write([]byte("x")); !errors.As(err, &e) || !e.Timeout() {
			t.Errorf("write: %v is no timeout", err)
		}
	})
}

func TestMemoryStream(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 10_000)
	a, b := memoryPipe("a", "b", 77)
	go func() {
		a.Write(want)
		a.Close()
	}()
	if got, err := io.ReadAll(b); !bytes.Equal(got, want) || err != nil {
		t.Errorf("read %d octets, %v", len(got), err)
	}
}

func TestMemoryDial(t *testing.T) {
	l := newMemoryListener("mock.test:25", 0)
	l.Close()
	if _, err := l.dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial behind Close: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept behind Close: %v", err)
	}
}

func TestLineCheck(t *testing.T) {
	for text, bare := range map[string]bool{
		"": false, "a\r\nb\r\n": false, "\r\n\r\n": false, "a": false,
		"\n": true, "a\n": true, "a\nb\r\n": true, "a\rb\r\n": true, "a\r\r\n": true, "\r\n\n": true, "\ra": true,
	} {
		for size := 1; size <= 3; size++ { // however it is cut
			var c lineCheck
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				c.Write([]byte(rest[:n]))
				rest = rest[n:]
			}
			if c.bare != bare {
				t.Errorf("%q in pieces of %d: bare %t, want %t", text, size, c.bare, bare)
			}
		}
	}
}

// TestMemoryClosed: what is done to a closed end says so, as TCP's does.
func TestMemoryClosed(t *testing.T) {
	conn, _ := memoryPipe("a", "b", 16)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Close": conn.Close(), "SetDeadline": conn.SetDeadline(time.Time{}),
		"SetReadDeadline": conn.SetReadDeadline(time.Time{}), "SetWriteDeadline": conn.SetWriteDeadline(time.Time{}),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
