package smtp

import (
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
	return c, err
}

// dial is Dial and tells how many connections it made.
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
		c, err = dialOnce(ctx, cfg, server)
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
func dialOnce(ctx context.Context, cfg Config, s server) (*Client, error) {
	raw, err := cfg.connect(ctx, s)
	if err != nil {
		return nil, err
	}
	c := &Client{
		conn:   newConn(raw, cfg.Timeouts, cfg.Logger),
		cfg:    cfg,
		server: s,
		lmtp:   s.lmtp,
	}
	defer c.conn.bind(ctx)()
	if err := c.open(ctx); err != nil {
		c.leave(ctx) // the server hears QUIT if that still makes sense
		return nil, err
	}
	return c, nil
}

// connect makes the connection. A net.Dialer tries all addresses of a host: one
// after the other, and those of both families side by side.
func (c Config) connect(ctx context.Context, s server) (net.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, c.Timeouts.Dial)
	defer cancel()
	dial := c.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	raw, err := dial(dialing, s.network(), s.addr())
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
	greeting, err := c.conn.reply(ctx, "", c.conn.timeouts.Greeting)
	if err != nil {
		return err
	}
	if greeting.Code != 220 {
		return c.refused("", greeting)
	}
	if err := c.hello(ctx); err != nil {
		return err
	}
	if err := c.startTLS(ctx); err != nil {
		return err
	}
	if c.cfg.Auth != nil {
		if c.authLater = c.mayGroupAuth(); !c.authLater {
			if err := c.signIn(ctx, &authTransport{c}); err != nil {
				return err
			}
		}
	}
	if c.cfg.Logger != nil {
		c.cfg.Logger.Info("smtp connected", "server", c.server.addr(), "tls", c.tls != nil, "mechanism", c.mechanism)
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
		return c.refused("STARTTLS", r)
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

func (c *Client) advice(r Reply) string {
	return c.cfg.Profile.Advise(r.Code, r.Enhanced.String(), r.Text())
}
