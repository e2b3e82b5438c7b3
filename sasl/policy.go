package sasl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Policy narrows the choice of mechanisms. The zero value is the safe default:
// every mechanism of the registry that is not deprecated, and no secret outside
// verified TLS and loopback.
type Policy struct {
	// Order names the mechanisms that may run, the preferred one first. Empty
	// means: all of the registry that are not deprecated, by rank. A deprecated
	// mechanism runs only if it is named here.
	Order []string

	// RequireMutual allows only mechanisms in which the server proves itself.
	RequireMutual bool

	// RequireBinding allows only mechanisms that are bound to the TLS connection.
	RequireBinding bool

	// InsecureUnverifiedTLS lets secrets out over TLS whose certificate nobody
	// has checked: to anybody who can intercept the connection.
	InsecureUnverifiedTLS bool

	// InsecurePlaintext lets secrets out without TLS: to anybody on the path.
	InsecurePlaintext bool
}

// A Decision is what negotiation makes of one mechanism.
type Decision struct {
	Mechanism string
	Chosen    bool  // it is the one that would run first
	Reason    error // why it cannot run here; nil if it can
}

// rejects says why the policy forbids m on c, nil if it does not.
func (p *Policy) rejects(m *Mechanism, c *Conn) error {
	switch {
	case len(p.Order) > 0 && !p.names(m.Name):
		return errors.New("sasl: not in Policy.Order")
	case m.Traits.Has(Deprecated) && !p.names(m.Name):
		return errors.New("sasl: deprecated; name it in Policy.Order to allow it")
	case p.RequireMutual && !m.Traits.Has(Mutual):
		return errors.New("sasl: Policy.RequireMutual wants proof of the server")
	case p.RequireBinding && !m.Traits.Has(Binds):
		return errors.New("sasl: Policy.RequireBinding wants it bound to TLS")
	case m.Traits.Has(Concealed), c.Verified && c.TLS != nil, c.Loopback:
		return nil
	case c.TLS == nil && !p.InsecurePlaintext:
		return fmt.Errorf("%w: it sends a secret and the connection has no TLS", ErrInsecure)
	case c.TLS != nil && !p.InsecureUnverifiedTLS:
		return fmt.Errorf("%w: it sends a secret and the server's certificate is not verified", ErrInsecure)
	}
	return nil
}

func (p *Policy) names(mechanism string) bool {
	return slices.ContainsFunc(p.Order, func(name string) bool { return strings.EqualFold(name, mechanism) })
}

// sort brings mechanisms into the order of the policy: those that Order names
// first, as it names them, then the others by rank as they come.
func (p *Policy) sort(mechanisms []Mechanism) {
	place := func(m Mechanism) int {
		i := slices.IndexFunc(p.Order, func(name string) bool { return strings.EqualFold(name, m.Name) })
		if i < 0 {
			return len(p.Order)
		}
		return i
	}
	slices.SortStableFunc(mechanisms, func(a, b Mechanism) int { return place(a) - place(b) })
}

func (p *Policy) validate(r *Registry) error {
	var errs []error
	for i, name := range p.Order {
		if _, ok := r.Lookup(name); !ok {
			errs = append(errs, fmt.Errorf("sasl: Policy.Order names %q, which the registry does not have", name))
		}
		if slices.ContainsFunc(p.Order[:i], func(n string) bool { return strings.EqualFold(n, name) }) {
			errs = append(errs, fmt.Errorf("sasl: Policy.Order names %q twice", name))
		}
	}
	return join(errs...)
}
