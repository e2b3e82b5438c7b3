package mock

import (
	"errors"
	"io"
	"syscall"
)

// isGone reports whether an error of a connection says that the client has ended
// it. One that leaves a reply unread ends TCP by a reset, and one that leaves out
// the farewell of TLS ends that out of turn.
func isGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
