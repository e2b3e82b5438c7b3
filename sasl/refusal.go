package sasl

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// CoolDown is how long an [Authenticator] remembers a refused token or password.
// During that time it is never sent again, on any connection. The token generator
// is told of a refused token; after a second refusal, no sign-in with a token is
// tried at all.
const CoolDown = time.Minute

// maxRefusals bounds what an Authenticator remembers.
const maxRefusals = 64

// refusals is what an Authenticator knows of tokens that servers refused. The
// zero value knows of none.
type refusals struct {
	mu     sync.Mutex
	recent []refusal // the oldest first
	strike int       // different tokens refused since one was accepted
	epoch  uint64    // grows with each token that joins recent
}

type refusal struct {
	token Token
	time  time.Time
	err   error
}

// add remembers that token was refused.
func (r *refusals) add(token Token, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.remove(token) {
		r.strike++
		r.epoch++
	}
	if len(r.recent) == maxRefusals {
		r.recent = r.recent[1:]
	}
	r.recent = append(r.recent, refusal{token, time.Now(), err})
}

// accepted remembers that token was accepted, whatever was said of it before.
func (r *refusals) accepted(token Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(token)
	r.strike = 0
}

// remove forgets token and reports whether it was known.
func (r *refusals) remove(token Token) bool {
	r.expire()
	for i, old := range r.recent {
		if old.token.Value.Equal(token.Value) {
			r.recent = append(r.recent[:i:i], r.recent[i+1:]...)
			return true
		}
	}
	return false
}

// expire forgets what is older than CoolDown.
func (r *refusals) expire() {
	for len(r.recent) > 0 && time.Since(r.recent[0].time) >= CoolDown {
		r.recent = r.recent[1:]
	}
	if len(r.recent) == 0 {
		r.strike = 0
	}
}

// find returns the refusal of token, nil if it is not known to be refused.
func (r *refusals) find(token Token) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	for _, old := range r.recent {
		if old.token.Value.Equal(token.Value) {
			return old.err
		}
	}
	return nil
}

// rejection returns what a generator is told, nil if there is nothing to tell,
// or a *CoolDownError if it must not be asked. Rejections of one epoch recognise
// the same tokens.
func (r *refusals) rejection() (_ *Rejection, epoch uint64, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	if len(r.recent) == 0 {
		return nil, r.epoch, nil
	}
	last := r.recent[len(r.recent)-1]
	if r.strike >= 2 {
		return nil, r.epoch, &CoolDownError{Until: last.time.Add(CoolDown), Err: last.err}
	}
	tokens := make([]Token, len(r.recent))
	for i, old := range r.recent {
		tokens[i] = old.token
	}
	rejection := NewRejection(last.err, tokens...)
	rejection.Time = last.time
	return rejection, r.epoch, nil
}

// isRefusal reports whether the outcome of an exchange condemns its token: a
// bare 535 that is not exempted, or any negative final reply after an error
// challenge. A server that is out of service, or that objects to the mechanism
// or the account, says nothing about the token.
func isRefusal(err error) bool {
	if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrMechanismRefused) {
		return false
	}
	var challenged *OAuthError
	if !errors.As(err, &challenged) || challenged == nil {
		return errors.Is(err, ErrRejected) && !errors.Is(err, ErrNotPermitted)
	}
	switch verdict := challenged.Err; {
	case errors.Is(verdict, ErrRejected):
		return true
	case errors.Is(verdict, ErrNotPermitted):
		return false
	default:
		return verdict != nil && !isConnError(verdict)
	}
}

// isConnError reports whether err is of the connection or of a context, so that
// it is no reply.
func isConnError(err error) bool {
	var network net.Error
	if errors.As(err, &network) {
		return true
	}
	for _, target := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.Canceled} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
