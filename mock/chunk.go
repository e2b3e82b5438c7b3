package mock

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// chunks is content that comes by BDAT (RFC 3030).
type chunks struct {
	data   bytes.Buffer
	check  lineCheck
	failed bool // one was refused: no more are taken
}

// bdat implements BDAT (RFC 3030, Section 2). Whatever the answer, the octets of
// the chunk are read, unless nobody can know how many there are.
func (s *session) bdat(argument string) {
	size, last, ok := parseChunk(argument)
	if !ok {
		s.at("BDAT", func() reply { return syntaxError("Syntax: BDAT size [LAST]") })
		return
	}
	unread := size
	s.at("BDAT", func() reply {
		refusal := s.mayChunk(size)
		if refusal == nil {
			unread = 0
			return s.chunk(size, last)
		}
		return *refusal
	})
	if s.tx != nil && (s.last < 200 || s.last > 299) {
		s.tx.chunked = &chunks{failed: true}
	}
	switch {
	case s.over || unread == 0:
	case slices.Contains(s.srv.opts.Defects, RefusedChunkIsRun):
		s.rec.line(FromMock, fmt.Sprintf("defect: %d octets of a refused chunk are run as commands", unread))
	default:
		s.discardChunk(unread)
	}
	if !s.over && s.in.Buffered() > 0 && !s.pipelining() {
		s.violation("octets behind BDAT, but PIPELINING is not offered")
	}
}

// parseChunk reads the argument of BDAT.
func parseChunk(argument string) (size int64, last, ok bool) {
	digits, marker, more := strings.Cut(argument, " ")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || digits[0] == '+' || more && !strings.EqualFold(marker, "LAST") {
		return 0, false, false
	}
	return int64(n), more, true
}

// mayChunk returns the refusal of a chunk that must not come now.
func (s *session) mayChunk(size int64) *reply {
	tooBig := reply{552, "5.3.4", []string{"Message too big"}, nil}
	var r reply
	switch {
	case s.turnedAway:
		r = badSequence("No service here")
	case s.tx == nil:
		r = badSequence("MAIL first")
	case s.tx.chunked != nil && s.tx.chunked.failed:
		r = badSequence("A chunk was refused; RSET first")
	case len(s.tx.to) == 0:
		r = reply{554, "5.5.1", []string{"No valid recipients"}, nil}
	case size > s.srv.opts.MaxSize:
		r = tooBig
	case s.tx.chunked != nil && size > s.srv.opts.MaxSize-int64(s.tx.chunked.data.Len()):
		r = tooBig
	default:
		return nil
	}
	return &r
}

// chunk takes a chunk, and with the last one the message.
func (s *session) chunk(size int64, last bool) reply {
	if s.tx.chunked == nil {
		s.tx.chunked = new(chunks)
	}
	c := s.tx.chunked
	if !s.readChunk(io.MultiWriter(&c.data, &c.check), size) {
		return reply{451, "4.4.2", []string{"Connection ended within a chunk"}, nil}
	}
	if !last {
		return ok(fmt.Sprintf("%d octets", size))
	}
	s.judge(&c.check)
	r := s.store(c.data.Bytes(), int64(c.data.Len()))
	s.tx = nil
	return r
}

// readChunk copies the octets of a chunk, and reports whether they came.
func (s *session) readChunk(w io.Writer, size int64) bool {
	var got int64
	for got < size {
		s.startClock()
		n, err := io.CopyN(w, s.in, min(size-got, readBuffer))
		got += n
		if err != nil {
			s.fail(fmt.Errorf("within a chunk: %w", err))
			return false
		}
	}
	s.rec.line(FromClient, fmt.Sprintf("<chunk of %d octets>", size))
	return true
}

// discardChunk forgets the octets of a chunk that was refused.
func (s *session) discardChunk(size int64) { s.readChunk(io.Discard, size) }
