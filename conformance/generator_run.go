package conformance

import (
	"github.com/seed-55a66e92/postern/mock"
)

// RunTokenGenerator runs all cases for token generators as subtests of t, each
// named by its id. Pass synctest.Test as bubble:
//
//	conformance.RunTokenGenerator(t, synctest.Test, conformance.GeneratorTarget{New: newGenerator})
//
// Each case then has a testing/synctest bubble and a network in memory, so that
// hours pass in no time. A generator that cannot be told to use
// GeneratorConfig.HTTPClient or GeneratorConfig.Dial is run with nil, on
// target.Network; cases that need virtual time are skipped.
func RunTokenGenerator[T TB[T]](t T, bubble func(T, func(T)), target GeneratorTarget) {
	t.Helper()
	if bubble == nil {
		RunSuite(t, Suite{}, target)
		return
	}
	target.Network = mock.InMemory
	runSubtests(t, Suite{}, target, bubble)
}
