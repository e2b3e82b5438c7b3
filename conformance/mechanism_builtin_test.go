package conformance_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/sasl"
)

// scramTarget is a mechanism of SCRAM whose nonce can be chosen.
func scramTarget(m sasl.Mechanism, h func() hash.Hash) conformance.MechanismTarget {
	return conformance.MechanismTarget{Mechanism: m, Plus: true, Nonce: func(nonce string) sasl.Mechanism {
		return sasl.SCRAM(m.Name, h, sasl.SCRAMOptions{InsecureNonce: nonce})
	}}
}

// builtIn returns all mechanisms of package sasl.
func builtIn() []conformance.MechanismTarget {
	hashes := map[string]func() hash.Hash{
		"SCRAM-SHA-1": sha1.New, "SCRAM-SHA-256": sha256.New, "SCRAM-SHA-512": sha512.New,
	}
	var targets []conformance.MechanismTarget
	for _, m := range sasl.Default().With(sasl.Anonymous("trace")).Mechanisms() {
		target := conformance.MechanismTarget{Mechanism: m}
		switch h, ok := hashes[m.Name]; {
		case ok:
			target = scramTarget(m, h)
		case m.Name == "ANONYMOUS":
			target.Trace = sasl.Anonymous
		}
		targets = append(targets, target)
	}
	return targets
}

// What can be skipped, by mechanism: nothing else.
func TestBuiltInMechanisms(t *testing.T) {
	for _, target := range builtIn() {
		t.Run(target.Mechanism.Name, func(t *testing.T) {
			t.Parallel()
			report, err := conformance.Suite{}.Run(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("\n%s", report)
			if err := report.Err(); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}
