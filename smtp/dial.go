package smtp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/seed-55a66e92/postern/sasl"
)

// Dial connects, encrypts and signs in. On error there is no connection left.
//
// If the server closes the connection while it refuses a token, and there is
// another token, Dial connects once more.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	cfg.AuthInGroup = false // Dial signs in
	c, _, err := dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c.conn.rest()
	return c, nil
}

// dial is Dial and tells how many connections it made. With an error there may be
// a Client that is closed, for what is known of the connection.
func dial(ctx context.Context, cfg Config) (c *Client, attempts int, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, 0, err
	}
	server, err := cfg.server()
	if err != nil {
		return nil, 0, err
	}
	cfg = cfg.withSessions()
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	for attempts = 1; ; attempts++ {
		c, err = dialOnce(ctx, cfg, server, attempts)
		if err == nil || attempts == 2 || !lostInRenewal(err) || ctx.Err() != nil {
			return c, attempts, err
		}
	}
}

// lostInRenewal reports whether a token was refused and the connection lost when
// the next one was to be tried.
func lostInRenewal(err error) bool {
	var refused *sasl.RefusedError
	return errors.As(err, &refused) && errors.Is(refused.Renewal, errConnLost)
}

// dialOnce makes one connection.
func dialOnce(ctx context.Context, cfg Config, s server, attempt int) (*Client, error) {
	w := cfg.watcher(ctx, s, attempt)
	ctx, connected := w.connect(ctx)
	c, err := dialTo(ctx, cfg, s, w)
	over := false
	defer func() {
		if !over && c != nil {
			c.conn.close() // a hook panicked
		}
	}()
	connected(err)
	over = true
	return c, err
}

// dialTo is dialOnce, watched by w.
func dialTo(ctx context.Context, cfg Config, s server, w *watcher) (*Client, error) {
	raw, err := cfg.connect(ctx, s, w)
	if err != nil {
		return nil, err
	}
	c := &Client{
		conn:   newConn(raw, cfg.Timeouts, w),
		cfg:    cfg,
		server: s,
		lmtp:   s.lmtp,
	}
	defer c.conn.bind(ctx)()
	ready := false
	defer func() {
		if !ready {
			c.leave(ctx) // the server hears QUIT if that still makes sense
		}
	}()
	w.dialled(raw)
	if err := c.open(ctx); err != nil {
		return c, err
	}
	ready = true
	return c, nil
}

// connect makes the connection. A net.Dialer tries all addresses of a host: one
// after the other, and those of both families side by side.
func (c Config) connect(ctx context.Context, s server, w *watcher) (net.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, c.Timeouts.Dial)
	defer cancel()
	dial := c.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	raw, err := w.dial(dialing, dial, c.DialContext != nil, s.network(), s.addr())
	switch {
	case err == nil:
		return raw, nil
	case ctx.Err() != nil:
		err = endOf(ctx)
	case dialing.Err() != nil:
		err = &timeoutError{c.Timeouts.Dial}
	}
	return nil, &PhaseError{PhaseDial, fmt.Errorf("%s: %w", s.addr(), err)}
}

// open takes a new connection through greeting, TLS and sign-in.
func (c *Client) open(ctx context.Context) error {
	if c.server.mode == TLSImplicit {
		if err := c.handshake(ctx); err != nil {
			return err
		}
	}
	c.conn.watch.sent("", "", 0)
	greeting, err := c.conn.reply(ctx, "", c.conn.timeouts.Greeting)
	if err != nil {
		return err
	}
	if greeting.Code != 220 {
		return c.unexpected("", greeting)
	}
	if err := c.hello(ctx); err != nil {
		return err
	}
	if err := c.startTLS(ctx); err != nil {
		return err
	}
	if c.cfg.Auth != nil {
		if c.authLater = c.groupedMechanism(); c.authLater == "" {
			if err := c.signIn(ctx, &authTransport{c}); err != nil {
				return err
			}
		}
	}
	return nil
}

// startTLS upgrades the connection if the mode asks for it (RFC 3207).
func (c *Client) startTLS(ctx context.Context) error {
	switch {
	case c.server.mode == TLSImplicit, c.server.mode == InsecureNoTLS:
		return nil
	case !c.ext.has("STARTTLS") && c.server.mode == InsecureOpportunistic:
		return nil
	case !c.ext.has("STARTTLS"):
		return ErrTLSRequired
	}
	r, err := c.conn.command(ctx, "STARTTLS")
	if err != nil {
		return err
	}
	if r.Code != 220 {
		if r.Code/100 >= 4 && c.server.mode == InsecureOpportunistic && c.conn.broken == nil {
			return nil
		}
		return c.unexpected("STARTTLS", r)
	}
	// Octets behind the 220 were not sent by who will hold the key (RFC 3207,
	// Section 6).
	if n := c.conn.r.Buffered(); n > 0 {
		return c.conn.fail(fmt.Errorf("%w: %d octets in clear behind the reply to STARTTLS", ErrProtocol, n))
	}
	c.ext = nil // RFC 3207, Section 4.2: all knowledge from before is void
	if err := c.handshake(ctx); err != nil {
		return err
	}
	return c.hello(ctx)
}

// refused makes an error of a reply, with advice.
func (c *Client) refused(command string, r Reply) *ReplyError {
	return &ReplyError{Command: command, Reply: r, Advice: c.advice(r)}
}

// unexpected makes an error of a reply that is not the one to go on with. A
// negative one refuses the command; of any other nobody knows what comes next.
func (c *Client) unexpected(command string, r Reply) error {
	if r.Code >= 400 {
		return c.refused(command, r)
	}
	return c.conn.fail(fmt.Errorf("%w: %v to %s", ErrProtocol, r, cmp.Or(command, "a new connection")))
}

func (c *Client) advice(r Reply) string {
	return c.cfg.Profile.Advise(r.Code, r.Enhanced.String(), r.Text())
}
