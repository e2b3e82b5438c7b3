package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// A DotReader reads a message that was coded for DATA and takes the coding
// away. Only CRLF "." CRLF ends it; a bare CR or LF is content like any other
// octet (RFC 5321, Section 4.1.1.4). After the end it returns io.EOF, and the
// next octet of the source is the one behind the final dot's CRLF.
type DotReader struct {
	r    *bufio.Reader
	rest []byte // of the line read last
	mid  bool   // what was read last did not end in CRLF
	cr   bool   // what was read last ended in CR, for want of buffer
	done bool
}

// NewDotReader returns a DotReader that reads from r.
func NewDotReader(r *bufio.Reader) *DotReader { return &DotReader{r: r} }

// Read implements io.Reader. io.ErrUnexpectedEOF means that the source ended
// before the message did.
func (d *DotReader) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		if d.done {
			return 0, io.EOF
		}
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// next fetches up to a line and removes the dot that is doubled, or the end.
func (d *DotReader) next() error {
	line, err := d.r.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	start := !d.mid
	ended := bytes.HasSuffix(line, crlf) || d.cr && len(line) == 1 && line[0] == '\n'
	d.mid = !ended
	d.cr = !ended && len(line) > 0 && line[len(line)-1] == '\r'
	if start && len(line) > 0 && line[0] == '.' {
		if bytes.Equal(line, dotLine) {
			d.done = true
			return nil
		}
		line = line[1:]
	}
	d.rest = line
	return nil
}
