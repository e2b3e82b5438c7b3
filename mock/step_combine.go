package mock

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Seq plays steps one after the other.
func Seq(steps ...Step) Step { return group("Seq", steps, playAll) }

func playAll(p *player, n *node) error {
	for _, kid := range n.kids {
		if err := p.play(kid); err != nil {
			return err
		}
	}
	return nil
}

// OneOf plays the first of the steps that the client's next line fits. It looks
// at how a step begins and not further. A step that begins with the server's
// words always fits.
func OneOf(steps ...Step) Step {
	s := group("OneOf", steps, func(p *player, n *node) error {
		chosen, err := p.playFirst(n, n.kids)
		if err != nil {
			return err
		}
		for i, kid := range n.kids {
			if i != chosen {
				kid.mark(skipped)
			}
		}
		return nil
	})
	s.choice = true
	return s
}

// AnyOrder plays all the steps, each when the client's next line fits it.
func AnyOrder(steps ...Step) Step {
	return group("AnyOrder", steps, func(p *player, n *node) error {
		left := append([]*node{}, n.kids...)
		for len(left) > 0 {
			i, err := p.playFirst(n, left)
			if err != nil {
				return err
			}
			left = append(left[:i], left[i+1:]...)
		}
		return nil
	})
}

// playFirst plays the first of the nodes that fits and returns which.
func (p *player) playFirst(n *node, nodes []*node) (int, error) {
	var errs []string
	ended := false
	for i, kid := range nodes {
		fits, err := p.try(kid)
		if fits {
			return i, err
		}
		errs = append(errs, fmt.Sprintf("%s (%s): %v", kid.name, kid.pos, err))
		ended = err.(*mismatch).ended
	}
	return 0, &mismatch{reason: "none fits\n" + strings.Join(errs, "\n"), at: n, ended: ended}
}

// Optional plays steps if the client's next line fits the first of them, else
// none. It waits for that line, or the client's end.
func Optional(steps ...Step) Step {
	s := group("Optional", steps, func(p *player, n *node) error {
		for i, kid := range n.kids {
			fits, err := p.try(kid)
			if i == 0 && !fits {
				n.mark(skipped)
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	s.optional = true
	return s
}

// Times plays a step again and again: at least minimum times, and then as long
// as the client's next line fits it, up to maximum. A maximum of 0 means that
// there is none.
func Times(minimum, maximum int, s Step) Step {
	times := group("Times", []Step{s}, func(p *player, n *node) error {
		for i := 0; maximum <= 0 || i < maximum; i++ {
			if p.srv.ctx.Err() != nil {
				return &mismatch{reason: "still playing when the server was closed", final: true, ended: true}
			}
			before := p.progress
			n.rewind()
			fits, err := p.try(n.kids[0])
			if !fits && i >= minimum {
				n.mark(skipped)
				return nil
			}
			if err != nil {
				return err
			}
			if p.over || p.progress == before && i >= minimum {
				return nil
			}
		}
		return nil
	})
	times.optional = minimum <= 0
	times.endless = maximum <= 0
	switch {
	case minimum < 0 || maximum < 0:
		times.err = errors.New("Times: a number is negative")
	case maximum > 0 && maximum < minimum:
		times.err = fmt.Errorf("Times: at least %d times and at most %d", minimum, maximum)
	}
	return times
}

// Group plays steps whose lines the client has to send in one group, as
// PIPELINING allows (RFC 2920): it is given no reply before the last of them is
// read. A client that waits for one fails the step after five seconds.
func Group(steps ...Step) Step {
	return group("Group", steps, func(p *player, n *node) error {
		p.group = holdNext
		defer func() { p.group = noHold }()
		return playAll(p, n)
	})
}

// Within plays steps that wait for the client so long, each. Others wait a
// minute.
func Within(patience time.Duration, steps ...Step) Step {
	s := group("Within", steps, func(p *player, n *node) error {
		defer func(before time.Duration) { p.patience = before }(p.patience)
		p.patience = patience
		return playAll(p, n)
	})
	if patience <= 0 {
		s.err = fmt.Errorf("Within: %v is no time to wait", patience)
	}
	return s
}

// SkipTo takes lines of the client and does not answer them, until one fits the
// first of the steps. Then it plays them.
func SkipTo(steps ...Step) Step {
	return group("SkipTo", steps, func(p *player, n *node) error {
		for i := 0; i < len(n.kids); {
			fits, err := p.try(n.kids[i])
			if i == 0 && !fits && !err.(*mismatch).ended {
				line, err := p.peek()
				if err != nil {
					return err
				}
				p.take(line)
				continue
			}
			if err != nil {
				return err
			}
			i++
		}
		return nil
	})
}

// Conns makes a script for several connections: the first step is for the first
// of them, and so on. It is a whole script and no part of one. Without it, a
// script is for one connection.
func Conns(scripts ...Step) Step {
	s := group("Conns", scripts, nil)
	s.conns = true
	return s
}
