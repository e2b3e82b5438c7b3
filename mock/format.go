package mock

import (
	"fmt"
	"io"
	"log/slog"
)

// String tells where the server is. None of its users' passwords shows, by
// whatever verb it is printed.
func (s *Server) String() string { return "mock: server at " + s.URL() }

// Format prints what String returns, for every verb.
func (s *Server) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s *Server) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes what String returns.
func (s *Server) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String tells how many users there are, and none of their passwords. As with
// [AuthorityOptions.String], an unexported field of another struct is no place
// for options that may be printed.
func (o Options) String() string { return "mock: server options, " + counted(len(o.Users), "user") }

// Format prints what String returns, for every verb.
func (o Options) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue implements slog.LogValuer.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalText writes what String returns.
func (o Options) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// String tells how many users there are, and none of their tokens; see
// [AuthorityOptions.String].
func (t UserTokens) String() string { return "mock: tokens of " + counted(len(t), "user") }

// Format prints what String returns, for every verb.
func (t UserTokens) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue implements slog.LogValuer.
func (t UserTokens) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText writes what String returns.
func (t UserTokens) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// counted returns a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
