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

const (
	// writeBlock is the most that one write hands to the network, in octets, so
	// that a slow transfer is seen to move.
	writeBlock = 16 << 10

	// groupAlone is the longest group of commands, in octets, that is written
	// before the first reply to it is read. A server may stop reading while its
	// replies are not read (RFC 2920, Section 3.1).
	groupAlone = 4 << 10
)

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
}

func newConn(raw net.Conn, timeouts Timeouts, log *slog.Logger) *conn {
	return &conn{raw: raw, net: raw, r: bufio.NewReader(raw), timeouts: timeouts, log: log}
}

// bind makes the end of ctx end whatever the connection is doing, by closing it,
// until release is called.
func (c *conn) bind(ctx context.Context) (release func()) {
	stop := context.AfterFunc(ctx, func() { c.raw.Close() })
	return func() {
		if !stop() && c.broken == nil {
			c.broken = ctx.Err()
		}
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
// that error readable.
func (c *conn) failIO(ctx context.Context, phase string, limit time.Duration, err error) error {
	phase = phaseOf(phase)
	var syntax *wire.SyntaxError
	switch {
	case ctx.Err() != nil:
		err = canceled(ctx, phase)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = &timeoutError{phase, limit}
	case errors.As(err, &syntax), errors.Is(err, wire.ErrReplyTooLong):
		err = fmt.Errorf("%w: %s: %w", ErrProtocol, phase, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("smtp: %s: the server closed the connection: %w", phase, err)
	default:
		err = fmt.Errorf("smtp: %s: %w", phase, err)
	}
	return c.fail(err)
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

// reply reads one reply. limit is for all of it, so a server that sends it octet
// by octet gains no time.
func (c *conn) reply(ctx context.Context, phase string, limit time.Duration) (Reply, error) {
	c.net.SetReadDeadline(time.Now().Add(limit))
	w, err := wire.ReadReply(c.r)
	if syntax := new(wire.SyntaxError); errors.As(err, &syntax) {
		syntax.Line = c.redact(syntax.Line)
	}
	if err != nil {
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

// group writes several commands together (RFC 2920) and hands each reply to got,
// in order. It reads while it writes if the group is a long one.
func (c *conn) group(ctx context.Context, lines []string, limit func(verb string) time.Duration, got func(i int, r Reply)) error {
	if err := c.usable(); err != nil {
		return err
	}
	var out []byte
	for _, line := range lines {
		c.logCommand(line)
		out = append(out, line...)
		out = append(out, '\r', '\n')
	}
	written := make(chan error, 1)
	if len(out) <= groupAlone {
		if err := c.write(ctx, verbOf(lines[0]), out, c.timeouts.Command); err != nil {
			return err
		}
		written <- nil
	} else {
		go func() {
			err := c.writeBlocks(out, c.timeouts.Command)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				_ = c.raw.Close() // wakes the reader; after other errors there may be a reply
			}
			written <- err
		}()
	}
	err := c.replies(ctx, lines, limit, got)
	if werr := <-written; werr != nil && err == nil {
		return c.failIO(ctx, verbOf(lines[0]), c.timeouts.Command, werr)
	}
	return err
}

func (c *conn) replies(ctx context.Context, lines []string, limit func(verb string) time.Duration, got func(i int, r Reply)) error {
	for i, line := range lines {
		verb := verbOf(line)
		r, err := c.reply(ctx, verb, limit(verb))
		if err != nil {
			return err
		}
		got(i, r)
		if c.broken != nil { // 421: there is nothing more to come
			return fmt.Errorf("%w: %w", ErrBroken, c.broken)
		}
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
