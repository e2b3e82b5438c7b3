package providers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// An entry is what a Cache knows of one user. The Cache's lock guards it.
//
// Expiry and refresh are compared by the wall clock, which goes on while a
// machine sleeps; pauses are measured by the monotonic one.
type entry struct {
	user   string
	keeper *keeper
	used   time.Time // when it was last asked for
	flight *flight   // the request under way; nil if none

	token        sasl.Token
	expiry       time.Time     // of token, perhaps assumed
	refreshAt    time.Time     // when a renewal in the background is due
	minRemaining time.Duration // what must be left of the token's life

	rejection *sasl.Rejection // a server refused token; nil if none did
	renewedAt time.Time       // when a renewal was last forced by a refusal
	renewed   bool            // the Fetcher knew of the refusal and had no other token

	failure  error     // the last answer of the authority, nil if it gave a token
	failures int       // failures in a row
	retryAt  time.Time // no request before that

	unsaved  error     // why what the authority gave is not saved; nil if it is
	tries    int       // to save it
	saveAt   time.Time // no further try before that
	flushing bool      // a try is under way
}

var (
	errSameToken = fmt.Errorf("providers: the authority gave the refused token again: %w", sasl.ErrNoOtherToken)
	errTooSoon   = fmt.Errorf("providers: a refused token was renewed less than a minute ago: %w", sasl.ErrNoOtherToken)
)

// alive reports whether the token has not expired.
func (e *entry) alive(now time.Time) bool { return now.Before(e.expiry) }

// fresh reports whether enough is left of the token's life to hand it out.
func (e *entry) fresh(now time.Time) bool { return now.Before(e.expiry.Add(-e.minRemaining)) }

// due reports whether it is time for a renewal in the background.
func (e *entry) due(now time.Time) bool { return !now.Before(e.refreshAt) && !now.Before(e.retryAt) }

// renewable reports whether a token that a server refused may be renewed before
// it expires: once for each token, and once in a while.
func (e *entry) renewable(now time.Time) bool {
	return !e.renewed && now.Sub(e.renewedAt) >= renewalInterval
}

// fallback returns the token that is left after err, if it is of use. A token
// that some server refused may still do for another server or another mailbox,
// but not if the authority says that the grant itself is no good.
func (e *entry) fallback(now time.Time, refused bool, err error) (sasl.Token, error) {
	if !e.alive(now) || refused || e.rejection != nil && KindOf(err) != Transient {
		return sasl.Token{}, err
	}
	return e.token, nil
}

// unrenewed returns what there is while a refused token may not be renewed.
func (e *entry) unrenewed(refused bool) (sasl.Token, error) {
	switch {
	case !refused:
		return e.token, nil
	case e.failure != nil:
		return sasl.Token{}, e.failure
	case e.renewed:
		return sasl.Token{}, errSameToken
	}
	return sasl.Token{}, errTooSoon
}

// accept takes a token of the authority. told is what the Fetcher knew of
// refused tokens.
func (e *entry) accept(r Response, told *sasl.Rejection, now time.Time, o *CacheOptions) {
	e.hold(r, now, o)
	if told.Matches(r.Token) {
		e.rejection, e.renewed = told, true
	}
	e.failure, e.failures, e.retryAt = nil, 0, time.Time{}
}

// hold puts a token in the place of the one before.
func (e *entry) hold(r Response, now time.Time, o *CacheOptions) {
	e.expiry = o.expiryOf(r.Token, now)
	left := e.expiry.Sub(now)
	early := min(jitter(o.Early), left/2)
	e.refreshAt = e.expiry.Add(-early)
	if r.RefreshAt.After(now) && r.RefreshAt.Before(e.refreshAt) {
		e.refreshAt = r.RefreshAt.Round(0)
	}
	e.minRemaining = min(o.MinRemaining, left/2)
	if !e.token.Value.Equal(r.Token.Value) {
		e.rejection, e.renewed = nil, false
	}
	e.token = r.Token
}

// adopt takes a token that the Store had, for want of another. What is known of
// the authority does not change by it.
func (e *entry) adopt(stored Response, rejected *sasl.Rejection, now time.Time, o *CacheOptions) {
	if !stored.Token.Expiry.After(now) || stored.Token.Value.Equal(e.token.Value) {
		return
	}
	e.hold(stored, now, o)
	if rejected.Matches(stored.Token) {
		e.rejection = rejected
	}
}

// saved notes whether what the authority gave is safe.
func (e *entry) saved(err error, now time.Time) {
	e.unsaved = err
	if err == nil {
		e.tries, e.saveAt = 0, time.Time{}
		return
	}
	e.tries++
	e.saveAt = now.Add(backoff(e.tries))
}

// fail takes an error of the Fetcher. dead is the pause after one that no retry
// mends.
func (e *entry) fail(err error, now time.Time, dead time.Duration) {
	if errors.Is(err, sasl.ErrNoOtherToken) && e.fresh(now) {
		e.renewed = true
		return
	}
	e.failure = err
	e.failures++
	pause := dead
	if KindOf(err) == Transient {
		pause = max(backoff(e.failures), min(retryAfter(err), maxRetryAfter))
	}
	e.retryAt = now.Add(pause)
}

// backoff returns the pause after that many failures in a row: a second, then
// twice as long each time, give or take a tenth.
func backoff(failures int) time.Duration {
	return jitter(min(time.Second<<min(failures-1, 10), maxBackoff))
}

// jitter returns d, give or take a tenth.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}
