package conformance

import (
	"cmp"
	"context"
	"errors"

	"github.com/seed-55a66e92/postern/mock"
)

// A Target is what is tested: a [ClientTarget] or a [MechanismTarget].
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
}

var _ Target = ClientTarget{}

func (t ClientTarget) name() string { return cmp.Or(t.Name, "client") }

func (t ClientTarget) kind() string { return "client" }

func (t ClientTarget) check() error {
	if t.Driver == nil {
		return errors.New("conformance: ClientTarget has no Driver")
	}
	return nil
}

func (t ClientTarget) runner(c Case) func(context.Context, Suite) Verdict {
	if c.Client == nil {
		return nil
	}
	return func(ctx context.Context, s Suite) Verdict {
		return newClientBench(t, c, s.timeout()).judge(ctx)
	}
}
