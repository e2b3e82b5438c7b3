package conformance

import (
	"cmp"
	"context"
	"errors"
	"path"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// A MechanismTarget is a SASL mechanism under test: its client side, its server
// side, or both. Everything happens within the process.
//
// A panic of the mechanism fails the case, and so does a call that takes longer than
// Suite.Timeout; the context of the call ends with the case. What ends a program
// whatever is done, as a fatal error of the runtime does, ends the suite, too.
type MechanismTarget struct {
	// Mechanism is what is tested.
	Mechanism sasl.Mechanism

	// Credentials are those that the server takes. Nil means that the suite makes
	// them: a user with a password, a token or a certificate, or nothing at all,
	// the first of these that Mechanism.Usable agrees to.
	Credentials *sasl.Credentials

	// Wrong are credentials that the server has to refuse. Nil means Credentials
	// with another password or token.
	Wrong *sasl.Credentials

	// Secrets are what the mechanism holds beyond its credentials, of at least 16
	// octets each: shorter ones cannot be told from other text.
	Secrets []string

	// Directory has the account of Credentials. Nil means that the suite makes one.
	Directory sasl.Directory

	// Server plays the server to the client side. Nil means the server of package
	// sasl for a mechanism of that name, else Mechanism.NewServer, else the first
	// good one of Vectors.
	Server func(context.Context, *sasl.Conn, sasl.Directory) (sasl.Server, error)

	// Conn is the connection as the client sees it. Nil means verified TLS 1.3 of
	// a handshake in memory, with a client certificate, to port 587.
	Conn *sasl.Conn

	// Nonce returns a mechanism of SCRAM like Mechanism, but with that nonce. Nil
	// means that there is no way to choose it: the cases that need it are skipped.
	Nonce func(nonce string) sasl.Mechanism

	// Plus says that a client of SCRAM which is tested under its name without -PLUS
	// has channel binding, too.
	Plus bool

	// Trace returns a mechanism like Mechanism, but with that trace information: for
	// ANONYMOUS. Nil means that there is no way to choose it.
	Trace func(trace string) sasl.Mechanism

	// Vectors are exchanges that are known to be right or wrong; see
	// [ReadMechanismVectors].
	Vectors []MechanismVector
}

var _ Target = MechanismTarget{}

// RunMechanism runs all cases for a mechanism of that name as subtests of t, each
// named by its id.
func RunMechanism[T TB[T]](t T, target MechanismTarget) {
	t.Helper()
	RunSuite(t, Suite{}, target)
}

func (t MechanismTarget) name() string { return cmp.Or(t.Mechanism.Name, "mechanism") }

func (t MechanismTarget) kind() string { return "mechanism" }

func (t MechanismTarget) profile() Profile { return OfMechanism }

func (t MechanismTarget) check() error {
	if t.Mechanism.NewClient == nil && t.Mechanism.NewServer == nil {
		return errors.New("conformance: MechanismTarget.Mechanism has neither NewClient nor NewServer")
	}
	for _, secret := range t.Secrets {
		if len(secret) < minSecret {
			return errors.New("conformance: MechanismTarget.Secrets: want at least 16 octets each, to find them in other text")
		}
	}
	return checkVectors(t.Vectors)
}

func (t MechanismTarget) runner(c Case) func(context.Context, Suite) Verdict {
	if c.Mechanism == nil || !t.concerns(c) {
		return nil
	}
	return func(ctx context.Context, s Suite) Verdict {
		return newMechanismBench(t, c, s.timeout()).judge(ctx)
	}
}

// concerns reports whether a case is for a mechanism of this name, and with what the
// target has.
func (t MechanismTarget) concerns(c Case) bool {
	for _, need := range c.Needs {
		if need == NeedVectors && len(t.Vectors) == 0 {
			return false
		}
		pattern, ok := strings.CutPrefix(string(need), string(NeedMechanism("")))
		if !ok {
			continue
		}
		if match, err := path.Match(pattern, t.Mechanism.Name); err != nil || !match {
			return false
		}
	}
	return true
}

// The needs of cases for mechanisms, besides those of [NeedMechanism], which take
// patterns as in path.Match here. A case for a mechanism of another name is none
// of the target.
const (
	NeedClientSide Need = "client side"
	NeedServerSide Need = "server side"
	NeedEither     Need = "client side or server side"
	NeedExchange   Need = "peer"    // somebody to sign in with, or to
	NeedVectors    Need = "vectors" // of the target's own
)
