package smtp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// writeBlock is the most that one write hands to the network, in octets, so that
// a slow transfer is seen to move.
const writeBlock = 16 << 10

// A conn is one connection: lines out, replies in. Any failure breaks it for
// ever, because nobody can tell any more which reply belongs to what.
type conn struct {
	raw      net.Conn // what was dialled, below any TLS
	net      net.Conn // what is spoken over
	r        *bufio.Reader
	timeouts Timeouts
	watch    *watcher // nil: nobody does
	broken   error
	veil     veil   // keeps what was sent to sign in out of replies
	abort    func() // closes raw
	listener listener
}

func newConn(raw net.Conn, timeouts Timeouts, w *watcher) *conn {
	return &conn{raw: raw, net: raw, r: bufio.NewReader(raw), timeouts: timeouts, watch: w}
}

// bind makes the end of ctx end whatever the connection is doing, by closing it,
// until release is called.
func (c *conn) bind(ctx context.Context) (release func()) {
	stop := c.attach(ctx)
	return func() { c.detach(ctx, stop) }
}

// attach is bind for who calls it often: what it returns is for detach.
func (c *conn) attach(ctx context.Context) (stop func() bool) {
	if c.abort == nil {
		c.abort = func() { c.raw.Close() }
	}
	return context.AfterFunc(ctx, c.abort)
}

// detach ends what attach began.
func (c *conn) detach(ctx context.Context, stop func() bool) {
	if !stop() && c.broken == nil {
		c.broken = ctx.Err()
		c.watch.closed(c.broken)
	}
}

// upgrade makes the connection speak over n from now on.
func (c *conn) upgrade(n net.Conn) {
	c.net = n
	c.r = bufio.NewReader(n)
}

// close closes the connection at once. It does not wait for a TLS alert to be
// written, which a silent peer could hold up.
func (c *conn) close() {
	c.raw.Close()
	_ = c.await()
	if c.broken == nil {
		c.broken = net.ErrClosed
		c.watch.closed(nil)
	}
}

// usable returns an error if the connection is broken or out of step. It is called
// before anything is sent that gets a reply of its own.
func (c *conn) usable() error {
	if c.broken == nil {
		err := c.outOfStep()
		if err == nil {
			return nil
		}
		_ = c.fail(err)
	}
	return fmt.Errorf("%w: %w", ErrBroken, c.broken)
}

// fail breaks the connection and returns err.
func (c *conn) fail(err error) error {
	first := c.broken == nil
	if first {
		c.broken = err
	}
	c.raw.Close()
	if first {
		c.watch.closed(err)
	}
	return err
}

// failIO breaks the connection after an error of reading or writing, and makes
// that error readable. command is as in [ReplyError].
func (c *conn) failIO(ctx context.Context, command string, limit time.Duration, err error) error {
	return c.fail(c.ioError(ctx, command, limit, err))
}

// ioError makes an error of reading or writing readable.
func (c *conn) ioError(ctx context.Context, command string, limit time.Duration, err error) error {
	var syntax *wire.SyntaxError
	switch {
	case ctx.Err() != nil:
		return canceled(ctx, phaseOf(command))
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = &timeoutError{limit}
	case errors.As(err, &syntax), errors.Is(err, wire.ErrReplyTooLong):
		err = fmt.Errorf("%w: %w", ErrProtocol, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("the server closed the connection: %w", err)
	}
	return &PhaseError{phaseOf(command), err}
}

// command writes one line and reads its reply.
func (c *conn) command(ctx context.Context, line string) (Reply, error) {
	if err := c.usable(); err != nil {
		return Reply{}, err
	}
	verb := verbOf(line)
	c.watch.during(ctx)
	c.watch.sent(verb, line, int64(len(line)+len("\r\n")))
	return c.exchange(ctx, verb, line)
}

// exchange writes a line, of which nobody is told, and reads its reply.
func (c *conn) exchange(ctx context.Context, phase, line string) (Reply, error) {
	if err := c.usable(); err != nil {
		return Reply{}, err
	}
	if err := c.write(ctx, phase, []byte(line+"\r\n"), c.timeouts.Command); err != nil {
		return Reply{}, err
	}
	return c.reply(ctx, phase, c.timeouts.Command)
}

// reply reads one reply.
func (c *conn) reply(ctx context.Context, phase string, limit time.Duration) (Reply, error) {
	return c.read(ctx, phase, limit, nil, false)
}

// got makes a Reply, or an error, of what was read.
func (c *conn) got(ctx context.Context, phase string, limit time.Duration, w wire.Reply, err error) (Reply, error) {
	if err != nil {
		if syntax := new(wire.SyntaxError); errors.As(err, &syntax) {
			syntax.Line = c.veil.draw(syntax.Line)
		}
		return Reply{}, c.failIO(ctx, phase, limit, err)
	}
	r := c.received(w)
	c.watch.heard(phase, r)
	if r.Code == 421 { // RFC 5321, Section 3.8: the server closes the channel
		_ = c.fail(fmt.Errorf("the server said %v", r))
	}
	return r, nil
}

// received makes a Reply of what was read.
func (c *conn) received(w wire.Reply) Reply {
	r := newReply(w)
	if c.veil != nil && r.Code != 334 { // a challenge is for the mechanism, as it is, and goes nowhere else
		c.veil(r.Lines)
	}
	return r
}

// write writes p in blocks, each of which has the whole limit for itself.
func (c *conn) write(ctx context.Context, phase string, p []byte, limit time.Duration) error {
	if err := c.writeBlocks(p, limit); err != nil {
		return c.failIO(ctx, phase, limit, err)
	}
	return nil
}

func (c *conn) writeBlocks(p []byte, limit time.Duration) error {
	for len(p) > 0 {
		block := p[:min(len(p), writeBlock)]
		_ = c.net.SetWriteDeadline(time.Now().Add(limit))
		if _, err := c.net.Write(block); err != nil {
			return err
		}
		p = p[len(block):]
	}
	return nil
}

func verbOf(line string) string {
	verb, _, _ := strings.Cut(line, " ")
	return verb
}
