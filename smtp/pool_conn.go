package smtp

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"
)

// A pooled is a connection of a Pool.
type pooled struct {
	client *Client
	born   time.Time
	used   time.Time   // when it last did something
	fresh  bool        // the server has done nothing for a message over it yet
	served bool        // the server has accepted MAIL over it
	round  int         // of the gate, when it was to be made
	expiry *time.Timer // while it is idle
}

// connect makes a connection for w, and tells how many it made on the way. If it
// fails, noConnection is to be called.
func (p *Pool) connect(ctx context.Context, w *waiter) (dials int, err error) {
	c, dials, err := dial(ctx, p.cfg)
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count.Dials += int64(dials)
	if err != nil {
		return dials, err
	}
	w.conn = &pooled{client: c, born: now, used: now, fresh: true, round: w.round}
	p.dialing--
	p.update()
	return dials, nil
}

// noConnection notes that the connection of w could not be made, and reports
// whether to try again.
func (p *Pool) noConnection(w *waiter, err error) (again bool) {
	defer p.logPause(err, p.pauses())
	p.mu.Lock()
	defer p.mu.Unlock()
	w.holds = false
	p.dialing--
	p.open--
	p.rate.done(time.Now(), false)
	news := w.round == p.gate.epoch
	p.shut(w, err)
	again = w.failed(err)
	if p.open == 0 && news { // connections that failed together are one failure
		p.share(err)
	}
	p.update()
	return again
}

// share lets all who wait have their part in a failure to connect: there is no
// connection that they could wait for.
func (p *Pool) share(err error) {
	class := Classify(err)
	if class == Canceled || class == Auth { // nobody else's, or in the gate
		return
	}
	for e := p.queue.list.Front(); e != nil; {
		w := e.Value.(*waiter)
		e = e.Next()
		if !w.failed(err) {
			p.queue.grant(w, nil, err)
		}
	}
}

// failed notes that w has lost a connection before the server began with its
// message, and reports whether it may have another one.
func (w *waiter) failed(err error) (again bool) {
	again = w.lost(err)
	switch Classify(err) {
	case Network, Temporary, Throttled:
		return again
	}
	return false
}

// lost is failed whatever the error says.
func (w *waiter) lost(err error) (again bool) {
	w.tries++
	w.last = err
	return w.tries < maxTries
}

// checkWait is how long the reply to NOOP may take.
const checkWait = 10 * time.Second

// check makes sure that a connection which had nothing to do is alive: that the
// server has said nothing meanwhile and, after a while, that it answers NOOP by
// 250. Any other reply, 221 too, is that of a server which is about to close it.
func (p *Pool) check(ctx context.Context, pc *pooled) error {
	c := pc.client.conn
	if time.Since(pc.used) < p.opts.CheckAfter {
		return c.usable()
	}
	limit := c.timeouts.Command
	defer func() { c.timeouts.Command = limit }()
	c.timeouts.Command = min(limit, checkWait)
	defer c.bind(ctx)()
	r, err := c.command(ctx, "NOOP")
	switch {
	case err != nil:
		return err
	case r.Code == 421: // which has closed it
		return pc.client.refused("NOOP", r)
	case r.Code != 250:
		return c.fail(pc.client.refused("NOOP", r))
	}
	return c.usable()
}

// dead notes that the connection of w has failed its check, and reports whether
// to look for another one.
func (p *Pool) dead(w *waiter, err error) (again bool) {
	defer p.logPause(err, p.pauses())
	class := Classify(err)
	w.conn.client.conn.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	w.holds = false
	p.open--
	p.rate.done(time.Now(), false)
	if class != Canceled {
		p.count.Dead++
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && class == Network {
		p.forget(w.conn.used)
	}
	p.heed(w.epoch, refusal{err: err})
	p.update()
	return class != Canceled
}

// forget retires the connections that were not used since, because one that was
// used then has become silent: the network may have forgotten them all, and each
// would cost a message the time of a check.
func (p *Pool) forget(since time.Time) {
	for i := len(p.idle) - 1; i >= 0; i-- {
		if !p.idle[i].used.After(since) {
			p.retire(p.takeIdle(i))
		}
	}
}

// settle notes what became of a message on the connection of w, and reports
// whether it is to be tried on another one: as long as the server has not accepted
// MAIL, nothing of the message was sent. That is so if the connection failed, and if
// MAIL was refused for what is no fault of the message: the server has forgotten
// who is signed in, or did not end the transaction before.
func (p *Pool) settle(w *waiter, result *Result, err error) (again bool) {
	pc, class := w.conn, Classify(err)
	c := pc.client
	last := c.conn.usable()
	broken := last != nil
	why := err
	if why == nil {
		why = last
	}
	defer p.logPause(why, p.pauses())
	if broken {
		c.conn.close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.holds = false
	pc.used = time.Now()
	p.rate.done(pc.used, class == Uncertain || result.Octets > 0)
	all := p.signedIn()
	if broken {
		p.open--
	}
	switch {
	case class == None, class == Partial:
		p.pace.limit.accepted(all)
		p.pace.accepted(w.epoch, pc.used)
	case pc.fresh && broken && !c.mailed:
		p.shut(w, err)
	default:
		p.heed(w.epoch, refusal{err: err, others: all - 1})
	}
	if broken { // perhaps by a 421 that came behind all that
		p.heed(w.epoch, refusal{err: last})
	}
	if pc.fresh && (c.mailed || c.mails > 0 && !broken) {
		pc.fresh = false
		p.gate.proved(pc.round)
	}
	stale := !c.mailed && (c.doubtful || class == Auth && pc.served && p.cfg.Auth != nil)
	pc.served = pc.served || c.mailed
	switch {
	case stale:
		again = w.lost(err)
	case broken:
		again = !c.mailed && w.failed(err)
	}
	switch {
	case broken:
	case stale:
		p.retire(pc)
	default:
		p.keep(pc)
	}
	p.update()
	return again
}

// keep lets a connection be idle until it is needed, unless it has done enough.
func (p *Pool) keep(pc *pooled) {
	left := p.opts.SessionAge - time.Since(pc.born)
	if pc.client.mails >= pc.most(p.opts.MessagesPerConn) || left <= 0 || pc.client.doubtful {
		p.retire(pc)
		return
	}
	p.idle = append(p.idle, pc)
	pc.client.conn.rest()
	wait := min(left, p.opts.IdleTimeout-time.Since(pc.used))
	if pc.expiry == nil {
		pc.expiry = time.AfterFunc(wait, func() { p.expire(pc) })
		return
	}
	pc.expiry.Reset(wait)
}

// most is how many messages a connection carries (RFC 9422, Section 4.1).
func (pc *pooled) most(ours int) int {
	return within(ours, pc.client.ext.limit("MAILMAX"), ours)
}

// usable takes the idle connection that was used last, and lets those go that
// are too old. It returns nil if there is none.
func (p *Pool) usable(now time.Time) *pooled {
	for len(p.idle) > 0 {
		pc := p.takeIdle(len(p.idle) - 1)
		if now.Sub(pc.born) < p.opts.SessionAge {
			return pc
		}
		p.retire(pc)
	}
	return nil
}

// takeIdle takes an idle connection by its place.
func (p *Pool) takeIdle(i int) *pooled {
	pc := p.idle[i]
	p.idle = slices.Delete(p.idle, i, i+1)
	pc.expiry.Stop()
	return pc
}

// expire retires a connection that was idle for too long.
func (p *Pool) expire(pc *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.idle, pc)
	if i < 0 || time.Since(pc.used) < p.opts.IdleTimeout && time.Since(pc.born) < p.opts.SessionAge {
		return // it was used meanwhile
	}
	p.retire(p.takeIdle(i))
	p.update()
}

// retire says QUIT on a connection and closes it. Until that is over it counts as
// open, as it does for the server.
func (p *Pool) retire(pc *pooled) {
	p.leaving++
	epoch := p.pace.epoch
	go func() {
		busy, _ := pc.client.quit()
		if busy != nil {
			defer p.logPause(busy, p.pauses())
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.leaving--
		p.open--
		if busy != nil {
			p.heed(epoch, refusal{err: busy})
		}
		p.update()
	}()
}
