package mock

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The in-memory network. net.Pipe would not do: without a buffer, two ends that
// both write wait for each other for ever, which TCP's ends do not. Waits are on
// a sync.Cond and deadlines on time.AfterFunc, so that a testing/synctest bubble
// sees a blocked connection as blocked and moves its clock on.

const defaultWindow = 64 << 10

// memoryAddr is the address of an in-memory server.
type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }

type memoryListener struct {
	addr   memoryAddr
	window int
	conns  chan net.Conn
	done   chan struct{}
	once   sync.Once
}

func newMemoryListener(addr string, window int) *memoryListener {
	if window <= 0 {
		window = defaultWindow
	}
	return &memoryListener{addr: memoryAddr(addr), window: window, conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, l.fail("accept", net.ErrClosed)
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return l.addr }

func (l *memoryListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := memoryPipe(memoryAddr("client"), l.addr, l.window)
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, l.fail("dial", syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, l.fail("dial", ctx.Err())
	}
}

// barrier has nothing to do: to dial is to hand the connection to Accept.
func (l *memoryListener) barrier(context.Context) {}

func (l *memoryListener) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: l.addr.Network(), Addr: l.addr, Err: err}
}

// memoryPipe returns the two ends of a connection.
func memoryPipe(a, b memoryAddr, window int) (atA, atB *memoryConn) {
	ab, ba := newStream(window), newStream(window)
	return &memoryConn{in: ba, out: ab, local: a, remote: b}, &memoryConn{in: ab, out: ba, local: b, remote: a}
}

// A memoryConn is one end of a connection.
type memoryConn struct {
	in, out       *stream
	local, remote memoryAddr
	closed        atomic.Bool
}

func (c *memoryConn) Read(p []byte) (int, error)  { return c.wrap("read", p, c.in.read) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.wrap("write", p, c.out.write) }

func (c *memoryConn) wrap(op string, p []byte, f func([]byte) (int, error)) (int, error) {
	n, err := f(p)
	if err != nil && err != io.EOF {
		err = &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
	}
	return n, err
}

// Close ends both directions. What the peer has not read yet stays readable.
func (c *memoryConn) Close() error {
	if c.closed.Swap(true) {
		return c.fail("close")
	}
	c.in.closeRead()
	c.out.closeWrite()
	c.in.setDeadline(&c.in.readDeadline, time.Time{})
	c.out.setDeadline(&c.out.writeDeadline, time.Time{})
	return nil
}

// CloseWrite ends the direction to the peer, who then reads io.EOF.
func (c *memoryConn) CloseWrite() error {
	c.out.closeWrite()
	return nil
}

// fail says that the connection is closed.
func (c *memoryConn) fail(op string) error {
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: net.ErrClosed}
}

// reset ends both directions as a TCP reset does: what is under way is lost, and
// so is what the peer has received and not read yet. Some systems let a peer read
// that first; a test must not depend on it.
func (c *memoryConn) reset() {
	c.in.abort()
	c.out.abort()
}

func (c *memoryConn) LocalAddr() net.Addr  { return c.local }
func (c *memoryConn) RemoteAddr() net.Addr { return c.remote }

func (c *memoryConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t) // fails if the other does
	return c.SetWriteDeadline(t)
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	if c.closed.Load() {
		return c.fail("set")
	}
	c.in.setDeadline(&c.in.readDeadline, t)
	return nil
}

func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	if c.closed.Load() {
		return c.fail("set")
	}
	c.out.setDeadline(&c.out.writeDeadline, t)
	return nil
}

// A stream is one direction of a connection.
type stream struct {
	mu     sync.Mutex
	change sync.Cond
	buf    []byte
	window int

	ended    bool  // the writer has closed
	unread   bool  // the reader has
	readErr  error // what read returns, buffer or not
	writeErr error // what write returns

	readDeadline, writeDeadline deadline
}

// A deadline has passed, or a timer waits for it.
type deadline struct {
	passed bool
	timer  *time.Timer
}

func newStream(window int) *stream {
	s := &stream{window: window}
	s.change.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readErr != nil:
			return 0, s.readErr
		case s.readDeadline.passed:
			return 0, os.ErrDeadlineExceeded
		case len(s.buf) > 0 || len(p) == 0:
			n := copy(p, s.buf)
			s.buf = s.buf[n:]
			if len(s.buf) == 0 {
				s.buf = nil
			}
			s.change.Broadcast()
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.change.Wait()
	}
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.writeErr != nil:
			return n, s.writeErr
		case s.ended:
			return n, net.ErrClosed
		case s.writeDeadline.passed:
			return n, os.ErrDeadlineExceeded
		case len(p) == 0:
			return n, nil
		case s.unread:
			s.writeErr = syscall.EPIPE
			return n + len(p), nil
		}
		if room := s.window - len(s.buf); room > 0 {
			some := p[:min(room, len(p))]
			s.buf = append(s.buf, some...)
			p = p[len(some):]
			n += len(some)
			s.change.Broadcast()
			continue
		}
		s.change.Wait()
	}
}

// closeWrite is the writer's close.
func (s *stream) closeWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.change.Broadcast()
}

// closeRead is the reader's close. As with TCP, the writer learns of it by the
// second write: the first one is on its way before the reset comes back.
func (s *stream) closeRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = nil
	s.readErr, s.unread = net.ErrClosed, true
	s.change.Broadcast()
}

func (s *stream) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = nil
	s.readErr, s.writeErr = syscall.ECONNRESET, syscall.ECONNRESET
	s.change.Broadcast()
}

// setDeadline changes d, which is one of the stream's. The zero time is none.
func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	*d = deadline{}
	switch wait := time.Until(t); {
	case t.IsZero():
	case wait <= 0:
		d.passed = true
	default:
		var timer *time.Timer
		timer = time.AfterFunc(wait, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if d.timer == timer { // else it was changed meanwhile
				d.passed = true
				s.change.Broadcast()
			}
		})
		d.timer = timer
	}
	s.change.Broadcast()
}

var _ net.Conn = (*memoryConn)(nil)
