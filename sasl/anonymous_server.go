package sasl

import (
	"bytes"
	"context"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// An AnonymousDirectory is a [Directory] that lets guests in. Without one,
// ANONYMOUS signs nobody in.
type AnonymousDirectory interface {
	// Anonymous returns the account that a guest uses, or an error that matches
	// [ErrNoAccount]. Any other error is temporary to the client. The trace is
	// whatever the client says of itself, at most 255 printable characters; it
	// proves nothing.
	Anonymous(ctx context.Context, trace string) (username string, err error)
}

type anonymousServer struct {
	identity
	ctx       context.Context
	directory Directory
	asked     bool
	over      bool
}

var (
	_ Server     = (*anonymousServer)(nil)
	_ Identifier = (*anonymousServer)(nil)
)

func newANONYMOUSServer(ctx context.Context, _ *Conn, d Directory) (Server, error) {
	return &anonymousServer{ctx: ctx, directory: d}, nil
}

func (s *anonymousServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case s.over:
		return nil, false, errAfterEnd()
	case response == nil && !s.asked:
		s.asked = true
		return []byte{}, false, nil
	}
	s.over = true
	if response == nil || !isTrace(response) {
		return nil, false, malformed("trace information")
	}
	d, ok := s.directory.(AnonymousDirectory)
	if !ok {
		return nil, false, fmt.Errorf("%w: no guests", ErrRejected)
	}
	guest, err := named(d.Anonymous(s.ctx, string(response)))
	if err != nil {
		return nil, false, err
	}
	s.identity = identity{guest, "", true}
	return nil, true, nil
}

// isTrace reports whether a message is trace information (RFC 4505, Sections 2
// and 3): empty, or up to 255 characters that can be shown.
func isTrace(message []byte) bool {
	hidden := bytes.ContainsFunc(message, func(r rune) bool { return !unicode.IsGraphic(r) })
	return utf8.Valid(message) && len(bytes.Runes(message)) <= maxTrace && !hidden
}
