package sasl

import (
	"errors"
	"fmt"
	"slices"
)

// A SCRAMError is the error that a server names in a SCRAM exchange (RFC 5802,
// Section 7), with its final reply. It matches what Err matches, and
// [ErrProtocol] if the two sides do not agree on what they see: the connection is
// not to be trusted then.
type SCRAMError struct {
	Mechanism string

	// Value is the server's word: "invalid-proof", "unknown-user",
	// "channel-bindings-dont-match" and so on. It is printable and at most 64
	// characters long.
	Value string

	// Err is the server's final reply, or why there was none.
	Err error
}

// The values of RFC 5802, Section 7.
const (
	scramInvalidEncoding    = "invalid-encoding"
	scramExtensions         = "extensions-not-supported"
	scramInvalidProof       = "invalid-proof"
	scramBindingsDiffer     = "channel-bindings-dont-match"
	scramServerBinds        = "server-does-support-channel-binding"
	scramNoBinding          = "channel-binding-not-supported"
	scramBindingUnsupported = "unsupported-channel-binding-type"
	scramUnknownUser        = "unknown-user"
	scramInvalidName        = "invalid-username-encoding"
	scramNoResources        = "no-resources"
	scramOther              = "other-error"
)

func (e *SCRAMError) Error() string {
	text := fmt.Sprintf("sasl: %s: server says %q", e.Mechanism, e.Value)
	if e.Err != nil {
		text = fmt.Sprintf("%v (%s: server says %q)", e.Err, e.Mechanism, e.Value)
	}
	switch e.Value {
	case scramBindingsDiffer:
		text += "; TLS is intercepted, or ends before the server: do not sign in here by another mechanism"
	case scramServerBinds:
		text += "; the server offers channel binding, but the offer did not arrive: somebody may have changed it"
	}
	return text
}

// Unwrap returns the server's final reply.
func (e *SCRAMError) Unwrap() error { return e.Err }

// Is makes a disagreement match [ErrProtocol].
func (e *SCRAMError) Is(target error) bool {
	disagreements := []string{
		scramInvalidEncoding, scramExtensions, scramBindingsDiffer,
		scramServerBinds, scramNoBinding, scramBindingUnsupported,
	}
	return target == ErrProtocol && slices.Contains(disagreements, e.Value)
}

// refusesPassword reports whether the server may have refused the password, or
// have none, rather than something else.
func (e *SCRAMError) refusesPassword() bool {
	return e.Value == scramInvalidProof || e.Value == scramUnknownUser || e.Value == scramOther
}

// withoutSCRAMSecret adds to the refusal of a password what the user may not
// know: an account can have a password and yet nothing that SCRAM can check.
func withoutSCRAMSecret(mechanism string, verdict error) error {
	return fmt.Errorf("%w (the account may have no secret for %s: if the password is right, name PLAIN in Policy.Order)", verdict, mechanism)
}

var errNoBinding = errors.New("sasl: no channel binding is left to try")
