package conformance

import (
	"slices"

	"github.com/seed-55a66e92/postern/mock"
)

// A greetings says how often a client says EHLO when nothing is wrong. Once is
// usual, and more often is allowed (RFC 5321, Section 4.1.4).
type greetings struct{ clear, within int }

// greetings counts EHLO on the last connection, in clear and within TLS.
func (t *Trial) greetings() greetings {
	var g greetings
	if len(t.Sessions) == 0 {
		return g
	}
	commands := t.Sessions[len(t.Sessions)-1].Commands
	upgrade := slices.IndexFunc(commands, func(c mock.Command) bool { return c.Verb == "STARTTLS" })
	for i, c := range commands {
		switch {
		case c.Verb != "EHLO":
		case i < upgrade:
			g.clear++
		default:
			g.within++
		}
	}
	return g
}

// answerEHLO returns the faults by which each EHLO in clear, and each within TLS,
// gets such a reply. An empty one leaves it to the server.
func (s Scene) answerEHLO(clear, within string) []mock.Fault {
	var faults []mock.Fault
	for n := range s.greets.clear + s.greets.within {
		reply := clear
		if n >= s.greets.clear {
			reply = within
		}
		if reply != "" {
			faults = append(faults, mock.At("EHLO").Nth(n+1).Do(mock.Raw([]byte(reply))))
		}
	}
	return faults
}

// firstWithin is the number of the first EHLO within TLS.
func (s Scene) firstWithin() int { return s.greets.clear + 1 }
