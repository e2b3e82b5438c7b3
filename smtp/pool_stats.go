package smtp

import (
	"log/slog"
	"time"
)

// PoolStats are what a [Pool] does at a moment, and what it has done so far.
type PoolStats struct {
	Open    int // connections, with those that are being made or closed
	Idle    int // those of them that have nothing to do
	Usable  int // how many the Pool uses at most, now
	Waiting int // messages that wait for a connection

	// PausedUntil is when messages go on, and ConnectAfter when a connection may be
	// made, if it is not yet that time; else they are zero.
	PausedUntil, ConnectAfter time.Time

	// What became of each call of Send: accepted, if not for all recipients;
	// uncertain (see [ErrUncertain]); or neither, so that nobody gets the message.
	Accepted, Uncertain, Failed int64

	Dials     int64 // connections that were made, or tried to be
	Dead      int64 // those that were dead when they were to be used again
	Throttled int64 // how often the server made the Pool slow down
}

// Stats returns what the Pool does and has done.
func (p *Pool) Stats() PoolStats {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.count
	s.Open, s.Idle, s.Usable, s.Waiting = p.open, len(p.idle), p.pace.conns(), p.queue.len()
	if p.pace.wait(now) > 0 {
		s.PausedUntil = p.pace.until
	}
	if p.gate.wait(now) > 0 {
		s.ConnectAfter = p.gate.until
	}
	return s
}

// add counts the end of a Send.
func (s *PoolStats) add(err error) {
	switch Classify(err) {
	case None, Partial:
		s.Accepted++
	case Uncertain:
		s.Uncertain++
	default:
		s.Failed++
	}
}

// pauses is how often the Pool had to pause so far, for logPause.
func (p *Pool) pauses() int {
	if p.cfg.Logger == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pace.epoch + p.gate.epoch
}

// logPause logs a pause that began since there were so many. The lock is not
// held, so that a logger may ask for Stats.
func (p *Pool) logPause(err error, before int) {
	if p.cfg.Logger == nil || err == nil || p.pauses() == before {
		return
	}
	s := p.Stats()
	attrs := []any{slog.Int("connections", s.Usable)}
	if !s.PausedUntil.IsZero() {
		attrs = append(attrs, slog.Time("paused_until", s.PausedUntil))
	}
	if !s.ConnectAfter.IsZero() {
		attrs = append(attrs, slog.Time("connect_after", s.ConnectAfter))
	}
	p.cfg.Logger.Warn("smtp pool slows down", append(attrs, errorAttr(err)...)...)
}
