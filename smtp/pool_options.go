package smtp

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-55a66e92/postern/providers/profile"
)

// PoolOptions are the limits of a [Pool]. The zero value is what most programs
// want. No field may be negative.
type PoolOptions struct {
	// MaxConns is how many connections there may be at the same time. Zero means
	// the Profile's limit, or 4; the Profile's limit holds in any case.
	MaxConns int

	// MessagesPerConn is how many messages a connection carries. Zero means the
	// Profile's limit, or 100; the Profile's and that of the server (MAILMAX: RFC
	// 9422, Section 4.1) hold in any case.
	MessagesPerConn int

	// MessagesPerMinute is how many messages the server accepts within any minute,
	// for as much as this Pool knows of. Zero means the Profile's limit, or none;
	// the Profile's limit holds in any case.
	MessagesPerMinute int

	// SessionAge is how old a connection gets; one that carries a message then
	// ends behind it. Zero means nine tenths of the Profile's limit, or 1 hour;
	// those nine tenths hold in any case.
	SessionAge time.Duration

	// IdleTimeout is how long a connection is kept without work. Zero means 1
	// minute; servers may give up after 5 (RFC 5321, Section 4.5.3.2.7).
	IdleTimeout time.Duration

	// CheckAfter is how long a connection may be without work and be used without
	// NOOP before. Zero means 5 seconds.
	CheckAfter time.Duration

	// MaxWait is how long a message waits for a connection, in all. Zero means
	// as long as its context lets it.
	MaxWait time.Duration

	// Pause is how long the Pool waits when the server first asks for less, and
	// before it makes another connection when one could not be made. Each time in
	// succession it is twice as long, up to MaxPause, and up to half of it is added
	// at random. Zero means 1 second, and 1 minute for MaxPause.
	Pause, MaxPause time.Duration

	// SignInPause is how long there is no sign-in when the server first refuses one
	// for now; see [Pool]. Zero means 1 minute.
	SignInPause time.Duration

	// Seed makes what is added to pauses the same each time, for tests. Zero means
	// that it differs.
	Seed uint64
}

// validate returns what is wrong with o.
func (o PoolOptions) validate() error {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"MaxConns", int64(o.MaxConns)},
		{"MessagesPerConn", int64(o.MessagesPerConn)},
		{"MessagesPerMinute", int64(o.MessagesPerMinute)},
		{"SessionAge", int64(o.SessionAge)},
		{"IdleTimeout", int64(o.IdleTimeout)},
		{"CheckAfter", int64(o.CheckAfter)},
		{"MaxWait", int64(o.MaxWait)},
		{"Pause", int64(o.Pause)},
		{"MaxPause", int64(o.MaxPause)},
		{"SignInPause", int64(o.SignInPause)},
	} {
		if f.value < 0 {
			return fmt.Errorf("%w: PoolOptions.%s is negative", ErrConfig, f.name)
		}
	}
	return nil
}

// forEver is the longest pause, one that can be doubled: nobody waits for its end.
const forEver = time.Duration(1 << 60)

// withDefaults fills in the zero fields and keeps to the limits of a profile, which
// may be nil.
func (o PoolOptions) withDefaults(known *profile.Profile) PoolOptions {
	var limits profile.Limits
	if known != nil {
		limits = known.Limits
	}
	o.MaxConns = within(o.MaxConns, limits.MaxConns, 4)
	o.MessagesPerConn = within(o.MessagesPerConn, limits.MessagesPerConn, 100)
	o.MessagesPerMinute = within(o.MessagesPerMinute, limits.MessagesPerMinute, 0)
	o.SessionAge = within(o.SessionAge, limits.SessionAge*9/10, time.Hour)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, time.Minute)
	o.CheckAfter = cmp.Or(o.CheckAfter, 5*time.Second)
	o.Pause = min(cmp.Or(o.Pause, time.Second), forEver)
	o.MaxPause = min(max(cmp.Or(o.MaxPause, time.Minute), o.Pause), forEver)
	o.SignInPause = min(cmp.Or(o.SignInPause, time.Minute), forEver/longestSignInPause)
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	return o
}

// within returns the smaller of what is asked for and what is allowed, of which
// zero is neither, or a default if there is neither.
func within[T int | time.Duration](asked, allowed, otherwise T) T {
	switch {
	case asked == 0 && allowed == 0:
		return otherwise
	case asked == 0:
		return allowed
	case allowed == 0:
		return asked
	}
	return min(asked, allowed)
}
