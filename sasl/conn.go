package sasl

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
)

// A Conn holds the facts about a connection that decide which mechanisms may
// run on it. The protocol engine fills it in; nothing in it but Offered comes
// from the server.
type Conn struct {
	// Service is the name of the protocol as SASL knows it: "smtp", "imap".
	Service string

	// Host is the server as the caller named it when dialling, never a name
	// that the server or the DNS gave. Port is the port dialled; 0 if there is
	// none.
	Host string
	Port int

	// TLS is the state of the connection's TLS; nil means that it has none.
	TLS *tls.ConnectionState

	// Verified says that the server's certificate chain and its name have been
	// checked against Host. A completed handshake alone does not show it:
	// InsecureSkipVerify leaves it out.
	Verified bool

	// Loopback says that the peer is this machine: its address is a loopback
	// address, or a unix socket, and Host names it as such. A proxy on loopback
	// does not count.
	Loopback bool

	// ClientCert says that the client showed a certificate of its own.
	ClientCert bool

	// ServerCertificate is the server's certificate, for the channel binding
	// tls-server-end-point. A client may leave it nil: TLS has it there. A server
	// sets it to the leaf certificate that it showed, or has no such binding.
	ServerCertificate *x509.Certificate

	// Offered holds the mechanisms that the server offers. After STARTTLS, only
	// what it offered since counts (RFC 3207, Section 4.2).
	Offered []string
}

// Offers reports whether the server offers mechanism. Names are compared whole
// and without regard to case (RFC 4954, Section 8).
func (c *Conn) Offers(mechanism string) bool {
	return slices.ContainsFunc(c.Offered, func(name string) bool {
		return foldEqual(name, mechanism)
	})
}

// foldEqual reports whether two names are equal but for the case of ASCII letters.
func foldEqual(a, b string) bool { return upper(a) == upper(b) }

// upper turns ASCII letters into capitals and leaves what looks like one alone.
func upper(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}
