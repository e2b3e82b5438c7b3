package smtp

import (
	"fmt"
	"strconv"
	"time"
)

const (
	// chunkSize is the most content in one BDAT command, in octets.
	chunkSize = 256 << 10

	// chunkLag is how many chunks may wait for their reply where PIPELINING is
	// offered (RFC 3030, Section 4.2). Their replies are few and short, so a
	// server cannot be held up by them.
	chunkLag = 8

	// firstChunk is the most content that shares a group with MAIL and RCPT, in
	// octets: if they are refused, it was sent for nothing.
	firstChunk = 64 << 10

	// headroom is the room before content for its BDAT command, in octets.
	headroom = 32
)

// chunked is the state of content that goes in chunks.
type chunked struct {
	lag        int // how many chunks may wait for their reply
	unanswered int // how many do
}

// A chunkError says that the server refused a chunk. All replies are read.
type chunkError struct{ reply Reply }

func (e *chunkError) Error() string { return "a chunk was refused: " + e.reply.String() }

// command returns what was collected with its BDAT command before it.
func (b *body) command(last bool) []byte {
	n := len(b.buf) - headroom
	var line [headroom]byte
	head := strconv.AppendInt(append(line[:0], "BDAT "...), int64(n), 10)
	if last {
		head = append(head, " LAST"...)
	}
	head = append(head, "\r\n"...)
	start := headroom - len(head)
	copy(b.buf[start:], head)
	if b.c.watch.wantsLines() {
		b.c.watch.sent("BDAT", string(head[:len(head)-2]), int64(len(b.buf)-start))
	}
	return b.buf[start:]
}

// chunk sends what was collected as a chunk that is not the last.
func (b *body) chunk() error {
	b.chunked.unanswered++
	if err := b.blocks(b.command(false), false); err != nil {
		return err
	}
	return b.answers(b.chunked.lag)
}

// lastChunk sends what was collected as the last chunk. It waits until all
// others are accepted: who refused one gets no end.
func (b *body) lastChunk() error {
	if err := b.answers(0); err != nil {
		return err
	}
	if err := b.c.usable(); err != nil { // a reply to a chunk that has not gone out
		return err
	}
	b.chunked.unanswered = 1
	return b.blocks(b.command(true), true)
}

// answers reads replies to chunks until at most lag are missing.
func (b *body) answers(lag int) error {
	c := b.c
	for b.chunked.unanswered > lag {
		r, err := c.brief(b.ctx, "BDAT", c.timeouts.DataEnd)
		if err != nil {
			return err
		}
		b.chunked.unanswered--
		switch r.Code / 100 {
		case 2:
			continue
		case 3:
			return c.fail(fmt.Errorf("%w: %v to BDAT", ErrProtocol, r))
		}
		b.drain()
		return &chunkError{r}
	}
	return nil
}

// drain reads the replies to what followed a refused chunk, so that the connection
// stays in step. Nothing of the message may follow any more (RFC 3030, Section 2).
// All of them have the time of a command: there is nothing for the server to do.
func (b *body) drain() {
	c := b.c
	end := time.Now().Add(c.timeouts.Command)
	for ; b.chunked.unanswered > 0 && c.broken == nil; b.chunked.unanswered-- {
		if _, err := c.brief(b.ctx, "BDAT", time.Until(end)); err != nil {
			return
		}
	}
}
