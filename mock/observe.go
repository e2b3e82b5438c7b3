package mock

import (
	"context"
	"fmt"
)

// A Message is a message that the server accepted.
type Message struct {
	Session int    // whose it is; see [Session]
	ID      string // as in the reply that accepted it

	From       string   // the reverse path, without brackets
	Parameters []string // of MAIL, as the client wrote them
	To         []string // the accepted recipients, without brackets

	// ToParameters are those of RCPT, one list for each of To.
	ToParameters [][]string

	Data []byte // the content as sent, without the coding of DATA

	Mechanism string // by which the client had signed in, "" if it had not
	User      string // the authentication identity
	ActingAs  string // the authorization identity; "" if none was asked for
	TLS       bool

	// RoundTrips is how many the session had taken when the message was
	// accepted, that reply included.
	RoundTrips int
}

// A Session is what the server knows of one connection.
type Session struct {
	ID   int  // counts connections, from 1
	Open bool // it was not over when it was asked about
	TLS  bool

	// ClientCertificate is the common name in the certificate that the client
	// showed, "" if it showed none.
	ClientCertificate string

	Commands   []Command
	Auths      []Auth
	Violations []string // of the protocol, by the client
	Transcript Transcript

	// RoundTrips counts each write of the server after a write of the client, or
	// after the connect, since the server's last write, TLS included. TCP's
	// handshake and the reply to QUIT do not count, for nobody has to wait for
	// that one.
	RoundTrips int

	// Failure is what ended the connection out of turn, such as a failed TLS
	// handshake or a mechanism that panicked; "" if nothing did.
	Failure string

	panicked bool
}

// A Command is a command and the code of its reply, which is 0 if there was
// none. Some are more than that: CONNECT is the connect, answered by the
// greeting; EOD, the end of content; AUTH/2 and so on, responses within AUTH.
type Command struct {
	Verb     string
	Line     string // as in a [Transcript]
	Code     int
	Enhanced string // enhanced status code, "" if there was none

	// RoundTrip is the number of the round trip that the reply belongs to, from
	// 1, and 0 if there was no reply; see Session.RoundTrips.
	RoundTrip int
}

// An Auth is one AUTH command and how it ended.
type Auth struct {
	Mechanism string // "" if the client named none that exists
	User      string // who signed in, "" if nobody
	Code      int    // of the final reply, 0 if there was none
}

// Messages returns the accepted messages, the oldest first.
func (s *Server) Messages() []Message { return s.journal.allMessages() }

// WaitMessages waits until the server has accepted n messages, and returns all
// that there are. If ctx or the server ends before, there is an error too.
func (s *Server) WaitMessages(ctx context.Context, n int) ([]Message, error) {
	for {
		have, changed := s.journal.watch()
		if have >= n {
			return s.Messages(), nil
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return s.Messages(), fmt.Errorf("mock: %d of %d messages when the server was closed", have, n)
		case <-ctx.Done():
			return s.Messages(), fmt.Errorf("mock: %d of %d messages: %w", have, n, ctx.Err())
		}
	}
}

// WaitIdle waits until no connection is open: then all that clients have said is
// recorded, also by those that do not wait for the last reply. If ctx ends
// before, there is an error.
func (s *Server) WaitIdle(ctx context.Context) error {
	s.settle(ctx)
	for {
		s.mu.Lock()
		open, moved := len(s.conns)+s.coming, s.moved
		s.mu.Unlock()
		if open == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("mock: %d connections still open: %w", open, ctx.Err())
		}
	}
}

// Sessions returns what is known of each connection, in the order of connects.
func (s *Server) Sessions() []Session { return s.journal.allSessions() }

// Connections returns how many connections there were.
func (s *Server) Connections() int { return s.journal.connections() }

// Auths returns the AUTH commands of all sessions.
func (s *Server) Auths() []Auth {
	var all []Auth
	for _, session := range s.Sessions() {
		all = append(all, session.Auths...)
	}
	return all
}

// RoundTrips returns the sum of Session.RoundTrips.
func (s *Server) RoundTrips() int {
	sum := 0
	for _, session := range s.Sessions() {
		sum += session.RoundTrips
	}
	return sum
}

// Transcript returns the transcripts of all sessions, one after the other.
func (s *Server) Transcript() Transcript {
	var all Transcript
	for _, session := range s.Sessions() {
		all = append(all, session.Transcript...)
	}
	return all
}

// Forget drops the messages and the sessions that are over, so that a program
// may run a server for ever. Numbers go on where they were.
func (s *Server) Forget() { s.journal.forget() }
