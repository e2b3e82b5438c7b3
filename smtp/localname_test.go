package smtp

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// An addrConn has an address, and nothing else.
type addrConn struct {
	net.Conn
	addr net.Addr
}

func (c addrConn) LocalAddr() net.Addr { return c.addr }

// Without a name of its own, a client is its address: never "localhost", never
// what is no domain (RFC 5321, Section 4.1.4).
func TestLocalName(t *testing.T) {
	for _, tt := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, "[192.0.2.1]"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1}, "[IPv6:2001:db8::1]"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "[IPv6:fe80::1]"},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1")}, "[192.0.2.1]"},
		{&net.UnixAddr{Name: "/run/x"}, "[127.0.0.1]"},
	} {
		got := localName(addrConn{addr: tt.addr})
		if _, err := wire.CheckMailbox("x@" + got); err != nil || !validLocalName(got) {
			t.Errorf("%v: %q is neither a domain nor an address literal", tt.addr, got)
		}
		if name, _ := os.Hostname(); !strings.Contains(name, ".") && got != tt.want {
			t.Errorf("%v: %q; want %q", tt.addr, got, tt.want)
		}
		if strings.HasPrefix(got, "localhost") {
			t.Errorf("%v: %q", tt.addr, got)
		}
	}
}
