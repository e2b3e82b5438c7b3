package sasl

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// maxPasswords bounds how many refused passwords an Authenticator remembers: one
// account has one, and a few more while a user makes mistakes.
const maxPasswords = 8

// passwordRefusals is what an Authenticator knows of passwords that servers
// refused. It recognises them and does not hold them. The zero value knows of none.
type passwordRefusals struct {
	mu     sync.Mutex
	prints fingerprinter
	recent []passwordRefusal
}

type passwordRefusal struct {
	password fingerprint
	time     time.Time
	err      error
}

// fingerprint returns that of a password.
func (p *passwordRefusals) fingerprint(password Secret) fingerprint {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prints.of(password.Reveal())
}

// add remembers that a password was refused.
func (p *passwordRefusals) add(password fingerprint, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(password)
	if len(p.recent) == maxPasswords {
		p.recent = slices.Delete(p.recent, 0, 1)
	}
	p.recent = append(p.recent, passwordRefusal{password, time.Now(), err})
}

// accepted remembers that a password was accepted, whatever was said before.
func (p *passwordRefusals) accepted(password fingerprint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(password)
}

// remove forgets a password, and all that were refused longer than CoolDown ago.
func (p *passwordRefusals) remove(password fingerprint) {
	p.recent = slices.DeleteFunc(p.recent, func(old passwordRefusal) bool {
		return old.password == password || time.Since(old.time) >= CoolDown
	})
}

// find returns a *CoolDownError if a password is not to be tried now.
func (p *passwordRefusals) find(password fingerprint) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, old := range p.recent {
		if old.password == password && time.Since(old.time) < CoolDown {
			return &CoolDownError{Until: old.time.Add(CoolDown), Err: old.err}
		}
	}
	return nil
}

// fetchPassword stands between a mechanism and the function that returns the
// password: it lets none through that was refused lately.
func (x *Exchange) fetchPassword(ctx context.Context) (Secret, error) {
	password, err := x.authenticator.Credentials.Password(ctx)
	if err != nil {
		return Secret{}, err
	}
	refused := &x.authenticator.passwords
	known := refused.fingerprint(password)
	x.password = &known
	if err := refused.find(known); err != nil {
		return Secret{}, err
	}
	return password, nil
}

// refusesPassword reports whether the outcome of an exchange condemns its
// password. Where the two sides do not agree on the connection it says nothing.
func refusesPassword(err error) bool {
	return errors.Is(err, ErrRejected) && !errors.Is(err, ErrProtocol)
}
