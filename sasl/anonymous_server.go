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

func newANONYMOUSServer(ctx context.Context, _ *Conn, d Directory) (Server, error) {
	return &messageServer{judge: func(message []byte) (authn, authz string, err error) {
		if !isTrace(message) {
			return "", "", malformed("trace information")
		}
		anonymous, ok := d.(AnonymousDirectory)
		if !ok {
			return "", "", fmt.Errorf("%w: no guests", ErrRejected)
		}
		authn, err = named(anonymous.Anonymous(ctx, string(message)))
		return authn, "", err
	}}, nil
}

// isTrace reports whether a message is trace information (RFC 4505, Sections 2
// and 3): empty, or up to 255 characters that can be shown.
func isTrace(message []byte) bool {
	hidden := bytes.ContainsFunc(message, func(r rune) bool { return !unicode.IsGraphic(r) })
	return utf8.Valid(message) && len(bytes.Runes(message)) <= maxTrace && !hidden
}
