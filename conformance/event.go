package conformance

// An Event is something that happens in the course of a run, for those who look
// on.
type Event struct {
	Kind EventKind

	// Report is what is known so far, in events of the kind [TargetKnown]. It is
	// not to be changed, or kept.
	Report *Report

	Case    Case
	Index   int // of the case among those selected, from 1; 0 for one that only another one depends on
	Total   int // of the selected cases
	Attempt int // from 1

	// Result is what came of the case, or of the attempt that is to be repeated.
	Result Result

	// Lines are what was said on a connection, without secrets, in events of the
	// kind [Dialogue].
	Lines []string
}

// EventKind says what has happened.
type EventKind string

// The kinds, in the order in which they come.
const (
	TargetKnown EventKind = "target"   // the target was looked at, before the first case
	CaseBegins  EventKind = "case"     // each attempt
	Dialogue    EventKind = "dialogue" // a connection of the case is over, to a server or of a client
	CaseRetried EventKind = "retried"  // an attempt was inconclusive, and there is another one
	CaseEnded   EventKind = "ended"    // with its result
)
