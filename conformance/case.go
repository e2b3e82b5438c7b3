package conformance

import (
	"context"
	"fmt"
	"regexp"
)

// A Case is one question to an implementation: what is done, what has to come of
// it, and which rule says so. Cases are values and hold no state.
type Case struct {
	// ID is the permanent name: the kind of target, the area and a number, as in
	// "C-TLS-01". Those that begin with "X-" are for cases from elsewhere.
	ID    string
	Title string // what is asked, in a few words
	Area  Area
	Refs  []Ref

	// Needs is what the target has to be capable of. A target that is not gets
	// [Skip].
	Needs []Need
	Tier  Tier

	Procedure string // what is done
	Pass      string // what has to come of it

	// Mutant is the defect that makes exactly this case fail, and AlsoKills names
	// other cases that cannot help failing with it.
	Mutant    string
	AlsoKills []string

	Since string // the version of this module that had the case first

	// Client runs the case against a client. Exactly one such field is set, and
	// says what kind of target the case is for.
	Client func(context.Context, *ClientBench) Verdict
}

// Area is the part of the protocol that a case is about.
type Area string

// The areas so far.
const (
	AreaReplies Area = "replies"
	AreaTLS     Area = "tls"
	AreaAuth    Area = "auth"
)

// A Ref is where a rule stands.
type Ref struct {
	RFC      int    `json:"rfc,omitempty"`      // 0: not in an RFC
	Document string `json:"document,omitempty"` // where it stands, if not in an RFC
	Section  string `json:"section,omitempty"`
	Level    Level  `json:"level"`
}

// String returns the reference in the form "RFC 4954, Section 4 (MUST NOT)".
func (r Ref) String() string {
	s := r.Document
	if r.RFC != 0 {
		s = fmt.Sprintf("RFC %d", r.RFC)
	}
	if r.Section != "" {
		s += ", Section " + r.Section
	}
	return fmt.Sprintf("%s (%s)", s, r.Level)
}

// Level is how much a rule is one. The words of RFC 2119 are those of the RFC
// that is cited; lower case means that it has them in lower case.
type Level string

// The levels. [Security] is for what no document orders and users need.
const (
	Must      Level = "MUST"
	MustNot   Level = "MUST NOT"
	Should    Level = "SHOULD"
	LowerMust Level = "must"
	Security  Level = "security"
)

// A Need is something that a target has to be capable of.
type Need string

// The needs so far, besides those of [NeedMechanism].
const (
	NeedTLS  Need = "TLS"
	NeedAuth Need = "AUTH"
)

// NeedMechanism is the need of a SASL mechanism.
func NeedMechanism(name string) Need { return Need("AUTH " + name) }

// Tier is what running a case may do to its target. All cases for clients are
// [Passive]: the client runs at home, and talks to a server of the suite.
type Tier string

// Passive does nothing that lasts.
const Passive Tier = "passive"

// idForm is the form of ids: those of this package, and those from elsewhere.
var idForm = regexp.MustCompile(`^([A-Z]-[A-Z]{3}-[0-9]{2}|X-[A-Za-z0-9-]+)$`)

// check returns what is wrong with a case.
func (c Case) check() error {
	switch {
	case !idForm.MatchString(c.ID):
		return fmt.Errorf("conformance: case id %q is not of the form C-TLS-01 or X-name", c.ID)
	case c.Title == "":
		return fmt.Errorf("conformance: case %s has no title", c.ID)
	case c.Client == nil:
		return fmt.Errorf("conformance: case %s has nothing to run", c.ID)
	}
	return nil
}
