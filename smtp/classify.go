package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"

	"github.com/seed-55a66e92/postern/sasl"
)

// A Class says what kind of failure an error is, and so what to do about it.
type Class int

const (
	// None: no error.
	None Class = iota
	// Temporary: the server said "not now". Try again later.
	Temporary
	// Permanent: the server said no to this message. Do not try again.
	Permanent
	// Auth: the server refused the credentials, or there were none to send. A
	// person has to act.
	Auth
	// Throttled: too much, too fast, or too many. Slow down and try again.
	Throttled
	// Network: the connection could not be made, failed, or made no sense. Try
	// again.
	Network
	// Uncertain: the message may have been delivered. See [ErrUncertain].
	Uncertain
	// Partial: delivered to some recipients. See [PartialError].
	Partial
	// Canceled: the context ended.
	Canceled
	// Local: bad input, configuration or policy on this side. Trying again
	// changes nothing.
	Local
)

var classNames = [...]string{"none", "temporary", "permanent", "auth", "throttled", "network", "uncertain", "partial", "canceled", "local"}

// String returns the name of the class in lower case.
func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return "unknown"
	}
	return classNames[c]
}

// localErrors are on this side of the wire.
var localErrors = []error{
	ErrConfig, ErrEnvelope, ErrMessage, ErrConsumed, ErrTLSRequired, ErrNotOffered, ErrPoolClosed,
	sasl.ErrBadCredentials, sasl.ErrAmbiguousCredentials, sasl.ErrWrongHost, sasl.ErrInsecure,
}

// Classify tells what kind of failure err is. It looks at the errors of this
// package and of package sasl wherever they are wrapped.
func Classify(err error) Class {
	var partial *PartialError
	var ended *canceledError
	switch {
	case err == nil:
		return None
	case errors.Is(err, ErrUncertain):
		return Uncertain
	case errors.As(err, &partial):
		return Partial
	case errors.As(err, &ended), err == context.Canceled, err == context.DeadlineExceeded:
		return Canceled
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrTooManyRecipients):
		return Permanent
	case errors.Is(err, ErrTLSRequired), errors.Is(err, ErrNotOffered): // perhaps with the reply that says so
		return Local
	}
	if class := classifyAuth(err); class != None {
		return class
	}
	if busy := new(busyError); errors.As(err, &busy) && busy.cause == nil {
		return Throttled // by ourselves
	}
	if rejected := new(rejectedError); errors.As(err, &rejected) {
		return classifyRejected(rejected.rejected)
	}
	var reply *ReplyError
	if errors.As(err, &reply) {
		return classifyReply(reply)
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) || slices.ContainsFunc(localErrors, func(l error) bool { return errors.Is(err, l) }) {
		return Local
	}
	return Network
}

// classifyAuth judges failures to sign in, and returns None for others.
func classifyAuth(err error) Class {
	var (
		none  *sasl.NoMechanismError
		token *sasl.TokenError
		auth  *AuthError
	)
	switch {
	case errors.As(err, &none):
		return Local
	case errors.As(err, &token): // for the first token, or for another one
		var t interface{ Temporary() bool }
		if errors.As(token.Err, &t) && t.Temporary() {
			return Temporary
		}
		return Auth
	case !errors.As(err, &auth):
		return None
	case errors.Is(auth.Err, sasl.ErrRejected), errors.Is(auth.Err, sasl.ErrNotPermitted), errors.Is(auth.Err, sasl.ErrServerUnverified):
		return Auth
	case auth.Reply != nil:
		return classifySignIn(*auth.Reply)
	}
	return None
}

// classifySignIn judges a refused AUTH that says nothing about the credentials.
func classifySignIn(r Reply) Class {
	switch {
	case r.Code == 432 && r.Enhanced == EnhancedCode{4, 7, 12}:
		return Auth // RFC 4954, Section 6: the user has to change the password
	case r.Code == 421, r.Code == 432, r.Code == 454:
		return Throttled
	case r.Code/100 == 4:
		return Temporary
	}
	return Auth
}

// classifyRejected judges a message that was refused for all its recipients: by
// the one that gives most hope.
func classifyRejected(rejected []*RecipientError) Class {
	class := Permanent
	for _, r := range rejected {
		switch c := classifyReply(r.Err); {
		case c == Throttled:
			return Throttled
		case c == Temporary, c == Auth && class == Permanent:
			class = c
		}
	}
	return class
}

// classifyReply judges a refused command other than AUTH.
func classifyReply(e *ReplyError) Class {
	r := e.Reply
	switch {
	case r.Code == 421: // RFC 5321, Section 3.8: to any command
		return Throttled
	case r.Code == 530, r.Code == 535:
		return Auth
	case !e.Temporary():
		return Permanent
	case e.Command == "RCPT":
		// Recipients are refused for reasons of their own (greylisting, 452
		// 4.5.3), which say nothing about the client's pace.
		return Temporary
	case r.Code == 432:
		return Throttled
	case ofMessage(e.Command) && (r.Enhanced[1] == 7 || r.Enhanced == EnhancedCode{4, 3, 2}):
		return Throttled
	}
	return Temporary
}

// ofMessage reports whether a command is about the message as a whole: MAIL, or
// its content in either form.
func ofMessage(command string) bool {
	return command == "MAIL" || command == "DATA" || command == "BDAT" || command == "."
}

// SafeToRetry reports whether the message of a failed Send has certainly not
// been accepted for anybody, so that sending it again cannot deliver it twice.
// Whether that would help is another question; see [Classify].
func SafeToRetry(err error) bool {
	switch Classify(err) {
	case None, Uncertain, Partial:
		return false
	}
	return true
}
