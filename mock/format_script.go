package mock

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
)

// String tells how many values there are, and none of them; see
// [AuthorityOptions.String].
func (v Values) String() string { return "mock: " + counted(len(v), "value") + " of a dialogue" }

// Format prints what String returns, for every verb.
func (v Values) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, v.String()) }

// LogValue implements slog.LogValuer.
func (v Values) LogValue() slog.Value { return slog.StringValue(v.String()) }

// MarshalText writes what String returns.
func (v Values) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// String tells how many octets it is about, and none of them: they may be a
// password.
func (m Matcher) String() string {
	return "mock: matcher, " + cmp.Or(m.kind, "exactly") + " " + redacted(len(m.want))
}

// Format prints what String returns, for every verb.
func (m Matcher) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue implements slog.LogValuer.
func (m Matcher) LogValue() slog.Value { return slog.StringValue(m.String()) }

// MarshalText writes what String returns.
func (m Matcher) MarshalText() ([]byte, error) { return []byte(m.String()), nil }
