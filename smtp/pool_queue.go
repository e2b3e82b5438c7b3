package smtp

import (
	"container/list"
	"context"
	"fmt"
	"time"
)

// PhaseQueue is the wait of a message for a connection of a [Pool].
const PhaseQueue Phase = "waiting for a connection"

// A waiter is a message that waits for a connection, again if its first one
// failed.
type waiter struct {
	number  uint64        // its place, which a second try keeps; 0: none yet
	granted chan struct{} // receives when it has waited enough
	place   *list.Element // nil: it does not wait
	late    *time.Timer   // for MaxWait; nil: there is none

	// What it was granted.
	holds bool    // a connection, or the right to make one, and has not given it back
	conn  *pooled // nil: it is yet to be made
	err   error   // neither
	epoch int     // of the pace at that time
	round int     // of the gate

	tries int   // connections that failed
	last  error // of the latest
}

func newWaiter(most time.Duration) *waiter {
	w := &waiter{granted: make(chan struct{}, 1)}
	if most > 0 {
		w.late = time.NewTimer(most)
	}
	return w
}

func (w *waiter) stop() {
	if w.late != nil {
		w.late.Stop()
	}
}

// tooLate receives when MaxWait is over.
func (w *waiter) tooLate() <-chan time.Time {
	if w.late == nil {
		return nil
	}
	return w.late.C
}

// A busyError says that MaxWait is over. It matches [ErrPoolBusy].
type busyError struct {
	wait  time.Duration
	cause error // what held the message up, nil if only others did
}

func (e *busyError) Error() string {
	text := fmt.Sprintf("%v: %v", ErrPoolBusy, e.wait)
	if e.cause != nil {
		text += ": " + trimPrefix(e.cause.Error())
	}
	return text
}

func (e *busyError) Is(target error) bool { return target == ErrPoolBusy }
func (e *busyError) Unwrap() error        { return e.cause }

// A queue holds the waiters, in the order in which they came. Its zero value is
// empty.
type queue struct {
	list   list.List
	number uint64 // of the latest
}

func (q *queue) len() int { return q.list.Len() }

// first returns the waiter that has waited longest.
func (q *queue) first() *waiter { return q.list.Front().Value.(*waiter) }

// add lets w wait: behind all others, or in its old place.
func (q *queue) add(w *waiter) {
	if w.number == 0 {
		q.number++
		w.number = q.number
		w.place = q.list.PushBack(w)
		return
	}
	for e := q.list.Front(); e != nil; e = e.Next() {
		if e.Value.(*waiter).number > w.number {
			w.place = q.list.InsertBefore(w, e)
			return
		}
	}
	w.place = q.list.PushBack(w)
}

// remove ends the wait of w and reports whether it did wait.
func (q *queue) remove(w *waiter) bool {
	if w.place == nil {
		return false
	}
	q.list.Remove(w.place)
	w.place = nil
	return true
}

// grant ends the wait of w.
func (q *queue) grant(w *waiter, conn *pooled, err error) {
	q.remove(w)
	w.conn, w.err = conn, err
	w.granted <- struct{}{}
}

// acquire waits until w is granted a connection, or may make one, and tells that.
func (p *Pool) acquire(ctx context.Context, w *waiter) error {
	if p.cfg.Hooks == nil || p.cfg.Hooks.Queue == nil {
		return p.wait(ctx, w)
	}
	start := time.Now()
	err := p.wait(ctx, w)
	p.cfg.Hooks.Queue(ctx, Queued{Start: start, Duration: time.Since(start), Connect: err == nil && w.conn == nil, Err: err})
	return err
}

// wait is acquire without anybody who watches.
func (p *Pool) wait(ctx context.Context, w *waiter) error {
	if ctx.Err() != nil {
		return join(canceled(ctx, PhaseQueue), w.last)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return join(ErrPoolClosed, w.last)
	}
	p.queue.add(w)
	p.update()
	p.mu.Unlock()
	select {
	case <-w.granted:
		return w.err
	case <-ctx.Done():
		return p.giveUp(w, func(why error) error { return join(canceled(ctx, PhaseQueue), why) })
	case <-w.tooLate():
		return p.giveUp(w, func(why error) error { return &busyError{p.opts.MaxWait, why} })
	}
}

// giveUp ends the wait of w with an error that is told what held it up, nil if
// only other messages did. It gives back what w was granted in the meantime.
func (p *Pool) giveUp(w *waiter, because func(error) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	why := w.last
	if why == nil {
		why = p.obstacle(time.Now())
	}
	if !p.queue.remove(w) {
		<-w.granted
		p.decline(w)
	}
	p.update()
	return because(why)
}

// decline gives back what w was granted.
func (p *Pool) decline(w *waiter) {
	switch {
	case !w.holds:
		return
	case w.conn != nil:
		p.keep(w.conn)
	default:
		p.dialing--
		p.open--
	}
	w.holds = false
	p.rate.done(time.Now(), false)
}

// abandon gives back what w holds because what was done with it has panicked.
func (p *Pool) abandon(w *waiter) {
	if !w.holds {
		return
	}
	if w.conn != nil {
		w.conn.client.conn.raw.Close() // and no hook is told
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.conn == nil {
		p.dialing--
	}
	w.holds = false
	p.open--
	p.rate.done(time.Now(), true) // nobody knows
	p.update()
}

// obstacle returns what the server said that messages wait because of, if they
// do.
func (p *Pool) obstacle(now time.Time) error {
	switch {
	case p.pace.wait(now) > 0:
		return p.pace.cause
	case p.gate.wait(now) > 0:
		return p.gate.cause
	}
	return nil
}

// wake is called when the time has come that something waited for.
func (p *Pool) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.update()
}

// update does what has become possible. It is called after each change, with the
// lock held.
func (p *Pool) update() {
	p.alarm.Stop()
	for p.queue.len() > 0 {
		wait, ok := p.serve(p.queue.first(), time.Now())
		if !ok {
			if wait > 0 {
				p.alarm.Reset(wait)
			}
			break
		}
	}
	for len(p.idle) > 0 && p.open-p.leaving > p.pace.conns() {
		p.retire(p.takeIdle(0))
	}
	if !p.closing {
		return
	}
	for p.queue.len() == 0 && len(p.idle) > 0 {
		p.retire(p.takeIdle(0))
	}
	if p.sending == 0 && p.open == 0 {
		p.finish()
	}
}

// serve grants the first waiter what there is for it. If there is nothing, it
// returns how long that will last; zero means until something changes.
func (p *Pool) serve(w *waiter, now time.Time) (wait time.Duration, ok bool) {
	if wait := p.pace.wait(now); wait > 0 {
		return wait, false
	}
	if wait, ok := p.rate.room(now); !ok {
		return wait, false
	}
	if p.open-len(p.idle) >= p.pace.conns() {
		return 0, false
	}
	if pc := p.usable(now); pc != nil {
		p.let(w, pc)
		return 0, true
	}
	wait = p.gate.wait(now)
	switch {
	case p.open >= p.pace.conns(): // those that were too old are being closed
		return 0, false
	case wait > 0 && p.gate.stopped && p.signedIn() == 0:
		p.queue.grant(w, nil, &StoppedError{p.gate.until, p.gate.cause})
		return 0, true
	case wait > 0:
		return wait, false
	case p.gate.strikes > 0 && p.dialing > 0: // one try after a failure
		return 0, false
	}
	p.open++
	p.dialing++
	p.let(w, nil)
	return 0, true
}

// signedIn returns how many connections there are to wait for: those that carry
// messages or are idle.
func (p *Pool) signedIn() int { return p.open - p.dialing - p.leaving }

// let grants w a connection, or to make one.
func (p *Pool) let(w *waiter, pc *pooled) {
	p.rate.begin()
	w.holds, w.epoch, w.round = true, p.pace.epoch, p.gate.epoch
	p.queue.grant(w, pc, nil)
}
