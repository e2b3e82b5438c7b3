package providers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
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

	// deadInterval is how long a failure is remembered that no retry will mend.
	deadInterval = 5 * time.Minute

	// peekInterval is how often a Store is asked meanwhile whether somebody has
	// signed in again.
	peekInterval = time.Second

	// shortLife is how long a token is taken to be good for that came with an expiry
	// in the past: one of two clocks is wrong.
	shortLife = time.Minute

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
	// also how long the authority may be out of order without anybody noticing,
	// whenever that begins: for 20 minutes, set it to 25. It is never more than
	// half the token's life. Zero means 5 minutes.
	Early time.Duration

	// MinRemaining is how long a token must still be good for to be handed out
	// without a renewal. It is never more than half of what was left when the
	// authority gave it. Zero means 1 minute.
	MinRemaining time.Duration

	// FetchTimeout bounds one call of the Fetcher, and how long another program
	// that makes one is waited for. Zero means 20 seconds.
	FetchTimeout time.Duration

	// AssumeLifetime is how long a token is taken to be good for that has no
	// expiry; one that has expired when it arrives, for a clock is wrong, is taken to
	// be good for a minute at most. Zero means 30 minutes.
	AssumeLifetime time.Duration

	// Store keeps grants and tokens beyond the life of the Cache, and shares them
	// with other programs. Zero means a Store of the Cache's own, in memory.
	Store Store

	// Key is the name of the record in Store, such as
	// "google/client id/you@example.com". Each grant has one of its own, and each
	// Cache of the same grant the same one. With PerUser, a slash and the escaped
	// user name are added. It is at most 900 octets of UTF-8. A Store without a
	// Key is an error.
	Key string

	// Grant is the refresh token, or what the Fetcher takes in its place, that
	// was configured. A record in Store that came out of this very grant takes
	// precedence, for the authority may have replaced the grant since, and so does
	// that of a sign-in which took the place of such a record (see [SaveGrant]); any
	// other record is overwritten. Zero means the one in Store, if there is one.
	Grant sasl.Secret

	// Events is told what has happened. It is called after the fact, in a
	// goroutine of the Cache, perhaps by several at once, and should not take
	// long: Close waits for it, so it must not call Close. If it panics, the program
	// ends. Zero means that nobody is told.
	Events func(Event)
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

// expiryOf returns when a token that the authority gives now is taken to expire.
func (o *CacheOptions) expiryOf(t sasl.Token, now time.Time) time.Time {
	switch {
	case t.Expiry.IsZero() || t.Expiry.Year() > maxYear:
		return now.Add(o.AssumeLifetime).Round(0)
	case !t.Expiry.After(now):
		return now.Add(min(o.AssumeLifetime, shortLife)).Round(0)
	}
	return t.Expiry.Round(0)
}

// A Cache is a [sasl.TokenGenerator] that keeps the tokens of a [Fetcher] and
// asks it for others only when it must. See the package documentation for when
// that is. A Cache is safe for concurrent use.
type Cache struct {
	fetcher Fetcher
	options CacheOptions
	store   Store

	mu      sync.Mutex
	closed  bool
	users   map[string]*entry
	running sync.WaitGroup // goroutines; begun under mu, and not once closed
}

// ErrClosed is the error of a [Cache] that has been closed.
var ErrClosed = errors.New("providers: the token cache is closed")

// NewCache returns a Cache over f. It makes no request yet. A Cache need not be
// closed, but should be if it has a Store; see [Cache.Close].
func NewCache(f Fetcher, o CacheOptions) *Cache {
	c := &Cache{fetcher: f, options: o.withDefaults(), store: o.Store, users: make(map[string]*entry)}
	if c.store == nil {
		c.store = new(MemoryStore)
	}
	return c
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
	switch {
	case c.closed:
		return sasl.Token{}, nil, ErrClosed
	case c.fetcher == nil:
		return sasl.Token{}, nil, &Error{Kind: Misconfigured, Description: "NewCache was given no Fetcher"}
	case c.options.Store != nil && c.options.Key == "":
		return sasl.Token{}, nil, &Error{Kind: Misconfigured, Description: "CacheOptions.Store needs a Key"}
	}
	e := c.entry(req, now)
	if e.unsaved != nil && !e.flushing && e.flight == nil && !now.Before(e.saveAt) {
		c.flush(e)
	}
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
		e = &entry{user: user, keeper: c.keeper(user)}
		c.users[user] = e
	}
	e.used = now
	return e
}

func (c *Cache) keeper(user string) *keeper {
	name := c.options.Key
	if c.options.Store == nil {
		name = "token"
	}
	if c.options.PerUser {
		name = nameFor(name, user)
	}
	return &keeper{fetcher: c.fetcher, options: &c.options, store: c.store, name: name, user: user}
}

// nameFor returns the name of the record of one user of many. That of a user whose
// name is too long for a Store holds a hash of it.
func nameFor(key, user string) string {
	if name := key + "/" + url.PathEscape(user); len(name) <= maxName {
		return name
	}
	return key + "/" + sumOf(user)
}

// makeRoom forgets the user who was not asked for the longest, if there are too
// many.
func (c *Cache) makeRoom() {
	if len(c.users) < maxUsers {
		return
	}
	var oldest *entry
	for _, e := range c.users {
		if e.flight == nil && !e.flushing && e.unsaved == nil && (oldest == nil || e.used.Before(oldest.used)) {
			oldest = e
		}
	}
	if oldest == nil {
		return
	}
	delete(c.users, oldest.user)
	if c.options.Store == nil {
		_ = c.store.Delete(context.Background(), oldest.keeper.name) // memory does not fail
	}
}
