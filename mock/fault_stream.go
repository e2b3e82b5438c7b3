package mock

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"
)

// moment is between the writes of one answer that was cut, so that the client
// reads its pieces one by one.
const moment = time.Millisecond

// A pace is how an answer is sent. Its zero value is: at once.
type pace struct {
	chunk   int           // octets a write, 0 for all
	every   time.Duration // from one write to the next
	cuts    []int         // where a write ends, in octets from the start
	lines   bool          // a write ends behind each line
	dice    *rand.Rand    // says how long a write is; nil: nobody
	limited bool          // only the first limit octets are sent
	limit   int
}

// paceOf returns the pace that actions ask for, nil if they do not.
func paceOf(actions []Action) *pace {
	var p *pace
	for _, a := range actions {
		if a.pace == nil {
			continue
		}
		if p == nil {
			p = new(pace)
		}
		a.pace(p)
	}
	return p
}

// Drip sends an answer bit by bit: so many octets a write, with a pause after
// each. At TLS it is the handshake that drips.
func Drip(octets int, every time.Duration) Action {
	return Action{pos: here(), name: "Drip", wrong: negative("a size or a time", int64(octets), int64(every)), pace: func(p *pace) { p.chunk, p.every = max(1, octets), every }}
}

// Split cuts an answer at places, in octets from its start, and sends each piece
// in a write of its own. Without places, each octet is a piece. Pieces are a
// millisecond apart, so that the client reads them one by one.
//
// At("ANY").Do(Split()) sends a whole session so.
func Split(at ...int) Action {
	cuts := slices.Sorted(slices.Values(at))
	wrong := ""
	if len(cuts) > 0 {
		wrong = negative("a place to split at", int64(cuts[0]))
	}
	return Action{pos: here(), name: "Split", wrong: wrong, pace: func(p *pace) {
		if p.every == 0 {
			p.every = moment
		}
		if len(cuts) == 0 {
			p.chunk = 1
		}
		p.cuts = cuts
	}}
}

// DropMid sends the first n octets of an answer, and closes the connection.
func DropMid(n int) Action {
	return Action{pos: here(), name: "DropMid", wrong: negative("a number of octets", int64(n)), pace: func(p *pace) { p.limited, p.limit = true, max(0, n) }}
}

// errCut says that no more of an answer is to be sent.
var errCut = errors.New("cut off by a fault")

// write writes octets to w at that pace, until ctx ends.
func (p *pace) write(ctx context.Context, w io.Writer, octets []byte) error {
	if p == nil {
		_, err := w.Write(octets)
		return err
	}
	cut := p.limited && len(octets) > p.limit
	if cut {
		octets = octets[:p.limit]
	}
	p.limit -= len(octets)
	for sent := 0; sent < len(octets); {
		end := p.next(sent, octets)
		if _, err := w.Write(octets[sent:end]); err != nil {
			return err
		}
		sent = end
		if !pause(ctx, p.every) { // behind the last piece too: another answer may follow
			return ctx.Err()
		}
	}
	if cut {
		return errCut
	}
	return nil
}

// next returns the end of the piece that begins with octet i.
func (p *pace) next(i int, octets []byte) int {
	n := len(octets)
	end := n
	if newline := bytes.IndexByte(octets[i:], '\n'); p.lines && newline >= 0 {
		end = i + newline + 1
	}
	if p.dice != nil {
		end = min(n, i+1+p.dice.IntN(longestFragment))
	}
	if p.chunk > 0 {
		end = min(n, i+p.chunk)
	}
	for _, cut := range p.cuts {
		if cut > i {
			return min(end, cut)
		}
	}
	return end
}

// pause waits, and reports whether ctx lasts.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// pourBlock is how many octets of an endless answer go into a write.
const pourBlock = 32 << 10

// Endless sends a line again and again, max octets in all; 0 is no limit, and it
// ends with the connection. With "250-more" it is a reply without a last line.
func Endless(line string, max int64) Action {
	unit := []byte(line + "\r\n")
	block := bytes.Repeat(unit, pourBlock/len(unit)+1)
	return Action{pos: here(), name: "Endless", wrong: cmp.Or(wrongLines([]string{line}), negative("a number of octets", max)), run: func(s *session) {
		s.pour(max, fmt.Sprintf("%q", line), func() []byte { return block })
	}}
}

// Flood sends a line of n octets without an end; 0 is no limit.
func Flood(n int64) Action {
	block := bytes.Repeat([]byte{'x'}, pourBlock)
	return Action{pos: here(), name: "Flood", wrong: negative("a number of octets", n), run: func(s *session) {
		s.pour(n, "a line without CRLF", func() []byte { return block })
	}}
}

// Garbage sends n octets of any value, always the same for a seed.
func Garbage(seed uint64, n int64) Action {
	return Action{pos: here(), name: "Garbage", wrong: negative("a number of octets", n), run: func(s *session) {
		if n <= 0 {
			return
		}
		source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), byte(seed >> 32), byte(seed >> 40), byte(seed >> 48), byte(seed >> 56)})
		block := make([]byte, pourBlock)
		s.pour(n, fmt.Sprintf("garbage with seed %d", seed), func() []byte {
			_, _ = source.Read(block) // never fails
			return block
		})
	}}
}

// pour sends block after block, limit octets in all unless that is 0. Only its
// sum is recorded.
func (s *session) pour(limit int64, what string, next func() []byte) {
	s.flush()
	s.astray = true // there may be replies in it
	sent := int64(0)
	for !s.over && (limit <= 0 || sent < limit) {
		block := next()
		if limit > 0 && int64(len(block)) > limit-sent {
			block = block[:limit-sent]
		}
		if err := s.writeAt(s.pace, block); err != nil {
			s.fail(err)
			break
		}
		sent += int64(len(block))
	}
	s.rec.line(FromMock, fmt.Sprintf("sent %d octets of %s", sent, what))
}
