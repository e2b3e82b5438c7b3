package conformance

import (
	"errors"
	"fmt"
)

// A Step is a command and the replies that are right.
type Step struct {
	Send   string // octets, CRLF included; "" for nothing
	Shown  string // what the transcript shows in place of Send, "" for Send itself
	Accept Accept
	Want   string              // what is wanted, in words; "" for Accept
	Check  func(Reply) Verdict // of a reply that is accepted; nil for nothing

	// Control says that nothing is wrong with the step: if it does not succeed,
	// nothing can be said of the others.
	Control bool
}

// command returns a step that is under test.
func command(line string, accept Accept) Step { return Step{Send: line + "\r\n", Accept: accept} }

// control returns a step in which nothing is wrong.
func control(line string, accept Accept) Step {
	return Step{Send: line + "\r\n", Accept: accept, Control: true}
}

// Play takes steps, up to the first that fails. Warnings wait for Finish.
func (w *Wire) Play(steps ...Step) Verdict {
	for _, s := range steps {
		if s.Send != "" {
			w.Send(s.Send, s.Shown)
		}
		v := w.judge(s, w.Reply())
		switch v.Outcome {
		case Pass:
		case Warn:
			w.warn(v)
		default:
			return v
		}
	}
	return pass()
}

// warn keeps the first warning.
func (w *Wire) warn(v Verdict) {
	if w.warning.Outcome == "" {
		w.warning = v
	}
}

// judge judges the reply to a step.
func (w *Wire) judge(s Step, r Reply) Verdict {
	want := s.Want
	if want == "" {
		want = fmt.Sprintf("%s to %s", s.Accept, w.bench.printable(verb(s)))
	}
	outcome := s.Accept.judge(r.Code)
	switch {
	case outcome == Pass && s.Check != nil:
		return s.Check(r)
	case outcome == Pass:
		return pass()
	case s.Control && w.bench.unprovided(w, s, r).Outcome == Skip:
		return w.bench.unprovided(w, s, r)
	case s.Control && outcome == Warn:
		return pass() // another case is about that
	case s.Control && r.Code/100 == 2:
		return w.fail(want, r.String()) // it says yes to what it has not understood
	case s.Control:
		return w.inconclusive(want, r.String())
	case r.Code == 0:
		return w.unanswered(want, r)
	case r.Code == 421 && outcome == Fail:
		v := w.inconclusive(want, r.String())
		v.Reason = "the server has ended the session"
		return v
	}
	return Verdict{Outcome: outcome, Want: want, Got: r.String(), Transcript: w.Transcript()}
}

// unprovided returns the verdict on a server that refuses the mail of a suite that
// was not told by whom or to whom it may be; its outcome is zero if that is not why.
func (b *ServerBench) unprovided(w *Wire, s Step, r Reply) Verdict {
	is := func(command string) bool { return s.Send == command+"\r\n" && r.Code/100 == 5 }
	switch {
	case r.Code == 530 && !w.signedIn, is(b.mail()) && b.run.user == "":
		return skip(NoCredential, "the server may want a sign-in first: "+r.String())
	case is(b.rcpt()) && b.run.Sink == "":
		return skip(NoSink, fmt.Sprintf("there is no ServerTarget.Sink, and <%s> is refused: %s", b.Recipient(), r))
	}
	return Verdict{}
}

// nothingToTest returns the verdict on a server that does not let the question come
// up, and works otherwise.
func (w *Wire) nothingToTest(why string, r Reply) Verdict {
	if v := w.Play(control("NOOP", "250"), control("RSET", "250")); v.Outcome != Pass {
		return v
	}
	if v := w.Finish(); v.Outcome != Pass {
		return v
	}
	return Verdict{Outcome: Info, Reason: why, Got: r.String()}
}

// fail returns the verdict that something was broken.
func (w *Wire) fail(want, got string) Verdict {
	return Verdict{Outcome: Fail, Want: want, Got: got, Transcript: w.Transcript()}
}

// warned returns the verdict that a recommendation was not followed.
func (w *Wire) warned(want, got string) Verdict {
	v := w.fail(want, got)
	v.Outcome = Warn
	return v
}

// unanswered judges a server that did not answer what was under test. If it answers
// somebody else, it is to blame; if it does not, nothing can be said.
func (w *Wire) unanswered(want string, r Reply) Verdict {
	if errors.Is(r.Err, errTelling) {
		return w.inconclusive(want, r.String())
	}
	v := Verdict{Outcome: Inconclusive, Want: want, Got: r.String(), Transcript: w.Transcript()}
	w.Close()
	switch {
	case w.ctx.Err() != nil:
		v.Reason = "the time of the case is over"
	case w.bench.alive(w):
		v.Outcome, v.Reason = Fail, "the server answers others"
	default:
		v.Reason = "the server answers nobody"
	}
	return v
}

// alive reports whether the server says hello to somebody new.
func (b *ServerBench) alive(like *Wire) bool {
	w, _, ok := b.Hello(like.ctx)
	if ok {
		w.Close()
	}
	return ok
}

// Barrier says NOOP, which has to be answered by 250: then the server is still in
// step, as far as replies have come.
func (w *Wire) Barrier() Verdict {
	return w.Play(Step{Send: "NOOP " + w.bench.Nonce() + "\r\n", Accept: "250", Want: "the session to go on: 250 to NOOP"})
}

// Finish says QUIT and returns the verdict on the wire: pass or a warning, unless
// the server has said more than it was asked. No other reply than the one to QUIT
// has 221, so that nothing can hide.
func (w *Wire) Finish() Verdict {
	surplus := w.drain()
	if surplus.Outcome != "" {
		return surplus
	}
	if w.warning.Outcome != "" {
		return w.warning
	}
	return pass()
}

// drain says QUIT and returns the verdict on what comes before its reply; its
// outcome is zero if nothing does.
func (w *Wire) drain() Verdict {
	more, last := w.quit()
	switch {
	case len(more) > 0:
		return w.surplus(more)
	case last.Code != 221:
		v := w.inconclusive("221 to QUIT", last.String())
		v.Reason = "nobody knows whether the server has said all it had to say"
		return v
	}
	w.Close()
	return Verdict{}
}

// surplus returns the verdict on replies that nobody has asked for.
func (w *Wire) surplus(more []Reply) Verdict {
	return w.fail("one reply to each command", fmt.Sprintf("%d more: %s", len(more), more[0]))
}

// maxSurplus is how many replies are read that nobody has asked for.
const maxSurplus = 50

// quit says QUIT and returns the replies before its own, and that one. If it is not
// 221, the last one that came is taken for it.
func (w *Wire) quit() (more []Reply, last Reply) {
	w.Send("QUIT\r\n", "")
	for {
		r := w.Reply()
		switch {
		case r.Code == 221 || len(more) == maxSurplus || r.Err != nil && len(more) == 0:
			return more, r
		case r.Err != nil:
			return more[:len(more)-1], more[len(more)-1]
		}
		more = append(more, r)
	}
}

// verb returns what a step says, for people.
func verb(s Step) string {
	text := s.Send
	if s.Shown != "" {
		text = s.Shown
	}
	if len(text) > 2 && text[len(text)-2:] == "\r\n" {
		text = text[:len(text)-2]
	}
	if len(text) > 60 {
		text = text[:60] + "..."
	}
	return text
}
