package mock

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what is recorded. A server full of content says so to its clients
// (452); of sessions and lines it drops some and keeps the rest.
const (
	maxStored     = 1 << 30 // octets of content
	maxSessions   = 10_000
	maxRecorded   = 50_000    // lines, commands, violations of a session, each
	maxTranscript = 256 << 20 // octets of all lines and commands
	lineOverhead  = 128       // octets that a line takes besides its text
	maxReported   = 10        // sessions that a failed test is shown, the latest
)

// A journal is what a server remembers.
type journal struct {
	mu       sync.Mutex
	count    int       // sessions there were
	sessions []*record // those that are remembered
	messages []Message
	stored   int64         // octets of content
	changed  chan struct{} // closed when a message comes

	onLine func(Line) // nil: nobody listens

	lines atomic.Int64 // octets of lines and commands that are remembered
}

func (j *journal) init() { j.changed = make(chan struct{}) }

// close ends the journal: nothing is running any more.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.sessions {
		r.end()
	}
}

// begin adds a session.
func (j *journal) begin() *record {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.count++
	r := &record{journal: j, start: time.Now(), session: Session{ID: j.count, Open: true}}
	if len(j.sessions) == maxSessions {
		j.sessions[0].drop()
		j.sessions = slices.Delete(j.sessions, 0, 1)
	}
	j.sessions = append(j.sessions, r)
	return r
}

// add stores a message, unless there is no room for it.
func (j *journal) add(m Message) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stored+int64(len(m.Data)) > maxStored {
		return false
	}
	j.stored += int64(len(m.Data))
	j.messages = append(j.messages, m)
	close(j.changed)
	j.changed = make(chan struct{})
	return true
}

// allMessages returns a copy of all messages.
func (j *journal) allMessages() []Message {
	j.mu.Lock()
	messages := slices.Clone(j.messages)
	j.mu.Unlock()
	for i := range messages { // what they point to never changes, until now
		m := &messages[i]
		m.Parameters, m.To, m.Data = slices.Clone(m.Parameters), slices.Clone(m.To), bytes.Clone(m.Data)
		m.ToParameters = slices.Clone(m.ToParameters)
		for i, parameters := range m.ToParameters {
			m.ToParameters[i] = slices.Clone(parameters)
		}
	}
	return messages
}

// watch returns the number of messages and a channel that closes when there is
// another.
func (j *journal) watch() (int, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.messages), j.changed
}

func (j *journal) allSessions() []Session {
	j.mu.Lock()
	records := slices.Clone(j.sessions)
	j.mu.Unlock()
	sessions := make([]Session, len(records))
	for i, r := range records {
		sessions[i] = r.snapshot()
	}
	return sessions
}

func (j *journal) connections() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.count
}

func (j *journal) forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.messages, j.stored = nil, 0
	j.sessions = slices.DeleteFunc(j.sessions, func(r *record) bool {
		open := r.isOpen()
		if !open {
			r.drop()
		}
		return !open
	})
}

// report tells a test what it has to know at its end.
func (j *journal) report(t TB, strict bool) {
	t.Helper()
	failed := func() bool {
		t, ok := t.(interface{ Failed() bool })
		return !ok || t.Failed()
	}
	sessions := j.allSessions()
	for _, s := range sessions {
		if s.panicked {
			t.Errorf("mock: session %d: %s", s.ID, s.Failure)
		}
		for _, violation := range s.Violations {
			if strict {
				t.Errorf("mock: session %d: protocol violation: %s", s.ID, violation)
			}
		}
	}
	if !failed() {
		return
	}
	for _, s := range sessions[max(0, len(sessions)-maxReported):] {
		t.Logf("mock: transcript\n%s", s.Transcript)
	}
}
