package mock

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A Step is a part of a script: something that the server says, or something
// that the client has to say; see Options.Script. Steps hold no state of a
// connection, so one may stand in several scripts, and be used by several
// servers at once.
//
// An [Action] is a step too: [Reply], [Raw], [Delay], [Stall], [Drop] and
// [Reset] do in a script what they do in a [Fault]. A manner, such as [Drip], is
// one of something: All(Drip(1, time.Second), Reply(250, "", "ok")).
type Step interface {
	// String says what the step does, without secrets.
	String() string

	step() *step
}

// A step is what every Step is made of.
type step struct {
	pos  string // file:line of the call or the line that made it
	name string

	kids []Step // of a step that is made of steps; else it is a leaf
	play func(*player, *node) error

	err      error // why it cannot be played, for New to return
	optional bool  // nothing is missing if a kid is never played
	conns    bool  // the kids are one for each connection
	acts     bool  // it wants nothing of the client
	noTLS    bool  // it wants the handshake to fail
	endless  bool  // it plays its kid as often as it fits
	choice   bool  // it plays one of its kids
	mute     bool  // it takes nothing of the client, though it looks
	veiled   bool  // the client's line may hold a value that the dialogue was given

	values []string // those that a dialogue was given
}

func (s *step) step() *step { return s }

func (s *step) String() string { return s.name }

// step makes an action a step.
func (a Action) step() *step {
	return &step{pos: a.pos, name: a.String(), acts: true, err: a.unfit(), play: func(p *player, _ *node) error {
		p.said(a.code)
		p.rest() // if it is the last, Close need not wait for it
		p.perform([]Action{a})
		return nil
	}}
}

// unfit returns why an action is no step.
func (a Action) unfit() error {
	switch {
	case a.wrong != "":
		return errors.New(a.wrong)
	case a.only != "":
		return fmt.Errorf("%s is for a fault at %s, and no step; in a script, Raw sends what it sends", a.name, a.only)
	case a.run == nil:
		return fmt.Errorf("%s is how something is sent; write All(%s(...), Reply(...))", a.name, a.name)
	}
	return nil
}

// String names the action, and the code of the reply that it begins with.
func (a Action) String() string {
	if a.code != 0 {
		return fmt.Sprintf("%s %03d", a.name, a.code)
	}
	return a.name
}

// leaf makes a step that plays by itself.
func leaf(name string, play func(*player) error) *step {
	return &step{pos: here(), name: name, play: func(p *player, _ *node) error { return play(p) }}
}

// group makes a step that is made of steps.
func group(name string, kids []Step, play func(*player, *node) error) *step {
	return &step{pos: here(), name: name, kids: append([]Step{}, kids...), play: play}
}

// packagePath begins the names of this package's functions.
const packagePath = "github.com/seed-55a66e92/postern/mock."

// here returns the file:line that called into this package.
func here() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, packagePath) || strings.HasSuffix(f.File, "_test.go") {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		if !more {
			return ""
		}
	}
}

// A node is a step at its place in the script of one connection.
type node struct {
	*step
	kids     []*node
	number   int // of a leaf, from 1
	optional bool
	state    nodeState
}

type nodeState int

const (
	unplayed nodeState = iota
	played
	skipped // rightly
)

// maxSteps bounds what a script may expand to, for steps may share parts.
const maxSteps = 10_000

// A plot is the script of one connection.
type plot struct {
	root   *node
	leaves []*node
}

// newPlot lays a script out. Its steps have been checked.
func newPlot(s Step) *plot {
	p := &plot{}
	p.root = p.add(s.step(), "", false)
	return p
}

func (p *plot) add(s *step, pos string, optional bool) *node {
	if s.pos == "" && pos != "" {
		placed := *s
		placed.pos = pos
		s = &placed
	}
	n := &node{step: s, optional: optional || s.optional}
	for _, kid := range s.kids {
		n.kids = append(n.kids, p.add(kid.step(), s.pos, n.optional))
	}
	if s.kids == nil {
		p.leaves = append(p.leaves, n)
		n.number = len(p.leaves)
	}
	return n
}

// missing returns the leaves that should have been played and were not.
func (p *plot) missing() []*node {
	var list []*node
	for _, n := range p.leaves {
		if n.state == unplayed && !n.optional {
			list = append(list, n)
		}
	}
	return list
}

// mark gives a step and all its parts a state, but for parts that were played.
func (n *node) mark(state nodeState) {
	if n.state != played {
		n.state = state
	}
	for _, kid := range n.kids {
		kid.mark(state)
	}
}

// rewind makes a step ready to be played once more.
func (n *node) rewind() {
	n.state = unplayed
	for _, kid := range n.kids {
		kid.rewind()
	}
}

// reads reports whether a step, each time that it is played to its end, takes
// something of the client.
func reads(s Step) bool {
	at := s.step()
	switch {
	case at.optional || at.mute:
		return false
	case at.kids == nil:
		return !at.acts
	case at.choice:
		return !slices.ContainsFunc(at.kids, func(kid Step) bool { return !reads(kid) })
	}
	return slices.ContainsFunc(at.kids, reads)
}

// checkStep returns what is wrong with a script, and how many steps it has.
func checkStep(s Step, outermost bool, room int) (int, error) {
	if s == nil {
		return 0, fmt.Errorf("nil step")
	}
	if a, ok := s.(Action); ok && a.isZero() {
		return 0, fmt.Errorf("zero Action")
	}
	at := s.step()
	if at.conns && !outermost {
		return 0, fmt.Errorf("%s: Conns is a whole script and no part of one", at.pos)
	}
	if at.err != nil {
		return 0, fmt.Errorf("%s: %w", at.pos, at.err)
	}
	if at.kids != nil && len(at.kids) == 0 {
		return 0, fmt.Errorf("%s: %s of no step", at.pos, at.name)
	}
	if at.endless && !reads(s) {
		return 0, fmt.Errorf("%s: %s without a maximum would never end: its step reads nothing of the client", at.pos, at.name)
	}
	count := 1
	for _, kid := range at.kids {
		n, err := checkStep(kid, false, room-count)
		if err != nil {
			if at.pos != "" && (kid == nil || kid.step().pos == "") {
				err = fmt.Errorf("%s: in %s: %w", at.pos, at.name, err)
			}
			return 0, err
		}
		count += n
	}
	if count > room {
		return 0, fmt.Errorf("more than %d steps", maxSteps)
	}
	return count, nil
}
