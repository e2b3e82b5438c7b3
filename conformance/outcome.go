package conformance

// Outcome is what came of a case; the package comment says what each one means.
// The zero Outcome is none, and becomes [Error].
type Outcome string

// The outcomes.
const (
	Pass         Outcome = "pass"
	Fail         Outcome = "fail"
	Warn         Outcome = "warn"
	Info         Outcome = "info"
	Skip         Outcome = "skip"
	Inconclusive Outcome = "inconclusive"
	Error        Outcome = "error"
)

// known reports whether o is one of the constants.
func (o Outcome) known() bool {
	switch o {
	case Pass, Fail, Warn, Info, Skip, Inconclusive, Error:
		return true
	}
	return false
}

// Good reports whether o is no reason to look into it: pass, warn, info and skip
// are none. What is inconclusive has to be looked into.
func (o Outcome) Good() bool {
	switch o {
	case Pass, Warn, Info, Skip:
		return true
	}
	return false
}

// A Verdict is what a case returns.
type Verdict struct {
	Outcome Outcome
	// Reason says why, on one line. A pass needs none.
	Reason string
	// Want and Got are what should have happened and what did.
	Want, Got string
	// Transcript holds of the dialogue that decided the exchange in which
	// something was wrong and the last lines, without secrets.
	Transcript []string
}

func pass() Verdict { return Verdict{Outcome: Pass} }
