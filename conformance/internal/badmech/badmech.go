// Package badmech has SASL mechanisms that are right until they are told not to be.
// Each [Defect] is the mutant of one case of package conformance: it shows that the
// case finds what it looks for, and that no other case takes it for something else.
//
// The mechanisms are naive ones, and nobody should sign in with them. Their servers
// are those of package sasl, but for X-SUM, which is nowhere else.
package badmech

import (
	"context"
	"errors"

	"github.com/seed-55a66e92/postern/sasl"
)

// A Defect is the one thing that a mechanism does wrong.
type Defect string

// The defects. The zero Defect is none.
const (
	None Defect = ""

	// Of X-SUM.
	SmallName      Defect = "small-name"       // Start returns the name in small letters
	SharedClient   Defect = "shared-client"    // one client for all exchanges
	AnswerAfterEnd Defect = "answer-after-end" // one more time
	FirstOctet     Defect = "first-octet"      // of a challenge that may have none
	BareSecret     Defect = "bare-secret"      // a field that fmt prints
	SecretInError  Defect = "secret-in-error"
	AnyUser        Defect = "any-user"     // user names are not looked at
	OwnContext     Defect = "own-context"  // the password is fetched under it
	AnyPassword    Defect = "any-password" // the server takes it
	CapitalDigest  Defect = "capital-digest"

	// Of EXTERNAL and ANONYMOUS.
	NilForEmpty     Defect = "nil-for-empty"
	UserForIdentity Defect = "user-for-identity"
	AnyTrace        Defect = "any-trace"

	// Of PLAIN, LOGIN and CRAM-MD5.
	ClaimConcealed  Defect = "claim-concealed"
	FetchInUsable   Defect = "fetch-in-usable"
	SwapIdentities  Defect = "swap-identities" // user name and authorization identity
	EmptyUser       Defect = "empty-user"
	Latin1          Defect = "latin-1"
	SayTwice        Defect = "say-twice"
	ReadPrompts     Defect = "read-prompts"
	InitialUser     Defect = "initial-user" // an initial response, to LOGIN
	CapitalMD5      Defect = "capital-md5"
	CutPassword     Defect = "cut-password" // to 64 octets
	AnswerToNothing Defect = "answer-to-nothing"

	// Of SCRAM.
	EarlySuccess    Defect = "early-success" // once the proof is sent
	ExtraAttribute  Defect = "extra-attribute"
	AnyNonce        Defect = "any-nonce"
	AnySignature    Defect = "any-signature"
	ErrorIsSuccess  Defect = "error-is-success"
	IgnoreMandatory Defect = "ignore-mandatory"
	AnyIterations   Defect = "any-iterations"
	RawNames        Defect = "raw-names"
	CountingNonce   Defect = "counting-nonce"
	AlwaysN         Defect = "always-n"
	NoContext       Defect = "no-context" // for the exporter of TLS
	HeaderWithout   Defect = "header-without-identity"
	AnyOrder        Defect = "any-order"
	RawPassword     Defect = "raw-password"

	// Of XOAUTH2 and OAUTHBEARER.
	SmallScheme   Defect = "small-scheme"
	GiveUp        Defect = "give-up" // at the error challenge
	AskAgain      Defect = "ask-again"
	FixedPort     Defect = "fixed-port"
	RawIdentity   Defect = "raw-identity"
	NoDummy       Defect = "no-dummy" // no response to the error challenge
	ReadableOnly  Defect = "readable-only"
	AnyCharacters Defect = "any-characters"
)

// Options are what a mechanism has besides its name.
type Options struct {
	Defect Defect
	Nonce  string // of SCRAM; "": a new one each time
	Trace  string // of ANONYMOUS
}

// New returns the mechanism of that name. It panics if there is none.
func New(name string, o Options) sasl.Mechanism {
	m, ok := sasl.Default().With(sasl.Anonymous("")).Lookup(name)
	switch {
	case name == "X-SUM":
		return newSum(o)
	case !ok:
		panic("badmech: no mechanism " + name)
	}
	switch name {
	case "PLAIN":
		return newPlain(m, o)
	case "LOGIN":
		return newLogin(m, o)
	case "CRAM-MD5":
		return newCram(m, o)
	case "EXTERNAL", "ANONYMOUS":
		return newNameless(m, o)
	case "XOAUTH2", "OAUTHBEARER":
		return newOAuth(m, o)
	}
	return newScram(m, o)
}

// errUnexpected is what a naive client says of a challenge that it did not expect.
var errUnexpected = errors.New("badmech: unexpected challenge")

// fetch returns the password, checked unless the defect says otherwise.
func fetch(ctx context.Context, c *sasl.Credentials, unchecked bool) (sasl.Secret, error) {
	if !unchecked {
		return c.FetchPassword(ctx)
	}
	if c.Password == nil {
		return sasl.Secret{}, errors.New("badmech: no password")
	}
	return c.Password(ctx)
}
