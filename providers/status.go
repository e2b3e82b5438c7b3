package providers

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A Status says how a [Cache] stands with one user's token, for a page of health
// or for whoever looks for a fault. It holds no secret.
type Status struct {
	User string // empty unless the Cache keeps a token for each user
	Key  string // of the record in the Store; empty if there is none

	Expiry    time.Time // of the token; zero if there is none
	RefreshAt time.Time // when it will be renewed, if anybody asks for it
	Refused   bool      // a server has refused it

	Failures int       // requests in a row that brought no token
	Err      error     // of the latest; nil if it brought a token
	RetryAt  time.Time // no request before that; zero: at any time

	Unsaved error // why what the authority gave is not saved; nil if it is
}

// Status returns the status of every user who was asked for, by name.
func (c *Cache) Status() []Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Status, 0, len(c.users))
	for _, e := range c.users {
		s := Status{
			User: e.user, Expiry: e.expiry, RefreshAt: e.refreshAt, Refused: e.rejection != nil,
			Failures: e.failures, Err: e.failure, RetryAt: e.retryAt, Unsaved: e.unsaved,
		}
		if c.options.Store != nil {
			s.Key = e.keeper.name
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.User, b.User) })
	return all
}

// Close ends the Cache. It waits for what is under way, for a request that is
// given up may have cost the grant already: no longer than about twice
// [CacheOptions.FetchTimeout], if Fetcher and Store keep to their contracts. It
// tries a last time to save what could not be saved, and returns why it could
// not. Callers who wait get their tokens; after that, Token returns [ErrClosed].
// Further calls of Close do nothing.
func (c *Cache) Close() error {
	c.mu.Lock()
	done := c.closed
	c.closed = true
	c.mu.Unlock()
	if done {
		return nil
	}
	c.running.Wait()
	var failures []error
	for _, e := range c.users { // nobody adds to them any more
		if !e.keeper.pending() {
			continue
		}
		var log eventLog
		failures = append(failures, e.keeper.flush(context.Background(), &log))
		c.tell(e, &log)
	}
	return errors.Join(failures...)
}

// A GrantStatus says what a Store holds for a Cache that is not running. It holds
// no secret.
type GrantStatus struct {
	Grant     bool      // there is a refresh token, or what takes its place
	GrantedAt time.Time // when it was received
	Unproven  bool      // it took the place of another and has not been used yet
	Expiry    time.Time // of the access token; zero if there is none
	Subject   string    // whose it is, if the authority said so
	Scopes    []string  // what it is for, if the authority said so
}

// Inspect returns the status of the record of that key, or an error that matches
// [ErrNotFound].
func Inspect(ctx context.Context, s Store, key string) (GrantStatus, error) {
	data, _, err := s.Load(ctx, key)
	if err != nil {
		return GrantStatus{}, err
	}
	r, err := decodeRecord(data)
	if err != nil {
		return GrantStatus{}, err
	}
	return GrantStatus{
		Grant: !r.Grant.IsZero(), GrantedAt: r.GrantedAt, Unproven: !r.Previous.IsZero(),
		Expiry: r.Token.Expiry, Subject: r.Token.Subject, Scopes: r.Token.Scopes,
	}, nil
}

// LoadGrant returns the grant in the record of that key, for whoever wants to know
// whose it is before a [Cache] uses it. It is zero if the record has none. The error
// matches [ErrNotFound] if there is no record.
func LoadGrant(ctx context.Context, s Store, key string) (sasl.Secret, error) {
	data, _, err := s.Load(ctx, key)
	if err != nil {
		return sasl.Secret{}, err
	}
	r, err := decodeRecord(data)
	return r.Grant, err
}
