package smtp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A contentWriter codes a message for DATA and writes it to the connection in
// blocks. The final dot goes out in end alone, so until end is called the
// message cannot be complete on the other side.
type contentWriter struct {
	out    *blockWriter
	blocks *bufio.Writer
	dots   *wire.DotWriter
}

func newContentWriter(c *conn) *contentWriter {
	out := &blockWriter{c: c}
	blocks := bufio.NewWriterSize(out, writeBlock)
	return &contentWriter{out, blocks, wire.NewDotWriter(blocks)}
}

// copy writes all of a message but its end.
func (w *contentWriter) copy(r io.Reader) error {
	_, err := io.CopyBuffer(w.dots, r, make([]byte, writeBlock))
	return err
}

// end writes what is left and the final dot. It reports whether any of that may
// have gone out.
func (w *contentWriter) end() (begun bool, err error) {
	w.out.ending = true
	if err = w.dots.Close(); err == nil {
		err = w.blocks.Flush()
	}
	return w.out.begun, err
}

func (w *contentWriter) octets() int64 { return w.dots.Octets() }

// A blockWriter writes blocks of content, each of which has its own time. While
// it does, the server has nothing to say: if it says something, no block is
// written any more.
type blockWriter struct {
	c      *conn
	ending bool // the final dot is in what is written now
	begun  bool // some of that may have gone out

	heard chan struct{} // closed when the server has said something; nil: nobody listens
	err   error         // what came instead, valid then
}

// errInterrupted says that the server said something while content was written.
var errInterrupted = errors.New("the server did not wait for the end of the message")

// A writeError is an error of writing content. The connection is still open: the
// server may have said why.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

func (b *blockWriter) Write(p []byte) (int, error) {
	if !b.ending {
		b.listen()
	}
	for rest := p; len(rest) > 0; {
		block := rest[:min(len(rest), writeBlock)]
		_ = b.c.net.SetWriteDeadline(time.Now().Add(b.c.timeouts.DataBlock))
		if b.interrupted() {
			return 0, &writeError{errInterrupted}
		}
		b.begun = b.begun || b.ending
		if _, err := b.c.net.Write(block); err != nil {
			return 0, &writeError{err}
		}
		rest = rest[len(block):]
	}
	return len(p), nil
}

// listen waits for the server to say something. Until wait has returned, nobody
// else may read. What is written in one block with its end needs no listening.
func (b *blockWriter) listen() {
	if b.heard != nil {
		return
	}
	b.heard = make(chan struct{})
	_ = b.c.net.SetReadDeadline(time.Time{})
	go func() {
		_, b.err = b.c.r.Peek(1)
		close(b.heard)
		_ = b.c.net.SetWriteDeadline(time.Unix(1, 0)) // wakes a write that waits
	}()
}

func (b *blockWriter) interrupted() bool {
	select {
	case <-b.heard:
		return true
	default:
		return false
	}
}

// wait waits until the server says something, at most for limit.
func (b *blockWriter) wait(limit time.Duration) error {
	if b.heard == nil {
		return nil
	}
	_ = b.c.net.SetReadDeadline(time.Now().Add(limit))
	<-b.heard
	return b.err
}

// lastWords is how long a server is heard that stopped taking the message.
const lastWords = time.Second

// reason returns the reply by which a server refused a message before its end,
// if it gave one.
func (b *blockWriter) reason(ctx context.Context, cause error) (Reply, bool) {
	if ctx.Err() != nil || errors.Is(cause, os.ErrDeadlineExceeded) && !b.interrupted() {
		return Reply{}, false // it is silent
	}
	if b.wait(lastWords) != nil {
		return Reply{}, false
	}
	_ = b.c.net.SetReadDeadline(time.Now().Add(lastWords))
	w, err := wire.ReadReply(b.c.r)
	if err != nil {
		return Reply{}, false
	}
	return newReply(w), true
}
