package providers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
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

	// Code is the authority's OAuth 2.0 error code (RFC 6749, Section 5.2), empty
	// if it gave none. Description is the authority's text with it, passed through
	// [Scrub], or without a Code what is wrong in the words of the adapter.
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
	text := e.prefix() + e.reason()
	if e.Status != 0 {
		text += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.Code != "" && e.Description != "" {
		text += ": " + e.Description
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		text = strings.TrimSuffix(text, ".") + "; " + e.Hint
	}
	if e.CorrelationID != "" {
		text += " [correlation id " + e.CorrelationID + "]"
	}
	return text
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

// KindOf returns the kind of an error, which may wrap an [*Error]. Of one that
// does not nothing is known, so it is given another chance: Transient.
func KindOf(err error) Kind {
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

// withhold returns err, or an error of its kind without the secrets if its text
// holds one of them: an adapter should have seen to that.
func withhold(err error, secrets ...sasl.Secret) error {
	if err == nil {
		return nil
	}
	var values []string
	for _, s := range secrets {
		values = append(values, s.Reveal())
	}
	text := err.Error()
	if !slices.ContainsFunc(formsOf(values), func(form string) bool { return strings.Contains(text, form) }) {
		return err
	}
	safe := &Error{Kind: KindOf(err), RetryAfter: retryAfter(err)}
	if e := new(Error); errors.As(err, &e) {
		safe.Provider = e.Provider
	}
	safe.Description = Scrub(strings.TrimPrefix(text, safe.prefix()), values...)
	if errors.Is(err, sasl.ErrNoOtherToken) {
		safe.Err = sasl.ErrNoOtherToken
	}
	return safe
}
