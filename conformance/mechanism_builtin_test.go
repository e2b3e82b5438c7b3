package conformance_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"slices"
	"strings"
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

// skipsOf are the cases that do not apply to a mechanism of package sasl, of those
// that are for mechanisms of its name. M-GEN-05 is about mutual authentication,
// M-GEN-07 about secrets, M-GEN-09 about TLS, M-GEN-10 about names.
func skipsOf(name string) []string {
	switch {
	case strings.HasPrefix(name, "SCRAM-") && strings.HasSuffix(name, "-PLUS"):
		return []string{"M-SCR-01"} // there is no example
	case strings.HasPrefix(name, "SCRAM-"):
		return []string{"M-GEN-09", "M-SCR-10"}
	case name == "CRAM-MD5":
		return []string{"M-GEN-05", "M-GEN-09"}
	case name == "EXTERNAL":
		return []string{"M-GEN-05", "M-GEN-07", "M-GEN-09"}
	case name == "ANONYMOUS":
		return []string{"M-GEN-05", "M-GEN-07", "M-GEN-09", "M-GEN-10"}
	}
	return []string{"M-GEN-05"}
}

// Every mechanism of package sasl passes every case that applies to it, and so does
// each of its sides alone.
func TestBuiltInMechanisms(t *testing.T) {
	for _, target := range builtIn() {
		t.Run(target.Mechanism.Name, func(t *testing.T) {
			t.Parallel()
			report := runMechanism(t, conformance.Suite{}, target)
			var skipped []string
			for _, result := range report.Results {
				switch result.Outcome {
				case conformance.Pass:
				case conformance.Skip:
					skipped = append(skipped, result.ID)
				default:
					t.Errorf("%s", result)
				}
			}
			if want := skipsOf(target.Mechanism.Name); !slices.Equal(skipped, want) {
				t.Errorf("skipped %v, want %v", skipped, want)
			}
			if n := len(report.Results); n < 12 {
				t.Errorf("%d cases, want all generic ones", n)
			}
		})
	}
}

func TestOneSideOfBuiltInMechanisms(t *testing.T) {
	suite := conformance.Suite{Select: []string{"M-GEN-04", "M-GEN-06", "M-GEN-11", "M-GEN-12"}}
	for _, target := range builtIn() {
		client, server := target, target
		client.Mechanism.NewServer, server.Mechanism.NewClient = nil, nil
		for side, target := range map[string]conformance.MechanismTarget{"client": client, "server": server} {
			t.Run(target.Mechanism.Name+"/"+side, func(t *testing.T) {
				t.Parallel()
				for _, result := range runMechanism(t, suite, target).Results {
					asksNothing := result.ID == "M-GEN-11" && result.Outcome == conformance.Skip && side == "client"
					if result.Outcome != conformance.Pass && !asksNothing {
						t.Errorf("%s", result)
					}
				}
			})
		}
	}
}

func runMechanism(t *testing.T, suite conformance.Suite, target conformance.MechanismTarget) *conformance.Report {
	t.Helper()
	report, err := suite.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// Whatever comes from the other side, no mechanism panics, hangs, tells a secret or
// takes it for the server's proof.
func FuzzProbe(f *testing.F) {
	targets := builtIn()
	for _, message := range []string{
		"", "r=x,s=,i=0", "r=x,s=AAAA,i=1", "v=AAAA", "e=other-error", `{"status":"401"}`, "\x01", "n,,n=user,r=x",
		"\x00tim\x00secret", "user=a\x01auth=Bearer b\x01\x01", "<1@mail.example.test>",
	} {
		for i := range targets {
			f.Add(uint8(i), []byte(message), []byte("more"))
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, first, second []byte) {
		target := targets[int(i)%len(targets)]
		if err := target.Probe(t.Context(), first, second); err != nil {
			t.Fatal(err)
		}
	})
}
