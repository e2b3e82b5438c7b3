package sasl

import (
	"context"
	"fmt"
	netsmtp "net/smtp"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// maxCommandLine is the longest SMTP command line, in octets, CRLF included (RFC
// 5321, Section 4.5.3.1.4).
const maxCommandLine = 512

// A NetSMTPAuth runs one exchange in the client of net/smtp. One goroutine may
// use it at a time.
type NetSMTPAuth struct {
	ctx           context.Context // of the exchange: net/smtp has none to hand over
	authenticator *Authenticator
	conn          *Conn

	started  bool
	exchange *Exchange
	holding  bool   // an initial response that could not go with AUTH:
	held     Secret // this one
}

var _ netsmtp.Auth = (*NetSMTPAuth)(nil)

// NetSMTP returns an Auth for one sign-in on one connection of net/smtp. ctx
// bounds it. Run it, and hand the outcome to Finish:
//
//	auth := sasl.NetSMTP(ctx, a, conn)
//	err = auth.Finish(client.Auth(auth))
//
// net/smtp knows less of the connection than a sign-in needs, so the caller
// fills in conn: Host as dialled; after STARTTLS or tls.Dial, TLS from the
// client's TLSConnectionState and Verified, unless InsecureSkipVerify was set.
// conn is read when the exchange starts. An empty Service means "smtp", an empty
// Host the name that the client was made for, and a nil Offered what the client
// was offered.
//
// The initial response goes with AUTH where the command keeps to 512 octets,
// CRLF included, and otherwise into the answer to the challenge that follows
// (RFC 4954, Section 4), as does one that is empty, which net/smtp cannot write.
// Responses have up to [MaxMessage] octets. A challenge that is not base64 ends
// the exchange, even that of LOGIN, for net/smtp does not hand it on.
//
// After a refusal net/smtp has ended the connection. A sign-in on the next one,
// by an Auth of the same Authenticator, uses another token.
func NetSMTP(ctx context.Context, a *Authenticator, conn *Conn) *NetSMTPAuth {
	return &NetSMTPAuth{ctx: ctx, authenticator: a, conn: conn}
}

// Mechanism returns the name of the mechanism, "" before Start has chosen it.
func (n *NetSMTPAuth) Mechanism() string {
	if n.exchange == nil {
		return ""
	}
	return n.exchange.Mechanism()
}

// Start implements [netsmtp.Auth]: it chooses the mechanism and fetches the
// secret. The errors are those of [Authenticator.Begin], and besides
// [ErrWrongHost] if the client was made for another host than Conn.Host, and
// [ErrInsecure] if Conn.TLS does not say the same of TLS as the client.
func (n *NetSMTPAuth) Start(server *netsmtp.ServerInfo) (mechanism string, initial []byte, err error) {
	if n.started {
		return "", nil, fmt.Errorf("%w: NetSMTPAuth started twice; each sign-in takes a new one", ErrProtocol)
	}
	n.started = true
	conn, err := n.facts(server)
	if err != nil {
		return "", nil, err
	}
	if n.exchange, err = n.authenticator.Begin(n.ctx, conn); err != nil {
		return "", nil, err
	}
	mechanism, initial, err = n.exchange.Start()
	if err != nil || initial == nil || fitsAUTH(mechanism, initial) {
		return mechanism, initial, err
	}
	n.holding, n.held = true, NewSecret(string(initial))
	return mechanism, nil, nil
}

// facts completes what the caller knows of the connection by what net/smtp knows
// and checks that both speak of the same one.
func (n *NetSMTPAuth) facts(server *netsmtp.ServerInfo) (*Conn, error) {
	if n.conn == nil {
		return nil, errNoConn
	}
	conn := *n.conn
	if conn.Service == "" {
		conn.Service = "smtp"
	}
	if conn.Host == "" {
		conn.Host = server.Name
	}
	if conn.Offered == nil {
		conn.Offered = server.Auth
	}
	switch {
	case !sameHost(conn.Host, server.Name):
		return nil, fmt.Errorf("%w: Conn.Host is %q and the client of net/smtp is for %q", ErrWrongHost, conn.Host, server.Name)
	case conn.TLS != nil && !server.TLS:
		return nil, fmt.Errorf("%w: Conn.TLS is set and the client of net/smtp has no TLS", ErrInsecure)
	case conn.TLS == nil && server.TLS:
		return nil, fmt.Errorf("%w: the client of net/smtp has TLS and Conn.TLS is not set: "+
			"set Conn.TLS and Conn.Verified from the client's TLSConnectionState", ErrInsecure)
	}
	return &conn, nil
}

// fitsAUTH reports whether an initial response can go with the AUTH command.
func fitsAUTH(mechanism string, initial []byte) bool {
	line := len("AUTH ") + len(mechanism) + len(" ") + wire.EncodedLen(len(initial)) + len("\r\n")
	return len(initial) > 0 && line <= maxCommandLine
}

// Next implements [netsmtp.Auth]. Without more, the server has reported success
// and Next is Finish.
func (n *NetSMTPAuth) Next(fromServer []byte, more bool) ([]byte, error) {
	switch {
	case n.exchange == nil:
		return nil, fmt.Errorf("%w: Next without Start", ErrProtocol)
	case !more:
		return nil, n.Finish(nil)
	case !n.holding:
		return n.exchange.Next(fromServer)
	}
	if err := ended(n.ctx); err != nil {
		n.exchange.failure = err
		return nil, err
	}
	// Whatever the challenge says, it asks for the initial response.
	n.holding = false
	return []byte(n.held.Reveal()), nil
}

// Finish ends the sign-in and returns its result, as [Exchange.Finish] does:
// verdict is what the client's Auth has returned. It may be called more than
// once; the first verdict counts, but no error is lost: after a success, Finish
// returns what it is given. A Start that failed leaves nothing to finish, and
// Finish returns the verdict.
func (n *NetSMTPAuth) Finish(verdict error) error {
	switch {
	case n.exchange == nil && verdict == nil:
		return fmt.Errorf("%w: success without an exchange", ErrProtocol)
	case n.exchange == nil:
		return verdict
	case n.holding && verdict == nil:
		n.exchange.failure = fmt.Errorf("%w: success before anything was sent", ErrProtocol)
	}
	if err := n.exchange.Finish(verdict); err != nil {
		return err
	}
	return verdict
}
