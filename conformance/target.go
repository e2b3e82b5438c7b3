package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/seed-55a66e92/postern/mock"
)

// A Target is what is tested: a [ClientTarget], a [ServerTarget], a
// [MechanismTarget] or a [GeneratorTarget].
type Target interface {
	name() string
	kind() string
	// check returns what is wrong with the target itself.
	check() error
	// runner returns what runs a case against the target, nil if the case is for
	// another kind.
	runner(Case) func(context.Context, Suite) Verdict
}

// A ClientTarget is a client under test.
type ClientTarget struct {
	// Name stands in the report. Zero means "client".
	Name string

	// Driver makes the client send. There has to be one.
	Driver Driver

	// Network is where the servers listen. Zero means TCP on 127.0.0.1, which
	// suits any client; [mock.InMemory] is for a driver that always connects
	// through ClientConfig.Dial.
	Network mock.Network

	// Profile is what the client claims to be. Zero means any: no case is left
	// out.
	Profile Profile
}

var _ Target = ClientTarget{}

func (t ClientTarget) name() string { return cmp.Or(t.Name, "client") }

func (t ClientTarget) profile() Profile { return t.Profile }

func (t ClientTarget) kind() string { return "client" }

func (t ClientTarget) check() error {
	if t.Driver == nil {
		return errors.New("conformance: ClientTarget has no Driver")
	}
	if t.Profile != "" && t.Profile.kind() != t.kind() {
		return fmt.Errorf("conformance: ClientTarget.Profile: %q is not for clients", t.Profile)
	}
	return nil
}

func (t ClientTarget) runner(c Case) func(context.Context, Suite) Verdict {
	if c.Client == nil {
		return nil
	}
	return func(ctx context.Context, s Suite) Verdict {
		b := newClientBench(t, c, s.timeout())
		b.tell = s.tell
		return b.judge(ctx)
	}
}

// profileOf returns what a target claims to be, zero if it does not say.
func profileOf(t Target) Profile {
	if p, ok := t.(interface{ profile() Profile }); ok {
		return p.profile()
	}
	return ""
}
