package smtp_test

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A cut is how a connection fails.
type cut int

const (
	peerIsWell cut = iota
	peerCloses     // the server's octets end there; what the client says still arrives
	peerResets     // nothing goes through any more, either way
	peerStalls     // the server falls silent; what the client says still arrives
	peerIsDeaf     // the server stops reading: not one octet more fits
)

var cutNames = [...]string{"uncut", "closed", "reset", "stalled", "deaf"}

func (c cut) String() string { return cutNames[c] }

// A cutConn is a client's connection that fails after a number of octets: of the
// server's, or of the client's if it is deaf. It also hands the server's octets
// over in fragments of any kind.
type cutConn struct {
	net.Conn
	how      cut
	after    int
	fragment func([]byte) int // how many of the octets are read at once; nil: all

	mu       sync.Mutex
	read     int    // octets of the server that the client has
	held     []byte // octets of the server that wait for their turn
	sent     []byte // octets of the client that the server took
	tried    []byte // octets that the client wanted to send
	deadline time.Time
	changed  chan struct{} // closed when deadline or shut changes
	shut     bool
}

func newCutConn(conn net.Conn, how cut, after int) *cutConn {
	return &cutConn{Conn: conn, how: how, after: after, changed: make(chan struct{})}
}

// dialCut wraps the first connection that dial makes; later ones stay whole.
func dialCut(dial func(context.Context, string, string) (net.Conn, error), wrap func(net.Conn) net.Conn) func(context.Context, string, string) (net.Conn, error) {
	var once sync.Once
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err == nil {
			once.Do(func() { conn = wrap(conn) })
		}
		return conn, err
	}
}

// cutOff reports whether the server's octets have ended.
func (c *cutConn) cutOff() bool {
	return (c.how == peerCloses || c.how == peerResets || c.how == peerStalls) && c.read >= c.after
}

func (c *cutConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	over, held := c.cutOff(), c.held
	c.mu.Unlock()
	if over {
		return 0, c.end()
	}
	if len(held) == 0 {
		n, err := c.Conn.Read(p)
		if err != nil {
			return 0, err
		}
		held = append(held, p[:n]...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(held), len(p))
	if c.fragment != nil {
		n = min(n, c.fragment(held))
	}
	if c.how == peerCloses || c.how == peerResets || c.how == peerStalls {
		n = min(n, c.after-c.read)
	}
	copy(p, held[:n])
	c.held = held[n:]
	c.read += n
	return n, nil
}

// goDeaf makes the server stop reading from here on.
func (c *cutConn) goDeaf() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.how, c.after = peerIsDeaf, len(c.sent)
}

// end is what a Read behind the last octet comes to.
func (c *cutConn) end() error {
	c.mu.Lock()
	how := c.how
	c.mu.Unlock()
	switch how {
	case peerCloses:
		return io.EOF
	case peerResets:
		return syscall.ECONNRESET
	}
	nowhere := make([]byte, 1024)
	for {
		if _, err := c.Conn.Read(nowhere); err != nil {
			return err
		}
	}
}

func (c *cutConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.tried = append(c.tried, p...)
	if c.how == peerResets && c.cutOff() {
		c.mu.Unlock()
		return 0, syscall.ECONNRESET
	}
	some := p
	if c.how == peerIsDeaf {
		some = p[:min(len(p), c.after-len(c.sent))]
	}
	c.sent = append(c.sent, some...)
	c.mu.Unlock()
	n, err := c.Conn.Write(some)
	if err == nil && len(some) < len(p) {
		err = c.blocked()
	}
	return n, err
}

// blocked waits for the end of a write that the server does not take.
func (c *cutConn) blocked() error {
	for {
		c.mu.Lock()
		deadline, changed, shut := c.deadline, c.changed, c.shut
		c.mu.Unlock()
		var expired <-chan time.Time
		switch {
		case shut:
			return net.ErrClosed
		case deadline.IsZero():
		case !time.Now().Before(deadline):
			return os.ErrDeadlineExceeded
		default:
			expired = time.After(time.Until(deadline))
		}
		select {
		case <-expired:
		case <-changed:
		}
	}
}

func (c *cutConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *cutConn) SetWriteDeadline(t time.Time) error {
	c.change(func() { c.deadline = t })
	return c.Conn.SetWriteDeadline(t)
}

func (c *cutConn) Close() error {
	c.change(func() { c.shut = true })
	return c.Conn.Close()
}

func (c *cutConn) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// isClosed reports whether the client has closed the connection.
func (c *cutConn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shut
}

// octets returns how many octets of the server the client has, what of the
// client's octets got through, and what it wanted to say.
func (c *cutConn) octets() (read int, sent, tried []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read, c.sent, c.tried
}
