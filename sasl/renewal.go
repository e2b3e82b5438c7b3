package sasl

import (
	"context"
	"errors"
	"sync"
)

// A guard stands between a mechanism and the token generator: it tells the
// generator of refused tokens and lets none of them through.
type guard struct{ exchange *Exchange }

func (g *guard) Token(ctx context.Context, req TokenRequest) (Token, error) {
	refused := &g.exchange.authenticator.refusals
	token, told, err := g.ask(ctx, req)
	if err == nil && refused.find(token) != nil && !told.Matches(token) {
		// Another connection learnt of the refusal while the generator worked.
		token, _, err = g.ask(ctx, req)
	}
	if err != nil {
		return Token{}, err
	}
	if refusal := refused.find(token); refusal != nil {
		return Token{}, &RefusedError{Refusal: refusal, Renewal: ErrNoOtherToken}
	}
	g.exchange.token = token
	return token, nil
}

// ask asks the generator for a token and returns what it was told of refused
// ones. Connections that know of the same refusals share one call.
func (g *guard) ask(ctx context.Context, req TokenRequest) (Token, *Rejection, error) {
	a := g.exchange.authenticator
	told, epoch, err := a.refusals.rejection()
	if err != nil {
		return Token{}, nil, err
	}
	req.Rejected = told
	generate := func(ctx context.Context) (Token, error) {
		return observed(ctx, req, func(ctx context.Context) (Token, error) { return a.Credentials.Token.Token(ctx, req) })
	}
	var token Token
	if told == nil {
		token, err = generate(ctx)
	} else {
		token, err = a.renewals.do(ctx, renewalKey{req.Service, req.Host, req.Port, epoch}, generate)
	}
	switch {
	case err == nil:
		return token, told, nil
	case told != nil && errors.Is(err, ErrNoOtherToken):
		return Token{}, nil, &RefusedError{Refusal: told.Err, Renewal: err}
	}
	return Token{}, nil, &TokenError{err}
}

// renewals lets connections whose tokens were refused at the same time share
// one call of the generator. The zero value has none under way.
type renewals struct {
	mu    sync.Mutex
	calls map[renewalKey]*renewal
}

// A renewalKey tells which requests may share an answer.
type renewalKey struct {
	service, host string
	port          int
	epoch         uint64
}

type renewal struct {
	done  chan struct{}
	token Token
	err   error
	gone  bool // the asker's context ended first: the answer is of no use to others
}

// do calls generate, or waits for what somebody else's call returns.
func (r *renewals) do(ctx context.Context, key renewalKey, generate func(context.Context) (Token, error)) (Token, error) {
	for {
		call, mine := r.join(key)
		if mine {
			r.lead(ctx, key, call, generate)
			return call.token, call.err
		}
		select {
		case <-call.done:
		case <-ctx.Done():
			return Token{}, ctx.Err()
		}
		if !call.gone {
			return call.token, call.err
		}
	}
}

// join returns the call that is under way for key, or a new one, which is the
// caller's to make.
func (r *renewals) join(key renewalKey) (call *renewal, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if call := r.calls[key]; call != nil {
		return call, false
	}
	call = &renewal{done: make(chan struct{}), gone: true}
	if r.calls == nil {
		r.calls = make(map[renewalKey]*renewal)
	}
	r.calls[key] = call
	return call, true
}

// lead calls generate and wakes all who wait, even if it panics.
func (r *renewals) lead(ctx context.Context, key renewalKey, call *renewal, generate func(context.Context) (Token, error)) {
	defer func() {
		r.mu.Lock()
		delete(r.calls, key)
		r.mu.Unlock()
		close(call.done)
	}()
	call.token, call.err = generate(ctx)
	call.gone = call.err != nil && ctx.Err() != nil
}
