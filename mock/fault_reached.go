package mock

import (
	"fmt"
	"time"
)

// reach notes that fault i happens.
func (s *Server) reach(i int) {
	if s.reached[i].Swap(true) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stir()
}

// unreached returns the faults that have never happened. Those that are left to
// chance may do so.
func (s *Server) unreached() []int {
	var list []int
	for i := range s.opts.Faults {
		if s.opts.Faults[i].chance == nil && !s.reached[i].Load() {
			list = append(list, i)
		}
	}
	return list
}

// awaitFaults gives connections a moment to come to the faults, so that a test
// need not wait for the server to have read the client's last octets.
func (s *Server) awaitFaults() {
	if s.opts.Tolerate.has(UnreachedFaults) {
		return
	}
	s.settle(s.ctx)
	timeout := time.NewTimer(scriptGrace)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		open, moved := len(s.conns), s.moved
		s.mu.Unlock()
		if open == 0 || len(s.unreached()) == 0 {
			return
		}
		select {
		case <-moved:
		case <-timeout.C:
			return
		}
	}
}

// reportFaults tells a test at its end which faults never happened.
func (s *Server) reportFaults(t TB) {
	t.Helper()
	if s.opts.Tolerate.has(UnreachedFaults) {
		return
	}
	for _, i := range s.unreached() {
		f := &s.opts.Faults[i]
		t.Errorf("mock: Options.Faults[%d] (%s) never happened: no client came to %s", i, f.place, f.point)
	}
}

// String names the point as the functions that make one do.
func (p Point) String() string {
	text := p.name
	if p.nth > 0 {
		text += fmt.Sprintf(", time %d", p.nth)
	}
	if p.conn > 0 {
		text += fmt.Sprintf(", connection %d", p.conn)
	}
	return text
}
