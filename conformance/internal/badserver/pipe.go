package badserver

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Dialer returns a dial function whose connections are within the process: each has
// the handler at its other end, on a goroutine of its own, which closes it. Inside
// a testing/synctest bubble, time that the ends wait takes no time.
func Dialer(handler func(net.Conn)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		here, there := newHalf(), newHalf()
		go func() {
			c := &conn{in: here, out: there}
			defer c.Close()
			handler(c)
		}()
		return &conn{in: there, out: here}, nil
	}
}

// A conn is one end of a connection. Unlike an end of net.Pipe it has a buffer, so
// that two ends that both write do not wait for each other.
type conn struct {
	in, out *half
	once    sync.Once
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }

func (c *conn) Close() error {
	c.once.Do(func() {
		c.in.end(net.ErrClosed)
		c.out.end(nil)
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr               { return addr{} }
func (c *conn) RemoteAddr() net.Addr              { return addr{} }
func (c *conn) SetWriteDeadline(time.Time) error  { return nil } // the buffer has no end
func (c *conn) SetReadDeadline(t time.Time) error { return c.in.setDeadline(t) }
func (c *conn) SetDeadline(t time.Time) error     { return c.in.setDeadline(t) }

type addr struct{}

func (addr) Network() string { return "memory" }
func (addr) String() string  { return "memory" }

// A half is one direction.
type half struct {
	mu       sync.Mutex
	change   *sync.Cond
	octets   []byte
	ended    bool
	unread   error // the reader has closed
	passed   bool  // the deadline
	deadline *time.Timer
}

func newHalf() *half {
	h := new(half)
	h.change = sync.NewCond(&h.mu)
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.unread != nil:
			return 0, h.unread
		case h.passed:
			return 0, os.ErrDeadlineExceeded
		case len(h.octets) > 0:
			n := copy(p, h.octets)
			h.octets = h.octets[n:]
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.change.Wait()
	}
}

func (h *half) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ended:
		return 0, net.ErrClosed
	case h.unread != nil:
		return 0, syscall.EPIPE
	}
	h.octets = append(h.octets, p...)
	h.change.Broadcast()
	return len(p), nil
}

// end is the close of the reader, with what it reads from then on, or of the writer.
func (h *half) end(unread error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if unread != nil {
		h.unread = unread
	} else {
		h.ended = true
	}
	if h.deadline != nil {
		h.deadline.Stop()
	}
	h.change.Broadcast()
}

func (h *half) setDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deadline != nil {
		h.deadline.Stop()
	}
	h.passed, h.deadline = false, nil
	if t.IsZero() || h.ended || h.unread != nil {
		return nil
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(t), func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.deadline == timer {
			h.passed = true
			h.change.Broadcast()
		}
	})
	h.deadline = timer
	return nil
}
