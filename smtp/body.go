package smtp

import (
	"bufio"
	"context"
	"io"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A contentWriter codes a message for DATA and writes it to the connection in
// blocks. The last octets of the message go out together with its end, so until
// end is called the message cannot be complete on the other side.
type contentWriter struct {
	blocks *bufio.Writer
	dots   *wire.DotWriter
}

func newContentWriter(ctx context.Context, c *conn) *contentWriter {
	blocks := bufio.NewWriterSize(&blockWriter{ctx, c}, writeBlock)
	return &contentWriter{blocks, wire.NewDotWriter(blocks)}
}

// copy writes all of a message but its end.
func (w *contentWriter) copy(r io.Reader) error {
	_, err := io.CopyBuffer(w.dots, r, make([]byte, writeBlock))
	return err
}

// end writes what is left and the final dot.
func (w *contentWriter) end() error {
	if err := w.dots.Close(); err != nil {
		return err
	}
	return w.blocks.Flush()
}

func (w *contentWriter) octets() int64 { return w.dots.Octets() }

// A blockWriter gives each write its own time.
type blockWriter struct {
	ctx context.Context
	c   *conn
}

func (b *blockWriter) Write(p []byte) (int, error) {
	if err := b.c.write(b.ctx, "DATA", p, b.c.timeouts.DataBlock); err != nil {
		return 0, err
	}
	return len(p), nil
}
