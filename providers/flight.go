package providers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A flight is one request to the authority that any number of callers wait for.
// Its fields do not change once done is closed.
type flight struct {
	entry    *entry
	rejected *sasl.Rejection // what the Fetcher is told
	began    time.Time
	forced   bool // it renews a token that a server refused
	done     chan struct{}
	response Response
	err      error
}

// errAborted is the result of a Fetcher that ended its goroutine.
var errAborted = errors.New("providers: the fetcher did not return")

// errEmpty is the result of a Fetcher that returned neither token nor error.
var errEmpty = errors.New("providers: the fetcher returned an empty token")

// start sends a request off. It does not end with the context of the caller, for
// others may wait for it too; but it has the values of that context. The caller
// holds the lock.
func (c *Cache) start(ctx context.Context, e *entry, rejected *sasl.Rejection) *flight {
	now := time.Now()
	if e.rejection != nil {
		rejected = e.rejection
	}
	f := &flight{entry: e, rejected: rejected, began: now, forced: e.rejection != nil && e.alive(now), done: make(chan struct{}), err: errAborted}
	e.flight = f
	go c.fly(context.WithoutCancel(ctx), f)
	return f
}

// fly asks the Fetcher.
func (c *Cache) fly(ctx context.Context, f *flight) {
	defer c.land(f) // even if the Fetcher calls runtime.Goexit
	ctx, cancel := context.WithTimeout(ctx, c.options.FetchTimeout)
	defer cancel()
	f.response, f.err = c.fetcher.Fetch(ctx, Request{Username: f.entry.user, Rejected: f.rejected})
	switch {
	case f.err == nil && f.response.Token.Value.IsZero():
		f.err = errEmpty
	case f.err != nil && ctx.Err() != nil:
		f.err = c.timeout(f.err)
	}
}

// timeout returns the error for a Fetcher that ran out of time. It matches no
// error of package context: the caller's own context is still good.
func (c *Cache) timeout(err error) error {
	late := &Error{Description: fmt.Sprintf("the authority did not answer within %v", c.options.FetchTimeout)}
	var e *Error
	if errors.As(err, &e) {
		late.Provider = e.Provider
	}
	return late
}

// land keeps the result and wakes all who wait.
func (c *Cache) land(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, now := f.entry, time.Now()
	if f.err != nil {
		e.fail(f.err, now)
	} else {
		if f.forced { // a failure is spaced by its own back-off
			e.renewedAt = f.began
		}
		e.accept(f.response, f.rejected, now, &c.options)
	}
	e.flight = nil
	close(f.done)
}
