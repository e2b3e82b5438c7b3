package mock

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A Point is a place in the dialogue where a [Fault] happens. By default it
// stands for each of its occurrences, on each connection, and the fault happens
// instead of what the server would do.
type Point struct {
	name      string
	nth, conn int // 0: any; below: there is none
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
	"CONNECT", "TLS", "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "EOD", "BDAT",
	"RSET", "NOOP", "VRFY", "HELP", "QUIT", anyPoint,
}

// anyPoint is the name of the point that is all of them.
const anyPoint = "ANY"

// At returns the point where the server answers a command: EHLO, HELO, STARTTLS,
// AUTH, MAIL, RCPT, DATA, BDAT, RSET, NOOP, VRFY, HELP or QUIT. More points are
//
//   - CONNECT, where it sends its greeting;
//   - TLS, where it begins the handshake, be it behind STARTTLS or at once; a
//     fault instead of that leaves the connection in clear, and what it sends is
//     in clear;
//   - AUTH/2, AUTH/3 and so on, where it answers the first, the second response
//     within AUTH;
//   - EOD, where it answers the end of content that came by DATA; a chunk of
//     content is answered at BDAT, the last one too;
//   - ANY, which is each of these.
func At(name string) Point { return Point{name: strings.ToUpper(name)} }

// Nth narrows the point to its nth occurrence on a connection, from 1.
func (p Point) Nth(n int) Point {
	p.nth = ordinal(n)
	return p
}

// Conn narrows the point to the nth connection of the server, from 1.
func (p Point) Conn(n int) Point {
	p.conn = ordinal(n)
	return p
}

// ordinal makes sure that what counts from 1 and does not is found out.
func ordinal(n int) int {
	if n < 1 {
		return -1
	}
	return n
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
func (p Point) Do(actions ...Action) Fault { return newFault(p, nil, actions) }

// A Fault is something that goes wrong at some [Point]. All that are for a point
// happen there, in their order, as if their actions were those of one fault: of
// two replies instead of one, the client gets both, and the first decides; of those of an [Authority], the first that fits.
type Fault struct {
	point   Point
	actions []Action
	chance  *chance // nil: always
	place   string  // where it was made, as file:line
}

// newFault makes a fault for an exported function that was called by somebody.
func newFault(p Point, c *chance, actions []Action) Fault {
	f := Fault{point: p, actions: slices.Clone(actions), chance: c}
	if _, file, line, ok := runtime.Caller(2); ok {
		f.place = fmt.Sprintf("%s:%d", filepath.Base(file), line)
	}
	return f
}

// checkFaults returns what is wrong with the first fault that makes no sense,
// and which that is.
func checkFaults(faults []Fault) error {
	for i := range faults {
		err := faults[i].check()
		if err == nil {
			continue
		}
		if place := faults[i].place; place != "" {
			return fmt.Errorf("mock: Options.Faults[%d] (%s): %w", i, place, err)
		}
		return fmt.Errorf("mock: Options.Faults[%d]: %w", i, err)
	}
	return nil
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
	case f.chance != nil && !(f.chance.p > 0 && f.chance.p <= 1):
		return fmt.Errorf("point %s: a probability of %v is not above 0 and up to 1", p.name, f.chance.p)
	}
	return f.checkActions()
}

func (f *Fault) checkActions() error {
	p := f.point
	answers := p.phase == instead
	for _, a := range f.actions {
		switch {
		case a.isZero():
			return fmt.Errorf("point %s: zero Action", p.name)
		case a.wrong != "":
			return fmt.Errorf("point %s: %s", p.name, a.wrong)
		case a.only != "" && a.only != p.name:
			return fmt.Errorf("point %s: %s happens at %s only", p.name, a.name, a.only)
		}
		answers = answers || a.run != nil
	}
	switch {
	case len(f.actions) == 0:
		return fmt.Errorf("point %s: no action", p.name)
	case !answers:
		return fmt.Errorf("point %s: nothing is sent in that manner; leave Before and After out, or add a reply", p.name)
	}
	return nil
}
