package providers

import (
	"context"
	"errors"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A flight is one request to the authority that any number of callers wait for.
// Its fields do not change once done is closed.
type flight struct {
	entry    *entry
	have     sasl.Token      // the token at hand, which will not do
	rejected *sasl.Rejection // what the Fetcher is told
	began    time.Time
	forced   bool // it renews a token that a server refused
	log      eventLog
	done     chan struct{}

	stored     Response  // what the Store had, if it has not expired
	forcedAt   time.Time // with errTooSoon: when a renewal was last forced
	response   Response
	err        error
	remembered bool  // the authority was not asked: err is its last answer
	saveErr    error // the token is good, but what came with it could not be saved
}

// errAborted is the result of a Fetcher that ended its goroutine.
var errAborted = errors.New("providers: the fetcher did not return")

// errEmpty is the result of a Fetcher that returned neither token nor error.
var errEmpty = errors.New("providers: the fetcher returned an empty token")

// An eventLog collects the events of one goroutine of a Cache, which tells of
// them when it is done.
type eventLog struct{ events []Event }

func (l *eventLog) add(e Event) {
	e.Time = time.Now()
	l.events = append(l.events, e)
}

// start sends a request off. It does not end with the context of the caller, for
// others may wait for it too; but it has the values of that context. The caller
// holds the lock.
func (c *Cache) start(ctx context.Context, e *entry, rejected *sasl.Rejection) *flight {
	now := time.Now()
	if e.rejection != nil {
		rejected = e.rejection
	}
	f := &flight{
		entry: e, have: e.token, rejected: rejected, began: now,
		forced: e.rejection != nil && e.alive(now),
		done:   make(chan struct{}), err: errAborted,
	}
	e.flight = f
	ctx = context.WithoutCancel(ctx)
	c.running.Go(func() { c.fly(ctx, f) })
	return f
}

// fly gets the token, and tells of events when nobody waits any more.
func (c *Cache) fly(ctx context.Context, f *flight) {
	defer c.tell(f.entry, &f.log)
	defer c.land(f) // even if the Fetcher calls runtime.Goexit
	f.entry.keeper.fetch(ctx, f)
}

// land keeps the result and wakes all who wait.
func (c *Cache) land(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, now := f.entry, time.Now()
	switch {
	case f.err == nil:
		if f.forced { // a failure is spaced by its own back-off
			e.renewedAt = f.began
		}
		e.accept(f.response, f.rejected, now, &c.options)
		e.saved(f.saveErr, now)
	case errors.Is(f.err, errTooSoon):
		e.adopt(f.stored, f.rejected, now, &c.options)
		e.renewedAt = f.forcedAt
	case f.remembered:
		e.retryAt = now.Add(c.deadPause())
	default:
		e.adopt(f.stored, f.rejected, now, &c.options)
		e.fail(f.err, now, c.deadPause())
	}
	e.flight = nil
	close(f.done)
}

// deadPause is the pause after a failure that no retry mends. Where others may
// sign in again, it is only until the record is looked at.
func (c *Cache) deadPause() time.Duration {
	if c.options.Store != nil {
		return peekInterval
	}
	return deadInterval
}

// flush saves, in the background, what could not be saved before. The caller
// holds the lock.
func (c *Cache) flush(e *entry) {
	e.flushing = true
	c.running.Go(func() {
		var log eventLog
		err := e.keeper.flush(context.Background(), &log)
		c.mu.Lock()
		e.flushing = false
		e.saved(err, time.Now())
		c.mu.Unlock()
		c.tell(e, &log)
	})
}

// tell tells of events.
func (c *Cache) tell(e *entry, log *eventLog) {
	if c.options.Events == nil {
		return
	}
	for _, event := range log.events {
		event.User = e.user
		if c.options.Store != nil {
			event.Key = e.keeper.name
		}
		c.options.Events(event)
	}
}
