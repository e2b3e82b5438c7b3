package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/seed-55a66e92/postern/providers/profile"
)

// A Client is one connection, signed in. It sends one message after another. One
// goroutine may use it at a time. It is to be closed: while it is not used, a
// goroutine of its own listens for the server to say or to end something, which
// the next Send then reports.
type Client struct {
	conn       *conn
	cfg        Config
	server     server
	ext        extensions
	tls        *tls.ConnectionState
	verified   bool
	clientCert bool
	mechanism  string
	authLater  string // the mechanism of a sign-in that goes with the first message; see Config.AuthInGroup
	inMail     bool   // a transaction may be open: RSET comes before the next
	mails      int    // how many were begun (RFC 9422, Section 4.1)
	mailed     bool   // the server accepted MAIL of the latest one
	doubtful   bool   // RSET was not answered by 250
	lmtp       bool   // LMTP (RFC 2033) is spoken: LHLO, and a final reply for each recipient

	// What a message needs is kept for the next one.
	tx     transaction
	out    []byte
	writer groupWriter
	body   body
}

// Send connects, signs in, sends one message and disconnects. It returns without
// waiting for the reply to QUIT.
//
// The Result is never nil. The error tells what happened; see [Classify] and
// [SafeToRetry]. Whatever can be checked is checked before a connection is made.
func Send(ctx context.Context, cfg Config, env Envelope, msg Message) (*Result, error) {
	var j job
	defer j.content.close()
	if err := cfg.Validate(); err != nil { // before a message that can be read only once is opened
		return &Result{}, err
	}
	if err := j.prepare(ctx, env, msg); err != nil {
		return &Result{}, err
	}
	c, attempts, err := dial(ctx, cfg)
	if err != nil {
		result := &Result{Attempts: attempts}
		if c != nil {
			result.TLS = c.tls
		}
		return result, err
	}
	result, err := c.transact(ctx, &j)
	result.Attempts = attempts
	c.leave(ctx)
	return result, err
}

// Send sends one message. It may be called again after any error that leaves the
// connection in step; after one that does not, it fails with [ErrBroken].
//
// The Result is never nil.
func (c *Client) Send(ctx context.Context, env Envelope, msg Message) (*Result, error) {
	j := &c.tx.job
	if err := j.prepare(ctx, env, msg); err != nil {
		c.tx.forget()
		return &Result{}, err
	}
	result, err := c.transact(ctx, j)
	c.conn.rest()
	result.Attempts = 1
	return result, err
}

// closeWait is how long Close waits for the reply to QUIT.
const closeWait = time.Second

// Close says QUIT, waits at most a second for the reply and closes the
// connection. Nothing that goes wrong then matters to a message that was
// accepted. A second Close, and that of a broken connection, does nothing.
func (c *Client) Close() error {
	_, err := c.quit()
	return err
}

// quit is Close. It returns the 421 that the server has said instead of a
// farewell, or before it was asked for one; nil if it has not.
func (c *Client) quit() (busy *ReplyError, err error) {
	if err := c.conn.usable(); err != nil {
		c.conn.close()
		errors.As(err, &busy)
		return busy, nil
	}
	ctx, cancel := context.WithTimeout(c.conn.watch.lifetime(), closeWait)
	defer cancel()
	defer c.conn.bind(ctx)()
	r, err := c.conn.command(ctx, "QUIT")
	c.conn.close()
	if r.Code == 421 {
		busy = c.refused("QUIT", r)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return busy, err
}

// leave says QUIT and closes the connection without waiting for the reply.
func (c *Client) leave(ctx context.Context) {
	if c.conn.usable() == nil && ctx.Err() == nil {
		stop := c.conn.bind(ctx)
		c.conn.watch.during(ctx)
		c.conn.watch.sent("QUIT", "QUIT", int64(len("QUIT\r\n")))
		_ = c.conn.write(ctx, "QUIT", []byte("QUIT\r\n"), closeWait)
		stop()
	}
	c.conn.close()
}

// quirks are what is known of the server against its own word.
func (c *Client) quirks() profile.Quirks {
	if c.cfg.Profile == nil {
		return profile.Quirks{}
	}
	return c.cfg.Profile.Quirks
}
