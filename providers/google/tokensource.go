package google

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// FromTokenSource returns a generator of the tokens of ts, for programs that
// have a token source already. The tokens must have the scope
// https://mail.google.com/ and belong to the user who signs in.
//
// A token source knows nothing of contexts, so one that hangs is waited for no
// longer than the caller wants, and is not called again until it returns. It
// also has no way to renew a token before it expires: if Gmail refuses one that
// ts goes on to return, the answer is [sasl.ErrNoOtherToken]. [RefreshToken] has
// neither weakness. An error of the source's own making reaches the caller of the
// sign-in unchanged.
//
// Most sources of x/oauth2 make their requests with the context that they were
// made with. Make them with one that lasts as long as the program.
func FromTokenSource(ts oauth2.TokenSource) *providers.Cache {
	return providers.NewCache(&sourced{source: ts}, providers.CacheOptions{})
}

// A sourced fetches tokens from a token source of x/oauth2.
type sourced struct {
	source oauth2.TokenSource

	mu   sync.Mutex
	call *call // under way; nil if none is
}

var _ providers.Fetcher = (*sourced)(nil)

type call struct {
	done  chan struct{}
	token *oauth2.Token
	err   error
}

// Fetch waits for the source as long as ctx lets it.
func (s *sourced) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	if s.source == nil {
		return providers.Response{}, misconfigured("FromTokenSource was given no token source")
	}
	c := s.join()
	select {
	case <-c.done:
	case <-ctx.Done():
		return providers.Response{}, ctx.Err()
	}
	if c.err != nil {
		err, _ := (&question{rows: sourceRefusals(), names: sourceNames()}).known(c.err)
		return providers.Response{}, err
	}
	token := saslToken(c.token)
	if req.Rejected.Matches(token) {
		return providers.Response{}, fmt.Errorf("google: the token source gave the refused token again: %w", sasl.ErrNoOtherToken)
	}
	return providers.Response{Token: token}, nil
}

// join returns the call that is under way, or a new one.
func (s *sourced) join() *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.call == nil {
		s.call = &call{done: make(chan struct{}), token: new(oauth2.Token), err: errNoReturn()}
		go s.run(s.call)
	}
	return s.call
}

// errNoReturn is the result of a source that ended its goroutine.
func errNoReturn() error { return misconfigured("the token source did not return") }

func (s *sourced) run(c *call) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.call = nil
		close(c.done)
	}()
	token, err := s.source.Token()
	if err == nil && token == nil {
		err = misconfigured("the token source returned neither a token nor an error")
	}
	c.token, c.err = token, err
}
