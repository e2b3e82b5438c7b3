package sasl

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// A Secret holds a password or a token and keeps it out of sight: no verb of
// fmt, no slog handler, no encoder and no dumper that walks unexported fields
// prints it, wherever it is held. The zero Secret is empty.
//
// A Secret is a value; copies share nothing that can change. It cannot be
// compared with == (see [Secret.Equal]) and does not promise that the octets
// leave memory when it is dropped: Go's strings and collector allow no such
// promise.
type Secret struct {
	// A function has nothing to print, and makes the type incomparable.
	reveal func() string
}

// NewSecret returns a Secret that holds s.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{func() string { return s }}
}

// Reveal returns what s holds. It is the only way to it.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether s is empty.
func (s Secret) IsZero() bool { return s.reveal == nil }

// Equal reports whether both hold the same octets. The time it takes depends on
// their lengths only.
func (s Secret) Equal(t Secret) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(t.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

const redacted = "[redacted]"

// String returns "[redacted]", or "" if s is empty.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// Format prints what String returns, for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes what String returns. There is no UnmarshalText: a Secret
// does not survive a round trip.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
