package mock

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// A record is the journal's part about one session. Its session writes, others
// read at any time.
type record struct {
	journal *journal
	start   time.Time

	mu      sync.Mutex
	session Session
	verb    string // of the latest command
	listed  bool   // that command is in session.Commands
	octets  int64  // of lines and commands
	dropped bool   // nothing is remembered of it any more
}

func (r *record) snapshot() Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.session
	s.Commands = slices.Clone(s.Commands)
	s.Auths = slices.Clone(s.Auths)
	s.Violations = slices.Clone(s.Violations)
	s.Transcript = slices.Clone(s.Transcript)
	return s
}

// update changes the record. Nobody else sees the change half done.
func (r *record) update(change func(*Session)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.session)
}

func (r *record) end() { r.update(func(s *Session) { s.Open = false }) }

func (r *record) isOpen() (open bool) {
	r.update(func(s *Session) { open = s.Open })
	return open
}

// drop gives the room back that the record takes.
func (r *record) drop() {
	r.update(func(*Session) {
		r.journal.lines.Add(-r.octets)
		r.octets, r.dropped = 0, true
	})
}

// room takes room for a text, if there is any. The caller holds the lock.
func (r *record) room(text string) bool {
	n := int64(len(text) + lineOverhead)
	if r.dropped {
		return false
	}
	if r.journal.lines.Add(n) > maxTranscript {
		r.journal.lines.Add(-n)
		return false
	}
	r.octets += n
	return true
}

// line adds a line to the transcript.
func (r *record) line(from Side, text string) {
	var line Line
	r.update(func(s *Session) {
		line = Line{s.ID, time.Since(r.start), from, text}
		if len(s.Transcript) < maxRecorded && r.room(text) {
			s.Transcript = append(s.Transcript, line)
		}
	})
	if r.journal.onLine != nil {
		r.journal.onLine(line)
	}
}

// command adds a command, which the replies to come answer.
func (r *record) command(verb, line string) {
	if verb != "CONNECT" {
		r.line(FromClient, line)
	}
	r.update(func(s *Session) {
		r.verb, r.listed = verb, len(s.Commands) < maxRecorded && r.room(line)
		if r.listed {
			s.Commands = append(s.Commands, Command{Verb: verb, Line: line})
		}
	})
}

// answered notes the reply to the latest command, in the given round trip. A code
// of 0 is no reply.
func (r *record) answered(code int, enhanced string, trip int) {
	r.update(func(s *Session) {
		if code == 0 {
			trip = 0
		}
		if r.listed {
			c := &s.Commands[len(s.Commands)-1]
			c.Code, c.Enhanced, c.RoundTrip = code, enhanced, trip
		}
		if r.verb != "QUIT" {
			s.RoundTrips = max(s.RoundTrips, trip)
		}
	})
}

// wrote notes how many round trips there were when octets had been written.
func (r *record) wrote(trips int) {
	r.update(func(s *Session) {
		if r.verb != "QUIT" {
			s.RoundTrips = max(s.RoundTrips, trips)
		}
	})
}

// auth notes how an AUTH command ended.
func (r *record) auth(mechanism, user string, code int) {
	r.update(func(s *Session) {
		if len(s.Auths) < maxRecorded && r.room(mechanism+user) {
			s.Auths = append(s.Auths, Auth{mechanism, user, code})
		}
	})
}

func (r *record) violation(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.line(FromMock, "violation: "+text)
	r.update(func(s *Session) {
		if len(s.Violations) < maxRecorded && r.room(text) {
			s.Violations = append(s.Violations, text)
		}
	})
}

// failure notes why the connection ends.
func (r *record) failure(why string, panicked bool) {
	r.line(FromMock, why)
	r.update(func(s *Session) { s.Failure, s.panicked = why, panicked })
}
