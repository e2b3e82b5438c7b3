package sasl

import (
	"context"
	"errors"
	"time"
)

// A TokenObserver watches the calls of a [TokenGenerator]. It is called before
// each of them, on the goroutine that makes it, and never sees a token. The
// generator gets the context that it returns, which is ctx or derived from it.
// done is called with what came of it: the expiry of the token, zero if unknown,
// or the error that the generator returned, even if the generator panics.
// Connections that wait for the answer to another one's call make none of their own.
type TokenObserver func(ctx context.Context, req TokenRequest) (_ context.Context, done func(expiry time.Time, err error))

type observerKey struct{}

// ObserveTokens returns a context under which the sign-ins of an
// [Authenticator] tell o of every token that they ask for, for logs and traces.
func ObserveTokens(ctx context.Context, o TokenObserver) context.Context {
	return context.WithValue(ctx, observerKey{}, o)
}

// observed makes a call of a token generator and tells the observer of ctx, if
// it has one.
func observed(ctx context.Context, req TokenRequest, call func(context.Context) (Token, error)) (token Token, err error) {
	o, _ := ctx.Value(observerKey{}).(TokenObserver)
	if o == nil {
		return call(ctx)
	}
	ctx, done := o(ctx, req)
	err = errNoReturn
	defer func() { done(token.Expiry, err) }()
	token, err = call(ctx)
	return token, err
}

var errNoReturn = errors.New("sasl: the token generator did not return")
