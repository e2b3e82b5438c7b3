package smtp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// maxLine is the longest line of a message, in octets without its CRLF (RFC
// 5321, Section 4.5.3.1.6).
const maxLine = 998

// A content is an opened message and what is known of it.
type content struct {
	message Message
	open    io.ReadCloser // not read yet; nil once it was handed out
	scanned bool          // the fields below are known
	size    int64         // octets on the wire, without dot coding (RFC 1870, Section 6)
	eight   bool          // holds octets above 127
	longest int           // octets of the longest line
}

// openContent opens a message and, if that can be done twice, reads it through
// once.
func openContent(ctx context.Context, m Message) (*content, error) {
	if m == nil {
		return nil, fmt.Errorf("%w: it is nil", ErrMessage)
	}
	r, err := m.Open()
	if err != nil {
		return nil, err
	}
	c := &content{message: m, open: r}
	if _, once := m.(onceMessage); once {
		return c, nil
	}
	stop := context.AfterFunc(ctx, func() { r.Close() }) // ends a Read that waits
	err = c.scan(ctx, r)
	stop()
	r.Close()
	c.open = nil
	return c, err
}

// scan reads the message through.
func (c *content) scan(ctx context.Context, r io.Reader) error {
	var s lineScan
	dots := wire.NewDotWriter(&s)
	if _, err := io.Copy(dots, contextReader{ctx, r}); err != nil {
		if ctx.Err() != nil {
			return canceled(ctx, "reading the message")
		}
		return fmt.Errorf("%w: %w", ErrMessage, err)
	}
	dots.EndText()
	c.scanned, c.size, c.eight, c.longest = true, dots.Octets(), s.eight, s.longest
	return nil
}

// A contextReader reads until its context ends. It has no other method, so that
// io.Copy reads in pieces.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// reader returns the message from its start.
func (c *content) reader() (io.ReadCloser, error) {
	if r := c.open; r != nil {
		c.open = nil
		return r, nil
	}
	return c.message.Open()
}

// close gives up a message that was opened and never read.
func (c *content) close() {
	if c.open != nil {
		c.open.Close()
		c.open = nil
	}
}

var errNUL = errors.New("it holds a NUL octet")

// A lineScan looks at what a DotWriter writes.
type lineScan struct {
	eight   bool
	line    int // octets of the line so far
	longest int
}

func (s *lineScan) Write(p []byte) (int, error) {
	s.eight = s.eight || has8bit(p)
	if bytes.IndexByte(p, 0) >= 0 {
		return 0, errNUL
	}
	for rest := p; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			s.line += len(rest)
			break
		}
		s.longest = max(s.longest, s.line+end-1)
		s.line = 0
		rest = rest[end+1:]
	}
	return len(p), nil
}

// has8bit reports whether p holds an octet above 127.
func has8bit(p []byte) bool {
	var all byte
	for _, c := range p {
		all |= c
	}
	return all >= 0x80
}

// A strictReader fails at the first octet that may not be sent, before it is.
type strictReader struct {
	ctx       context.Context
	r         io.Reader
	eightOkay bool
}

func (s *strictReader) Read(p []byte) (int, error) {
	n, err := contextReader{s.ctx, s.r}.Read(p)
	switch {
	case err != nil && err != io.EOF:
		return 0, fmt.Errorf("%w: %w", ErrMessage, err)
	case bytes.IndexByte(p[:n], 0) >= 0:
		return 0, fmt.Errorf("%w: %w", ErrMessage, errNUL)
	case !s.eightOkay && has8bit(p[:n]):
		return 0, fmt.Errorf("%w: 8BITMIME, for a message with octets above 127", ErrNotOffered)
	}
	return n, err
}
