package conformance

import "strings"

// Outcome is what came of a case; the package comment says what each one means.
// The zero Outcome is none, and becomes [Error].
type Outcome string

// The outcomes. A case returns one of the first seven; the others are what a run
// makes of them, see [KnownFailures].
const (
	Pass         Outcome = "pass"
	Fail         Outcome = "fail"
	Warn         Outcome = "warn"
	Info         Outcome = "info"
	Skip         Outcome = "skip"
	Inconclusive Outcome = "inconclusive"
	Error        Outcome = "error"

	XFail Outcome = "xfail" // a known failure
	XPass Outcome = "xpass" // a known failure that is none any more
)

// Outcomes returns all outcomes, in the order in which they are counted.
func Outcomes() []Outcome {
	return []Outcome{Pass, Fail, Warn, Info, Skip, Inconclusive, Error, XFail, XPass}
}

// known reports whether o is one that a case may return.
func (o Outcome) known() bool {
	switch o {
	case Pass, Fail, Warn, Info, Skip, Inconclusive, Error:
		return true
	}
	return false
}

// Good reports whether o is no reason to look into it: pass, warn, info, skip and
// xfail are none. What is inconclusive has to be looked into.
func (o Outcome) Good() bool {
	switch o {
	case Pass, Warn, Info, Skip, XFail:
		return true
	}
	return false
}

// A Verdict is what a case returns.
type Verdict struct {
	Outcome Outcome
	// Skip says why the case was not run, for programs. It is set with [Skip]
	// alone.
	Skip SkipReason
	// Reason says why, on one line. A pass needs none.
	Reason string
	// Want and Got are what should have happened and what did.
	Want, Got string
	// Transcript holds of the dialogue that decided the exchange in which
	// something was wrong and the last lines, without secrets.
	Transcript []string
	// Usable says of a case that did not pass that those which depend on it can
	// be judged all the same.
	Usable bool
}

func pass() Verdict { return Verdict{Outcome: Pass} }

// A SkipReason says why a case was not run.
type SkipReason string

// The reasons, besides that of [DependsOn].
const (
	NoCapability SkipReason = "no-capability" // the target does not offer what the case needs
	NoCredential SkipReason = "no-credential" // the suite was not given what it would sign in with, or must not use it here
	NoSink       SkipReason = "no-sink"       // nobody is known to take mail
	NoObserver   SkipReason = "no-observer"   // nobody can say what the server has stored
	TierOff      SkipReason = "tier-off"      // the run does not allow what the case does
	ByUser       SkipReason = "user"          // Suite.Exclude names it
	OverBudget   SkipReason = "budget"        // too much would be asked of the target
)

// DependsOn is the reason that another case did not pass.
func DependsOn(id string) SkipReason { return SkipReason(dependsOn + id) }

const dependsOn = "depends-on:"

// dependency returns the id within a reason of [DependsOn], "" if it is another
// one.
func (r SkipReason) dependency() string {
	id, found := strings.CutPrefix(string(r), dependsOn)
	if !found {
		return ""
	}
	return id
}

// skip returns the verdict on a case that is not run. The explanation follows the
// reason.
func skip(why SkipReason, explanation string) Verdict {
	return Verdict{Outcome: Skip, Skip: why, Reason: string(why) + ": " + explanation}
}
