package smtp

import (
	"errors"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A pace is how many connections are used, and whether any is.
type pace struct {
	most   int     // connections, at best
	window float64 // connections, now
	limit  ceiling // of the account, as far as it is known
	until  time.Time
	cause  error // why nothing is sent until then
	steps  int   // refusals in succession, less what was accepted since

	// epoch counts refusals. What began before the latest one says nothing
	// new, neither for nor against it.
	epoch int
}

func newPace(most int) pace { return pace{most: most, window: float64(most)} }

// conns is how many connections may be used.
func (p *pace) conns() int {
	if p.limit.conns > 0 {
		return min(int(p.window), p.limit.conns)
	}
	return int(p.window)
}

func (p *pace) wait(now time.Time) time.Duration { return p.until.Sub(now) }

// shrink halves the number of connections, unless that was done since the epoch of
// what was refused.
func (p *pace) shrink(epoch int, r refusal) bool {
	if epoch != p.epoch {
		return false
	}
	p.epoch++
	if p.limit.conns > 0 {
		p.window = min(p.window, float64(p.limit.conns))
	}
	p.window = max(1, p.window/2)
	p.limit.heed(r, time.Now())
	return true
}

// accepted lets one more connection be used for as many messages as are used now.
func (p *pace) accepted(epoch int, now time.Time) {
	p.limit.raise(p.most, now)
	if epoch != p.epoch {
		return
	}
	p.window = min(float64(p.most), p.window+1/p.window)
	p.steps = max(0, p.steps-1)
}

// A gate is whether connections may be made.
type gate struct {
	until   time.Time
	cause   error // why none may be made until then
	stopped bool  // waiting is of no use: a person has to act
	strikes int   // failures in succession; unless it is 0, one try at a time
	pauses  int   // those that were refusals of a sign-in for now

	// epoch counts failures. A try that began before the latest one is a part of it.
	epoch int
}

func (g *gate) wait(now time.Time) time.Duration { return g.until.Sub(now) }

// shut lets no connection be made for a while.
func (g *gate) shut(pause time.Duration, cause error, stopped bool) {
	g.epoch++
	g.strikes++
	g.until, g.cause, g.stopped = time.Now().Add(pause), cause, stopped
}

// proved forgets all failures, unless the latest came after the connection was
// begun that turned out to be good.
func (g *gate) proved(epoch int) {
	if epoch == g.epoch {
		*g = gate{epoch: epoch}
	}
}

// A rate bounds the messages within a minute. Those on their way count, and those
// sent count from when that was known, so that the server, which counts earlier,
// never counts more.
type rate struct {
	limit  int         // 0: none
	under  int         // on their way
	latest []time.Time // when those within the last minute were sent
}

const minute = time.Minute

// room reports whether there is room for one more message, and if not, how long
// that will last; zero means until one that is on its way is sent.
func (r *rate) room(now time.Time) (wait time.Duration, ok bool) {
	if r.limit == 0 {
		return 0, true
	}
	for len(r.latest) > 0 && now.Sub(r.latest[0]) >= minute {
		r.latest = r.latest[1:]
	}
	switch {
	case r.under+len(r.latest) < r.limit:
		return 0, true
	case len(r.latest) == 0:
		return 0, false
	}
	return r.latest[0].Add(minute).Sub(now), false
}

// begin counts a message that is on its way.
func (r *rate) begin() { r.under++ }

// done notes that it is not any more, and whether the server has got it.
func (r *rate) done(now time.Time, sent bool) {
	r.under--
	if sent && r.limit > 0 {
		r.latest = append(r.latest, now)
	}
}

// heed is slower for a reply that says so, and does nothing about other errors.
func (p *Pool) heed(epoch int, r refusal) {
	if Classify(r.err) == Throttled && !endedIdle(r.err) {
		p.slower(epoch, r)
	}
}

// slower reacts to a reply that says that it is all too much, unless it was given
// to what began before the latest of that kind.
func (p *Pool) slower(epoch int, r refusal) {
	if !p.pace.shrink(epoch, r) {
		return
	}
	pause := p.pause(p.opts.Pause, p.opts.MaxPause, p.pace.steps)
	p.pace.steps++
	p.pace.until, p.pace.cause = time.Now().Add(pause), r.err
	p.count.Throttled++
}

// pause returns first, doubled for each step, at most most, and up to half more.
func (p *Pool) pause(first, most time.Duration, steps int) time.Duration {
	d := first
	for ; steps > 0 && d < most; steps-- {
		d *= 2
	}
	d = min(d, most)
	return d + time.Duration(p.jitter.Int64N(int64(d/2)+1))
}

// longestSignInPause is the longest pause of sign-ins, in units of
// PoolOptions.SignInPause.
const longestSignInPause = 16

// shut reacts to a connection that could not be made, or was of no use.
func (p *Pool) shut(w *waiter, err error) {
	class := Classify(err)
	r := refusal{err, p.signedIn(), true}
	signIn := new(AuthError)
	throttled := class == Throttled && !endedIdle(err)
	if throttled && !errors.As(err, &signIn) {
		p.slower(w.epoch, r) // connections that there are, too
	}
	switch {
	case class == Canceled: // which says nothing of the server
	case w.round != p.gate.epoch: // nothing new
	case class == Auth:
		p.gate.shut(coolDown(err), err, true)
	case throttled && errors.As(err, &signIn):
		p.pace.shrink(w.epoch, r)
		p.count.Throttled++
		pause := p.pause(p.opts.SignInPause, longestSignInPause*p.opts.SignInPause, p.gate.pauses)
		p.gate.shut(pause, err, false)
		p.gate.pauses++
	default:
		p.gate.shut(p.pause(p.opts.Pause, p.opts.MaxPause, p.gate.strikes), err, false)
	}
}

// coolDown is how long no sign-in is tried after credentials were refused.
func coolDown(err error) time.Duration {
	if cooling := new(sasl.CoolDownError); errors.As(err, &cooling) {
		return time.Until(cooling.Until)
	}
	return sasl.CoolDown
}

// endedIdle reports whether err is 421 4.4.2, by which servers end a session
// that was idle or is old.
func endedIdle(err error) bool {
	var reply *ReplyError
	return errors.As(err, &reply) && reply.Reply.Code == 421 && reply.Reply.Enhanced == EnhancedCode{4, 4, 2}
}
