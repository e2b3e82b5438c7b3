package microsoft

import (
	"context"
	"time"
)

// A pace spaces the requests of a sign-in by device code. MSAL polls in intervals
// of its own, and takes no notice of those that it is told (RFC 8628, Section 3.5).
// A nil pace is none.
type pace struct {
	interval time.Duration
	next     time.Time
}

// Bounds of the interval, and what it grows by if it was too short.
const (
	defaultInterval = 5 * time.Second // RFC 8628, Section 3.2
	maxInterval     = 5 * time.Minute
	slowDown        = 5 * time.Second
)

// newPace returns the pace for an interval in seconds, as Entra has sent it.
func newPace(seconds int) *pace {
	p := &pace{interval: defaultInterval}
	if seconds > 0 {
		p.interval = time.Duration(min(seconds, int(maxInterval/time.Second))) * time.Second
	}
	p.next = time.Now().Add(p.interval)
	return p
}

// wait returns when it is time for a request, or the error of ctx.
func (p *pace) wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	timer := time.NewTimer(time.Until(p.next))
	defer timer.Stop()
	select {
	case <-timer.C:
		p.next = time.Now().Add(p.interval)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// note takes notice of an answer.
func (p *pace) note(r *record) {
	if p == nil {
		return
	}
	if r.refusal.Code == "slow_down" {
		p.interval = min(p.interval+slowDown, maxInterval)
	}
	p.next = time.Now().Add(max(p.interval, r.retryAfter))
}

// slower doubles the interval, for a login server that is out of order.
func (p *pace) slower() {
	p.interval = min(2*p.interval, maxInterval)
	p.next = time.Now().Add(p.interval)
}
