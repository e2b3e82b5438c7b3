package providers

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Kind tells who can mend a failure.
type Kind uint8

// The kinds of failure.
const (
	// Transient: nobody need do anything. The authority or the network is out of
	// order; the same request may succeed later.
	Transient Kind = iota
	// NeedsUser: the user has to sign in again. The grant has expired or was
	// revoked, or consent is missing.
	NeedsUser
	// Misconfigured: whoever set this program up has to change something: a
	// client id, a secret, a scope, a tenant.
	Misconfigured
	// Blocked: an administrator or a policy forbids it.
	Blocked
)

func (k Kind) String() string {
	switch k {
	case Transient:
		return "transient"
	case NeedsUser:
		return "needs user"
	case Misconfigured:
		return "misconfigured"
	case Blocked:
		return "blocked"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// An Error says why there is no access token. It holds no secret.
type Error struct {
	Kind     Kind
	Provider string // the adapter's package, which starts the text: "google"

	// Code and Description are the authority's own words: the OAuth 2.0 error
	// code (RFC 6749, Section 5.2) and the text with it, passed through [Scrub].
	// Both are empty if the authority gave no such answer.
	Code        string
	Description string

	// Status is the HTTP status, 0 if there was no response.
	Status int

	// RetryAfter is how long the authority asked to wait; zero if it did not.
	RetryAfter time.Duration

	// CorrelationID is by what the authority's support finds the request.
	CorrelationID string

	// Hint is what to do about it, in a sentence.
	Hint string

	// Err is the cause, if there is one below OAuth: a network error, say.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.prefix())
	b.WriteString(e.reason())
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if e.Code != "" && e.Description != "" {
		b.WriteString(": " + e.Description)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	if e.CorrelationID != "" {
		b.WriteString(" [correlation id " + e.CorrelationID + "]")
	}
	return b.String()
}

func (e *Error) prefix() string {
	if e.Provider == "" {
		return "providers: "
	}
	return e.Provider + ": "
}

// reason is the shortest account of what went wrong.
func (e *Error) reason() string {
	switch {
	case e.Code != "":
		return e.Code
	case e.Description != "":
		return e.Description
	}
	return "no access token (" + e.Kind.String() + ")"
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later without anybody
// doing anything.
func (e *Error) Temporary() bool { return e.Kind == Transient }

// kindOf returns the kind of any error of a Fetcher. Of one that is not an
// [*Error] nothing is known, so it is given another chance.
func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Transient
}

// retryAfter returns how long the authority asked to wait; 0 if it did not.
func retryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}
