package mock

import (
	"fmt"
	"math/rand/v2"
)

// A chance is how often a fault happens, by a seed.
type chance struct {
	seed uint64
	p    float64
}

// Chaos returns a fault that happens anywhere, see [Point.Sometimes].
func Chaos(seed uint64, p float64, from ...Action) Fault {
	return newFault(At(anyPoint), &chance{seed, p}, from)
}

// Sometimes returns the fault that, with a probability of p at each occurrence of
// the point, one of the actions happens. Which one, and when, depends on the seed
// and the number of the connection alone: a client that does the same again meets
// the same again. The transcript names the seed whenever the fault happens.
func (p Point) Sometimes(seed uint64, probability float64, from ...Action) Fault {
	return newFault(p, &chance{seed, probability}, from)
}

// roll returns the action of fault i, made by chance, that happens at this
// occurrence of a point, if any.
func (s *session) roll(i int, f *Fault, point string) []Action {
	if s.dice == nil {
		s.dice = make(map[int]*rand.Rand)
	}
	dice := s.dice[i]
	if dice == nil {
		dice = rand.New(rand.NewPCG(f.chance.seed, uint64(s.id)<<32|uint64(i)))
		s.dice[i] = dice
	}
	if dice.Float64() >= f.chance.p {
		return nil
	}
	n := dice.IntN(len(f.actions))
	s.rec.line(FromMock, fmt.Sprintf("chaos with seed %d: %s at %s", f.chance.seed, f.actions[n].name, point))
	return f.actions[n : n+1]
}
