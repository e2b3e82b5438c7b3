package providers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A keeper asks the authority on behalf of one user, and keeps what it gives in
// the Store. All that it does happens under the lock of the record, so no two
// programs ever use a grant at the same time.
type keeper struct {
	fetcher Fetcher
	options *CacheOptions
	store   Store
	name    string // of the record
	user    string

	mu       sync.Mutex
	received sasl.Secret // the grant that this keeper got or saw at work
	unsaved  *change     // what could not be saved
	dead     deadGrant
}

// A deadGrant is a failure that no retry will mend, and is remembered until the
// record changes or some time has passed.
type deadGrant struct {
	err     error
	version Version
	until   time.Time
}

// fetch gets a token for a flight: from the record if another program has put a
// good one there, else from the authority.
func (k *keeper) fetch(ctx context.Context, f *flight) {
	unlock, err := k.lock(ctx)
	if err != nil {
		f.err = err
		return
	}
	defer unlock()
	r, version, err := k.load(ctx, &f.log)
	if err != nil {
		f.err = err
		return
	}
	now := time.Now()
	if r.Token.Expiry.After(now) {
		f.stored = r.response()
		f.forced = f.forced || f.rejected.Matches(r.Token)
	}
	switch remembered := k.remembered(version, now); {
	case r.serves(f.have, f.rejected, now, k.options):
		f.response, f.err = r.response(), nil
		f.log.add(Event{Kind: Shared, Expiry: r.Token.Expiry})
	case remembered != nil:
		f.err, f.remembered = remembered, true
	case f.forced && tooSoon(r.Forced, now):
		f.err, f.forcedAt = errTooSoon, r.Forced
	default:
		k.renew(ctx, f, r, version)
	}
}

// lock takes the lock of the record, and waits for as long as another program may
// take that asks the authority. That the lock was lost shows when the record is
// saved.
func (k *keeper) lock(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, k.options.FetchTimeout+storeTimeout)
	defer cancel()
	release, err := k.store.Lock(ctx, k.name)
	if err != nil {
		return nil, storeFailure("waiting for the lock of the record", err)
	}
	return func() { _ = release() }, nil
}

// tooSoon reports whether a renewal was forced less than a minute ago, by any
// program. One in the future is the work of a wrong clock.
func tooSoon(forced, now time.Time) bool {
	since := now.Sub(forced)
	return since >= 0 && since < renewalInterval
}

// load returns the record that counts: the one in the Store, or the one that
// came out of it and could not be saved, or that of a grant configured anew.
func (k *keeper) load(ctx context.Context, log *eventLog) (record, Version, error) {
	r, version, err := k.stored(ctx)
	if err != nil {
		return record{}, "", storeFailure("loading the record", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if u := k.unsaved; u != nil {
		if version == u.base || r.Grant.Equal(u.from) {
			u.base = version
			return u.record, version, nil
		}
		k.unsaved = nil
		log.add(Event{Kind: Superseded})
	}
	if grant := k.options.Grant; !grant.IsZero() && !r.knows(grant) {
		r = newGrant(grant, time.Now())
	}
	return r, version, nil
}

// stored returns the record in the Store, an empty one if there is none.
func (k *keeper) stored(ctx context.Context) (record, Version, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	data, version, err := k.store.Load(ctx, k.name)
	if errors.Is(err, ErrNotFound) {
		return record{}, "", nil
	}
	if err != nil {
		return record{}, "", err
	}
	r, err := decodeRecord(data)
	return r, version, err
}

// renew gets a token from the authority and saves what came with it before
// anybody sees the token.
func (k *keeper) renew(ctx context.Context, f *flight, r record, version Version) {
	response, used, err := k.ask(ctx, f, r)
	if err != nil {
		f.err = withhold(err, r.Grant, r.Previous, r.Token.Value, f.have.Value)
		f.log.add(Event{Kind: Failed, Err: f.err})
		k.remember(ctx, f.err, used, r, version)
		return
	}
	if f.forced {
		r.Forced = f.began.Round(0)
		f.log.add(Event{Kind: Forced})
	}
	next := r.after(response, used, time.Now(), k.options)
	k.mu.Lock()
	k.received, k.dead = next.Grant, deadGrant{}
	k.mu.Unlock()
	f.response, f.err = response, nil
	f.log.add(Event{Kind: Renewed, Expiry: next.Token.Expiry})
	f.saveErr = k.keep(ctx, change{next, used, version}, &f.log)
}

// ask goes to the authority with the grant, and returns the grant that it used
// last. If the grant is refused although it has never been seen to work, what it
// took the place of is tried: a crash on either side may have left the authority
// with another idea of which one is good.
func (k *keeper) ask(ctx context.Context, f *flight, r record) (_ Response, used sasl.Secret, err error) {
	response, err := k.once(ctx, f, r.Grant)
	if err == nil || !k.doubtful(r, err) {
		return response, r.Grant, err
	}
	response, second := k.once(ctx, f, r.Previous)
	switch {
	case second == nil:
		f.log.add(Event{Kind: Recovered})
		return response, r.Previous, nil
	case KindOf(second) == Transient:
		return Response{}, r.Grant, second
	}
	return Response{}, r.Previous, err
}

// doubtful reports whether the grant before that of r is worth a try.
func (k *keeper) doubtful(r record, err error) bool {
	var refusal *Error
	if r.Previous.IsZero() || !errors.As(err, &refusal) || refusal.Code != "invalid_grant" {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.received.Equal(r.Grant)
}

// once calls the Fetcher.
func (k *keeper) once(ctx context.Context, f *flight, grant sasl.Secret) (Response, error) {
	f.err = errAborted // unless the Fetcher returns
	ctx, cancel := context.WithTimeout(ctx, k.options.FetchTimeout)
	defer cancel()
	response, err := k.fetcher.Fetch(ctx, Request{Username: k.user, Rejected: f.rejected, Grant: grant})
	switch {
	case err == nil && response.Token.Value.IsZero():
		return Response{}, errEmpty
	case err != nil && ctx.Err() != nil:
		return Response{}, outOfTime(err, k.options.FetchTimeout)
	}
	return response, withhold(err, response.Token.Value, response.Grant)
}

// outOfTime returns the error for a Fetcher that ran out of time. It matches no
// error of package context: the caller's own context is still good.
func outOfTime(err error, limit time.Duration) error {
	late := &Error{Description: fmt.Sprintf("the authority did not answer within %v", limit)}
	var e *Error
	if errors.As(err, &e) {
		late.Provider = e.Provider
	}
	return late
}

// storeFailure returns the error for a Store that fails. It matches no error of
// package context, as that of outOfTime, and no sentinel of a Store.
func storeFailure(doing string, err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Error{Description: "the token store took too long while " + doing}
	}
	return &Error{Description: "the token store fails while " + doing, Err: err}
}

// remember keeps a failure that no retry will mend. If it is that of both grants
// of the record, the next program need not try both.
func (k *keeper) remember(ctx context.Context, err error, used sasl.Secret, r record, version Version) {
	if KindOf(err) == Transient {
		return
	}
	if !used.Equal(r.Grant) {
		r.Previous = sasl.Secret{}
		if v, err := k.put(ctx, r, version); err == nil { // else that program tries both
			version = v
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dead = deadGrant{err, version, time.Now().Add(deadInterval)}
}

// remembered returns the failure that still holds for a record, if any.
func (k *keeper) remembered(version Version, now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead.err == nil || k.dead.version != version || !now.Before(k.dead.until) {
		return nil
	}
	return k.dead.err
}
