package sasl

import (
	"fmt"
	"log/slog"
)

// String tells whose credentials they are and which secrets there are, but holds
// none of them: "you@example.com [token]".
func (c Credentials) String() string {
	s := printable(c.Username)
	if c.AuthzID != "" {
		s += " as " + printable(c.AuthzID)
	}
	if c.Password != nil {
		s += " [password]"
	}
	if c.Token != nil {
		s += " [token]"
	}
	if c.External {
		s += " [external]"
	}
	return s
}

// Format prints what String returns, for every verb: what a token generator
// holds must not show where an Authenticator is printed.
func (c Credentials) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue implements slog.LogValuer.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText writes what String returns.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String tells whose Authenticator it is, as [Credentials.String] does.
func (a *Authenticator) String() string { return "sasl: sign-in of " + a.Credentials.String() }

// Format prints what String returns, for every verb.
func (a *Authenticator) Format(f fmt.State, _ rune) { fmt.Fprint(f, a.String()) }

// LogValue implements slog.LogValuer.
func (a *Authenticator) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText writes what String returns.
func (a *Authenticator) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// String tells whose exchange it is and which mechanism runs.
func (x *Exchange) String() string {
	return "sasl: " + x.mechanism.Name + " for " + x.authenticator.Credentials.String()
}

// Format prints what String returns, for every verb: what the client of a
// mechanism holds must not show where an Exchange is printed.
func (x *Exchange) Format(f fmt.State, _ rune) { fmt.Fprint(f, x.String()) }

// LogValue implements slog.LogValuer.
func (x *Exchange) LogValue() slog.Value { return slog.StringValue(x.String()) }

// MarshalText writes what String returns.
func (x *Exchange) MarshalText() ([]byte, error) { return []byte(x.String()), nil }

// String tells whose sign-in it is.
func (n *NetSMTPAuth) String() string { return n.authenticator.String() }

// Format prints what String returns, for every verb.
func (n *NetSMTPAuth) Format(f fmt.State, _ rune) { fmt.Fprint(f, n.String()) }

// LogValue implements slog.LogValuer.
func (n *NetSMTPAuth) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalText writes what String returns.
func (n *NetSMTPAuth) MarshalText() ([]byte, error) { return []byte(n.String()), nil }
