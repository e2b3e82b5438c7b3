package profile

import (
	"slices"
	"time"
)

// A Profile is what is known of one provider's submission server. The zero value
// of every field means that nothing is known.
type Profile struct {
	Name string // "Gmail", for people
	Slug string // "gmail", for flags and files: lower case, digits, hyphens
	Page string // URL of the provider's own page about its server

	// Addr is the server as a URL. smtps is implicit TLS, smtp is STARTTLS.
	// OtherAddrs are further ones, of the same form, that lead to the same
	// service: another port, or the host for another kind of account. Nothing
	// tries them by itself; they are for whose network blocks a port.
	Addr       string
	OtherAddrs []string

	// Scopes are what an access token must be granted that a user consented to.
	// AppScopes are what an application asks for that signs in without a user;
	// empty means that the provider has no such scope of its own.
	Scopes    []string
	AppScopes []string

	// NoOAuth says what to sign in with where the provider documents no way to do
	// it by an access token, in one or two sentences. It is advice, no rule: a
	// token is still sent to a server that offers a mechanism for it.
	NoOAuth string

	// Mechanisms are the SASL mechanisms that the server offers once TLS is up,
	// in its own order, those that this module does not have included.
	Mechanisms []string

	Limits Limits
	Quirks Quirks

	// Exempt are the enhanced status codes of 535 replies that say nothing about
	// the token: another one would meet the same reply.
	Exempt []string

	// Advice is what replies mean. The first row that matches counts, so a
	// special case stands before the general one.
	Advice []Advice

	// Unverified names the fields that rest on what users report instead of on a
	// page of the provider's, as in "Scopes" or "Limits.MaxConns".
	Unverified []string
}

// Limits are what one mailbox may ask of the server. Zero means unknown.
//
// The first four are kept by a pool of connections. The others are for people to
// plan by, and nothing here enforces them: how large a message may be, the server
// says itself (SIZE, RFC 1870); which recipient is one too many, it says when it
// gets there; and nobody but the server can count over a day.
type Limits struct {
	MaxConns          int           // connections at the same time
	MessagesPerMinute int           // messages accepted within a minute
	MessagesPerConn   int           // messages on one connection
	SessionAge        time.Duration // how long a connection may last

	MessageSize      int64 // octets of a message
	Recipients       int   // recipients of a message
	MessagesPerDay   int   // messages within 24 hours
	RecipientsPerDay int   // recipients of all messages within 24 hours
}

// Quirks are the ways in which a server differs from what it announces. The zero
// value is a server without any.
type Quirks struct {
	// NoPipelining: commands are sent one at a time although PIPELINING (RFC
	// 2920) is offered.
	NoPipelining bool

	// NoChunking: DATA is used although CHUNKING (RFC 3030) is offered.
	NoChunking bool

	// ChunkInFirstGroup: the server is known to swallow the octets of a BDAT
	// command that it refuses, so that BDAT may share a group with MAIL and
	// RCPT. That saves a round trip. On any other server those octets would be
	// run as commands: no profile of this package sets it.
	ChunkInFirstGroup bool
}

// TokenBlameless reports whether a 535 reply with that enhanced status code says
// nothing about the access token, so that renewing it is of no use. A nil
// Profile knows of no such code.
func (p *Profile) TokenBlameless(enhanced string) bool {
	return p != nil && slices.Contains(p.Exempt, enhanced)
}
