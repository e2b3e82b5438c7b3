package mock_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// patience bounds what would otherwise hang. No test that is right comes near it,
// on however slow a machine; what is about time runs in a bubble, and what may be told
// too little does as well: there, it passes at once.
const patience = time.Minute

// A client speaks octets and believes nothing.
type client struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func dial(t *testing.T, srv *mock.Server) *client {
	t.Helper()
	conn, err := srv.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	// A server that says too little fails the test instead of hanging it.
	conn.SetDeadline(time.Now().Add(patience))
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) send(octets string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(octets)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// expect reads as many octets as want has and compares them.
func (c *client) expect(want string) {
	c.t.Helper()
	got := make([]byte, 0, len(want))
	for len(got) < len(want) {
		b, err := c.r.ReadByte()
		if err != nil {
			c.t.Fatalf("got %q, then %v; want %q", got, err, want)
		}
		got = append(got, b)
		if want[len(got)-1] != b {
			rest, _ := c.r.Peek(c.r.Buffered())
			c.t.Fatalf("got  %q\nwant %q", string(got)+string(rest), want)
		}
	}
}

// expectEnd wants the connection closed and nothing more said.
func (c *client) expectEnd() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		rest, _ := c.r.Peek(c.r.Buffered())
		c.t.Fatalf("got %q, want the end", string(b)+string(rest))
	}
}

// dialogue plays lines that begin with "C: " or "S: ". What one side says in
// succession goes in one write.
func (c *client) dialogue(text string) {
	c.t.Helper()
	var side byte
	var octets strings.Builder
	play := func() {
		c.t.Helper()
		if side == 'C' {
			c.send(octets.String())
		} else {
			c.expect(octets.String())
		}
		octets.Reset()
	}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimLeft(line, "\t")
		if line == "" {
			continue
		}
		if line[0] != side {
			play()
		}
		side = line[0]
		octets.WriteString(strings.TrimPrefix(line[2:], " ") + "\r\n")
	}
	play()
}

func (c *client) startTLS(srv *mock.Server) {
	c.t.Helper()
	conn := tls.Client(c.conn, srv.TLSConfig())
	if err := conn.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.r = conn, bufio.NewReader(conn)
}

func newReader(conn net.Conn) *bufio.Reader { return bufio.NewReader(conn) }

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// violations of all sessions, once they are over.
func violations(srv *mock.Server) []string {
	srv.Close()
	var all []string
	for _, s := range srv.Sessions() {
		all = append(all, s.Violations...)
	}
	return all
}

// wantViolations compares what was let pass. Refusals that are the client's fault
// are violations too, and TestRefusalsAreViolations is about those.
func wantViolations(t *testing.T, srv *mock.Server, want ...string) {
	t.Helper()
	isRefusal := func(violation string) bool { return strings.HasPrefix(violation, "refused: ") }
	if got := slices.DeleteFunc(violations(srv), isRefusal); !slices.Equal(got, want) {
		t.Errorf("violations %q, want %q", got, want)
	}
}

const greeting = "220 mock.test ESMTP\r\n"

// hello is the dialogue up to the first command behind EHLO, on a server whose
// extensions are all taken away but for AUTH.
const hello = `
	S: 220 mock.test ESMTP
	C: EHLO client.test
	S: 250-mock.test
	S: 250-ENHANCEDSTATUSCODES
	S: 250 AUTH PLAIN LOGIN`
