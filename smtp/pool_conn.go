package smtp

import (
	"context"
	"slices"
	"time"
)

// A pooled is a connection of a Pool.
type pooled struct {
	client *Client
	born   time.Time
	used   time.Time   // when it last did something
	fresh  bool        // the server has done nothing for a message over it yet
	round  int         // of the gate, when it was to be made
	expiry *time.Timer // while it is idle
}

// connect makes a connection, and tells how many it made on the way.
func (p *Pool) connect(ctx context.Context, w *waiter) (pc *pooled, dials int, err error) {
	c, dials, err := dial(ctx, p.cfg)
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing--
	p.count.Dials += int64(dials)
	if err != nil {
		return nil, dials, err
	}
	p.update()
	return &pooled{client: c, born: now, used: now, fresh: true, round: w.round}, dials, nil
}

// noConnection notes that the connection of w could not be made, and reports
// whether to try again.
func (p *Pool) noConnection(w *waiter, err error) (again bool) {
	defer p.logPause(err, p.pauses())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.rate.done(time.Now(), false)
	p.shut(w, err)
	again = w.failed(err)
	if p.open == 0 {
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
	w.tries++
	w.last = err
	switch Classify(err) {
	case Network, Temporary, Throttled:
		return w.tries < maxTries
	}
	return false
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

// dead notes that a connection has failed its check, and reports whether to
// look for another one.
func (p *Pool) dead(w *waiter, pc *pooled, err error) (again bool) {
	defer p.logPause(err, p.pauses())
	pc.client.conn.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.count.Dead++
	p.rate.done(time.Now(), false)
	class := Classify(err)
	if class == Throttled && !endedIdle(err) {
		p.slower(w.epoch, err)
	}
	p.update()
	return class != Canceled
}

// settle notes what became of a message on a connection, and reports whether it
// is to be tried on another one: if this one failed before the server accepted
// MAIL, nothing of the message was sent.
func (p *Pool) settle(w *waiter, pc *pooled, result *Result, err error) (again bool) {
	defer p.logPause(err, p.pauses())
	now, class, c := time.Now(), Classify(err), pc.client
	broken := c.conn.usable() != nil
	if broken {
		c.conn.close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate.done(now, class == Uncertain || result.Octets > 0)
	pc.used = now
	switch {
	case class == None, class == Partial:
		p.pace.accepted(w.epoch)
	case pc.fresh && broken && !c.mailed:
		p.shut(w, err)
	case class == Throttled && !endedIdle(err):
		p.slower(w.epoch, err)
	}
	if pc.fresh && (c.mailed || c.mails > 0 && !broken) {
		pc.fresh = false
		p.gate.proved(pc.round)
	}
	if !broken {
		p.keep(pc)
		p.update()
		return false
	}
	p.open--
	again = !c.mailed && w.failed(err)
	p.update()
	return again
}

// keep lets a connection be idle until it is needed, unless it has done enough.
func (p *Pool) keep(pc *pooled) {
	left := p.opts.SessionAge - time.Since(pc.born)
	if pc.client.mails >= pc.most(p.opts.MessagesPerConn) || left <= 0 {
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
	go func() {
		_ = pc.client.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.leaving--
		p.open--
		p.update()
	}()
}
