package smtp

import (
	"context"
	"fmt"
	"os"
	"time"
)

// A Phase is a part of a session: one of the constants, or the verb of the
// command whose reply was waited for, in upper case ("EHLO", "MAIL").
type Phase string

const (
	// PhaseDial is making the connection.
	PhaseDial Phase = "connecting"
	// PhaseTLS is the TLS handshake.
	PhaseTLS Phase = "TLS handshake"
	// PhaseGreeting is the wait for the server's first reply.
	PhaseGreeting Phase = "greeting"
	// PhaseSignIn is the sign-in as a whole, the fetching of a token included.
	PhaseSignIn Phase = "sign-in"
	// PhaseIdle is the time when nothing is asked of the server.
	PhaseIdle Phase = "between commands"
	// PhaseEnd is the wait for the reply to the end of the message.
	PhaseEnd Phase = "end of message"
)

// phaseOf returns the phase of a command, as [ReplyError] has it.
func phaseOf(command string) Phase {
	switch command {
	case "":
		return PhaseGreeting
	case ".":
		return PhaseEnd
	case unaskedCommand:
		return PhaseIdle
	}
	return Phase(command)
}

// A PhaseError says in which phase a connection failed, timed out, or was ended
// by its context. Err is the cause: a timeout matches os.ErrDeadlineExceeded and
// is a net.Error, a connection that the server closed matches io.EOF or
// io.ErrUnexpectedEOF, one that made no sense [ErrProtocol].
type PhaseError struct {
	Phase Phase
	Err   error
}

func (e *PhaseError) Error() string {
	return "smtp: " + string(e.Phase) + ": " + trimPrefix(e.Err.Error())
}

// Unwrap returns Err.
func (e *PhaseError) Unwrap() error { return e.Err }

// A timeoutError says that a timeout of this package has passed.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no answer within %v", e.limit) }

// Timeout and Temporary make it a net.Error.
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

func (e *timeoutError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// canceled returns the error of a phase that the end of ctx has ended.
func canceled(ctx context.Context, phase Phase) error { return &PhaseError{phase, endOf(ctx)} }

// endOf returns how ctx has ended.
func endOf(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != err {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return &canceledError{err}
}

// A canceledError is the end of the caller's context. Timeouts of others match
// context.DeadlineExceeded too: those of the resolver, of a net.Dialer and of a
// generator's HTTP client.
type canceledError struct{ err error }

func (e *canceledError) Error() string { return e.err.Error() }
func (e *canceledError) Unwrap() error { return e.err }
