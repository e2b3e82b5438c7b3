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
	unread := size
	displaced := true // a fault answers instead
	s.at("BDAT", func() reply {
		displaced = false
		refusal := s.mayChunk(size)
		switch {
		case size < 0:
			return endlessChunk(s.end)
		case !ok:
			return syntaxError("Syntax: BDAT size [LAST]")
		case refusal != nil:
			return *refusal
		}
		if !s.wasTold("CHUNKING") {
			s.violation("BDAT, and EHLO did not list CHUNKING (RFC 3030, Section 2)")
		}
		unread = 0
		return s.chunk(size, last)
	})
	switch {
	case displaced && last && ok: // as at the end of content, whatever the answer
		s.endTransaction()
	case s.tx != nil && (s.last < 200 || s.last > 299):
		s.tx.chunked = &chunks{failed: true}
	}
	switch {
	case s.over || unread <= 0:
	case slices.Contains(s.srv.opts.Defects, RefusedChunkIsRun):
		s.rec.line(FromMock, fmt.Sprintf("defect: %d octets of a refused chunk are run as commands", unread))
	default:
		s.discardChunk(unread)
	}
	if !s.over && s.ahead() > 0 && !s.pipelining() {
		s.violation("octets behind BDAT, but PIPELINING is not offered")
	}
}

// parseChunk reads the argument of BDAT. Of one that is malformed, it returns the
// size, or a negative one if that cannot be read.
func parseChunk(argument string) (size int64, last, ok bool) {
	words := strings.Fields(argument)
	if len(words) == 0 || !isNumber(words[0]) {
		return -1, false, false
	}
	n, err := strconv.ParseUint(words[0], 10, 63)
	if err != nil {
		return -1, false, false
	}
	_, marker, last := strings.Cut(argument, " ")
	ok = argument == words[0] || argument[0] != ' ' && strings.EqualFold(marker, "LAST")
	return int64(n), last, ok
}

// endlessChunk answers a BDAT whose chunk nobody can tell from commands: the
// connection ends (RFC 3030, Section 2 wants the octets read; RFC 5321,
// Section 3.8 wants 421).
func endlessChunk(end func()) reply {
	return reply{421, "4.7.0", []string{"Chunk without a size, closing connection"}, end}
}

// skipChunk reads past the chunk of a BDAT that was refused for what it is.
func (s *session) skipChunk(argument string) {
	size, _, _ := parseChunk(argument)
	if s.tx != nil {
		s.tx.chunked = &chunks{failed: true}
	}
	switch {
	case slices.Contains(s.srv.opts.Defects, RefusedChunkIsRun):
	case size < 0:
		s.end()
	default:
		s.discardChunk(size)
	}
}

func isNumber(s string) bool {
	return strings.Trim(s, "0123456789") == "" && s != ""
}

// mayChunk returns the refusal of a chunk that must not come now.
func (s *session) mayChunk(size int64) *reply {
	tooBig := reply{552, "5.3.4", []string{"Message too big"}, nil}
	var r reply
	switch {
	case s.turnedAway:
		r = badSequence("No service here")
	case !s.extended: // RFC 5321, Section 2.2.1
		r = badSequence("EHLO first")
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
	// The end of content is the same, whatever way it came.
	r := s.say("EOD", func() reply { return s.store(c.data.Bytes(), int64(c.data.Len())) })
	s.endTransaction()
	return r
}

// readChunk copies the octets of a chunk, and reports whether they came.
func (s *session) readChunk(w io.Writer, size int64) bool {
	var got int64
	for got < size {
		s.settleChunk()
		if s.over {
			return false
		}
		s.startClock()
		want := min(size-got, readBuffer)
		if s.out.Len() > 0 { // so do not wait for more than there is
			want = min(want, int64(s.in.Buffered()))
		}
		n, err := io.CopyN(w, s.in, want)
		got += n
		if err != nil {
			s.fail(fmt.Errorf("within a chunk: %w", err))
			return false
		}
	}
	s.rec.line(FromClient, fmt.Sprintf("<chunk of %d octets>", size))
	return true
}

// settleChunk is settle where octets of a chunk are to come next: the client may
// want its replies first (RFC 2920, Section 3.2).
func (s *session) settleChunk() {
	if s.out.Len() == 0 {
		return
	}
	s.await(lineGrace, s.anything)
	if !s.anything() {
		s.flush()
	}
}

// anything reports whether there is an octet to read without waiting.
func (s *session) anything() bool { return s.in.Buffered() > 0 }

// discardChunk forgets the octets of a chunk that was refused.
func (s *session) discardChunk(size int64) { s.readChunk(io.Discard, size) }
