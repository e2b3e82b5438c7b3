package sasl

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// maxDerived bounds how many keys an Authenticator remembers: one account has
// one for each hash, and a few more while servers change salts.
const maxDerived = 8

// scramCache remembers the keys of a password, since deriving them is what makes
// SCRAM slow. Connections that want the same key at the same time derive it once.
// It does not hold the password. The zero value is empty; a nil *scramCache
// remembers nothing.
type scramCache struct {
	mu      sync.Mutex
	prints  fingerprinter
	derived []*derivation
}

// A derivation is under way until done is closed.
type derivation struct {
	id   fingerprint
	done chan struct{}
	keys scramKeys
	good bool
}

// keys returns what derive returns, or returned before, for that mechanism,
// password, salt and number of iterations.
func (c *scramCache) keys(ctx context.Context, mechanism, password string, salt []byte, iterations int, derive func() (scramKeys, error)) (scramKeys, error) {
	if c == nil {
		return derive()
	}
	for {
		d, mine := c.join(fmt.Sprintf("%q %q %q %d", mechanism, password, salt, iterations))
		if mine {
			return c.lead(d, derive)
		}
		if err := d.wait(ctx); err != nil {
			return scramKeys{}, err
		}
		if d.good {
			return d.keys, nil
		}
	}
}

// wait returns once d is done, or an error if ctx is done before.
func (d *derivation) wait(ctx context.Context) error {
	select {
	case <-d.done: // a key that is there needs no time
		return nil
	default:
	}
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns the derivation of what is described, or a new one, which is the
// caller's to make.
func (c *scramCache) join(what string) (d *derivation, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.prints.of(what)
	for _, d := range c.derived {
		if d.id == id {
			return d, false
		}
	}
	d = &derivation{id: id, done: make(chan struct{})}
	if len(c.derived) == maxDerived {
		c.derived = slices.Delete(c.derived, 0, 1)
	}
	c.derived = append(c.derived, d)
	return d, true
}

// lead derives and wakes all who wait. What comes to nothing is forgotten: the
// context that ended was the leader's alone.
func (c *scramCache) lead(d *derivation, derive func() (scramKeys, error)) (scramKeys, error) {
	defer func() {
		if !d.good {
			c.mu.Lock()
			c.derived = slices.DeleteFunc(c.derived, func(other *derivation) bool { return other == d })
			c.mu.Unlock()
		}
		close(d.done)
	}()
	keys, err := derive()
	if err == nil {
		d.keys, d.good = keys, true
	}
	return keys, err
}
