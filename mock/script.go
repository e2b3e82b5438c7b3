package mock

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Tolerance is what a test lets pass at its end. Zero lets nothing pass. What is
// never let pass is a client that says something else than a step expects.
type Tolerance int

const (
	// UnplayedSteps lets a connection end, or never come, while steps are left.
	UnplayedSteps Tolerance = 1 << iota
	// UnreadOctets lets the client say more than the steps read.
	UnreadOctets
	// SurpriseConnections closes connections that no script is for, and says
	// nothing of it.
	SurpriseConnections
	// UnreachedFaults lets a server without a script end although some of its
	// faults never happened.
	UnreachedFaults
)

const allTolerances = UnplayedSteps | UnreadOctets | SurpriseConnections | UnreachedFaults

func (t Tolerance) has(what Tolerance) bool { return t&what != 0 }

const (
	// scriptGrace is how long Close waits for scripts that are under way, and
	// restGrace for clients whose script is over to end the connection.
	scriptGrace = 5 * time.Second
	restGrace   = 50 * time.Millisecond
)

// A script is a server's part in dialogues that were written down before.
type script struct {
	tolerate Tolerance
	values   secretValues

	mu       sync.Mutex
	plots    []*plot // one for each connection that is to come
	begun    int     // connections, surprises left out
	playing  int     // of them, those in the middle of their script
	resting  int     // of them, those that wait for the client's end
	closed   bool
	failures []*ScriptError
	changed  chan struct{} // closed when playing or resting changes
}

// newScript returns nil if there is no script.
func newScript(s Step, tolerate Tolerance) *script {
	if s == nil {
		return nil
	}
	sc := &script{tolerate: tolerate, values: valuesOf(s), changed: make(chan struct{})}
	if top := s.step(); top.conns {
		for _, kid := range top.kids {
			placed := *kid.step()
			if placed.pos == "" {
				placed.pos = top.pos
			}
			sc.plots = append(sc.plots, newPlot(&placed))
		}
		return sc
	}
	sc.plots = []*plot{newPlot(s)}
	return sc
}

// checkScript returns what is wrong with Options.Script and its company.
func (o *Options) checkScript() error {
	if o.Script == nil {
		if o.Tolerate&^UnreachedFaults != 0 {
			return errors.New("mock: Options.Tolerate without Options.Script; only UnreachedFaults is for a server that behaves")
		}
		return nil
	}
	if o.Tolerate&^allTolerances != 0 {
		return errors.New("mock: unknown Options.Tolerate")
	}
	if o.Tolerate.has(UnreachedFaults) {
		return errors.New("mock: Options.Tolerate has UnreachedFaults, and a script has no faults")
	}
	if len(o.Faults) > 0 {
		return errors.New("mock: Options.Script together with Faults; write what goes wrong into the script")
	}
	if _, err := checkStep(o.Script, true, maxSteps); err != nil {
		return fmt.Errorf("mock: Options.Script: %w", err)
	}
	return nil
}

// play serves a connection.
func (sc *script) play(s *session) {
	if s.plot == nil {
		if !sc.tolerate.has(SurpriseConnections) {
			sc.fail(&ScriptError{Session: s.id, Reason: fmt.Sprintf("surprise connection: the script has %d", len(sc.plots))})
		}
		return
	}
	p := newPlayer(s, sc)
	defer p.leave()
	if failure := p.run(); failure != nil {
		sc.fail(failure)
	}
}

// begin returns the plot of the next connection, nil if there is none.
func (sc *script) begin() *plot {
	if sc == nil {
		return nil
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.begun == len(sc.plots) {
		return nil
	}
	sc.begun++
	sc.playing++
	return sc.plots[sc.begun-1]
}

// move changes the number of connections that play and that rest.
func (sc *script) move(playing, resting int) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.playing += playing
	sc.resting += resting
	close(sc.changed)
	sc.changed = make(chan struct{})
}

func (sc *script) fail(e *ScriptError) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if len(sc.failures) < maxRecorded {
		sc.failures = append(sc.failures, e)
	}
}

// linger gives connections a moment to end by themselves, so that a test need
// not wait for the server to have read the client's last octets.
func (sc *script) linger() {
	if sc == nil {
		return
	}
	sc.wait(scriptGrace, func() bool { return sc.playing == 0 })
	sc.wait(restGrace, func() bool { return sc.playing+sc.resting == 0 })
}

func (sc *script) wait(limit time.Duration, until func() bool) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		sc.mu.Lock()
		ended, changed := until(), sc.changed
		sc.mu.Unlock()
		if ended {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			return
		}
	}
}

// close adds what can be said now that no connection will come any more.
func (sc *script) close() {
	if sc == nil {
		return
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.closed {
		return
	}
	sc.closed = true
	if sc.tolerate.has(UnplayedSteps) {
		return
	}
	for i, plot := range sc.plots[sc.begun:] {
		missing := plot.missing()
		if len(missing) == 0 {
			continue
		}
		sc.failures = append(sc.failures, &ScriptError{
			Steps:        len(plot.leaves),
			Reason:       fmt.Sprintf("connection %d of %d never came", sc.begun+i+1, len(sc.plots)),
			NeverReached: describe(missing),
		})
	}
}

// Err returns what was not as Options.Script says: one *[ScriptError], or
// several that are joined. Steps that no client has reached, and connections
// that never came, are in it once the server is closed. Without a script it is
// nil. A server of [Start] reports it to the test by itself.
func (s *Server) Err() error {
	failures := s.script.all()
	if len(failures) == 1 {
		return failures[0]
	}
	errs := make([]error, len(failures))
	for i, f := range failures {
		errs[i] = f
	}
	return errors.Join(errs...)
}

func (sc *script) all() []*ScriptError {
	if sc == nil {
		return nil
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return slices.Clone(sc.failures)
}

// report tells a test at its end.
func (sc *script) report(t TB) {
	t.Helper()
	for _, f := range sc.all() {
		t.Errorf("%v", f)
	}
}
