package providers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// Defaults of CacheOptions, and what cannot be set.
const (
	defaultEarly          = 5 * time.Minute
	defaultMinRemaining   = time.Minute
	defaultFetchTimeout   = 20 * time.Second
	defaultAssumeLifetime = 30 * time.Minute

	// renewalInterval is the least time between two renewals that servers force
	// by refusing tokens that have not expired.
	renewalInterval = time.Minute

	// deadGrant is how long a failure is remembered that no retry will mend.
	deadGrant = 5 * time.Minute

	// maxBackoff bounds the pause between two requests to an authority that is
	// out of order.
	maxBackoff = time.Minute

	// maxUsers bounds the users that a Cache remembers.
	maxUsers = 10_000
)

// CacheOptions says how a [Cache] treats its tokens. The zero value is right for
// the large providers.
type CacheOptions struct {
	// PerUser keeps a token for each [sasl.TokenRequest.Username], for a
	// credential that stands for many mailboxes and gets a token for each. False
	// means that one token serves all.
	PerUser bool

	// Early is how long before its expiry a token is renewed, in the background
	// and give or take a tenth, so that a fleet does not renew as one. It is
	// never more than half the token's life. Zero means 5 minutes.
	Early time.Duration

	// MinRemaining is how long a token must still be good for to be handed out
	// without a renewal. It is never more than half of what was left when the
	// authority gave it. Zero means 1 minute.
	MinRemaining time.Duration

	// FetchTimeout bounds one call of the Fetcher. Zero means 20 seconds.
	FetchTimeout time.Duration

	// AssumeLifetime is how long a token is taken to be good for that has no
	// expiry. Zero means 30 minutes.
	AssumeLifetime time.Duration
}

// withDefaults returns o with every zero replaced by what it means.
func (o CacheOptions) withDefaults() CacheOptions {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.Early, defaultEarly},
		{&o.MinRemaining, defaultMinRemaining},
		{&o.FetchTimeout, defaultFetchTimeout},
		{&o.AssumeLifetime, defaultAssumeLifetime},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return o
}

// A Cache is a [sasl.TokenGenerator] that keeps the tokens of a [Fetcher] and
// asks it for others only when it must. See the package documentation for when
// that is. A Cache is safe for concurrent use.
type Cache struct {
	fetcher Fetcher
	options CacheOptions

	mu    sync.Mutex
	users map[string]*entry
}

// NewCache returns a Cache over f.
func NewCache(f Fetcher, o CacheOptions) *Cache {
	return &Cache{fetcher: f, options: o.withDefaults(), users: make(map[string]*entry)}
}

var _ sasl.TokenGenerator = (*Cache)(nil)

// Token returns a token that is none of those that req.Rejected tells of.
//
// It returns the Fetcher's error if there is no token to be had, the same error
// to all who wait for the same request; one that matches
// [sasl.ErrNoOtherToken] if the only token is a refused one that was renewed too
// recently to be renewed again; and the context's error if ctx ends first. The
// request to the authority goes on for those who still wait.
func (c *Cache) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	for ctx.Err() == nil {
		token, f, err := c.decide(ctx, req)
		if f == nil {
			return token, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			continue
		}
		if token, err, settled := c.settle(f, req.Rejected); settled {
			return token, err
		}
	}
	return sasl.Token{}, fmt.Errorf("providers: waiting for an access token: %w", ctx.Err())
}

// decide returns what there is to return at once, or the flight to wait for.
func (c *Cache) decide(ctx context.Context, req sasl.TokenRequest) (sasl.Token, *flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	e := c.entry(req, now)
	refused := req.Rejected.Matches(e.token)
	if refused {
		e.rejection = req.Rejected
	}
	switch {
	case e.fresh(now) && e.rejection == nil:
		if e.due(now) && e.flight == nil {
			c.start(ctx, e, req.Rejected)
		}
		return e.token, nil, nil
	case e.flight != nil:
		return sasl.Token{}, e.flight, nil
	case now.Before(e.retryAt):
		token, err := e.fallback(now, refused, e.failure)
		return token, nil, err
	case e.fresh(now) && !e.renewable(now):
		token, err := e.unrenewed(refused)
		return token, nil, err
	}
	return sasl.Token{}, c.start(ctx, e, req.Rejected), nil
}

// settle returns what a flight that has ended means for somebody who waited for
// it. It is not settled if the flight brought a token that this caller cannot
// use and of which the Fetcher did not know that it was refused.
func (c *Cache) settle(f *flight, rejected *sasl.Rejection) (_ sasl.Token, _ error, settled bool) {
	token := f.response.Token
	switch {
	case f.err != nil:
		c.mu.Lock()
		defer c.mu.Unlock()
		e := f.entry
		token, err := e.fallback(time.Now(), rejected.Matches(e.token), f.err)
		return token, err, true
	case !rejected.Matches(token):
		return token, nil, true
	case f.rejected.Matches(token):
		return sasl.Token{}, errSameToken, true
	}
	return sasl.Token{}, nil, false
}

// entry returns what is known of a user.
func (c *Cache) entry(req sasl.TokenRequest, now time.Time) *entry {
	user := ""
	if c.options.PerUser {
		user = req.Username
	}
	e := c.users[user]
	if e == nil {
		c.makeRoom()
		e = &entry{user: user}
		c.users[user] = e
	}
	e.used = now
	return e
}

// makeRoom forgets the user who was not asked for the longest, if there are too
// many.
func (c *Cache) makeRoom() {
	if len(c.users) < maxUsers {
		return
	}
	var oldest *entry
	for _, e := range c.users {
		if e.flight == nil && (oldest == nil || e.used.Before(oldest.used)) {
			oldest = e
		}
	}
	if oldest != nil {
		delete(c.users, oldest.user)
	}
}
