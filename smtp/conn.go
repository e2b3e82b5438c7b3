package smtp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
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
	log      *slog.Logger
	broken   error
	hidden   []string // what was sent of late that no reply may show
	abort    func()   // closes raw
}

func newConn(raw net.Conn, timeouts Timeouts, log *slog.Logger) *conn {
	return &conn{raw: raw, net: raw, r: bufio.NewReader(raw), timeouts: timeouts, log: log}
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
	if c.broken == nil {
		c.broken = net.ErrClosed
	}
}

// usable returns an error if the connection is broken or out of step.
func (c *conn) usable() error {
	if c.broken != nil {
		return fmt.Errorf("%w: %w", ErrBroken, c.broken)
	}
	if n := c.r.Buffered(); n > 0 {
		return c.fail(fmt.Errorf("%w: %d octets that nothing asked for", ErrProtocol, n))
	}
	return nil
}

// fail breaks the connection and returns err.
func (c *conn) fail(err error) error {
	if c.broken == nil {
		c.broken = err
	}
	c.raw.Close()
	return err
}

// failIO breaks the connection after an error of reading or writing, and makes
// that error readable. command is as in [ReplyError].
func (c *conn) failIO(ctx context.Context, command string, limit time.Duration, err error) error {
	var syntax *wire.SyntaxError
	switch {
	case ctx.Err() != nil:
		return c.fail(canceled(ctx, phaseOf(command)))
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = &timeoutError{limit}
	case errors.As(err, &syntax), errors.Is(err, wire.ErrReplyTooLong):
		err = fmt.Errorf("%w: %w", ErrProtocol, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("the server closed the connection: %w", err)
	}
	return c.fail(&PhaseError{phaseOf(command), err})
}

// command writes one line and reads its reply.
func (c *conn) command(ctx context.Context, line string) (Reply, error) {
	c.logCommand(line)
	return c.exchange(ctx, verbOf(line), line)
}

// exchange writes a line without logging it and reads its reply.
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
			syntax.Line = c.redact(syntax.Line)
		}
		return Reply{}, c.failIO(ctx, phase, limit, err)
	}
	if w.Code != 334 { // a challenge is for the mechanism, as it is, and goes nowhere else
		for i := range w.Lines {
			w.Lines[i] = c.redact(w.Lines[i])
		}
	}
	r := newReply(w)
	c.logReply(phase, r)
	if r.Code == 421 { // RFC 5321, Section 3.8: the server closes the channel
		_ = c.fail(fmt.Errorf("the server said %v", r))
	}
	return r, nil
}

// redact takes out of a peer's text what was sent of the sign-in, the latest
// first.
func (c *conn) redact(text string) string {
	for _, secret := range slices.Backward(c.hidden) {
		text = wire.Redact(text, secret)
	}
	return text
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

// logCommand logs a line. It must not be given one that holds a secret.
func (c *conn) logCommand(line string) {
	if c.log != nil {
		c.log.Debug("smtp command", "line", printable(line))
	}
}

// logReply logs a reply, but not a challenge: with the response it would be
// something to guess passwords by.
func (c *conn) logReply(phase string, r Reply) {
	if c.log == nil {
		return
	}
	text := r.String()
	if r.Code == 334 {
		text = "334 [challenge]"
	}
	c.log.Debug("smtp reply", "to", phase, "reply", text)
}
