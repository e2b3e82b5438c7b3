package conformance

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"
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

	// Profiles are those that the case belongs to. Nil means all that are for its
	// kind of target.
	Profiles []Profile

	// Needs is what the target has to be capable of. A target that is not gets
	// [Skip].
	Needs []Need

	// DependsOn names the cases without which this one can say nothing. If one of
	// them has failed, this one is skipped; see Verdict.Usable.
	DependsOn []string

	// Tiers are what running the case does to its target, all of them. A run that
	// does not allow one of them skips the case.
	Tiers []Tier

	// Budget is what the case costs its target at most. Zero means nothing that
	// anybody counts.
	Budget Budget

	// Stability says whether the outcome counts. Zero means that it does.
	Stability Stability

	Procedure string // what is done
	Pass      string // what has to come of it
	Note      string // what else a reader of a failure should know; "" for nothing

	// Mutant is the defect that makes exactly this case fail, and AlsoKills names
	// other cases that cannot help failing with it.
	Mutant    string
	AlsoKills []string

	Since string // the version of this module that had the case first

	// Exactly one of these is set. It runs the case, and says what kind of target
	// the case is for: a client, a server, a SASL mechanism, a token generator.
	Client    func(context.Context, *ClientBench) Verdict
	Server    func(context.Context, *ServerBench) Verdict
	Mechanism func(context.Context, *MechanismBench) Verdict
	Generator func(context.Context, *GeneratorBench) Verdict
}

// Area is the part of the protocol that a case is about.
type Area string

// The areas so far.
const (
	AreaGreeting   Area = "greeting" // and EHLO
	AreaReplies    Area = "replies"  // and their order
	AreaLines      Area = "lines"    // and how they end, in commands and in data
	AreaSession    Area = "session"  // order of commands, transactions
	AreaData       Area = "data"     // content
	AreaTLS        Area = "tls"
	AreaAuth       Area = "auth"       // the AUTH command
	AreaMechanisms Area = "mechanisms" // what is said within it
	AreaExtensions Area = "extensions"
	AreaAbuse      Area = "abuse"
	AreaTimeouts   Area = "timeouts"
	AreaTokens     Area = "tokens"
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
	ShouldNot Level = "SHOULD NOT"
	LowerMust Level = "must"
	Grammar   Level = "grammar" // what does not follow it is none of the things that it describes
	Security  Level = "security"
)

// Tier is what running a case does to its target. All cases for clients,
// mechanisms and generators are [Passive]: these run at home, and talk to a peer of
// the suite.
type Tier string

// The tiers, from harmless to costly.
const (
	Passive     Tier = "passive"      // nothing that lasts
	Envelope    Tier = "envelope"     // transactions that end in RSET
	Login       Tier = "login"        // a sign-in with the right credentials
	FailedLogin Tier = "failed-login" // a sign-in that the server has to refuse
	Delivery    Tier = "delivery"     // a message to the sink
	Hostile     Tier = "hostile"      // octets that no honest client sends
	Slow        Tier = "slow"         // minutes, or load
)

// A Budget is what one run of a case may cost its target. Runners for servers keep
// to it, and skip a case for which too little is left.
type Budget struct {
	FailedLogins int           // that the server has to refuse
	Messages     int           // that reach the sink
	Time         time.Duration // until the case is cut off; zero means Suite.CaseTimeout
}

// Stability says whether an outcome counts.
type Stability string

const (
	// Stable is a case whose outcome counts. It is what zero means.
	Stable Stability = ""
	// Provisional is a case that is young or in dispute: its outcome is reported
	// and makes no run fail.
	Provisional Stability = "provisional"
)

// Core reports whether every target of the profile has to stand the case, whatever
// it offers. The others are extended: they are about what a target may leave out.
func (c Case) Core() bool {
	for _, n := range c.Needs {
		if n.optional() {
			return false
		}
	}
	return true
}

// idForm is the form of ids: those of this package, and those from elsewhere.
var idForm = regexp.MustCompile(`^([A-Z]-[A-Z]{3}-[0-9]{2}|X-[A-Za-z0-9-]+)$`)

// check returns what is wrong with a case.
func (c Case) check() error {
	switch {
	case !idForm.MatchString(c.ID):
		return fmt.Errorf("conformance: case id %q is not of the form C-TLS-01 or X-name", c.ID)
	case c.Title == "":
		return fmt.Errorf("conformance: case %s has no title", c.ID)
	case c.Stability != Stable && c.Stability != Provisional:
		return fmt.Errorf("conformance: case %s has the unknown stability %q", c.ID, c.Stability)
	}
	for _, tier := range c.Tiers {
		if !slices.Contains(AllTiers(), tier) { // no run would allow it
			return fmt.Errorf("conformance: case %s has the unknown tier %q", c.ID, tier)
		}
	}
	n := 0
	for _, set := range []bool{c.Client != nil, c.Server != nil, c.Mechanism != nil, c.Generator != nil} {
		if set {
			n++
		}
	}
	switch n {
	case 0:
		return fmt.Errorf("conformance: case %s has nothing to run", c.ID)
	case 1:
		return nil
	}
	return fmt.Errorf("conformance: case %s has %d functions to run, and may have one", c.ID, n)
}
