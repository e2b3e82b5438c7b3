package sasl

import (
	"context"

	gosasl "github.com/emersion/go-sasl"
)

// Client and Server are the two sides of one exchange, by the interfaces of
// package go-sasl. Any implementation of those interfaces can be a mechanism.
type (
	Client = gosasl.Client
	Server = gosasl.Server
)

// A Finisher is a [Client] that wants the last word. Finish is called once, at
// the end of the exchange: verdict is nil if the protocol reported success (SMTP
// 235), else the protocol's error. What Finish returns is the result.
//
// A mechanism with mutual authentication returns [ErrServerUnverified] when
// success comes before the server has proved itself.
type Finisher interface {
	Finish(verdict error) error
}

// An Identifier is a [Server] that tells who signed in: the authentication
// identity whose credentials were checked, and the authorization identity to
// act as, "" if none was asked for. Both are valid once Next has returned done
// without an error.
type Identifier interface {
	Identity() (authn, authz string)
}

// A Mechanism describes one SASL mechanism. It is stateless and shared by all
// connections; NewClient and NewServer make the state of one exchange.
//
// A custom mechanism is a literal of this type, added with [Registry.With].
type Mechanism struct {
	// Name is the name on the wire: 1 to 20 of A-Z, 0-9, hyphen and underscore
	// (RFC 4422, Section 3.1).
	Name string

	// Rank orders mechanisms: a higher one is preferred. The Rank constants say
	// where the mechanisms of this package stand.
	Rank int

	// Traits say what the mechanism gives away and what it proves. The zero
	// value is the cautious one.
	Traits Traits

	// Usable says why the mechanism cannot run on this connection with these
	// credentials; nil means that it can. The reason is for the user, who may see it
	// in a [NoMechanismError]. Usable does no I/O and fetches no secret, and copes
	// with a Conn that is empty. A nil Usable means "always".
	Usable func(*Conn, *Credentials) error

	// NewClient starts the client side of an exchange. It may fetch secrets; ctx
	// bounds the whole exchange. Nil means that there is no client side.
	NewClient func(context.Context, *Conn, *Credentials) (Client, error)

	// NewServer starts the server side of an exchange. ctx bounds the whole
	// exchange. Nil means that there is no server side.
	//
	// A Server returns no data together with done: SMTP has no place for it. It
	// reports refused credentials as an error that matches [ErrRejected].
	NewServer func(context.Context, *Conn, Directory) (Server, error)
}

// Traits say what a mechanism gives away and what it proves.
//
// The zero value is the cautious one: whoever reads the connection learns a
// secret, so the mechanism runs over verified TLS or loopback alone.
type Traits uint8

const (
	// Concealed: neither a listener nor the server learns a secret. SCRAM,
	// CRAM-MD5, EXTERNAL and ANONYMOUS are so.
	Concealed Traits = 1 << iota
	// Bearer: the secret is an access token. The mechanism is not run without a
	// [TokenGenerator].
	Bearer
	// Mutual: the server proves that it knows the account. The Client has to be a
	// [Finisher], which is what refuses success without the proof.
	Mutual
	// Binds: the exchange is bound to the TLS connection (RFC 5056).
	Binds
	// Deprecated says that the mechanism runs only if [Policy.Order] names it.
	Deprecated
	// OneRoundTrip: with an initial response, the server's next reply is the
	// last one whatever it says (RFC 4954, Section 4).
	OneRoundTrip
)

// Has reports whether t has all of traits.
func (t Traits) Has(traits Traits) bool { return t&traits == traits }

// strength orders mechanisms by what a hostile server gains from being signed
// in to. Negotiation never goes on to a mechanism of less.
func (t Traits) strength() int {
	switch {
	case t.Has(Mutual | Binds):
		return 3
	case t.Has(Mutual):
		return 2
	case t.Has(Concealed):
		return 1
	}
	return 0
}

// Ranks of the mechanisms in [Default]. XOAUTH2 stands before OAUTHBEARER
// because the largest providers document it and some offer nothing else; both
// are equally safe. SCRAM that is bound to TLS stands before SCRAM with a longer
// hash.
const (
	RankEXTERNAL    = 900
	RankXOAUTH2     = 720
	RankOAUTHBEARER = 710

	RankSCRAMSHA512PLUS = 630
	RankSCRAMSHA256PLUS = 620
	RankSCRAMSHA1PLUS   = 610
	RankSCRAMSHA512     = 530
	RankSCRAMSHA256     = 520
	RankSCRAMSHA1       = 510

	RankPLAIN     = 200
	RankLOGIN     = 100
	RankCRAMMD5   = 50 // deprecated: it runs where Policy.Order names it
	RankANONYMOUS = 10 // not in Default: see Anonymous
)
