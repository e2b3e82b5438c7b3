package mock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// data implements DATA (RFC 5321, Section 4.1.1.4).
func (s *session) data(string) reply {
	switch {
	case s.tx == nil:
		return badSequence("MAIL first")
	case s.tx.chunked != nil: // RFC 3030, Section 2: then nothing helps but RSET
		s.tx.chunked.failed = true
		return badSequence("Content has come by BDAT")
	case s.tx.binary: // RFC 3030, Section 3
		return badSequence("Binary content comes by BDAT")
	case len(s.tx.to) == 0:
		return reply{554, "5.5.1", []string{"No valid recipients"}, nil}
	}
	return reply{354, "", []string{"Send the message, then a line of one dot"}, s.content}
}

// content reads the message and answers its end.
func (s *session) content() {
	s.flush()
	body, size, err := s.readContent()
	if err != nil {
		s.fail(fmt.Errorf("within content: %w", err))
		return
	}
	s.batch, s.grouped = 1, true // content may begin a group (RFC 2920, Section 3.1)
	s.rec.command("EOD", fmt.Sprintf("<content of %d octets>", size))
	s.at("EOD", func() reply { return s.store(body, size) })
	s.endTransaction()
}

// readContent returns the message without its coding, or no more of it than the
// server takes, and its whole size.
func (s *session) readContent() (body []byte, size int64, err error) {
	var buf bytes.Buffer
	var check lineCheck
	limit := s.srv.opts.MaxSize
	r := wire.NewDotReader(s.in)
	chunk := make([]byte, 32<<10)
	for {
		s.startClock()
		n, err := r.Read(chunk)
		size += int64(n)
		_, _ = check.Write(chunk[:n]) // never fails
		if size <= limit {
			buf.Write(chunk[:n])
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, size, err
		}
	}
	s.judge(&check)
	return buf.Bytes(), size, nil
}

// judge records what is wrong with content that was read.
func (s *session) judge(c *lineCheck) {
	if s.tx != nil && s.tx.binary {
		return // then all that is right
	}
	if c.bare {
		s.violation("bare CR or LF in content (RFC 5321, Section 2.3.8)")
	}
	if c.long {
		s.violation("line of more than %d octets in content (RFC 5321, Section 4.5.3.1.6)", maxText)
	}
	if c.nul {
		s.violation("NUL in content (RFC 2045, Sections 2.7 and 2.8)")
	}
	if c.nonText && (s.tx == nil || !s.tx.eightBit) {
		s.violation("octets above 127 in content without BODY=8BITMIME (RFC 6152, Section 3)")
	}
}

// store accepts a message, if there is nothing against it.
func (s *session) store(body []byte, size int64) reply {
	switch {
	case s.tx == nil || len(s.tx.to) == 0: // a fault has let it come so far
		return reply{554, "5.5.1", []string{"No valid recipients"}, nil}
	case size > s.srv.opts.MaxSize:
		return reply{552, "5.3.4", []string{"Message too big"}, nil}
	}
	m := Message{
		Session:      s.id,
		ID:           fmt.Sprintf("%d.%d", s.id, s.accepted+1),
		From:         s.tx.from,
		Parameters:   s.tx.parameters,
		To:           slices.Clone(s.tx.to),
		ToParameters: slices.Clone(s.tx.toParameters),
		Data:         body,
		Mechanism:    s.signedIn.mechanism,
		User:         s.signedIn.user,
		ActingAs:     s.signedIn.actingAs,
		TLS:          s.tls != nil,
		RoundTrips:   s.raw.next(),
	}
	if !s.srv.journal.add(m) {
		return reply{452, "4.3.1", []string{"No room for more messages"}, nil}
	}
	s.accepted++
	return ok("Queued as " + m.ID)
}
