package conformance

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/seed-55a66e92/postern/mock"
)

// A tap lies between the client and a server and keeps the octets that the client
// sends, as far as they are in clear. The server's record alone would not do: a
// client that has gone without waiting for replies may have said more than the
// server came to read.
type tap struct {
	server   *mock.Server
	listener net.Listener // nil if the network is in memory
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	stall    bool // dial waits until its context ends, or the tap is cut

	mu      sync.Mutex
	conns   []*tappedConn
	stalled int    // calls of dial that were made to wait
	last    string // the remote address of the last connection to accept
}

// maxTapped is how much is kept of a connection, in octets.
const maxTapped = 64 << 10

func newTap(server *mock.Server, network mock.Network, stall bool) (*tap, error) {
	t := &tap{server: server, stall: stall}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if network == mock.InMemory {
		return t, nil
	}
	listener, err := new(net.ListenConfig).Listen(t.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.cancel()
		return nil, err
	}
	t.listener = listener
	t.wg.Go(t.accept)
	return t, nil
}

// close waits until the clients have closed their connections, or ctx ends, which
// cuts them.
func (t *tap) close(ctx context.Context) {
	defer t.cancel()
	defer context.AfterFunc(ctx, t.cancel)()
	if t.listener != nil {
		t.acceptRest(ctx)
		defer t.listener.Close()
	}
	t.wg.Wait()
}

// acceptRest makes accept return when it has accepted all connections that there
// are: they queue, so one more marks their end.
func (t *tap) acceptRest(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.addr())
	if err != nil {
		t.listener.Close()
		return
	}
	t.last = conn.LocalAddr().String()
	conn.Close()
}

// isLast reports whether the connection is that of acceptRest.
func (t *tap) isLast(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return conn.RemoteAddr().String() == t.last
}

// octets returns what clients sent, by connection.
func (t *tap) octets() [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([][]byte, len(t.conns))
	for i, conn := range t.conns {
		all[i] = bytes.Clone(conn.record.Bytes())
	}
	return all
}

// taken returns how many octets clients were handed, by connection.
func (t *tap) taken() []int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]int64, len(t.conns))
	for i, conn := range t.conns {
		all[i] = conn.taken
	}
	return all
}

// open returns how many connections are open at the client's end. Only in memory
// it says something about the client: TCP has a connection of the tap in between.
func (t *tap) open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, conn := range t.conns {
		if !conn.closed {
			n++
		}
	}
	return n
}

// early reports whether a client sent something before it was handed anything.
func (t *tap) early() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.conns, func(c *tappedConn) bool { return c.early })
}

// waits returns how many calls of dial were made to wait.
func (t *tap) waits() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stalled
}

// addr is where a client dials.
func (t *tap) addr() string {
	if t.listener == nil {
		return t.server.Addr()
	}
	return t.listener.Addr().String()
}

// dial connects to the server, through the tap, whatever network and addr say.
func (t *tap) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if t.stall {
		t.mu.Lock()
		t.stalled++
		t.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.ctx.Done():
			return nil, t.ctx.Err()
		}
	}
	conn, err := t.server.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	tapped := &tappedConn{Conn: conn, tap: t}
	t.conns = append(t.conns, tapped)
	return tapped, nil
}

// A tappedConn is the client's end of a connection.
type tappedConn struct {
	net.Conn
	tap *tap

	// Guarded by tap.mu.
	record bytes.Buffer
	taken  int64
	early  bool // something was sent while taken was 0
	closed bool
}

// Write keeps the octets even if they come too late for the server.
func (c *tappedConn) Write(p []byte) (int, error) {
	c.keep(p)
	return c.Conn.Write(p)
}

// Read counts the octets.
func (c *tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.taken += int64(n)
	return n, err
}

// Close notes that it was called.
func (c *tappedConn) Close() error {
	c.tap.mu.Lock()
	c.closed = true
	c.tap.mu.Unlock()
	return c.Conn.Close()
}

func (c *tappedConn) keep(p []byte) {
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.early = c.early || c.taken == 0
	c.record.Write(p[:min(len(p), maxTapped-c.record.Len())])
}

// accept carries the connections of clients that dial the address.
func (t *tap) accept() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		if t.isLast(client) {
			client.Close()
			return
		}
		server, err := t.dial(t.ctx, "", "")
		if err != nil {
			client.Close()
			continue
		}
		t.wg.Go(func() { carry(t.ctx, client, server.(*tappedConn)) })
	}
}

// carry moves octets in both directions until both are over, or ctx is.
func carry(ctx context.Context, client net.Conn, server *tappedConn) {
	defer server.Close()
	defer client.Close()
	defer context.AfterFunc(ctx, func() {
		client.Close()
		server.Close()
	})()
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := io.Copy(server, client); err != nil {
			_, _ = io.Copy(keeper{server}, client)
		}
		closeWrite(server.Conn)
	})
	if _, err := io.Copy(client, server); err != nil {
		reset(client)
	} else {
		closeWrite(client)
	}
	wg.Wait()
}

// reset makes the client see that the server has reset the connection.
func reset(client net.Conn) {
	if c, ok := client.(*net.TCPConn); ok {
		_ = c.SetLinger(0) // if it fails, an ordinary close is next best
	}
	client.Close()
}

// closeWrite ends one direction.
func closeWrite(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // it has gone already
	}
}

// A keeper keeps octets that nobody reads any more.
type keeper struct{ to *tappedConn }

func (k keeper) Write(p []byte) (int, error) {
	k.to.keep(p)
	return len(p), nil
}
