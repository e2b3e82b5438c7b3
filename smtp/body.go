package smtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

const (
	// dataBuffer is how much content is collected before it is written by DATA,
	// in octets.
	dataBuffer = 32 << 10

	// readBuffer is how much of a message is read at a time, in octets.
	readBuffer = 32 << 10
)

// A body writes the content of one message after another to a connection, by
// DATA or in chunks. The end of a message goes out in end alone: until that is
// called, the message cannot be complete on the other side. What it holds is
// kept for the next message; its size does not depend on that of a message.
type body struct {
	c       *conn
	ctx     context.Context // of the message; a Write has no other way to it
	text    wire.DotWriter  // codes text, and writes to this body
	form    form
	buf     []byte // headroom, then content that waits to go out
	in      []byte // what was read of a message
	count   int64  // octets of binary content so far
	held    bool   // nothing goes out: content is collected for a group
	begun   bool   // the end of the message may have gone out
	chunked chunked

	heard chan struct{} // closed when listening is over; nil: nobody listens
	said  atomic.Bool   // the server has said something, or never will
	err   error         // what came instead, valid when heard is closed
}

// A form is how content goes over the wire.
type form int

const (
	dataForm   form = iota // text, coded for DATA (RFC 5321, Section 4.5.2)
	chunkForm              // text, as it is in chunks (RFC 3030)
	binaryForm             // octets in chunks, unchanged (RFC 3030, Section 3)
)

// reset makes b ready for a message.
func (b *body) reset(ctx context.Context, f form) {
	b.ctx, b.form, b.count = ctx, f, 0
	b.held, b.begun, b.heard, b.err = false, false, nil, nil
	b.chunked = chunked{lag: b.chunked.lag}
	if b.buf == nil {
		b.buf = make([]byte, headroom, headroom+writeBlock)
	}
	b.buf = b.buf[:headroom]
	switch f {
	case dataForm:
		b.text.Reset(b)
	case chunkForm:
		b.text.ResetText(b)
	}
}

// writer is where a message is written to.
func (b *body) writer() io.Writer {
	if b.form == binaryForm {
		return b
	}
	return &b.text
}

// octets is the size of the message so far (RFC 1870, Section 6).
func (b *body) octets() int64 {
	if b.form == binaryForm {
		return b.count
	}
	return b.text.Octets()
}

// room is how much content b collects.
func (b *body) room() int {
	if b.form == dataForm {
		return dataBuffer
	}
	return chunkSize
}

// Write takes content that is coded as it goes out.
func (b *body) Write(p []byte) (int, error) {
	b.count += int64(len(p))
	for rest := p; len(rest) > 0; {
		free := headroom + b.room() - len(b.buf)
		if free == 0 {
			if err := b.flush(); err != nil {
				return 0, err
			}
			continue
		}
		n := min(free, len(rest))
		b.buf = append(b.buf, rest[:n]...)
		rest = rest[n:]
	}
	return len(p), nil
}

// copy writes all of a message but its end, from r.
func (b *body) copy(r io.Reader) error {
	if b.in == nil {
		b.in = make([]byte, readBuffer)
	}
	_, err := io.CopyBuffer(onlyWriter{b.writer()}, r, b.in)
	return err
}

// An onlyWriter has no other method.
type onlyWriter struct{ io.Writer }

var errGrown = fmt.Errorf("%w: it changed between two readings", ErrMessage)

// flush writes what was collected. More is to come.
func (b *body) flush() (err error) {
	if b.held {
		return errGrown
	}
	if b.form == dataForm {
		err = b.blocks(b.buf[headroom:], false)
	} else {
		err = b.chunk()
	}
	b.buf = b.buf[:headroom]
	return err
}

// end writes what is left and the end of the message.
func (b *body) end() error {
	if err := b.endText(); err != nil {
		return err
	}
	if b.form == dataForm {
		return b.blocks(b.buf[headroom:], true)
	}
	return b.lastChunk()
}

// endText ends the last line, and with DATA the message.
func (b *body) endText() error {
	if b.form == binaryForm {
		return nil
	}
	return b.text.Close()
}

// errInterrupted says that the server said something while content was written.
var errInterrupted = errors.New("the server did not wait for the end of the message")

// A writeError is an error of writing content. The connection is still open: the
// server may have said why.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// blocks writes p in blocks, each of which has its own time. While content goes
// by DATA, the server has nothing to say: if it says something, no block is
// written any more.
func (b *body) blocks(p []byte, ending bool) error {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), writeBlock)
		last := ending && n == len(rest)
		if !last && b.form == dataForm {
			b.listen()
		}
		_ = b.c.net.SetWriteDeadline(time.Now().Add(b.c.timeouts.DataBlock))
		if b.interrupted() {
			return &writeError{errInterrupted}
		}
		b.begun = b.begun || last
		if _, err := b.c.net.Write(rest[:n]); err != nil {
			return &writeError{err}
		}
		rest = rest[n:]
	}
	return nil
}

// listen waits for the server to say something. Until wait has returned, nobody
// else may read. What is written in one block with its end needs no listening.
func (b *body) listen() {
	if b.heard != nil {
		return
	}
	heard := make(chan struct{})
	b.heard = heard
	b.said.Store(false)
	_ = b.c.net.SetReadDeadline(time.Time{})
	go func() {
		defer close(heard)
		_, b.err = b.c.r.Peek(1)
		b.said.Store(true)                            // before the next line: see blocks
		_ = b.c.net.SetWriteDeadline(time.Unix(1, 0)) // wakes a write that waits
	}()
}

func (b *body) interrupted() bool { return b.heard != nil && b.said.Load() }

// wait waits until the server says something, at most for limit.
func (b *body) wait(limit time.Duration) error {
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
// or broke the rules, if it gave one.
func (b *body) reason(cause error) (Reply, bool) {
	if b.ctx.Err() != nil || errors.Is(cause, os.ErrDeadlineExceeded) && !b.interrupted() {
		return Reply{}, false // it is silent
	}
	if b.wait(lastWords) != nil {
		return Reply{}, false
	}
	replies := 1
	if b.form != dataForm {
		replies = b.chunked.unanswered
	}
	_ = b.c.net.SetReadDeadline(time.Now().Add(lastWords))
	for ; replies > 0; replies-- {
		w, err := wire.ReadReply(b.c.r)
		if err != nil {
			return Reply{}, false
		}
		if r := newReply(w); r.Code >= 400 || b.form == dataForm {
			return r, true
		}
	}
	return Reply{}, false
}
