package smtp

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
)

// Config says how to reach and sign in to one server. The zero value of every
// field is safe. Copy it freely; it is never modified.
type Config struct {
	// Addr is the server: "smtp.example.com:465", "smtp.example.com", or a URL:
	//
	//	smtps://host[:port]      implicit TLS
	//	smtp://host[:port]       STARTTLS, or what TLS says
	//	lmtp://host:port         LMTP (RFC 2033) with STARTTLS, or what TLS says
	//	smtp+unix:///run/socket  SMTP over a unix socket
	//	lmtp+unix:///run/socket  LMTP over a unix socket
	//
	// Without a port it is 465 for implicit TLS and 587 otherwise; LMTP has none
	// of its own, and never 25 (RFC 2033, Section 5). A unix socket has no TLS and
	// counts as loopback. A URL has no user info, query or fragment. All addresses
	// of a host are tried. Zero means the Profile's.
	Addr string

	// TLS says how the connection is encrypted. Zero means implicit TLS on port
	// 465 and required STARTTLS on any other.
	TLS TLSMode

	// TLSConfig is the base of the TLS configuration. Nil means the system's
	// roots; an empty ServerName means the host of Addr. The connections that one
	// Dial makes resume each other's TLS sessions, unless they show a client
	// certificate. Those of several resume them if they share a
	// ClientSessionCache, here.
	TLSConfig *tls.Config

	// Auth signs in. Nil means: without.
	Auth *sasl.Authenticator

	// AuthInGroup lets Send sign in with PLAIN or EXTERNAL in the same group of
	// commands as the first message's (RFC 4954, Section 4), which saves a round
	// trip, where the server offers PIPELINING. If it refuses the sign-in, it gets
	// no content and the connection ends. Zero means that commands wait for the
	// sign-in, as they do with every other mechanism, and in Dial.
	AuthInGroup bool

	// Profile is what is known of this provider: address, limits, quirks,
	// advice. Nil means that nothing is assumed.
	Profile *profile.Profile

	// LocalName is the argument of EHLO. Zero means the name of this host if it
	// is a fully qualified one, else the connection's local address as a literal.
	LocalName string

	// Chunking sends content by BDAT where the server offers CHUNKING (RFC 3030),
	// after it has accepted a recipient. Zero means DATA, which is as fast but for
	// very large messages and lets the server say no before it gets any content:
	// servers were shipped that run the content of a refused BDAT as commands,
	// and whoever wrote the message wrote those. Binary content goes by BDAT
	// whatever is set here.
	Chunking bool

	// ChunkInFirstGroup implies Chunking and lets the content of messages of up to
	// 64 KiB share a group with MAIL and RCPT, which saves a round trip for each
	// message. It is safe only with a server that is known to swallow the content
	// of a BDAT that it refuses: any other would run that as commands. Zero means
	// that content waits; no profile of this module asks for anything else.
	ChunkInFirstGroup bool

	// Timeouts bound each phase. Zero fields mean RFC 5321, Section 4.5.3.2.
	Timeouts Timeouts

	// DialContext makes the connection and ends with its context. Nil means a
	// net.Dialer. TLS is never its business. network is "tcp" or "unix", addr then
	// a path. A connection that it makes does not count as loopback, because
	// it may lead through a proxy.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// Logger is told of connections and of what became of messages at level Info,
	// and at level Debug of commands, replies, octets and tokens that were fetched.
	// Nil means: nobody is. Secrets never reach it; addresses do at level Debug.
	Logger *slog.Logger

	// Hooks are told what connections do, in detail. Nil means: nobody is.
	Hooks *Hooks
}

// A TLSMode says how a connection is encrypted.
type TLSMode int

const (
	// TLSDefault is implicit TLS on port 465 and with smtps://, and required
	// STARTTLS otherwise.
	TLSDefault TLSMode = iota
	// TLSImplicit encrypts from the first octet (RFC 8314, Section 3.3).
	TLSImplicit
	// STARTTLSRequired upgrades the connection, or fails (RFC 3207).
	STARTTLSRequired
	// InsecureOpportunistic upgrades the connection if the server offers it. An
	// attacker can make it not offer it. Secrets still need TLS.
	InsecureOpportunistic
	// InsecureNoTLS never encrypts. Secrets still need loopback.
	InsecureNoTLS
)

var tlsModeNames = [...]string{"TLSDefault", "TLSImplicit", "STARTTLSRequired", "InsecureOpportunistic", "InsecureNoTLS"}

// String returns the name of the constant.
func (m TLSMode) String() string {
	if m < 0 || int(m) >= len(tlsModeNames) {
		return fmt.Sprintf("TLSMode(%d)", int(m))
	}
	return tlsModeNames[m]
}

// Timeouts bound the phases of a session, each from the client's last octet to
// the last octet of the reply. Zero means the value named.
type Timeouts struct {
	Dial      time.Duration // making the connection: 30 s for all addresses together
	TLS       time.Duration // the TLS handshake: 30 s
	Greeting  time.Duration // 5 min (RFC 5321, Section 4.5.3.2.1)
	Command   time.Duration // EHLO, STARTTLS, AUTH, MAIL, RCPT: 5 min (Sections 4.5.3.2.2 and .3)
	DataInit  time.Duration // DATA: 2 min (Section 4.5.3.2.4)
	DataBlock time.Duration // each block of content that is written: 3 min (Section 4.5.3.2.5)
	DataEnd   time.Duration // the end of the message: 10 min (Section 4.5.3.2.6)
}

// withDefaults fills in the zero fields.
func (t Timeouts) withDefaults() Timeouts {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Dial, 30 * time.Second},
		{&t.TLS, 30 * time.Second},
		{&t.Greeting, 5 * time.Minute},
		{&t.Command, 5 * time.Minute},
		{&t.DataInit, 2 * time.Minute},
		{&t.DataBlock, 3 * time.Minute},
		{&t.DataEnd, 10 * time.Minute},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return t
}

func (t Timeouts) validate() error {
	for _, d := range []time.Duration{t.Dial, t.TLS, t.Greeting, t.Command, t.DataInit, t.DataBlock, t.DataEnd} {
		if d < 0 {
			return fmt.Errorf("%w: negative timeout", ErrConfig)
		}
	}
	return nil
}

// Validate checks everything that can be checked without a connection. Send and
// Dial call it before any I/O. All that is wrong is in the error.
func (c Config) Validate() error {
	_, err := c.server()
	errs := []error{err, c.Timeouts.validate()}
	if c.LocalName != "" && !validLocalName(c.LocalName) {
		errs = append(errs, fmt.Errorf("%w: LocalName is neither a domain nor an address literal", ErrConfig))
	}
	if c.Auth != nil {
		if err := c.Auth.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%w: %w", ErrConfig, err))
		}
	}
	return join(errs...)
}

// validLocalName reports whether name can follow EHLO (RFC 5321, Section
// 4.1.1.1): it is ASCII, and what may follow the @ of a mailbox.
func validLocalName(name string) bool {
	nonASCII, err := wire.CheckMailbox("x@" + name)
	return err == nil && !nonASCII && !strings.Contains(name, "@")
}
