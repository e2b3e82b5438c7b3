package mock

import (
	"fmt"
	"math/rand/v2"
)

// Fragments is how a server cuts what it says into writes. A client has to
// understand the same whatever it is, so a test that passes may be run once more
// with each of [AllFragments]. Zero means that the server cuts nothing.
type Fragments struct {
	manner fragmentManner
	seed   uint64
}

type fragmentManner int

const (
	uncut fragmentManner = iota
	byLine
	byOctet
	atRandom
)

// longestFragment is the longest of [AtRandom], in octets.
const longestFragment = 16

// ByLine writes each line by itself.
func ByLine() Fragments { return Fragments{manner: byLine} }

// ByOctet writes each octet by itself.
func ByOctet() Fragments { return Fragments{manner: byOctet} }

// AtRandom writes 1 to 16 octets at a time. How many depends on the seed and the
// number of the connection alone.
func AtRandom(seed uint64) Fragments { return Fragments{atRandom, seed} }

// AllFragments returns one of each: uncut, by line, by octet, at random.
//
//	for _, f := range mock.AllFragments() {
//		t.Run(f.String(), func(t *testing.T) {
//			srv := mock.Start(t, mock.Options{Fragments: f, Script: script})
//			...
//		})
//	}
func AllFragments() []Fragments { return []Fragments{{}, ByLine(), ByOctet(), AtRandom(1)} }

// String names them, the seed included.
func (f Fragments) String() string {
	switch f.manner {
	case byLine:
		return "by line"
	case byOctet:
		return "by octet"
	case atRandom:
		return fmt.Sprintf("at random, seed %d", f.seed)
	}
	return "uncut"
}

// pace returns how a connection's answers are sent, nil for at once.
func (f Fragments) pace(conn int) *pace {
	switch f.manner {
	case byLine:
		return &pace{every: moment, lines: true}
	case byOctet:
		return &pace{every: moment, chunk: 1}
	case atRandom:
		return &pace{every: moment, dice: rand.New(rand.NewPCG(f.seed, uint64(conn)))}
	}
	return nil
}
