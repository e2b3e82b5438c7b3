package sasl

import (
	"errors"
	"fmt"
	"slices"
)

// A Policy narrows the choice of mechanisms. The zero value is the safe default:
// every mechanism of the registry that is not deprecated, and no secret outside
// verified TLS and loopback.
type Policy struct {
	// Order names the mechanisms that may run, the preferred one first. Empty
	// means: all of the registry that are not deprecated, by rank. A deprecated
	// mechanism runs only if it is named here. Names are in any case.
	Order []string

	// RequireMutual allows only mechanisms in which the server proves itself: of
	// this package, SCRAM. False means any.
	RequireMutual bool

	// RequireBinding allows only mechanisms that are bound to the TLS connection:
	// of this package, SCRAM with -PLUS. False means any.
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
	Traits    Traits // of the mechanism
	Chosen    bool   // it is the one that would run first
	Reason    error  // why it cannot run here; nil if it can
}

// The reasons why a policy forbids a mechanism, in words for its user.
var (
	errNotInOrder = errors.New("sasl: not in Policy.Order")
	errDeprecated = errors.New("sasl: deprecated: name it in Policy.Order to allow it")
	errNotMutual  = errors.New("sasl: Policy.RequireMutual wants a mechanism in which the server proves itself, such as SCRAM")
	errNotBound   = errors.New("sasl: Policy.RequireBinding wants a mechanism that is bound to TLS, such as SCRAM with -PLUS")
	errNoTLS      = fmt.Errorf("%w: it sends a secret and the connection has no TLS: connect with TLS", ErrInsecure)
	errUnverified = fmt.Errorf("%w: it sends a secret and the server's certificate is not verified: "+
		"put its authority into RootCAs in place of InsecureSkipVerify", ErrInsecure)
)

// rejects says why the policy forbids m on c, nil if it does not.
func (p *Policy) rejects(m *Mechanism, c *Conn) error {
	if err := p.rules(m); err != nil {
		return err
	}
	switch {
	case m.Traits.Has(Concealed), c.Verified && c.TLS != nil, c.Loopback:
		return nil
	case c.TLS == nil && !p.InsecurePlaintext:
		return errNoTLS
	case c.TLS != nil && !p.InsecureUnverifiedTLS:
		return errUnverified
	}
	return nil
}

// rules says why the policy forbids m on any connection, nil if it does not.
func (p *Policy) rules(m *Mechanism) error {
	switch {
	case len(p.Order) > 0 && !p.names(m.Name):
		return errNotInOrder
	case m.Traits.Has(Deprecated) && !p.names(m.Name):
		return errDeprecated
	case p.RequireMutual && !m.Traits.Has(Mutual):
		return errNotMutual
	case p.RequireBinding && !m.Traits.Has(Binds):
		return errNotBound
	}
	return nil
}

func (p *Policy) names(mechanism string) bool {
	return slices.ContainsFunc(p.Order, func(name string) bool { return foldEqual(name, mechanism) })
}

// sorted returns mechanisms, which come by rank, in the order of the policy:
// those that Order names first, as it names them, then the others.
func (p *Policy) sorted(mechanisms []*Mechanism) []*Mechanism {
	if len(p.Order) == 0 {
		return mechanisms
	}
	place := func(m *Mechanism) int {
		i := slices.IndexFunc(p.Order, func(name string) bool { return foldEqual(name, m.Name) })
		if i < 0 {
			return len(p.Order)
		}
		return i
	}
	return slices.SortedStableFunc(slices.Values(mechanisms), func(a, b *Mechanism) int { return place(a) - place(b) })
}

// faults returns all that is wrong with the policy, whatever the connection.
func (p *Policy) faults(r *Registry, c *Credentials) []error {
	var errs []error
	for i, name := range p.Order {
		if _, ok := r.Lookup(name); !ok {
			errs = append(errs, notInRegistry(name))
		}
		if slices.ContainsFunc(p.Order[:i], func(n string) bool { return foldEqual(n, name) }) {
			errs = append(errs, fmt.Errorf("sasl: Policy.Order names %q twice", name))
		}
	}
	if len(errs) == 0 && !p.satisfiable(r, c) {
		errs = append(errs, p.unsatisfied(c))
	}
	return errs
}

// notInRegistry says that Order names a mechanism that does not exist.
func notInRegistry(name string) error {
	hint := ""
	if foldEqual(name, "ANONYMOUS") {
		hint = `: add it with Default().With(sasl.Anonymous(""))`
	}
	return fmt.Errorf("sasl: Policy.Order names %q, which the registry does not have%s", name, hint)
}

// The reasons why there is no connection on which the credentials could sign in.
var (
	errUnsatisfiable = errors.New("sasl: no mechanism that takes these credentials can do what Policy.RequireMutual or " +
		"Policy.RequireBinding wants: SCRAM can, with a password")
	errNothing      = fmt.Errorf("%w: there is nothing to sign in with: set Password or Token", ErrBadCredentials)
	errNotOrdered   = fmt.Errorf("%w: no mechanism in Policy.Order takes them", ErrBadCredentials)
	errNoneForThese = fmt.Errorf("%w: no mechanism of the registry takes them", ErrBadCredentials)
)

// satisfiable reports whether there may be a connection on which the policy
// allows a mechanism that takes the credentials.
func (p *Policy) satisfiable(r *Registry, c *Credentials) bool {
	return slices.ContainsFunc(r.ranked, func(m *Mechanism) bool {
		switch {
		case m.NewClient == nil, p.rules(m) != nil, m.Traits.Has(Bearer) && c.Token == nil:
			return false
		case m.Usable == nil:
			return true
		}
		reason := m.Usable(&Conn{}, c)
		return !slices.ContainsFunc(credentialReasons(), func(of error) bool { return errors.Is(reason, of) })
	})
}

// unsatisfied says why nothing is satisfiable.
func (p *Policy) unsatisfied(c *Credentials) error {
	switch {
	case p.RequireMutual, p.RequireBinding:
		return errUnsatisfiable
	case c.Password == nil && c.Token == nil && !c.External:
		return errNothing
	case len(p.Order) > 0:
		return errNotOrdered
	}
	return errNoneForThese
}
