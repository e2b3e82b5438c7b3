package mock

import (
	"slices"
	"strings"
)

// A plan is what is to happen at one occurrence of a point.
type plan struct {
	before, instead, after []Action
}

// plan counts an occurrence of a point and collects its faults.
func (s *session) plan(point string) plan {
	s.occurred[point]++
	s.occurred[anyPoint]++
	var p plan
	for i := range s.srv.opts.Faults {
		f := &s.srv.opts.Faults[i]
		if !s.meets(f.point, point) {
			continue
		}
		actions := f.actions
		if f.chance != nil {
			actions = s.roll(i, f, point)
		}
		switch f.point.phase {
		case before:
			p.before = append(p.before, actions...)
		case after:
			p.after = append(p.after, actions...)
		default:
			p.instead = append(p.instead, actions...)
		}
	}
	return p
}

// meets reports whether a fault's point is the present one.
func (s *session) meets(p Point, point string) bool {
	return (p.name == point || p.name == anyPoint) &&
		(p.nth == 0 || p.nth == s.occurred[p.name]) &&
		(p.conn == 0 || p.conn == s.id)
}

// at lets the server answer at a point, faults permitting.
func (s *session) at(point string, answer func() reply) {
	p := s.plan(point)
	s.perform(p.before)
	if s.over {
		return
	}
	var then func()
	s.paced(p.instead, func() {
		if first := displacing(p.instead); first != nil {
			then = s.replace(point, first.code, answer)
		} else {
			r := s.say(point, answer)
			s.reply(r)
			then = r.then
		}
		s.run(p.instead)
	})
	if s.over {
		return
	}
	s.perform(p.after)
	if then != nil && !s.over {
		then()
	}
}

// displacing returns the first of actions that takes the place of the server's
// answer, nil if none does.
func displacing(actions []Action) *Action {
	i := slices.IndexFunc(actions, func(a Action) bool { return a.run != nil && !a.beside })
	if i < 0 {
		return nil
	}
	return &actions[i]
}

// replace prepares for actions that begin with a reply of that code, 0 for none,
// instead of the server's answer, and returns what comes then.
func (s *session) replace(point string, code int, answer func() reply) (then func()) {
	if code >= 200 && code < 400 && !strings.HasPrefix(point, "AUTH") {
		then = answer().then
	}
	if point == "DATA" && code == 354 {
		then = s.content
	}
	s.answered(code, "")
	return then
}

// perform does actions at a place where there is no answer to replace.
func (s *session) perform(actions []Action) {
	s.paced(actions, func() { s.run(actions) })
}

// run runs actions until one of them ends the session.
func (s *session) run(actions []Action) {
	for _, a := range actions {
		if s.over {
			return
		}
		if a.run != nil {
			a.run(s)
		}
	}
}

// paced does something and sends what it has to send in the manner that the
// actions ask for.
func (s *session) paced(actions []Action, do func()) {
	p := paceOf(actions)
	if p == nil {
		do()
		return
	}
	s.flush() // what came before has no part in it
	s.pace = p
	do()
	s.flush()
	s.pace = nil
	if p.limited {
		s.over = true
	}
}
