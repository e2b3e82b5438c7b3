package smtp_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"testing/synctest"
)

// fragmentations are how the server's octets reach the client.
var fragmentations = []struct {
	name string
	next func() func(held []byte) int // how many of them are read at once
}{
	{"whole", func() func([]byte) int { return nil }},
	{"by line", func() func([]byte) int {
		return func(held []byte) int { return bytes.IndexByte(append(held, '\n'), '\n') + 1 }
	}},
	{"by octet", func() func([]byte) int { return func([]byte) int { return 1 } }},
	{"at random", func() func([]byte) int {
		random := rand.New(rand.NewPCG(5321, 4954))
		return func(held []byte) int { return 1 + random.IntN(len(held)) }
	}},
}

// How the network cuts the server's octets into pieces changes neither what
// comes of a dialogue nor one octet that the client says.
func TestFragmentation(t *testing.T) {
	for _, d := range dialogues() {
		if !d.possible() {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			var first run
			var firstSent []byte
			for i, f := range fragmentations {
				synctest.Test(t, func(t *testing.T) {
					r := d.run(t, func(conn net.Conn) *cutConn {
						c := newCutConn(conn, peerIsWell, 0)
						c.fragment = f.next()
						return c
					}, synctest.Wait)
					if err := d.judgeUncut(&r); err != nil {
						t.Fatalf("%s: %v", f.name, err)
					}
					r.res.TLS = nil // keys differ
					_, sent, _ := r.conn.octets()
					if i == 0 {
						first, firstSent = r, sent
						return
					}
					if got, want := fmt.Sprintf("%+v %v", r.res, r.err), fmt.Sprintf("%+v %v", first.res, first.err); got != want {
						t.Errorf("%s: %s; want %s", f.name, got, want)
					}
					if !slices.Equal(r.said, first.said) {
						t.Errorf("%s: the client said %q; want %q", f.name, r.said, first.said)
					}
					if !d.encrypted() && !bytes.Equal(sent, firstSent) {
						t.Errorf("%s: the client sent %q; want %q", f.name, sent, firstSent)
					}
				})
			}
		})
	}
}
