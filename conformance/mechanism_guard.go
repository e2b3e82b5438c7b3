package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// errCrash stands for the error that a call did not return.
var errCrash = errors.New("conformance: the mechanism panicked or hangs")

// guarded calls f, which is code under test, on a goroutine of its own. A panic, or
// a call that takes longer than the timeout, is noted, and nothing is called after
// it: the case has failed then.
func guarded[T any](ctx context.Context, b *MechanismBench, what string, f func() T) (result T, err error) {
	if b.crash() != "" {
		return result, errCrash
	}
	type returned struct {
		value T
		crash string
	}
	done := make(chan returned, 1)
	go func() {
		r := returned{crash: what + " ended its goroutine"}
		defer func() {
			if p := recover(); p != nil {
				r.crash = b.words(fmt.Sprintf("%s panicked: %v", what, p), what+" panicked")
			}
			done <- r
		}()
		r.value = f()
		r.crash = ""
	}()
	timer := time.NewTimer(b.timeout)
	defer timer.Stop()
	select {
	case r := <-done:
		if r.crash != "" {
			b.crashed(r.crash)
			return result, errCrash
		}
		return r.value, nil
	case <-timer.C:
		b.crashed(fmt.Sprintf("%s did not return within %v", what, b.timeout))
	case <-ctx.Done():
		b.crashed(what + " was interrupted")
	}
	return result, errCrash
}

// A clientParty is the client side of one exchange, under guard.
type clientParty struct {
	b      *MechanismBench
	ctx    context.Context
	client sasl.Client
	sent   []string // all that it has said
}

// newClient begins an exchange. The error is what the mechanism said.
func (b *MechanismBench) newClient(ctx context.Context, m sasl.Mechanism, conn *sasl.Conn, c *sasl.Credentials) (*clientParty, error) {
	if err := b.usable(ctx, m, conn, c); err != nil {
		return nil, err
	}
	type made struct {
		client sasl.Client
		err    error
	}
	r, err := guarded(ctx, b, "NewClient", func() made {
		client, err := m.NewClient(ctx, conn, c)
		return made{client, err}
	})
	switch {
	case err != nil:
		return nil, err
	case r.err != nil:
		return nil, r.err
	case r.client == nil:
		return nil, errors.New("conformance: NewClient returned neither a client nor an error")
	}
	return &clientParty{b: b, ctx: ctx, client: r.client}, nil
}

// usable returns why the mechanism says it cannot run.
func (b *MechanismBench) usable(ctx context.Context, m sasl.Mechanism, conn *sasl.Conn, c *sasl.Credentials) error {
	if m.Usable == nil {
		return nil
	}
	reason, err := guarded(ctx, b, "Usable", func() error { return m.Usable(conn, c) })
	return cmpErr(err, reason)
}

// A start is what Start returns.
type start struct {
	name    string
	initial []byte
	err     error
}

func (c *clientParty) start() start {
	r, err := guarded(c.ctx, c.b, "Start", func() start {
		name, initial, err := c.client.Start()
		return start{name, initial, err}
	})
	if err != nil {
		return start{err: err}
	}
	if r.initial != nil {
		c.sent = append(c.sent, string(r.initial))
	}
	return r
}

// next gives the client a challenge. What it returns together with an error counts
// as said, too.
func (c *clientParty) next(challenge []byte) ([]byte, error) {
	type answer struct {
		response []byte
		err      error
	}
	r, err := guarded(c.ctx, c.b, "Next of the client", func() answer {
		response, err := c.client.Next(challenge)
		return answer{response, err}
	})
	if len(r.response) > 0 {
		c.sent = append(c.sent, string(r.response))
	}
	return r.response, cmpErr(err, r.err)
}

// finish tells the client how the exchange ended, and returns what it makes of it.
func (c *clientParty) finish(verdict error) error {
	f, ok := c.client.(sasl.Finisher)
	if !ok {
		return verdict
	}
	said, err := guarded(c.ctx, c.b, "Finish", func() error { return f.Finish(verdict) })
	return cmpErr(err, said)
}

// A serverParty is the server side of one exchange, under guard.
type serverParty struct {
	b      *MechanismBench
	ctx    context.Context
	server sasl.Server
}

// A serverMaker makes servers: [sasl.Mechanism.NewServer], or the like.
type serverMaker = func(context.Context, *sasl.Conn, sasl.Directory) (sasl.Server, error)

func (b *MechanismBench) newServer(ctx context.Context, f serverMaker, conn *sasl.Conn, d sasl.Directory) (*serverParty, error) {
	type made struct {
		server sasl.Server
		err    error
	}
	r, err := guarded(ctx, b, "NewServer", func() made {
		server, err := f(ctx, conn, d)
		return made{server, err}
	})
	switch {
	case err != nil:
		return nil, err
	case r.err != nil:
		return nil, r.err
	case r.server == nil:
		return nil, errors.New("conformance: NewServer returned neither a server nor an error")
	}
	return &serverParty{b, ctx, r.server}, nil
}

// A step is what Next of a server returns.
type step struct {
	challenge []byte
	done      bool
	err       error
}

func (s *serverParty) next(response []byte) step {
	r, err := guarded(s.ctx, s.b, "Next of the server", func() step {
		challenge, done, err := s.server.Next(response)
		return step{challenge, done, err}
	})
	if err != nil {
		return step{err: err}
	}
	return r
}

// identity returns who signed in, if the server tells.
func (s *serverParty) identity() (authn, authz string, ok bool) {
	i, ok := s.server.(sasl.Identifier)
	if !ok {
		return "", "", false
	}
	r, err := guarded(s.ctx, s.b, "Identity", func() [2]string {
		authn, authz := i.Identity()
		return [2]string{authn, authz}
	})
	return r[0], r[1], err == nil
}

// cmpErr returns the first error that is one.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
