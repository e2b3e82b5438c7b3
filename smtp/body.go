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
	size    int64  // octets of the whole message; -1: unknown
	gone    int64  // octets that went out, as coded
	held    bool   // nothing goes out: content is collected for a group
	closing bool   // the last block has its end: any reply before it is out of place
	begun   bool   // the end of the message may have gone out
	chunked chunked
	source  io.Closer // where the message comes from; nil: from memory

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

// reset makes b ready for a message of size octets, -1 if that is not known.
func (b *body) reset(ctx context.Context, f form, size int64) {
	b.ctx, b.form, b.size, b.count, b.gone = ctx, f, size, 0, 0
	b.held, b.closing, b.begun, b.source, b.heard, b.err = false, false, false, nil, nil, nil
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

// copy writes all of a message but its end, from r, which ends with source. A
// server that speaks up, or is gone, while the source has nothing to give closes
// it, if the content goes by DATA; chunks have replies.
func (b *body) copy(r io.Reader, source io.Closer) error {
	if b.in == nil {
		b.in = make([]byte, readBuffer)
	}
	b.source = source
	if b.form == dataForm && !b.held {
		b.listen()
	}
	_, err := io.CopyBuffer(onlyWriter{b.writer()}, r, b.in)
	if err != nil && b.interrupted() {
		return &writeError{errInterrupted}
	}
	return err
}

// An onlyWriter has no other method.
type onlyWriter struct{ io.Writer }

// changed returns the error of a message that is not what it was when it was read
// first, and announced. It gets no end: nobody is to have a part of it.
func (b *body) changed() error {
	return fmt.Errorf("%w: it changed between two readings: %d octets were announced, %d found", ErrMessage, b.size, b.octets())
}

// flush writes what was collected. More is to come.
func (b *body) flush() (err error) {
	if b.held || b.size >= 0 && b.octets() > b.size {
		return b.changed()
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
	b.closing = true
	if b.form == dataForm {
		b.c.watch.sent(".", ".", b.octets())
		return b.blocks(b.buf[headroom:], true)
	}
	return b.lastChunk()
}

// endText ends the last line, and with DATA the message.
func (b *body) endText() error {
	if b.form != binaryForm {
		if err := b.text.EndText(); err != nil {
			return err
		}
	}
	switch {
	case b.size >= 0 && b.octets() != b.size:
		return b.changed()
	case b.form == binaryForm:
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
// by DATA, or in the last chunk, the server has nothing to say: if it says
// something, no block is written any more.
func (b *body) blocks(p []byte, ending bool) error {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), writeBlock)
		last := ending && n == len(rest)
		if !last && (b.form == dataForm || ending) {
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
		b.advanced(n, last)
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
	heard, source := make(chan struct{}), b.source
	b.heard = heard
	b.said.Store(false)
	_ = b.c.net.SetReadDeadline(time.Time{})
	go func() {
		defer close(heard)
		_, b.err = b.c.r.Peek(1)
		b.said.Store(true)                            // before the next line: see blocks
		_ = b.c.net.SetWriteDeadline(time.Unix(1, 0)) // wakes a write that waits
		if source != nil {
			source.Close() // wakes a Read that waits
		}
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

// reason returns the reply by which a server refused a message before its end, or
// broke the rules, if it gave one, or else the error that kept it from doing so:
// cause, unless that only says that there was another one.
func (b *body) reason(cause error) (Reply, error) {
	woken := b.interrupted() && (errors.Is(cause, errInterrupted) || errors.Is(cause, os.ErrDeadlineExceeded))
	if b.ctx.Err() != nil || errors.Is(cause, os.ErrDeadlineExceeded) && !woken {
		return Reply{}, cause // it is silent
	}
	if err := b.wait(lastWords); err != nil {
		if woken {
			cause = err
		}
		return Reply{}, cause
	}
	replies := 1
	if b.form != dataForm {
		replies = b.chunked.unanswered
	}
	_ = b.c.net.SetReadDeadline(time.Now().Add(lastWords))
	for ; replies > 0; replies-- {
		w, err := wire.ReadReply(b.c.r)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = cause
			}
			return Reply{}, err
		}
		r := b.c.received(w)
		b.c.watch.heard(b.ending(), r)
		if r.Code >= 400 || b.form == dataForm || b.closing {
			return r, nil
		}
	}
	return Reply{}, cause
}
