package mock

import (
	"context"
	"slices"
	"strings"
)

// CheckToken implements [TokenChecker]: the token must be one that the authority
// issued, neither expired nor revoked, of that user and for SMTP. The refusal is
// in its dialect.
func (a *Authority) CheckToken(_ context.Context, c TokenCheck) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tokens[c.Token.Reveal()]
	switch {
	case t == nil || !t.good():
		return a.refuse(c.Mechanism, unknownToken)
	case t.machine, t.user != "" && !strings.EqualFold(t.user, c.User):
		return a.refuse(c.Mechanism, wrongUser)
	case !slices.Contains(t.scopes, a.opts.Scope):
		return a.refuse(c.Mechanism, wrongScope)
	}
	return nil
}

func (a *Authority) refuse(mechanism string, fault tokenFault) error {
	return a.opts.Dialect.refuse(mechanism, fault, a.opts.Scope, a.configurationURL())
}

var _ TokenChecker = (*Authority)(nil)
