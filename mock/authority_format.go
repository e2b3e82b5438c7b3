package mock

import (
	"fmt"
	"io"
	"log/slog"
)

// String tells where the authority is. None of its tokens and secrets shows, by
// whatever verb it is printed.
func (a *Authority) String() string { return "mock: authority at " + a.URL() }

// Format prints what String returns, for every verb.
func (a *Authority) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue implements slog.LogValuer.
func (a *Authority) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText writes what String returns.
func (a *Authority) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// String tells how many clients there are, and none of their secrets. That holds
// for options printed by themselves or in an exported field: an unexported field
// of another struct is printed by package fmt without asking what it holds.
func (o AuthorityOptions) String() string {
	if o.Clients == nil {
		return "mock: authority options, any client"
	}
	return "mock: authority options, " + counted(len(o.Clients), "client")
}

// Format prints what String returns, for every verb.
func (o AuthorityOptions) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue implements slog.LogValuer.
func (o AuthorityOptions) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalText writes what String returns.
func (o AuthorityOptions) MarshalText() ([]byte, error) { return []byte(o.String()), nil }
