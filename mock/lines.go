package mock

import (
	"bufio"
	"bytes"
	"errors"
)

// Limits of what the client sends, in octets, CRLF included.
const (
	maxCommand  = 512              // RFC 5321, Section 4.5.3.1.4
	maxMail     = maxCommand + 680 // what SIZE, BODY, AUTH, SMTPUTF8, RET, ENVID and REQUIRETLS add to it
	maxRcpt     = 1036             // RFC 3461, Section 5.4: with NOTIFY and ORCPT
	maxResponse = 12288 + 2        // RFC 4954, Section 4
	maxText     = 1000             // RFC 5321, Section 4.5.3.1.6
	maxEndless  = 1 << 20          // a line that is longer ends the connection
)

var errEndless = errors.New("line without end")

// readLine reads up to CRLF, and no other ending: a bare CR or LF is part of the
// line. Of a long line, the result holds maxResponse octets and more says so.
// The result is good until the next call.
func (s *session) readLine() (line []byte, more bool, err error) {
	s.startClock()
	s.line = s.line[:0]
	total, last := 0, byte(0)
	for {
		chunk, err := s.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, false, err
		}
		total += len(chunk)
		s.line = append(s.line, chunk[:min(len(chunk), maxResponse-len(s.line))]...)
		if n := len(chunk); n > 1 {
			last = chunk[n-2]
		}
		if err == nil && last == '\r' {
			break
		}
		last = chunk[len(chunk)-1]
		if total > maxEndless {
			return nil, false, errEndless
		}
	}
	if total > maxResponse {
		return s.line, true, nil
	}
	return s.line[:total-2], false, nil
}

// A lineCheck looks for what must not be in content that it is written.
type lineCheck struct {
	octets  int  // of the present line
	cr      bool // it ends in CR so far
	bare    bool // there was a bare CR or LF
	long    bool // there was a line of more than 1000 octets
	nonText bool // there was an octet above 127
	nul     bool // there was a NUL
}

// Write checks p and never fails.
func (c *lineCheck) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		piece, ended := p, false
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			piece, ended = p[:i+1], true
		}
		c.piece(piece, ended)
		p = p[len(piece):]
	}
	return n, nil
}

// piece checks part of a line, up to its LF if ended.
func (c *lineCheck) piece(p []byte, ended bool) {
	c.octets += len(p)
	c.long = c.long || c.octets > maxText
	text := p
	if ended {
		text = p[:len(p)-1]
	}
	if len(text) > 0 {
		c.bare = c.bare || c.cr // the CR before was followed by this
		i := bytes.IndexByte(text, '\r')
		c.cr = i == len(text)-1
		c.bare = c.bare || i >= 0 && !c.cr
	}
	if ended {
		c.bare = c.bare || !c.cr
		c.cr, c.octets = false, 0
	}
	c.nul = c.nul || bytes.IndexByte(text, 0) >= 0
	if !c.nonText {
		c.nonText = bytes.IndexFunc(text, func(r rune) bool { return r > 127 }) >= 0
	}
}
