package sasl

import (
	"context"
	"hash"
	"sync/atomic"
)

// SCRAMHooks take the place of what is random or comes from TLS. A zero one
// leaves it as it is.
type SCRAMHooks struct {
	Nonce       func() string
	Bind        func(c *Conn, typ string) ([]byte, error)
	Derivations *atomic.Int64
	Derive      func(ctx context.Context) error // before each derivation
}

// HookedSCRAM is SCRAM with hooks.
func HookedSCRAM(name string, h func() hash.Hash, o SCRAMOptions, hooks SCRAMHooks) Mechanism {
	s := newSCRAM(name, h, o)
	if hooks.Nonce != nil {
		s.nonce = hooks.Nonce
	}
	if hooks.Bind != nil {
		s.bind = hooks.Bind
	}
	derive := s.derive
	s.derive = func(ctx context.Context, h func() hash.Hash, password string, salt []byte, iterations int) (scramKeys, error) {
		if hooks.Derivations != nil {
			hooks.Derivations.Add(1)
		}
		if hooks.Derive != nil {
			if err := hooks.Derive(ctx); err != nil {
				return scramKeys{}, err
			}
		}
		return derive(ctx, h, password, salt, iterations)
	}
	return s.mechanism()
}

// SaltedPassword and SASLprep are what they are called.
var (
	SaltedPassword = saltedPassword
	SASLprep       = saslprep
	Prepare        = prepare
)

// CheckEvery is after how many iterations the context is looked at.
const CheckEvery = checkEvery

// KeysHeld is how many keys an Authenticator remembers.
func KeysHeld(a *Authenticator) int {
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	return len(a.keys.derived)
}

// Keys derives or remembers a key as a client of a does.
func Keys(ctx context.Context, a *Authenticator, password string, salt []byte, derive func() error) (clientKey string, err error) {
	keys, err := a.keys.keys(ctx, "SCRAM-SHA-256", password, salt, 1, func() (scramKeys, error) {
		if err := derive(); err != nil {
			return scramKeys{}, err
		}
		return scramKeys{client: NewSecret("key of " + password)}, nil
	})
	return keys.client.Reveal(), err
}
