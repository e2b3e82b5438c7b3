package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Limits of a reply. RFC 5321, Section 4.5.3.1.5 asks for 512 octets a line; a
// challenge may need 12288 octets of base64 (RFC 4954, Section 4).
const (
	MaxReplyLine = 16 << 10  // octets of one line, CRLF included
	MaxReply     = 256 << 10 // octets of all lines of one reply
)

// A Reply is one reply: a code and the text of each line, octets as received.
type Reply struct {
	Code  int
	Lines []string
}

// A SyntaxError says why octets are not a reply.
// The connection they came from is out of step from then on.
type SyntaxError struct {
	Reason string
	Line   string // the start of the offending line, quoted by Error
}

func (e *SyntaxError) Error() string {
	if e.Line == "" {
		return "malformed reply: " + e.Reason
	}
	return fmt.Sprintf("malformed reply: %s: %.64q", e.Reason, e.Line)
}

// ErrReplyTooLong says that a reply passed [MaxReplyLine] or [MaxReply].
var ErrReplyTooLong = errors.New("reply too long")

// ReadReply reads one reply, continuation lines included.
//
// A line may end in a bare LF and may lack its text; everything else follows
// RFC 5321, Section 4.2: three digits, the first of them 2 to 5, and the same
// code on each line. io.EOF means that the peer closed between replies;
// io.ErrUnexpectedEOF, that it closed within one.
func ReadReply(r *bufio.Reader) (Reply, error) { return ReadReplyInto(r, nil, false) }

// ReadReplyInto is ReadReply for who reads many: it appends the lines to lines,
// and if terse is true, it leaves them out of a reply of one line whose code is
// below 400. Such a reply costs no allocation.
func ReadReplyInto(r *bufio.Reader, lines []string, terse bool) (Reply, error) {
	reply := Reply{Lines: lines}
	total := 0
	for n := 0; ; n++ {
		line, err := readLine(r, MaxReplyLine)
		if err != nil {
			if err == io.EOF && n > 0 {
				err = io.ErrUnexpectedEOF
			}
			return Reply{}, err
		}
		// A line costs its string header too, however short it is.
		if total += len(line) + 16; total > MaxReply {
			return Reply{}, ErrReplyTooLong
		}
		code, more, text, err := ParseReplyLine(line)
		if err != nil {
			return Reply{}, err
		}
		if n > 0 && code != reply.Code {
			return Reply{}, &SyntaxError{"code differs from " + strconv.Itoa(reply.Code), string(line)}
		}
		reply.Code = code
		if terse && n == 0 && !more && code < 400 {
			return reply, nil
		}
		reply.Lines = append(reply.Lines, string(text))
		if !more {
			return reply, nil
		}
	}
}

// ParseReplyLine takes one line of a reply, without its line ending, apart.
// The text aliases line.
func ParseReplyLine(line []byte) (code int, more bool, text []byte, err error) {
	if len(line) < 3 {
		return 0, false, nil, &SyntaxError{"no reply code", string(line)}
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false, nil, &SyntaxError{"no reply code", string(line)}
		}
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	if code < 200 || code > 599 {
		return 0, false, nil, &SyntaxError{"reply code outside 200 to 599", string(line)}
	}
	if len(line) == 3 { // RFC 5321, Section 4.2: a receiver accepts a bare code
		return code, false, nil, nil
	}
	switch line[3] {
	case ' ':
		return code, false, line[4:], nil
	case '-':
		return code, true, line[4:], nil
	}
	return 0, false, nil, &SyntaxError{"neither space nor hyphen behind the code", string(line)}
}

// readLine reads up to LF and returns the line without LF and the CR before
// it. The result is valid until the next read.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := append(make([]byte, 0, 2*len(line)), line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(long) > limit {
				return nil, ErrReplyTooLong
			}
			line, err = r.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		if err == io.EOF && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if len(line) > limit {
		return nil, ErrReplyTooLong
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}
