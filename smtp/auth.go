package smtp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/sasl"
)

// maxCommandLine is the longest command line, in octets, CRLF included (RFC
// 5321, Section 4.5.3.1.4). An AUTH command that would pass it carries no
// initial response (RFC 4954, Section 4).
const maxCommandLine = 512

// errConnLost marks errors of the connection, as opposed to verdicts.
var errConnLost = errors.New("connection lost")

// facts are what package sasl has to know of the connection.
func (c *Client) facts() *sasl.Conn {
	return &sasl.Conn{
		Service:    "smtp",
		Host:       c.server.host,
		Port:       c.server.port,
		TLS:        c.tls,
		Verified:   c.tls != nil && c.verified,
		Loopback:   c.cfg.DialContext == nil && isLoopbackName(c.server.host) && isLoopbackPeer(c.conn.raw),
		ClientCert: c.clientCert,
		Offered:    c.ext.mechanisms(),
	}
}

// signIn runs the sign-in over t and explains how it failed.
func (c *Client) signIn(ctx context.Context, t sasl.Transport) error {
	run := func(ctx context.Context) (string, error) { return c.authenticate(ctx, t) }
	if w := c.conn.watch; w != nil {
		run = w.authentication(c, run)
	}
	mechanism, err := run(ctx)
	if err == nil {
		c.mechanism = mechanism
	}
	return err
}

// authenticate is signIn without anybody who watches.
func (c *Client) authenticate(ctx context.Context, t sasl.Transport) (mechanism string, err error) {
	mechanism, err = c.cfg.Auth.Authenticate(ctx, c.facts(), t)
	if err == nil {
		return mechanism, nil
	}
	if errors.Is(err, sasl.ErrProtocol) || errors.Is(err, sasl.ErrServerUnverified) {
		_ = c.conn.fail(err)
	}
	return mechanism, c.explain(ctx, mechanism, err)
}

// explain wraps what came of a sign-in. A token generator's error and the end of
// the context stay what they are, and a lost connection is no verdict.
func (c *Client) explain(ctx context.Context, mechanism string, err error) error {
	if ctx.Err() != nil {
		return canceled(ctx, PhaseSignIn)
	}
	auth := &AuthError{Mechanism: mechanism, Err: err}
	var (
		reply   *ReplyError
		refused *sasl.RefusedError
		token   *sasl.TokenError
		lost    *lostError
	)
	if errors.As(err, &reply) {
		auth.Reply, auth.Advice = &reply.Reply, c.advice(reply.Reply)
	}
	if errors.As(err, &auth.OAuth) { // the challenge says more than the reply
		auth.Advice = cmp.Or(c.cfg.Profile.Advise(334, "", string(auth.OAuth.Raw())), auth.Advice)
	}
	if !errors.As(err, &refused) {
		switch {
		case errors.As(err, &token):
			return err
		case errors.As(err, &lost) && auth.OAuth == nil && auth.Reply == nil:
			return lost.err
		}
	}
	if none := new(sasl.NoMechanismError); errors.As(err, &none) {
		auth.Advice = cmp.Or(c.adviceOnOffer(none.Offered), auth.Advice)
	}
	return auth
}

// adviceOnOffer says what to do about a server that offers nothing that can run,
// "" if nothing is known.
func (c *Client) adviceOnOffer(offered []string) string {
	switch {
	case len(offered) == 0 && c.tls == nil:
		return "servers often offer AUTH only after STARTTLS"
	case c.cfg.Auth.Credentials.Token != nil && c.cfg.Profile != nil:
		return c.cfg.Profile.NoOAuth
	}
	return ""
}

func isLoopbackPeer(n net.Conn) bool {
	switch addr := n.RemoteAddr().(type) {
	case *net.TCPAddr:
		return addr.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// An authTransport is AUTH and its 334 (RFC 4954, Section 4).
type authTransport struct{ c *Client }

var _ sasl.Transport = (*authTransport)(nil)

// Auth implements sasl.Transport.
func (t *authTransport) Auth(ctx context.Context, mechanism string, initial []byte) (sasl.Reply, error) {
	line := "AUTH " + mechanism
	t.hide(initial)
	if initial == nil {
		return t.send(ctx, line, line)
	}
	inline := inlineAuth(mechanism, initial)
	if len(inline)+len("\r\n") <= maxCommandLine {
		return t.send(ctx, line+fmt.Sprintf(" [%d octets]", len(initial)), inline)
	}
	reply, err := t.send(ctx, line, line)
	if err != nil || !reply.More {
		if err == nil && reply.Verdict == nil {
			err = t.lost(t.c.conn.fail(fmt.Errorf("%w: 235 to AUTH before anything was sent", ErrProtocol)))
		}
		return reply, err
	}
	// Whatever the challenge says, it asks for the initial response.
	return t.Respond(ctx, initial)
}

// Respond implements sasl.Transport.
func (t *authTransport) Respond(ctx context.Context, response []byte) (sasl.Reply, error) {
	t.hide(response)
	return t.send(ctx, fmt.Sprintf("[response, %d octets]", len(response)), string(wire.EncodeBase64(nil, response)))
}

// Cancel implements sasl.Transport.
func (t *authTransport) Cancel(ctx context.Context) (sasl.Reply, error) {
	return t.send(ctx, "*", "*")
}

// send writes a line, of which the logger and the hooks get another form.
func (t *authTransport) send(ctx context.Context, logged, line string) (sasl.Reply, error) {
	if err := t.c.conn.usable(); err != nil {
		return sasl.Reply{}, t.lost(err)
	}
	t.c.conn.watch.sent("AUTH", logged, int64(len(line)+len("\r\n")))
	r, err := t.c.conn.exchange(ctx, "AUTH", line)
	if err != nil {
		return sasl.Reply{}, t.lost(err)
	}
	return t.judge(r)
}

// judge tells package sasl what a reply to AUTH means.
func (t *authTransport) judge(r Reply) (sasl.Reply, error) {
	switch {
	case r.Code == 334:
		return challenge(r), nil
	case r.Code == 235:
		return sasl.Reply{}, nil
	case r.Code/100 < 4: // 250 and 354 mean nothing here
		return sasl.Reply{}, t.lost(t.c.conn.fail(fmt.Errorf("%w: %v to AUTH", ErrProtocol, r)))
	}
	return sasl.Reply{Verdict: t.verdict(r)}, nil
}

// challenge decodes a 334.
func challenge(r Reply) sasl.Reply {
	octets, err := wire.DecodeBase64([]byte(r.Lines[0]))
	return sasl.Reply{More: true, Challenge: octets, Malformed: err != nil || len(r.Lines) > 1}
}

// verdict makes an error of a refusal that tells package sasl what it means.
func (t *authTransport) verdict(r Reply) error {
	kinds := []error{sasl.ReplyKind(r.Code)}
	if (r.Code == 534 || r.Code == 535) && t.c.cfg.Profile.TokenBlameless(r.Enhanced.String()) {
		kinds = append(kinds, sasl.ErrNotPermitted) // nor would another mechanism help
	}
	// The advice belongs to the AuthError that this becomes a part of.
	return &verdictError{&ReplyError{Command: "AUTH", Reply: r}, kinds}
}

// A verdictError is a refused AUTH and what it means to package sasl.
type verdictError struct {
	*ReplyError
	kinds []error
}

func (e *verdictError) Unwrap() []error { return append([]error{e.ReplyError}, e.kinds...) }

// A lostError is an error of the connection.
type lostError struct{ err error }

func (e *lostError) Error() string        { return e.err.Error() }
func (e *lostError) Unwrap() error        { return e.err }
func (e *lostError) Is(target error) bool { return target == errConnLost }

func (t *authTransport) lost(err error) error { return &lostError{err} }
