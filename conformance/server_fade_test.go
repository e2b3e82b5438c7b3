package conformance_test

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badserver"
)

// A fader counts what a server writes on each connection, and lets one of them fall
// silent after some of it.
type fader struct {
	conn, after int // which one, and after how many writes; conn 0: none

	mu     sync.Mutex
	writes []*atomic.Int32 // by connection
}

// serve serves a connection by s.
func (f *fader) serve(s *badserver.Server) func(net.Conn) {
	return func(c net.Conn) {
		writes := new(atomic.Int32)
		f.mu.Lock()
		f.writes = append(f.writes, writes)
		fades := len(f.writes) == f.conn
		f.mu.Unlock()
		s.Serve(&fadingConn{Conn: c, writes: writes, fades: fades, after: f.after})
	}
}

type fadingConn struct {
	net.Conn
	writes *atomic.Int32
	fades  bool
	after  int
}

func (c *fadingConn) Write(p []byte) (int, error) {
	if c.fades && int(c.writes.Load()) >= c.after {
		return len(p), nil
	}
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// fade runs a case against a server that fades.
func fade(t *testing.T, c conformance.Case, f *fader) conformance.Result {
	t.Helper()
	s, target := newMutant(t, badserver.None)
	target.Dial = badserver.Dialer(f.serve(s))
	return runServer(t, conformance.Suite{Cases: []conformance.Case{c}, Retries: -1}, target).Results[0]
}

// mayBeSilent reports whether a case can do without what comes after some writes of
// a connection: S-HEL-01 leaves the way to TLS to S-TLS-01, and who has refused a
// bare LF may end the connection.
func mayBeSilent(id string, conn, after, writes int) bool {
	const toTLS = 5
	return id == "S-HEL-01" && conn == 2 && after >= 2 && after < toTLS || id == "S-CRL-01" && after == writes-1
}

// Wherever a server falls silent, it does not pass: there is nothing else in a
// session that a case could do without.
func TestServerFallsSilent(t *testing.T) {
	const look = 1 // connection before the first case
	for _, c := range ungated() {
		t.Run(c.ID, func(t *testing.T) {
			whole := new(fader)
			if result := fade(t, c, whole); result.Outcome != conformance.Pass {
				t.Fatal(result)
			}
			for i, writes := range whole.writes[look:] {
				for after := range int(writes.Load()) {
					f := &fader{conn: i + 1 + look, after: after}
					result := fade(t, c, f)
					if result.Outcome.Good() && !mayBeSilent(c.ID, i+1, after, int(writes.Load())) {
						t.Errorf("connection %d is silent after %d of %d writes, and still:\n%s", i+1, after, writes.Load(), fmt.Sprint(result))
					}
				}
			}
		})
	}
}
