package smtp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A dialogue is a message on its way to a server, from the connect to the final
// reply: what the tests cut and fragment in every place.
type dialogue struct {
	name    string
	options mock.Options
	auth    func() *sasl.Authenticator // nil: nobody signs in
	env     smtp.Envelope
	lmtp    bool
	chunks  bool              // by BDAT
	refused bool              // the message does not get through
	outcome func(error) error // what is wrong with the error of the uncut dialogue
}

// encrypted reports whether the octets differ from run to run.
func (d *dialogue) encrypted() bool { return d.options.TLS != mock.NoTLS }

// wasLate is the end of the content: before it was sent, nothing is uncertain.
func (d *dialogue) wasLate(sent []byte) bool {
	return bytes.Contains(sent, []byte("\r\n.\r\n")) || bytes.Contains(sent, []byte(" LAST\r\n"))
}

// several is an envelope of which the mock refuses some; see refusals.
func several() smtp.Envelope {
	env := smtp.Envelope{From: user}
	for i := range 8 {
		env.To = append(env.To, fmt.Sprintf("r%d@example.com", i))
	}
	return env
}

var refusals = []mock.Fault{
	mock.At("RCPT").Nth(2).Do(mock.Reply(550, "5.1.1", "No such user")),
	mock.At("RCPT").Nth(5).Do(mock.Reply(451, "4.7.1", "Greylisted", "come back later")),
	mock.At("RCPT").Nth(8).Do(mock.Reply(452, "4.5.3", "Too many recipients")),
}

// dialogues returns the ten.
func dialogues() []dialogue {
	oauth := func(tokens ...string) func() *sasl.Authenticator {
		return func() *sasl.Authenticator {
			a := sasl.OAuth(user, &inTurn{tokens: tokens})
			a.Policy.InsecurePlaintext = true
			return a
		}
	}
	clear := func(o mock.Options) mock.Options {
		o.Network, o.TLS, o.InsecureAuth = mock.InMemory, mock.NoTLS, true
		o.Tolerate = mock.UnreachedFaults // what is cut early meets none
		return o
	}
	data := []string{"CHUNKING", "BINARYMIME"}
	return []dialogue{
		{name: "implicit TLS", env: envelope, options: mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS}},
		{name: "STARTTLS", env: envelope, options: mock.Options{Network: mock.InMemory}},
		{name: "XOAUTH2 accepted", env: envelope, auth: oauth(short), options: clear(mock.Options{Directory: accept(short), Without: data})},
		{name: "XOAUTH2 refused", env: envelope, auth: oauth("stale", "staler"), refused: true, outcome: isAuthError, options: clear(mock.Options{Directory: accept(short)})},
		{name: "XOAUTH2 renewed", env: envelope, auth: oauth("stale", short), options: clear(mock.Options{Directory: accept(short), Without: data})},
		{name: "SCRAM-PLUS", env: envelope, auth: scramPlus, options: mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS, Users: map[string]string{user: "pencil"}}},
		{name: "many recipients", env: several(), outcome: isPartial, options: clear(mock.Options{Faults: refusals})},
		{name: "DATA", env: envelope, options: clear(mock.Options{Without: data})},
		{name: "BDAT", env: envelope, chunks: true, options: clear(mock.Options{})},
		{name: "LMTP", env: several(), lmtp: true, outcome: isPartial, options: clear(mock.Options{Without: data, Faults: refusals})},
	}
}

const scramSHA256Plus = "SCRAM-SHA-256-PLUS"

func scramPlus() *sasl.Authenticator {
	a := sasl.Password(user, "pencil")
	a.Policy.Order = []string{scramSHA256Plus}
	return a
}

// possible reports whether the registry has what a dialogue needs.
func (d *dialogue) possible() bool {
	_, ok := sasl.Default().Lookup(scramSHA256Plus)
	return ok || d.name != "SCRAM-PLUS"
}

func isAuthError(err error) error {
	if auth := new(smtp.AuthError); !errors.As(err, &auth) {
		return fmt.Errorf("%w is no *AuthError", err)
	}
	return nil
}

func isPartial(err error) error {
	if partial := new(smtp.PartialError); !errors.As(err, &partial) || len(partial.Rejected) != len(refusals) {
		return fmt.Errorf("%w is no *PartialError of %d", err, len(refusals))
	}
	return nil
}

// An inTurn hands out one token, and the next one when that was refused.
type inTurn struct{ tokens []string }

func (g *inTurn) Token(_ context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	for _, value := range g.tokens {
		if token := (sasl.Token{Value: sasl.NewSecret(value)}); !req.Rejected.Matches(token) {
			return token, nil
		}
	}
	return sasl.Token{}, sasl.ErrNoOtherToken
}

// A run is what came of a dialogue.
type run struct {
	res    *smtp.Result
	err    error
	conn   *cutConn       // the first connection
	stored []mock.Message // what the server has
	said   []string       // what it was told, line by line, on all connections
}

// run plays the dialogue within a bubble. wrap makes the connection that fails.
func (d *dialogue) run(t *testing.T, wrap func(net.Conn) *cutConn, idle func()) run {
	s := mock.Start(t, d.options)
	cfg := smtp.Config{Addr: s.URL(), LocalName: "client.example.com", Chunking: d.chunks}
	if d.options.TLS == mock.NoTLS {
		cfg.TLS = smtp.InsecureNoTLS
	} else {
		// Without the long keys of the default, there are fewer octets to cut.
		cfg.TLSConfig = s.TLSConfig()
		cfg.TLSConfig.CurvePreferences = []tls.CurveID{tls.X25519}
	}
	if d.auth != nil {
		cfg.Auth = d.auth()
	}
	r := run{}
	dial := s.Dial
	if d.lmtp {
		cfg.Addr = "lmtp://localhost:24"
		dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := s.Dial(ctx, network, addr)
			return &lmtpConn{Conn: conn}, err
		}
	}
	cfg.DialContext = dialCut(dial, func(conn net.Conn) net.Conn {
		r.conn = wrap(conn)
		return r.conn
	})
	r.res, r.err = smtp.Send(t.Context(), cfg, d.env, message)
	idle()
	r.stored = s.Messages()
	for _, session := range s.Sessions() {
		r.said = append(r.said, lines(session))
	}
	return r
}

// An lmtpConn makes an LMTP server of an SMTP server: LHLO is its EHLO, and its
// final reply comes once for each recipient that it has accepted (RFC 2033,
// Section 4.2).
type lmtpConn struct {
	net.Conn
	line     []byte // the start of a line of the server
	ready    []byte // what it has said, for the client
	accepted int
	data     bool
}

func (c *lmtpConn) Write(p []byte) (int, error) {
	return c.Conn.Write(bytes.Replace(p, []byte("LHLO "), []byte("EHLO "), 1))
}

func (c *lmtpConn) Read(p []byte) (int, error) {
	for len(c.ready) == 0 {
		octets := make([]byte, 512)
		n, err := c.Conn.Read(octets)
		if err != nil {
			return 0, err
		}
		for _, octet := range octets[:n] {
			if c.line = append(c.line, octet); octet == '\n' {
				c.say()
			}
		}
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// say hands over a line, as often as it has to come.
func (c *lmtpConn) say() {
	times := 1
	switch {
	case bytes.HasPrefix(c.line, []byte("250 2.1.5")):
		c.accepted++
	case bytes.HasPrefix(c.line, []byte("354")):
		c.data = true
	case c.data:
		c.data, times = false, c.accepted
	}
	c.ready = append(c.ready, slices.Concat(slices.Repeat([][]byte{c.line}, times)...)...)
	c.line = nil
}
