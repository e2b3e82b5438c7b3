package smtp

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// groupAlone is the longest group of commands, in octets, that is written before
// the first reply to it is read. A server may stop reading while its replies are
// not read, and then neither side moves (RFC 2920, Section 3.1).
const groupAlone = 4 << 10

// A groupWriter writes groups of commands, long ones on a goroutine of its own
// that ends with the group. It is kept so that a group costs no allocation.
type groupWriter struct {
	c       *conn
	octets  []byte
	running bool
	done    chan error
	write   func() // run, as a value

	// all says that the last block of the group may have gone out. It is for
	// reading when the writer does not run.
	all bool
}

// begin writes a group, or begins to. The replies are read then, and finish is
// called in any case.
func (w *groupWriter) begin(ctx context.Context, verb string, octets []byte) error {
	w.octets, w.all = octets, false
	if len(octets) <= groupAlone {
		if err := w.blocks(); err != nil {
			return w.c.failIO(ctx, verb, w.c.timeouts.Command, err)
		}
		return nil
	}
	if w.write == nil {
		w.done, w.write = make(chan error, 1), w.run
	}
	w.running = true
	go w.write()
	return nil
}

func (w *groupWriter) run() {
	err := w.blocks()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = w.c.raw.Close() // wakes the reader; after other errors there may be a reply
	}
	w.done <- err
}

// blocks writes the group in blocks, each of which has the time of a command.
func (w *groupWriter) blocks() error {
	for rest := w.octets; len(rest) > 0; {
		n := min(len(rest), writeBlock)
		_ = w.c.net.SetWriteDeadline(time.Now().Add(w.c.timeouts.Command))
		w.all = n == len(rest)
		if _, err := w.c.net.Write(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// finish waits until all is written and returns what went wrong first, with the
// reading of replies, which is err, or with writing.
func (w *groupWriter) finish(ctx context.Context, verb string, err error) error {
	if !w.running {
		return err
	}
	if err != nil {
		_ = w.c.raw.Close() // or else the writer waits for a peer that nobody listens to
	}
	w.running = false
	if failed := <-w.done; failed != nil && err == nil {
		return w.c.failIO(ctx, verb, w.c.timeouts.Command, failed)
	}
	return err
}

// brief reads a reply whose text nobody needs if it is positive. The text may be
// missing then.
func (c *conn) brief(ctx context.Context, verb string, limit time.Duration) (Reply, error) {
	return c.read(ctx, verb, limit, nil, !c.watch.wantsLines())
}

// read reads one reply; see [wire.ReadReplyInto]. limit is for all of it, so a
// server that sends it octet by octet gains no time.
func (c *conn) read(ctx context.Context, command string, limit time.Duration, lines []string, terse bool) (Reply, error) {
	_ = c.net.SetReadDeadline(time.Now().Add(limit))
	if err := c.await(); err != nil {
		return c.got(ctx, command, limit, wire.Reply{}, err)
	}
	w, err := wire.ReadReplyInto(c.r, lines, terse)
	return c.got(ctx, command, limit, w, err)
}
