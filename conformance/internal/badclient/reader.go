package badclient

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A reader reads replies from a connection.
type reader struct {
	s    *session
	conn net.Conn
	in   *bufio.Reader
}

func newReader(s *session, conn net.Conn) *reader {
	var octets io.Reader = conn
	if s.defect == TimerPerRead {
		octets = &resetting{s, conn}
	}
	return &reader{s, conn, bufio.NewReader(io.MultiReader(bytes.NewReader(s.clear), octets))}
}

// A resetting reader begins a wait with each read.
type resetting struct {
	s    *session
	conn net.Conn
}

func (r *resetting) Read(p []byte) (int, error) {
	r.s.wait()
	return r.conn.Read(p)
}

// pending reports whether there is something that nobody has asked for.
func (r *reader) pending() bool { return r.in.Buffered() > 0 }

// rest returns what was received and not read.
func (r *reader) rest() []byte {
	octets, _ := r.in.Peek(r.in.Buffered()) // they are there
	return bytes.Clone(octets)
}

// read reads a reply.
func (r *reader) read() (wire.Reply, error) {
	switch r.s.defect {
	case LastCodeWins:
		return r.lines(parseLast)
	case NeedSpace:
		return r.lines(parseWithSpace)
	case ShortChallenge:
		return r.lines(parseShort)
	case UnboundedReply, UnboundedLine:
		return r.lines(parseSame)
	case LooseCodes:
		return r.lines(parseLoose)
	case NeedText:
		return r.lines(parseWithText)
	case AcceptTruncated:
		return r.lines(parseSame)
	case ReadByRead:
		return r.once()
	}
	return wire.ReadReply(r.in)
}

// A lineParser takes a line of a reply apart; before is the code of the line
// before, 0 for the first.
type lineParser func(line []byte, before int) (code int, more bool, text []byte, err error)

// lines reads a reply line by line.
func (r *reader) lines(parse lineParser) (wire.Reply, error) {
	var reply wire.Reply
	size := 0
	for {
		line, err := r.line()
		if size += len(line); size > wire.MaxReply && r.s.defect != UnboundedReply {
			return wire.Reply{}, wire.ErrReplyTooLong
		}
		if err != nil && (r.s.defect != AcceptTruncated || len(line) < 4 || line[3] != ' ') {
			if errors.Is(err, io.EOF) && (line != "" || reply.Code != 0) {
				err = io.ErrUnexpectedEOF
			}
			return wire.Reply{}, err
		}
		code, more, text, err := parse([]byte(strings.TrimRight(line, "\r\n")), reply.Code)
		if err != nil {
			return wire.Reply{}, err
		}
		reply.Code = code
		reply.Lines = append(reply.Lines, string(text))
		if !more {
			return reply, nil
		}
	}
}

// line reads a line.
func (r *reader) line() (string, error) {
	var line []byte
	for {
		octets, err := r.in.ReadSlice('\n')
		line = append(line, octets...)
		if len(line) > wire.MaxReplyLine && r.s.defect != UnboundedLine {
			return "", wire.ErrReplyTooLong
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return string(line), err
		}
	}
}

// parseLast goes by the last line.
func parseLast(line []byte, _ int) (int, bool, []byte, error) { return wire.ParseReplyLine(line) }

// parseSame wants the same code on each line.
func parseSame(line []byte, before int) (int, bool, []byte, error) {
	code, more, text, err := wire.ParseReplyLine(line)
	if err == nil && before != 0 && code != before {
		err = errors.New("several codes in a reply")
	}
	return code, more, text, err
}

// parseWithText wants a text on each line.
func parseWithText(line []byte, before int) (int, bool, []byte, error) {
	if len(line) < 5 && !bytes.HasPrefix(line, []byte("334")) {
		return 0, false, nil, errors.New("a reply without a text")
	}
	return parseSame(line, before)
}

// parseWithSpace wants a space behind the code of a challenge.
func parseWithSpace(line []byte, before int) (int, bool, []byte, error) {
	if string(line) == "334" {
		return 0, false, nil, errors.New("a challenge without a space")
	}
	return parseSame(line, before)
}

// parseShort takes no long challenge.
func parseShort(line []byte, before int) (int, bool, []byte, error) {
	if len(line) > maxLine && bytes.HasPrefix(line, []byte("334")) {
		return 0, false, nil, errors.New("a challenge that is too long")
	}
	return parseSame(line, before)
}

// parseLoose takes any three digits for a code.
func parseLoose(line []byte, before int) (int, bool, []byte, error) {
	if len(line) > 4 && line[3] >= '0' && line[3] <= '9' {
		line = append(bytes.Clone(line[:3]), line[4:]...)
	}
	return parseSame(line, before)
}

// once takes what one read returns for the replies that it holds.
func (r *reader) once() (wire.Reply, error) {
	if r.in.Buffered() == 0 {
		if _, err := r.in.Peek(1); err != nil {
			return wire.Reply{}, err
		}
	}
	octets, _ := r.in.Peek(r.in.Buffered()) // they are there
	if !bytes.HasSuffix(octets, []byte("\r\n")) {
		return wire.Reply{}, errors.New("a reply without an end")
	}
	return wire.ReadReply(bufio.NewReader(&consumer{r.in, len(octets)}))
}

// A consumer reads octets that were received, one at a time, so that no more are
// taken than the reply has.
type consumer struct {
	in   *bufio.Reader
	left int
}

func (c *consumer) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	b, err := c.in.ReadByte()
	if err != nil {
		return 0, err
	}
	c.left--
	p[0] = b
	return 1, nil
}
