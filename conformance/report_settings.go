package conformance

import (
	"reflect"
	"time"
)

// Settings are what a run was told besides who the target is, as far as it is no
// secret: with them, a case can be run again.
type Settings struct {
	From       string   `json:"from,omitempty"`      // see ServerTarget.From
	Sink       string   `json:"sink,omitempty"`      // see ServerTarget.Sink
	Domain     string   `json:"domain,omitempty"`    // see ServerTarget.Domain
	LocalName  string   `json:"localName,omitempty"` // see ServerTarget.LocalName
	Unverified bool     `json:"unverified,omitempty"`
	Timeout    string   `json:"timeout,omitempty"` // Suite.Timeout, as time.Duration prints it
	Select     []string `json:"select,omitempty"`
	Exclude    []string `json:"exclude,omitempty"`
}

// settings returns what the run was told, nil if that is nothing.
func (s Suite) settings(target Target) *Settings {
	var told Settings
	if t, ok := target.(ServerTarget); ok {
		told.From, told.Sink, told.Domain, told.LocalName = t.From, t.Sink, t.Domain, t.LocalName
		told.Unverified = t.InsecureUnverifiedTLS
	}
	if s.Timeout != 0 {
		told.Timeout = s.Timeout.String()
	}
	if len(s.Select) > 0 {
		told.Select = s.Select
	}
	if len(s.Exclude) > 0 {
		told.Exclude = s.Exclude
	}
	if reflect.ValueOf(told).IsZero() {
		return nil
	}
	return &told
}

// Again returns the suite that runs one case as the run of the report did.
func (r *Report) Again(id string) Suite {
	s := Suite{Select: []string{id}, Strict: r.Strict}
	if r.Settings != nil {
		s.Timeout, _ = time.ParseDuration(r.Settings.Timeout) // what is none is the zero, which means the default
	}
	return s
}

// ServerTarget returns the server that the report is about, as far as it says. It
// is lacking credentials and authorities, and what is dangerous has to be confirmed
// again: IOwn and InsecureUnverifiedTLS. It is zero for a report about something else.
//
// Whoever wrote the report chose the address: look at it before credentials go there.
func (r *Report) ServerTarget() ServerTarget {
	if r.Server == nil {
		return ServerTarget{}
	}
	t := ServerTarget{Name: r.Target, Addr: r.Server.Addr, Profile: r.Profile, Tiers: r.Server.Tiers}
	if r.Server.TLS == ImplicitTLS.String() {
		t.TLS = ImplicitTLS
	}
	if s := r.Settings; s != nil {
		t.From, t.Sink, t.Domain, t.LocalName = s.From, s.Sink, s.Domain, s.LocalName
	}
	for _, c := range r.Server.Claims {
		t.Claims = append(t.Claims, c.Claim)
	}
	return t
}
