package conformance

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"time"
)

// A Driver makes a client under test do something. It is the only thing that the
// suite knows of the client.
type Driver interface {
	// Send makes the client send one message over one connection of its own, as
	// the configuration says, and says what the client told. When it returns, the
	// connection is closed, or being closed; one that is still open a second later
	// is cut.
	//
	// What the client cannot do is an error that matches [errors.ErrUnsupported],
	// returned before it connects.
	Send(context.Context, ClientConfig, Message) Answer
}

// DriverFunc is a function that is a [Driver].
type DriverFunc func(context.Context, ClientConfig, Message) Answer

// Send implements [Driver].
func (f DriverFunc) Send(ctx context.Context, cfg ClientConfig, msg Message) Answer {
	return f(ctx, cfg, msg)
}

// A ClientConfig says how the client is to send. It has to obey all of it but
// Dial and Log, which it may not be able to.
type ClientConfig struct {
	// Addr is the server, as host:port. The client verifies the host's name.
	Addr string

	// Dial connects to the server, whatever its arguments. A client that cannot
	// be given it dials Addr; see ClientTarget.Network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// TLS is how the connection has to be encrypted. Zero means
	// [STARTTLSRequired].
	TLS TLSMode

	// RootCAs are the authorities to trust, and no others.
	RootCAs *x509.CertPool

	// CAPEM is RootCAs in PEM, for clients that take a file.
	CAPEM []byte

	// Username is who signs in: with Password, or with a token if Token is not
	// nil. The client may choose among the mechanisms that take it.
	Username string
	Password string
	Token    func(context.Context) (string, error)

	// Mechanism is the SASL mechanism to sign in by. Empty means any that takes the
	// credential.
	Mechanism string

	// Timeout is how long the client may wait for the server, each time anew. Zero
	// means as long as it does by itself.
	Timeout time.Duration

	// Log takes everything that the client can be made to say about what it does.
	Log io.Writer
}

// TLSMode is how a connection has to be encrypted.
type TLSMode int

const (
	// STARTTLSRequired upgrades the connection, or fails (RFC 3207).
	STARTTLSRequired TLSMode = iota
	// ImplicitTLS begins with TLS (RFC 8314).
	ImplicitTLS
)

func (m TLSMode) String() string {
	if m == ImplicitTLS {
		return "implicit TLS"
	}
	return "STARTTLS"
}

// A Message is what the client is to send, as it is. A client may add to its
// header. It refuses what it cannot send by an error of its own, not by one that
// matches [errors.ErrUnsupported]: some cases hold what nobody may send.
type Message struct {
	From string // empty: the null sender, to whom nothing bounces
	To   []string
	Data []byte // header first; ASCII with CRLF line endings, unless the case is about those
}

// An Answer is what the client said came of a message.
type Answer struct {
	Status Status
	// Err is the client's error, as it is: some cases look into it. It has to be
	// nil if the message was delivered.
	Err error

	// Recipients says what became of the message for each recipient, by address.
	// Nil means that the client does not tell them apart.
	Recipients map[string]Status
}

// Status is what the client made of a message.
type Status string

const (
	// Failed: not delivered, and the client does not tell for how long. It is
	// what the zero Status means.
	Failed Status = "failed"
	// Delivered: the server has accepted the message.
	Delivered Status = "delivered"
	// Temporary: not delivered, try again later.
	Temporary Status = "temporary"
	// Permanent: not delivered, do not try again.
	Permanent Status = "permanent"
	// AuthFailed: not delivered, the credentials were refused.
	AuthFailed Status = "auth"
	// Partial: delivered, but not to all recipients. There may be an error.
	Partial Status = "partial"
	// Uncertain: delivered or not, nobody knows; to send it again may deliver it
	// twice.
	Uncertain Status = "uncertain"
)

// AnswerOf returns the answer of a client that tells success and failure apart
// and nothing else.
func AnswerOf(err error) Answer {
	if err == nil {
		return Answer{Status: Delivered}
	}
	return Answer{Status: Failed, Err: err}
}

// unsupported reports whether the client cannot do what it was asked to.
func (a Answer) unsupported() bool {
	return a.Status != Delivered && errors.Is(a.Err, errors.ErrUnsupported)
}
