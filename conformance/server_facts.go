package conformance

import (
	"slices"
	"strings"
)

// ServerFacts are what a run has found out about a server besides outcomes.
type ServerFacts struct {
	Addr     string   `json:"addr"`    // host:port
	Network  string   `json:"network"` // "loopback", "private" or "public"
	TLS      string   `json:"tls"`     // how the connection becomes encrypted
	Greeting string   `json:"greeting,omitempty"`
	IOwn     string   `json:"iOwn,omitempty"` // see ServerTarget.IOwn
	Tiers    []Tier   `json:"tiers"`
	SignedIn string   `json:"signedIn,omitempty"` // the mechanism by which the account has signed in
	States   [4]State `json:"states"`
	Claims   []Claim  `json:"claims,omitempty"`
	// Unclaimed are extensions and mechanisms that the server offers, if anything
	// was claimed.
	Unclaimed []string `json:"unclaimed,omitempty"`
	// FailedLogins and Messages are what the run has cost the server.
	FailedLogins int `json:"failedLogins,omitempty"`
	Messages     int `json:"messages,omitempty"`
}

// A State is what EHLO lists in one state of a connection.
type State struct {
	Name    string   `json:"name"` // "clear", "tls", "clear+auth" or "tls+auth"
	Reached bool     `json:"reached"`
	Why     string   `json:"why,omitempty"`   // it was not reached
	Lines   []string `json:"lines,omitempty"` // without the first
}

// The places of states.
const (
	clearState = iota
	tlsState
	clearAuthState
	tlsAuthState
)

func newStates() [4]State {
	const why = "it was not tried"
	return [4]State{{Name: "clear", Why: why}, {Name: "tls", Why: why}, {Name: "clear+auth", Why: why}, {Name: "tls+auth", Why: why}}
}

// A Claim is an extension or a mechanism that a server is said to have.
type Claim struct {
	Claim string   `json:"claim"`
	Proof Proof    `json:"proof"`
	Cases []string `json:"cases,omitempty"` // that are about it and were run
}

// Proof is how a claim stands at the end of a run.
type Proof string

// The proofs.
const (
	Proven   Proof = "proven"   // it is offered, and a case that is about it has passed
	Refuted  Proof = "refuted"  // it is offered, and a case that is about it has failed
	Unproven Proof = "unproven" // it is offered, and no case has tried it
	Absent   Proof = "absent"   // it is not offered
)

// offers returns the parameters of a keyword in a state, and whether it is there.
func (s State) offers(keyword string) (parameters []string, found bool) {
	for _, line := range s.Lines {
		words := strings.Fields(line)
		if len(words) > 0 && strings.EqualFold(words[0], keyword) {
			return words[1:], true
		}
	}
	return nil, false
}

// offered returns all extensions and mechanisms of all states.
func (f *ServerFacts) offered() []string {
	var all []string
	for _, s := range f.States {
		for _, line := range s.Lines {
			words := strings.Fields(strings.ToUpper(line))
			switch {
			case len(words) == 0:
			case words[0] != "AUTH":
				all = append(all, words[0])
			default:
				for _, mechanism := range words[1:] {
					all = append(all, mechanismNeed+mechanism)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// judgeClaims compares what is claimed with what is offered and what cases say.
func (f *ServerFacts) judgeClaims(claims []string, results []Result, needs func(id string) []Need) {
	if claims == nil {
		return
	}
	offered := f.offered()
	f.Claims, f.Unclaimed = []Claim{}, nil
	claimed := make(map[string]bool)
	for _, name := range claims {
		name = strings.Join(strings.Fields(strings.ToUpper(name)), " ")
		claimed[name] = true
		c := Claim{Claim: name, Proof: Absent}
		if slices.Contains(offered, name) {
			c.prove(results, needs)
		}
		f.Claims = append(f.Claims, c)
	}
	for _, name := range offered {
		if !claimed[name] {
			f.Unclaimed = append(f.Unclaimed, name)
		}
	}
}

// prove looks for cases that are about the claim.
func (c *Claim) prove(results []Result, needs func(id string) []Need) {
	c.Proof = Unproven
	for _, r := range results {
		need := Need(c.Claim)
		if !strings.HasPrefix(c.Claim, mechanismNeed) {
			need = NeedExtension(c.Claim)
		}
		if !slices.Contains(needs(r.ID), need) {
			continue
		}
		switch r.Outcome {
		case Fail, XFail:
			c.Proof = Refuted
		case Pass, Warn, Info, XPass:
			if c.Proof == Unproven {
				c.Proof = Proven
			}
		default:
			continue
		}
		c.Cases = append(c.Cases, r.ID)
	}
}
