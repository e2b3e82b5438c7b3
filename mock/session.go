package mock

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

// A session is the server's part in one connection. It belongs to one goroutine;
// what others may see is in its record.
type session struct {
	srv  *Server
	id   int
	plot *plot // what the script is for this connection; nil: nothing
	rec  *record
	raw  *tripConn // counts what goes over the wire
	conn net.Conn  // raw, or TLS over it
	tls  *tls.ConnectionState
	in   *bufio.Reader
	out  bytes.Buffer // replies that wait for the input to be empty

	line     []byte             // of the command being read
	batch    int                // commands answered since out was empty
	grouped  bool               // the latest command may stand within a group
	occurred map[string]int     // faults count by these
	dice     map[int]*rand.Rand // of faults that happen by chance
	pace     *pace              // how the present answer is sent; nil: as all are
	octets   int                // of the commands answered since out was empty
	over     bool               // the connection is to be closed
	replies  int                // that were sent
	astray   bool               // a fault has sent more of them than one a command
	last     int                // code of the latest reply, 0 if a fault sent none

	fragments *pace // how all answers are sent; nil: at once

	turnedAway bool   // the greeting was 554
	hello      string // argument of EHLO or HELO; "" before
	extended   bool   // it was EHLO
	signedIn   signIn
	tx         *transaction
	told       []string  // the lines of the reply to EHLO, without the first
	misled     bool      // a fault has said something else there
	mailed     bool      // a MAIL command began a transaction, or tried to,
	addressed  bool      // and an RCPT command came
	mails      int       // MAIL commands
	accepted   int       // messages
	account    string    // that counts this connection, "" for none
	began      time.Time // when the client connected
}

// A signIn is who has signed in; zero is nobody.
type signIn struct {
	mechanism string
	user      string
	actingAs  string
}

const (
	// readBuffer holds the longest group of commands that is answered at once.
	readBuffer = 64 << 10
	// maxPending is how many octets of replies are held back.
	maxPending = 64 << 10
	// lineGrace is how long the rest of a command that has begun may take, and
	// groupGrace the rest of a group that may be over, before replies are sent:
	// TLS may have cut them into records.
	lineGrace  = 200 * time.Millisecond
	groupGrace = 5 * time.Millisecond
	// wholeGroup is the longest group, in octets, that TLS and the network carry
	// in one piece. The rest of a longer one is given lineGrace.
	wholeGroup = 1000
)

func newSession(srv *Server, conn net.Conn) *session {
	raw := newTripConn(conn)
	rec := srv.journal.begin()
	return &session{
		srv: srv, id: rec.session.ID, rec: rec,
		raw: raw, conn: raw, in: bufio.NewReaderSize(raw, readBuffer),
		occurred: make(map[string]int), began: time.Now(),
		fragments: srv.opts.Fragments.pace(rec.session.ID),
	}
}

// serve runs the session to its end.
func (s *session) serve() {
	defer s.close()
	s.rec.command("CONNECT", "")
	if s.srv.script != nil {
		s.srv.script.play(s)
		return
	}
	if s.srv.opts.TLS == ImplicitTLS && !s.handshake() {
		return
	}
	s.at("CONNECT", func() reply {
		return reply{code: 220, lines: []string{s.srv.opts.Hostname + " ESMTP"}}
	})
	s.turnedAway = s.last == 554
	for !s.over {
		s.command()
	}
	s.flush()
}

func (s *session) close() {
	s.raw.stop()
	s.srv.usage.leave(s.account)
	s.rec.end() // before the client can see the end
	s.conn.Close()
}

// fail ends the session because the connection failed. That the client has gone
// is nothing to tell.
func (s *session) fail(err error) {
	s.over = true
	if errors.Is(err, io.EOF) || s.srv.ctx.Err() != nil {
		return
	}
	s.rec.failure(err.Error(), false)
}

// A reply is what the server has to say. What it does then, if anything, comes
// after the reply is sent.
type reply struct {
	code     int
	enhanced string
	lines    []string
	then     func()
}

// format returns the reply as it goes over the wire, with or without its
// enhanced status code (RFC 2034, Section 4: on every line).
func (r *reply) format(enhanced bool) []byte {
	lines := r.lines
	if len(lines) == 0 {
		lines = []string{""}
	}
	var b []byte
	for i, line := range lines {
		separator := '-'
		if i == len(lines)-1 {
			separator = ' '
		}
		b = fmt.Appendf(b, "%03d%c", r.code, separator)
		if enhanced && r.enhanced != "" {
			b = append(b, r.enhanced+" "...)
		}
		b = append(b, line+"\r\n"...)
	}
	return b
}

// reply sends the answer to the latest command.
func (s *session) reply(r reply) {
	s.answered(r.code, r.enhanced)
	s.send(r.format(s.srv.opts.has("ENHANCEDSTATUSCODES")))
}

// answered notes the code of the reply to the latest command.
func (s *session) answered(code int, enhanced string) {
	s.last = code
	s.rec.answered(code, enhanced, s.raw.next())
}

// send queues octets of replies for the time when the input is empty.
func (s *session) send(octets []byte) {
	s.out.Write(octets)
	lines := bytes.SplitAfter(octets, []byte("\r\n"))
	for _, line := range lines {
		if len(line) > 0 {
			s.count(line)
			s.rec.line(FromServer, s.legibleReply(line))
		}
	}
	if s.out.Len() > maxPending {
		s.flush()
	}
}

// count counts the line if it ends a reply.
func (s *session) count(line []byte) {
	if codeOf(string(bytes.TrimSuffix(line, []byte("\r\n")))) != 0 {
		s.replies++
	}
}

// legibleReply returns a line of a reply for the transcript. A challenge is part
// of a sign-in, so it is not shown.
func (s *session) legibleReply(line []byte) string {
	text, whole := bytes.CutSuffix(line, []byte("\r\n"))
	if bytes.HasPrefix(text, []byte("334")) && len(text) > len("334 ") {
		return "334 " + redacted(len(text)-len("334 "))
	}
	if !whole {
		return legible(text) + " <no CRLF>"
	}
	return legible(text)
}

// flush sends what is queued.
func (s *session) flush() {
	s.batch, s.octets = 0, 0
	if s.out.Len() == 0 {
		return
	}
	err := s.write(s.out.Bytes())
	s.out.Reset()
	switch {
	case errors.Is(err, errCut):
		s.over = true
	case s.plot != nil && isGone(err):
		// A script goes on with what the client has said before.
	case err != nil:
		s.fail(err)
	}
}

// write sends octets at once, at the pace of the present answer or of all.
func (s *session) write(octets []byte) error {
	if s.pace != nil {
		return s.writeAt(s.pace, octets)
	}
	return s.writeAt(s.fragments, octets)
}

func (s *session) writeAt(p *pace, octets []byte) error {
	if limit := s.srv.opts.IdleLimit; limit > 0 {
		s.conn.SetWriteDeadline(time.Now().Add(limit))
	}
	err := p.write(s.srv.ctx, s.conn, octets)
	s.rec.wrote(s.raw.count())
	return err
}

// closeWrite ends the direction to the client.
func (s *session) closeWrite() error {
	if conn, ok := s.conn.(*tls.Conn); ok {
		if err := conn.CloseWrite(); err != nil {
			return err
		}
	}
	conn, ok := s.raw.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return conn.CloseWrite()
}

// startClock gives the client IdleLimit for what it is to send next.
func (s *session) startClock() {
	if limit := s.srv.opts.IdleLimit; limit > 0 {
		s.conn.SetReadDeadline(time.Now().Add(limit))
	}
}

// settle flushes if the client may be waiting: RFC 2920, Section 3.2 wants all
// replies sent when the input is empty, and some at once. Of a group that has
// begun, it waits a moment for the rest.
func (s *session) settle() {
	if s.out.Len() == 0 || s.buffered() {
		return
	}
	switch {
	case s.in.Buffered() > 0:
		s.await(lineGrace, s.buffered)
	case s.grouped && s.batch > 1 && s.octets > wholeGroup:
		s.await(lineGrace, s.buffered)
	case s.grouped && s.batch > 1:
		s.await(groupGrace, s.buffered)
	}
	if !s.buffered() {
		s.flush()
	}
}

// await waits until enough is there to read, but no longer than that.
func (s *session) await(grace time.Duration, enough func() bool) {
	if enough() {
		return
	}
	s.conn.SetReadDeadline(time.Now().Add(grace))
	defer s.conn.SetReadDeadline(time.Time{})
	for !enough() {
		if _, err := s.in.Peek(s.in.Buffered() + 1); err != nil {
			return // if it was not the deadline, reading on will find it
		}
	}
}

// buffered reports whether there is a whole line to read without waiting.
func (s *session) buffered() bool {
	waiting, _ := s.in.Peek(s.in.Buffered()) // never more than there is
	return bytes.Contains(waiting, []byte("\r\n"))
}

// violation records that the client broke the protocol.
func (s *session) violation(format string, args ...any) { s.rec.violation(format, args...) }
