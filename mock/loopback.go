package mock

import (
	"context"
	"net"
	"sync"
)

// A tcpListener is a listener on loopback that knows what waits to be accepted.
type tcpListener struct {
	net.Listener

	mu      sync.Mutex
	markers map[string]chan struct{} // by address, closed when accepted
}

func newTCPListener(l net.Listener) *tcpListener {
	return &tcpListener{Listener: l, markers: make(map[string]chan struct{})}
}

// Accept returns connections of clients. Those of barrier are not.
func (l *tcpListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !l.isMarker(conn) {
			return conn, err
		}
		conn.Close()
	}
}

func (l *tcpListener) dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
}

// barrier connects by itself. The system queues connections in order, so when
// that one is accepted, all that came before it are.
func (l *tcpListener) barrier(ctx context.Context) {
	accepted, forget := l.mark(ctx)
	defer forget()
	select {
	case <-accepted:
	case <-ctx.Done():
	}
}

// mark connects, and returns a channel that is closed when the connection is
// accepted, and what gives it up. If there can be no connection, nothing waits.
func (l *tcpListener) mark(ctx context.Context) (accepted chan struct{}, forget func()) {
	accepted = make(chan struct{})
	l.mu.Lock() // so that nobody accepts it before its address is known
	defer l.mu.Unlock()
	conn, err := l.dial(ctx)
	if err != nil {
		close(accepted)
		return accepted, func() {}
	}
	addr := conn.LocalAddr().String()
	l.markers[addr] = accepted
	return accepted, func() {
		conn.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.markers, addr)
	}
}

// isMarker reports whether a connection is one of barrier.
func (l *tcpListener) isMarker(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	addr := conn.RemoteAddr().String()
	accepted, found := l.markers[addr]
	if found {
		close(accepted)
		delete(l.markers, addr)
	}
	return found
}
