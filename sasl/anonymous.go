package sasl

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxTrace is the longest trace information, in characters (RFC 4505, Section
// 2).
const maxTrace = 255

// Anonymous returns ANONYMOUS (RFC 4505): its client signs in as nobody and
// leaves trace for the server's log, an address or another word without "@", of at
// most 255 characters, "" for none. The server can read it, and so can everybody else on
// a connection without TLS.
//
// [Default] does not have it, so that nobody becomes a guest by accident: a
// program that wants it adds it with [Registry.With]. Even then it runs only
// with [Credentials] that hold nothing to sign in with. The server side asks an
// [AnonymousDirectory].
func Anonymous(trace string) Mechanism {
	return Mechanism{
		Name:   "ANONYMOUS",
		Rank:   RankANONYMOUS,
		Traits: Concealed | OneRoundTrip,
		Usable: usableWithNothing,
		NewClient: func(context.Context, *Conn, *Credentials) (Client, error) {
			if err := checkTrace(trace); err != nil {
				return nil, err
			}
			return &messageClient{"ANONYMOUS", NewSecret(trace)}, nil
		},
		NewServer: newANONYMOUSServer,
	}
}

func usableWithNothing(_ *Conn, c *Credentials) error {
	if c.Username != "" || c.AuthzID != "" || c.Password != nil || c.Token != nil || c.External {
		return errNotGuest
	}
	return nil
}

// checkTrace refuses what trace information must not hold (RFC 4505, Sections 2 and
// 3).
func checkTrace(trace string) error {
	switch {
	case !utf8.ValidString(trace):
		return fmt.Errorf("%w: trace information is not valid UTF-8", ErrBadCredentials)
	case utf8.RuneCountInString(trace) > maxTrace:
		return fmt.Errorf("%w: trace information of more than %d characters", ErrBadCredentials, maxTrace)
	}
	for _, r := range trace {
		if r != ' ' && !unicode.IsPrint(r) {
			return fmt.Errorf("%w: character in trace information that cannot be shown", ErrBadCredentials)
		}
	}
	if address, err := mail.ParseAddress(trace); strings.Contains(trace, "@") && (err != nil || address.Address != trace) {
		return fmt.Errorf("%w: trace information with an @ that is no mail address", ErrBadCredentials)
	}
	return nil
}
