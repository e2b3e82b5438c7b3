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

	// Addr is the server as a URL. smtps is implicit TLS, smtp is STARTTLS.
	Addr string

	// Scopes are what an access token must be granted that a user consented to.
	// AppScopes are what an application asks for that signs in without a user;
	// empty means that the provider has no such scope of its own.
	Scopes    []string
	AppScopes []string

	// Mechanisms are the SASL mechanisms that the server offers once TLS is up,
	// in its own order.
	Mechanisms []string

	Limits Limits
	Quirks Quirks

	// Exempt are the enhanced status codes of 535 replies that say nothing about
	// the token: another one would meet the same reply.
	Exempt []string

	// Advice is what replies mean. The first row that matches counts, so a
	// special case stands before the general one.
	Advice []Advice
}

// Limits are what one mailbox may ask of the server. Zero means unknown.
type Limits struct {
	MaxConns          int           // connections at the same time
	MessagesPerMinute int           // messages accepted within a minute
	MessagesPerConn   int           // messages on one connection
	SessionAge        time.Duration // how long a connection may last
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

// All returns every profile of this package, in alphabetical order of the slug.
func All() []*Profile { return []*Profile{Gmail(), Microsoft365()} }

// Lookup returns the profile with that slug.
func Lookup(slug string) (*Profile, bool) {
	for _, p := range All() {
		if p.Slug == slug {
			return p, true
		}
	}
	return nil, false
}
