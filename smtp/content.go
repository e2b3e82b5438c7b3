package smtp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// maxLine is the longest line of a message, in octets without its CRLF (RFC
// 5321, Section 4.5.3.1.6).
const maxLine = 998

// A content is a message that was opened, and what is known of it.
type content struct {
	message Message
	open    io.ReadCloser // not read yet; nil once it was handed out
	memory  bool          // octets is the whole message
	octets  []byte
	binary  bool // nothing is to be changed or refused

	scanned bool  // what follows is known
	size    int64 // octets on the wire, without dot coding (RFC 1870, Section 6)
	lines   lineScan
}

// prepare opens a message and, if that can be done twice, reads it through once.
func (c *content) prepare(ctx context.Context, m Message, binary bool) error {
	*c = content{message: m, binary: binary}
	if m == nil {
		return fmt.Errorf("%w: it is nil", ErrMessage)
	}
	if in, ok := m.(memoryMessage); ok {
		octets, err := in.inMemory()
		if err != nil {
			return err
		}
		c.memory, c.octets = true, octets
		return c.scan(nil)
	}
	r, err := openMessage(m)
	if err != nil {
		return err
	}
	if _, once := m.(onceMessage); once {
		c.open = r
		return nil
	}
	stop := context.AfterFunc(ctx, func() { r.Close() }) // ends a Read that waits
	err = c.scan(contextReader{ctx, r})
	stop()
	r.Close()
	if err != nil && ctx.Err() != nil {
		return canceled(ctx, "reading the message")
	}
	return err
}

// scan reads the message through, from r unless it is in memory.
func (c *content) scan(r io.Reader) (err error) {
	out := io.Writer(&c.lines)
	if c.lines.any = c.binary; !c.binary {
		c.lines.text.ResetText(&c.lines)
		out = &c.lines.text
	}
	if c.memory {
		_, err = out.Write(c.octets)
	} else {
		_, err = io.Copy(out, r)
	}
	if err == nil && !c.binary {
		err = c.lines.text.Close()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMessage, err)
	}
	c.scanned, c.size = true, c.lines.octets
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

// announced is how many octets the message has on the wire; -1 if nobody knows.
func (c *content) announced() int64 {
	if !c.scanned {
		return -1
	}
	return c.size
}

// reader returns the message from its start.
func (c *content) reader() (io.ReadCloser, error) {
	if r := c.open; r != nil {
		c.open = nil
		return r, nil
	}
	return openMessage(c.message)
}

// openMessage opens a message of any make.
func openMessage(m Message) (io.ReadCloser, error) {
	r, err := m.Open()
	if err != nil && !errors.Is(err, ErrMessage) && !errors.Is(err, ErrConsumed) {
		err = fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return r, err
}

// close gives up a message that was opened and never read.
func (c *content) close() {
	if c.open != nil {
		c.open.Close()
		c.open = nil
	}
}

var errNUL = errors.New("it holds a NUL octet")

// A lineScan looks at the octets of a message as they are to be sent.
type lineScan struct {
	text    wire.DotWriter // normalises line endings, and writes to this scan
	any     bool           // NUL is nothing special
	octets  int64
	eight   bool // there are octets above 127
	line    int  // octets of the line so far
	longest int  // octets of the longest line, without its CRLF
}

func (s *lineScan) Write(p []byte) (int, error) {
	s.octets += int64(len(p))
	s.eight = s.eight || has8bit(p)
	if !s.any && bytes.IndexByte(p, 0) >= 0 {
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
	const high = 0x8080808080808080
	var all uint64
	for ; len(p) >= 8; p = p[8:] {
		all |= binary.LittleEndian.Uint64(p)
	}
	for _, c := range p {
		all |= uint64(c)
	}
	return all&high != 0
}

// A strictReader fails at the first octet that may not be sent, before it is.
type strictReader struct {
	contextReader
	binary    bool // any octet may be sent
	eightOkay bool
}

func (s *strictReader) Read(p []byte) (int, error) {
	n, err := s.contextReader.Read(p)
	switch {
	case err != nil && err != io.EOF:
		return 0, fmt.Errorf("%w: %w", ErrMessage, err)
	case s.binary:
		return n, err
	case bytes.IndexByte(p[:n], 0) >= 0:
		return 0, fmt.Errorf("%w: %w", ErrMessage, errNUL)
	case !s.eightOkay && has8bit(p[:n]):
		return 0, fmt.Errorf("%w: 8BITMIME, for a message with octets above 127", ErrNotOffered)
	}
	return n, err
}
