package sasl

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// A Registry is a set of mechanisms. It never changes: With and Without return
// a new one, so it is safe for concurrent use. A nil *Registry stands for
// [Default].
type Registry struct {
	byName map[string]*Mechanism
	ranked []*Mechanism // the same, in the order of Mechanisms
}

// Default returns the registry of all mechanisms of this package but ANONYMOUS
// (see [Anonymous]). CRAM-MD5 is in it and runs only if [Policy.Order] names it.
func Default() *Registry {
	return new(Registry).With(append(
		scramMechanisms(),
		externalMechanism(),
		xoauth2Mechanism(), oauthBearerMechanism(),
		plainMechanism(), loginMechanism(), cramMD5Mechanism(),
	)...)
}

// newRegistry takes byName for its own.
func newRegistry(byName map[string]*Mechanism) *Registry {
	ranked := slices.SortedFunc(maps.Values(byName), func(a, b *Mechanism) int {
		return cmp.Or(cmp.Compare(b.Rank, a.Rank), cmp.Compare(a.Name, b.Name))
	})
	return &Registry{byName, ranked}
}

func (r *Registry) orDefault() *Registry {
	if r == nil {
		return Default()
	}
	return r
}

// With returns a registry that has the mechanisms of r and those given. It
// panics on a name that RFC 4422, Section 3.1 does not allow, on a name that is
// there already (see [Registry.Without]) and on a mechanism without NewClient
// and NewServer, for these are mistakes in the program.
func (r *Registry) With(mechanisms ...Mechanism) *Registry {
	byName := maps.Clone(r.orDefault().byName)
	if byName == nil {
		byName = make(map[string]*Mechanism, len(mechanisms))
	}
	for _, m := range mechanisms {
		if !validName(m.Name) {
			panic(fmt.Sprintf("sasl: mechanism name %q: want 1 to 20 of A-Z, 0-9, hyphen and underscore", m.Name))
		}
		if _, ok := byName[m.Name]; ok {
			panic(fmt.Sprintf("sasl: mechanism %s is registered already; take it out with Without first", m.Name))
		}
		if m.NewClient == nil && m.NewServer == nil {
			panic(fmt.Sprintf("sasl: mechanism %s has neither NewClient nor NewServer", m.Name))
		}
		byName[m.Name] = &m
	}
	return newRegistry(byName)
}

// Without returns a registry that lacks the mechanisms named. Names that r does
// not have are ignored.
func (r *Registry) Without(names ...string) *Registry {
	byName := maps.Clone(r.orDefault().byName)
	for _, name := range names {
		delete(byName, upper(name))
	}
	return newRegistry(byName)
}

// Lookup returns the mechanism of that name, in any case.
func (r *Registry) Lookup(name string) (Mechanism, bool) {
	m, ok := r.orDefault().byName[upper(name)]
	if !ok {
		return Mechanism{}, false
	}
	return *m, true
}

// Mechanisms returns all mechanisms, the highest rank first and those of equal
// rank by name.
func (r *Registry) Mechanisms() []Mechanism {
	var mechanisms []Mechanism
	for _, m := range r.orDefault().ranked {
		mechanisms = append(mechanisms, *m)
	}
	return mechanisms
}

// Names returns the names of all mechanisms in the order of [Registry.Mechanisms].
func (r *Registry) Names() []string {
	var names []string
	for _, m := range r.orDefault().ranked {
		names = append(names, m.Name)
	}
	return names
}

// validName reports whether name is a mechanism name (RFC 4422, Section 3.1).
func validName(name string) bool {
	if len(name) < 1 || len(name) > 20 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
