package mock

import (
	"context"
	"net"
	"sync"
)

// A tripConn counts round trips: each write of the server after a write of the
// client, or after the connect, since the server's last write. It lies below
// TLS, whose handshake therefore counts.
type tripConn struct {
	net.Conn

	mu     sync.Mutex
	trips  int
	turn   bool // the next write of the server ends a round trip
	closed bool // the session is over; what TLS says in farewell does not count

	// Of the session's goroutine: how a handshake is sent, until ctx ends.
	ctx  context.Context
	pace *pace
}

func newTripConn(conn net.Conn) *tripConn { return &tripConn{Conn: conn, turn: true} }

func (c *tripConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.mu.Lock()
		c.turn = true
		c.mu.Unlock()
	}
	return n, err
}

func (c *tripConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.turn && !c.closed {
		c.trips++
	}
	c.turn = false
	c.mu.Unlock()
	if c.pace == nil {
		return c.Conn.Write(p)
	}
	if err := c.pace.write(c.ctx, c.Conn, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// setPace says how all that is written from now on is sent; nil is at once.
func (c *tripConn) setPace(ctx context.Context, p *pace) { c.ctx, c.pace = ctx, p }

// next is the number of the round trip that the server's next write belongs to.
func (c *tripConn) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn && !c.closed {
		return c.trips + 1
	}
	return c.trips
}

// count is the number of round trips so far.
func (c *tripConn) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trips
}

func (c *tripConn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// reset closes the connection so that the client sees a reset.
func (c *tripConn) reset() {
	switch conn := c.Conn.(type) {
	case *memoryConn:
		conn.reset()
	case *net.TCPConn:
		_ = conn.SetLinger(0) // if it fails, an ordinary close is next best
	}
	c.Close()
}
