package sasl

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
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
	key    Secret // of the digests, so that they tell nothing where they are seen
	recent []passwordRefusal
}

type passwordRefusal struct {
	digest passwordDigest
	time   time.Time
	err    error
}

// A passwordDigest identifies a password to one Authenticator.
type passwordDigest struct {
	known bool
	sum   [sha256.Size]byte
}

// digest returns the digest of a password.
func (p *passwordRefusals) digest(password Secret) passwordDigest {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key.IsZero() {
		p.key = randomKey()
	}
	mac := hmac.New(sha256.New, []byte(p.key.Reveal()))
	mac.Write([]byte(password.Reveal()))
	return passwordDigest{true, [sha256.Size]byte(mac.Sum(nil))}
}

// add remembers that a password was refused.
func (p *passwordRefusals) add(d passwordDigest, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(d)
	if len(p.recent) == maxPasswords {
		p.recent = slices.Delete(p.recent, 0, 1)
	}
	p.recent = append(p.recent, passwordRefusal{d, time.Now(), err})
}

// accepted remembers that a password was accepted, whatever was said before.
func (p *passwordRefusals) accepted(d passwordDigest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(d)
}

// remove forgets a password, and all that were refused longer than CoolDown ago.
func (p *passwordRefusals) remove(d passwordDigest) {
	p.recent = slices.DeleteFunc(p.recent, func(old passwordRefusal) bool {
		return old.digest == d || time.Since(old.time) >= CoolDown
	})
}

// find returns a *CoolDownError if a password is not to be tried now.
func (p *passwordRefusals) find(d passwordDigest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, old := range p.recent {
		if old.digest == d && time.Since(old.time) < CoolDown {
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
	x.password = refused.digest(password)
	if err := refused.find(x.password); err != nil {
		return Secret{}, err
	}
	return password, nil
}

// refusesPassword reports whether the outcome of an exchange condemns its
// password. Where the two sides do not agree on the connection it says nothing.
func refusesPassword(err error) bool {
	return errors.Is(err, ErrRejected) && !errors.Is(err, ErrProtocol)
}

// randomKey returns 32 random octets.
func randomKey() Secret {
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails
	return NewSecret(string(key))
}
