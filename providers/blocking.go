package providers

import (
	"context"
	"sync"
)

// Blocking returns a Fetcher of a function that knows nothing of contexts, as the
// token sources of some libraries do. A call that hangs is waited for no longer
// than the context says, and the function is not called again until it returns.
//
// What comes of a call after everybody has gone is dropped, so the function has to
// keep its refresh token itself: let Response.Grant be zero. A panic of the
// function is not caught.
//
// Such a function cannot be told that a token was refused. If it returns that very
// token again, the error matches [sasl.ErrNoOtherToken].
func Blocking(fetch func() (Response, error)) Fetcher { return &blocking{fetch: fetch} }

// blocking is a Fetcher of a function without a context.
type blocking struct {
	fetch func() (Response, error)

	mu   sync.Mutex
	call *blockingCall // under way; nil if none is
}

// A blockingCall is one call of the function.
type blockingCall struct {
	done     chan struct{}
	response Response
	err      error
}

// Fetch waits for the function as long as ctx lets it.
func (b *blocking) Fetch(ctx context.Context, req Request) (Response, error) {
	c := b.join()
	select {
	case <-c.done:
	case <-ctx.Done():
		return Response{}, ctx.Err()
	}
	if c.err == nil && req.Rejected.Matches(c.response.Token) {
		return Response{}, errSameToken
	}
	return c.response, c.err
}

// join returns the call that is under way, or a new one.
func (b *blocking) join() *blockingCall {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.call == nil {
		b.call = &blockingCall{done: make(chan struct{}), err: &Error{
			Kind: Misconfigured, Description: "the token source ended its goroutine instead of returning",
		}}
		go b.run(b.call)
	}
	return b.call
}

// run calls the function. Should it end the goroutine, the error of join stands.
func (b *blocking) run(c *blockingCall) {
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.call = nil
		close(c.done)
	}()
	c.response, c.err = b.fetch()
}
