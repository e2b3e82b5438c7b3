package mock

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A Point is a place in the dialogue where a [Fault] happens. By default it
// stands for each of its occurrences, on each connection, and the fault happens
// instead of what the server would do.
type Point struct {
	name      string
	nth, conn int // 0: any
	phase     phase
}

type phase int

const (
	instead phase = iota
	before
	after
)

// points are the names of all points, but for the later rounds of AUTH.
var points = [...]string{
	"CONNECT", "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "EOD",
	"RSET", "NOOP", "VRFY", "HELP", "QUIT",
}

// At returns the point where the server answers a command: EHLO, HELO, STARTTLS,
// AUTH, MAIL, RCPT, DATA, RSET, NOOP, VRFY, HELP or QUIT. More points are
//
//   - CONNECT, where it sends its greeting;
//   - AUTH/2, AUTH/3 and so on, where it answers the first, the second response
//     within AUTH;
//   - EOD, where it answers the end of content.
func At(name string) Point { return Point{name: strings.ToUpper(name)} }

// Nth narrows the point to its nth occurrence on a connection, from 1.
func (p Point) Nth(n int) Point {
	p.nth = n
	return p
}

// Conn narrows the point to the nth connection of the server, from 1.
func (p Point) Conn(n int) Point {
	p.conn = n
	return p
}

// Before makes the fault happen before the server answers as usual.
func (p Point) Before() Point {
	p.phase = before
	return p
}

// After makes the fault happen after the server has answered as usual: after the
// 220 of STARTTLS, but before the handshake; after the 354 of DATA, but before
// content.
func (p Point) After() Point {
	p.phase = after
	return p
}

// Do returns the fault that the actions happen at the point, in their order.
func (p Point) Do(actions ...Action) Fault { return Fault{p, actions} }

// A Fault is something that goes wrong at some [Point].
type Fault struct {
	point   Point
	actions []Action
}

func (f *Fault) check() error {
	p := f.point
	round, isRound := strings.CutPrefix(p.name, "AUTH/")
	n, err := strconv.Atoi(round)
	switch {
	case p.name == "":
		return errors.New("no point; write At(name).Do(action)")
	case isRound && (err != nil || n < 2):
		return fmt.Errorf("unknown point %q: rounds are AUTH, AUTH/2, AUTH/3 and so on", p.name)
	case !isRound && !slices.Contains(points[:], p.name):
		return fmt.Errorf("unknown point %q: points are %s and AUTH/2, AUTH/3 and so on", p.name, strings.Join(points[:], ", "))
	case p.nth < 0 || p.conn < 0:
		return fmt.Errorf("point %s: Nth and Conn count from 1", p.name)
	case len(f.actions) == 0:
		return fmt.Errorf("point %s: no action", p.name)
	case slices.ContainsFunc(f.actions, func(a Action) bool { return a.run == nil }):
		return fmt.Errorf("point %s: zero Action", p.name)
	}
	return nil
}

// An Action is what a fault does.
//
// A command is not run if a fault happens instead of it, with one exception: if
// the actions begin with a positive reply (2yz or 3yz), it is run, and that reply
// takes the place of the server's own. So Reply(354, ...) at DATA reads content
// and Reply(250, ...) at EOD stores the message, but Reply(235, ...) at AUTH
// signs nobody in.
type Action struct {
	code int // of the reply that it begins with, 0 if it is none
	run  func(*session)
}

// Reply sends a reply. The enhanced status code may be "". Each text is a line.
func Reply(code int, enhanced string, text ...string) Action {
	r := reply{code: code, enhanced: enhanced, lines: text}
	return Action{code, func(s *session) { s.send(r.format(true)) }}
}

// Raw sends octets as they are. If they begin with a reply code, that counts as
// the code of a reply.
func Raw(octets []byte) Action {
	octets = slices.Clone(octets)
	line, _, _ := strings.Cut(string(octets), "\r\n")
	code, _, _, err := wire.ParseReplyLine([]byte(line))
	if err != nil {
		code = 0
	}
	return Action{code, func(s *session) { s.send(octets) }}
}

// InjectAfter220 is for STARTTLS: it sends the 220 and, in the same write,
// octets in clear, as somebody on the path would add them. Then the handshake
// begins.
func InjectAfter220(octets []byte) Action {
	return Raw(append([]byte("220 2.0.0 Ready to start TLS\r\n"), octets...))
}

// NoReply sends nothing and goes on to the next command.
func NoReply() Action { return Action{0, func(*session) {}} }

// Stall sends nothing, and reads nothing, until the server is closed.
func Stall() Action {
	return Action{0, func(s *session) {
		s.flush()
		<-s.srv.ctx.Done()
		s.over = true
	}}
}

// Delay waits.
func Delay(d time.Duration) Action {
	return Action{0, func(s *session) {
		s.flush()
		select {
		case <-time.After(d):
		case <-s.srv.ctx.Done():
			s.over = true
		}
	}}
}

// Drop closes the connection.
func Drop() Action {
	return Action{0, func(s *session) {
		s.flush()
		s.over = true
	}}
}

// Reset breaks the connection, as TCP's RST does.
func Reset() Action {
	return Action{0, func(s *session) {
		s.flush()
		s.raw.reset()
		s.over = true
	}}
}

// A plan is what is to happen at one occurrence of a point.
type plan struct {
	before, instead, after []Action
	faulty                 bool // instead counts, empty or not
}

// plan counts an occurrence of a point and collects its faults.
func (s *session) plan(point string) plan {
	s.occurred[point]++
	var p plan
	for _, f := range s.srv.opts.Faults {
		if f.point.name != point ||
			f.point.nth != 0 && f.point.nth != s.occurred[point] ||
			f.point.conn != 0 && f.point.conn != s.id {
			continue
		}
		switch f.point.phase {
		case before:
			p.before = append(p.before, f.actions...)
		case after:
			p.after = append(p.after, f.actions...)
		default:
			p.instead, p.faulty = append(p.instead, f.actions...), true
		}
	}
	return p
}

// perform runs actions until one of them ends the session.
func (s *session) perform(actions []Action) {
	for _, a := range actions {
		if s.over {
			return
		}
		a.run(s)
	}
}

// at lets the server answer at a point, faults permitting.
func (s *session) at(point string, answer func() reply) {
	p := s.plan(point)
	s.perform(p.before)
	if s.over {
		return
	}
	var then func()
	if p.faulty {
		then = s.replace(point, p.instead, answer)
	} else {
		r := answer()
		s.reply(r)
		then = r.then
	}
	s.perform(p.after)
	if then != nil && !s.over {
		then()
	}
}

// replace performs actions instead of the server's answer and returns what comes
// then.
func (s *session) replace(point string, actions []Action, answer func() reply) (then func()) {
	code := actions[0].code
	if code >= 200 && code < 400 && !strings.HasPrefix(point, "AUTH") {
		then = answer().then
	}
	if point == "DATA" && code == 354 {
		then = s.content
	}
	s.answered(code, "")
	s.perform(actions)
	return then
}
