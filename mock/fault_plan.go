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
		actions = flatten(actions)
		s.srv.reach(i)
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

// flatten puts the parts of All in its place, so that the reply that decides has
// its turn among them. One that has a manner of its own stays whole.
func flatten(actions []Action) []Action {
	var flat []Action
	for _, a := range actions {
		if a.parts == nil || paceOf(a.parts) != nil {
			flat = append(flat, a)
			continue
		}
		flat = append(flat, flatten(a.parts)...)
	}
	return flat
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
	replies := s.replies
	s.perform(p.before)
	if s.over {
		return
	}
	var then func()
	s.paced(p.instead, func() {
		if displacing(p.instead) != nil {
			then = s.replace(point, p.instead, answer)
			return
		}
		r := s.say(point, answer)
		s.reply(r)
		then = r.then
		s.run(p.instead)
	})
	if s.over {
		return
	}
	s.perform(p.after)
	s.lead(replies + 1)
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

// replace does actions instead of the server's answer, and returns what comes
// then. The first of them that has the code of a reply decides what the command
// comes to; the command runs when that one's turn has come, for the actions
// before may end the session.
func (s *session) replace(point string, actions []Action, answer func() reply) (then func()) {
	s.answered(0, "")
	i := slices.IndexFunc(actions, func(a Action) bool { return a.code != 0 })
	if i < 0 {
		s.run(actions)
		return nil
	}
	s.run(actions[:i])
	if s.over {
		return nil
	}
	then = s.standIn(point, actions[i].code, answer)
	s.run(actions[i:])
	return then
}

// standIn runs the command that a fault's reply of that code answers, if it is
// one that lets it run, and returns what comes then.
func (s *session) standIn(point string, code int, answer func() reply) (then func()) {
	if code >= 200 && code < 400 && !strings.HasPrefix(point, "AUTH") {
		then = answer().then
	}
	switch {
	case point == "DATA" && code == 354:
		then = s.content
	case point == "STARTTLS" && code == 220 && s.tls == nil:
		then = s.upgrade
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
