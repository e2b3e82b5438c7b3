package mock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	// defaultPatience is how long a step waits for the client.
	defaultPatience = time.Minute
	// groupPatience is how long the rest of a group may take, while the client
	// is given no reply.
	groupPatience = 5 * time.Second
)

// A player plays the script of one connection.
type player struct {
	*session
	script   *script
	current  *node // the leaf being played
	patience time.Duration
	progress int  // grows when octets are taken from the client or said to it
	group    hold // what Group wants
	rests    bool

	challenged bool   // the server's last word was 334
	mechanism  string // of the latest AUTH, if it is one that is known
	veil       bool   // the next line of the client may hold a value
}

// A hold says whether replies are held back.
type hold int

const (
	noHold   hold = iota
	holdNext      // from the next line of the client on
	holding
)

func newPlayer(s *session, sc *script) *player {
	s.tx = &transaction{eightBit: true} // a script says by itself what content may be
	return &player{session: s, script: sc, patience: defaultPatience}
}

// A mismatch says that the client has not done what a step expects.
type mismatch struct {
	reason string
	at     *node // where, nil for the current leaf
	final  bool  // no other step can do better
	ended  bool  // the connection has come to its end
}

func (m *mismatch) Error() string { return m.reason }

func differs(format string, args ...any) error {
	return &mismatch{reason: fmt.Sprintf(format, args...)}
}

// run plays the script and says what was wrong with it.
func (p *player) run() *ScriptError {
	err := p.begin()
	if err == nil {
		err = p.play(p.plot.root)
	}
	if err == nil {
		p.rest()
		p.flush()
		err = p.end()
	}
	if err == nil {
		return nil
	}
	var m *mismatch
	if !errors.As(err, &m) {
		m = &mismatch{reason: err.Error(), final: true}
	}
	missing := p.plot.missing()
	if m.ended && (len(missing) == 0 || p.script.tolerate.has(UnplayedSteps)) {
		return nil
	}
	return p.failure(m, missing)
}

func (p *player) failure(m *mismatch, missing []*node) *ScriptError {
	p.recordUnread()
	e := &ScriptError{
		Session: p.id, Steps: len(p.plot.leaves), Reason: p.hide(m.reason),
		Transcript: tail(p.rec.snapshot().Transcript), NeverReached: describe(missing),
	}
	at := m.at
	if at == nil && p.current != nil && p.current.state != played {
		at = p.current
	}
	if at == nil {
		return e
	}
	e.Step, e.Pos, e.Name = at.first(), at.pos, at.name
	e.NeverReached = describe(slices.DeleteFunc(missing, func(n *node) bool { return n == at }))
	return e
}

// recordUnread puts the line that the script stopped at into the transcript.
func (p *player) recordUnread() {
	waiting, _ := p.in.Peek(p.in.Buffered()) // never more than there is
	if line, _, found := bytes.Cut(waiting, []byte("\r\n")); found {
		p.rec.line(FromClient, p.transcribe(string(line)))
	}
}

// first returns the number of a step's first leaf, 0 if it has none.
func (n *node) first() int {
	for len(n.kids) > 0 {
		n = n.kids[0]
	}
	return n.number
}

// begin starts TLS if the connection begins with it.
func (p *player) begin() error {
	if p.srv.opts.TLS != ImplicitTLS || len(p.plot.leaves) > 0 && p.plot.leaves[0].noTLS {
		return nil
	}
	return p.secure()
}

// secure does the handshake.
func (p *player) secure() error {
	if p.handshake() {
		return nil
	}
	p.over = true
	if p.srv.ctx.Err() != nil {
		return &mismatch{reason: "the server was closed during the TLS handshake", ended: true}
	}
	why := p.rec.snapshot().Failure
	if why == "" {
		why = "TLS handshake: the client has ended the connection"
	}
	return &mismatch{reason: why, final: true}
}

// play plays a step.
func (p *player) play(n *node) error {
	if n.number == 0 {
		if err := n.step.play(p, n); err != nil {
			return err
		}
		n.state = played
		return nil
	}
	p.current = n
	p.veil = p.veil || n.veiled
	if p.over {
		return &mismatch{reason: p.whyOver(), final: true, ended: p.script.tolerate.has(UnplayedSteps)}
	}
	if n.acts {
		n.state = played
	}
	if err := p.guarded(n); err != nil {
		return err
	}
	n.state = played
	return nil
}

// guarded plays a leaf, which may call functions of the test.
func (p *player) guarded(n *node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &mismatch{reason: "panic: " + panicText(r), final: true}
		}
	}()
	return n.step.play(p, n)
}

func (p *player) whyOver() string {
	if failure := p.rec.snapshot().Failure; failure != "" {
		return "the connection is over: " + failure
	}
	return "the connection is over: an earlier step has ended it, or the client has"
}

// try plays a step and reports whether it was the right one. It was not if the
// client's next line is none that the step can begin with.
func (p *player) try(n *node) (bool, error) {
	before := p.progress
	err := p.play(n)
	var m *mismatch
	if errors.As(err, &m) && !m.final && p.progress == before {
		return false, err
	}
	return true, err
}

// said notes that the server says something.
func (p *player) said(code int) {
	p.progress++
	if code != 0 {
		p.challenged = code == 334
		p.answered(code, "")
	}
}

// say queues lines.
func (p *player) say(lines ...string) {
	for _, line := range lines {
		p.said(codeOf(line))
		p.send([]byte(line + "\r\n"))
	}
}

// rest notes that all steps are played.
func (p *player) rest() {
	if !p.rests && len(p.plot.missing()) == 0 {
		p.rests = true
		p.script.move(-1, +1)
	}
}

// leave notes that the connection is over.
func (p *player) leave() {
	if p.rests {
		p.script.move(0, -1)
	} else {
		p.script.move(-1, 0)
	}
}

// peek returns the client's next line, without CRLF, and leaves it where it is.
func (p *player) peek() (string, error) {
	for {
		waiting, err := p.fill()
		if i := bytes.Index(waiting, []byte("\r\n")); i >= 0 {
			return string(waiting[:i]), nil
		}
		if err != nil {
			return "", p.nothing(err, waiting)
		}
		if len(waiting) >= maxResponse {
			return "", &mismatch{reason: fmt.Sprintf("the client sends a line of more than %d octets", maxResponse), final: true}
		}
	}
}

// fill reads more, unless there is a whole line, and returns all that waits.
func (p *player) fill() ([]byte, error) {
	if p.buffered() {
		return p.in.Peek(p.in.Buffered())
	}
	patience := p.patience
	if p.group == holding {
		patience = groupPatience
	} else {
		p.settle()
	}
	if p.buffered() {
		return p.in.Peek(p.in.Buffered())
	}
	p.conn.SetReadDeadline(time.Now().Add(patience))
	defer p.conn.SetReadDeadline(time.Time{})
	_, err := p.in.Peek(p.in.Buffered() + 1)
	waiting, _ := p.in.Peek(p.in.Buffered())
	return waiting, err
}

// nothing says why there is no line.
func (p *player) nothing(err error, waiting []byte) error {
	rest := ""
	if len(waiting) > 0 {
		rest = fmt.Sprintf(" behind %s, which has no CRLF", p.show(string(waiting), ""))
	}
	switch {
	case p.srv.ctx.Err() != nil:
		return &mismatch{reason: "still waiting when the server was closed", final: true, ended: true}
	case errors.Is(err, os.ErrDeadlineExceeded) && p.group == holding:
		return &mismatch{reason: fmt.Sprintf("the client waits for replies instead of sending the group at once (nothing for %v)%s", groupPatience, rest), final: true}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &mismatch{reason: fmt.Sprintf("the client says nothing for %v%s", p.patience, rest), final: true}
	}
	return &mismatch{reason: "the client has ended the connection" + rest, ended: len(waiting) == 0}
}

// take takes the line that was peeked at.
func (p *player) take(line string) {
	text := p.transcribe(line)
	p.rec.command(verbOf(line), text)
	if strings.ContainsAny(line, "\r\n") {
		p.violation("bare CR or LF in a command (RFC 5321, Section 2.3.8)")
	}
	if name, argument, _ := strings.Cut(line, " "); strings.EqualFold(name, "AUTH") {
		name, _, _ = strings.Cut(argument, " ")
		m, _ := p.srv.opts.Registry.Lookup(name)
		p.mechanism = m.Name // "" if it is none: it may be a secret in the wrong place
	}
	_, _ = p.in.Discard(len(line) + 2) // it is there
	p.progress++
	p.challenged, p.veil = false, false
	p.batch++
	p.octets += len(line) + len("\r\n")
	p.grouped = true
	if p.group == holdNext {
		p.group = holding
	}
}

// end waits for the client's end, once there is no step left.
func (p *player) end() error {
	p.current = nil
	if p.script.tolerate.has(UnreadOctets) {
		if !p.over {
			_, _ = io.Copy(io.Discard, p.in) // whatever ends it
		}
		return nil
	}
	if !p.over {
		_, _ = p.in.Peek(1) // an end of whatever kind is what is wanted
	}
	waiting, _ := p.in.Peek(p.in.Buffered())
	if len(waiting) == 0 {
		return nil
	}
	line, _, _ := bytes.Cut(waiting, []byte("\r\n"))
	return &mismatch{reason: fmt.Sprintf("%d octets that no step reads, beginning with %s", len(waiting), p.show(string(line), "")), final: true}
}
