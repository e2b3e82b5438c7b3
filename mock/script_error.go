package mock

import (
	"fmt"
	"strings"
)

// A ScriptError says where a dialogue has left its script. It holds no secret:
// what belongs to AUTH is decoded, and what is secret in it replaced by its
// length.
type ScriptError struct {
	Session int    // whose connection it is, 0 if none has come
	Step    int    // number of the step, from 1, 0 if it is not about one
	Steps   int    // how many the connection's script has
	Pos     string // file:line of the step
	Name    string // what the step does
	Reason  string // what is wrong

	Transcript   Transcript // the last lines of the connection
	NeverReached []string   // steps that were to come, as "number name (file:line)"
}

// maxTail is how many lines of a transcript an error holds, and maxListed how
// many steps its text lists.
const (
	maxTail   = 16
	maxListed = 20
)

// Error returns all that the error holds, on several lines.
func (e *ScriptError) Error() string {
	var b strings.Builder
	b.WriteString("mock: ")
	if e.Session > 0 {
		fmt.Fprintf(&b, "session %d: ", e.Session)
	}
	if e.Step > 0 {
		fmt.Fprintf(&b, "step %d of %d (%s) %s: ", e.Step, e.Steps, e.Pos, e.Name)
	}
	b.WriteString(strings.TrimRight(e.Reason, "\n"))
	if len(e.Transcript) > 0 {
		b.WriteString("\nlast lines:")
	}
	for _, line := range e.Transcript {
		fmt.Fprintf(&b, "\n  +%.3fs %c: %s", line.At.Seconds(), line.From, line.Text)
	}
	if len(e.NeverReached) > 0 {
		b.WriteString("\nnever reached:")
	}
	for i, step := range e.NeverReached {
		if i == maxListed {
			fmt.Fprintf(&b, "\n  and %d more", len(e.NeverReached)-maxListed)
			break
		}
		b.WriteString("\n  " + step)
	}
	return b.String()
}

// describe lists steps for ScriptError.NeverReached.
func describe(list []*node) []string {
	var texts []string
	for _, n := range list {
		texts = append(texts, fmt.Sprintf("%d %s (%s)", n.number, n.name, n.pos))
	}
	return texts
}

// tail returns the last lines of a transcript.
func tail(t Transcript) Transcript { return t[max(0, len(t)-maxTail):] }
