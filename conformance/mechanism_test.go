package conformance_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badmech"
	"github.com/seed-55a66e92/postern/sasl"
)

func passwordOf(user, password string) *sasl.Credentials {
	return &sasl.Credentials{Username: user, Password: func(context.Context) (sasl.Secret, error) {
		return sasl.NewSecret(password), nil
	}}
}

// What a target may leave out, and what comes of it.
func TestMechanismTargets(t *testing.T) {
	sum := badmech.New("X-SUM", badmech.Options{})
	clientOnly, serverOnly := sum, sum
	clientOnly.NewServer, serverOnly.NewClient = nil, nil
	own := sum
	own.Name = "X-OWN" // Start says X-SUM
	const secret = "0123456789abcdefghij"
	tests := []struct {
		name   string
		target conformance.MechanismTarget
		id     string
		want   conformance.Outcome
		text   string // in the report
	}{
		{"a client and vectors", conformance.MechanismTarget{Mechanism: clientOnly, Vectors: sumVectors()}, "M-GEN-06", conformance.Pass, ""},
		{"a client and vectors, secrets", conformance.MechanismTarget{Mechanism: clientOnly, Vectors: sumVectors()}, "M-GEN-07", conformance.Pass, ""},
		{"a client and vectors alone", conformance.MechanismTarget{Mechanism: clientOnly, Vectors: sumVectors()}, "M-VEC-01", conformance.Pass, ""},
		{"a client and no server", conformance.MechanismTarget{Mechanism: clientOnly}, "M-GEN-06", conformance.Skip, "set MechanismTarget.Server or Vectors"},
		{"a client and a server of its own", conformance.MechanismTarget{Mechanism: clientOnly, Server: sum.NewServer}, "M-GEN-06", conformance.Pass, ""},
		{"a server and no client", conformance.MechanismTarget{Mechanism: serverOnly}, "M-GEN-06", conformance.Skip, "nothing plays the client"},
		{"a server and a case for clients", conformance.MechanismTarget{Mechanism: serverOnly}, "M-GEN-01", conformance.Skip, "no client side"},
		{"a server and vectors", conformance.MechanismTarget{Mechanism: serverOnly, Vectors: sumVectors()}, "M-VEC-01", conformance.Pass, ""},
		{"another name in Start", conformance.MechanismTarget{Mechanism: own}, "M-GEN-01", conformance.Fail, `want:   Start returns the name "X-OWN"`},
		{"given credentials", conformance.MechanismTarget{Mechanism: sum, Credentials: passwordOf("tim", secret)}, "M-GEN-12", conformance.Pass, ""},
		{"given wrong credentials", conformance.MechanismTarget{
			Mechanism: sum, Credentials: passwordOf("tim", secret), Wrong: passwordOf("tim", secret+"x"),
		}, "M-GEN-12", conformance.Pass, ""},
		{"wrong credentials that are right", conformance.MechanismTarget{
			Mechanism: sum, Credentials: passwordOf("tim", secret), Wrong: passwordOf("tim", secret),
		}, "M-GEN-12", conformance.Fail, "a refusal from its client and its server, with wrong credentials"},
		{"a short secret", conformance.MechanismTarget{Mechanism: sum, Credentials: passwordOf("tim", "1234")}, "M-GEN-07", conformance.Inconclusive, "fewer than 16 octets"},
		{"a short secret, concealed or not", conformance.MechanismTarget{Mechanism: sum, Credentials: passwordOf("tim", "1234")}, "M-GEN-08", conformance.Inconclusive, "fewer than 16 octets"},
		{"credentials that it does not take", conformance.MechanismTarget{
			Mechanism: sum, Credentials: &sasl.Credentials{External: true},
		}, "M-GEN-02", conformance.Inconclusive, "badmech: no password"},
		{"no nonce to choose", conformance.MechanismTarget{
			Mechanism: badmech.New("SCRAM-SHA-256", badmech.Options{}),
		}, "M-SCR-01", conformance.Skip, "see MechanismTarget.Nonce"},
		{"no trace to choose", conformance.MechanismTarget{Mechanism: sasl.Anonymous("")}, "M-ANO-01", conformance.Skip, "see MechanismTarget.Trace"},
		{"y, though it cannot bind", conformance.MechanismTarget{
			Mechanism: badmech.New("SCRAM-SHA-256", badmech.Options{}),
		}, "M-SCR-09", conformance.Warn, "the client can bind: false"},
		{"n, for it cannot bind", conformance.MechanismTarget{
			Mechanism: badmech.New("SCRAM-SHA-256", badmech.Options{Defect: badmech.AlwaysN}),
		}, "M-SCR-09", conformance.Pass, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := runMechanism(t, conformance.Suite{Select: []string{tt.id}}, tt.target).Results[0]
			if result.Outcome != tt.want || !strings.Contains(result.String(), tt.text) {
				t.Errorf("want %s with %q\n%s", tt.want, tt.text, result)
			}
		})
	}
}

func TestMechanismTargetIsChecked(t *testing.T) {
	sum := badmech.New("X-SUM", badmech.Options{})
	tests := []struct {
		name   string
		target conformance.MechanismTarget
		want   string
	}{
		{"nothing", conformance.MechanismTarget{}, "neither NewClient nor NewServer"},
		{"a short secret", conformance.MechanismTarget{Mechanism: sum, Secrets: []string{"1234"}}, "at least 16 octets"},
		{"a bad vector", conformance.MechanismTarget{Mechanism: sum, Vectors: []conformance.MechanismVector{{}}}, "number 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := (conformance.Suite{}).Run(t.Context(), tt.target); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			if err := tt.target.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Probe: error %v, want one with %q", err, tt.want)
			}
		})
	}
	const unnamed = "M-PLN-01"
	_, err := conformance.Suite{Select: []string{unnamed}}.Run(t.Context(), conformance.MechanismTarget{Mechanism: sum})
	if err == nil || !strings.Contains(err.Error(), "no case matches of those for a mechanism") {
		t.Errorf("a case for PLAIN runs against X-SUM, or %v", err)
	}
}

// A crash fails the case and is told, wherever it comes from, and nothing of the run
// is lost.
func TestMechanismCrashes(t *testing.T) {
	sum := badmech.New("X-SUM", badmech.Options{})
	crash := func(change func(*sasl.Mechanism)) conformance.MechanismTarget {
		m := sum
		change(&m)
		return conformance.MechanismTarget{Mechanism: m}
	}
	client := func(act func()) func(*sasl.Mechanism) {
		return func(m *sasl.Mechanism) {
			m.NewClient = func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
				act()
				return nil, nil
			}
		}
	}
	tests := []struct {
		name   string
		target conformance.MechanismTarget
		want   string
	}{
		{"panic", crash(client(func() { panic("in public") })), "NewClient panicked: in public"},
		{"hang", crash(func(m *sasl.Mechanism) {
			m.NewClient = func(ctx context.Context, _ *sasl.Conn, _ *sasl.Credentials) (sasl.Client, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}), "NewClient did not return within 10s"},
		{"end of the goroutine", crash(client(func() { new(testing.T).SkipNow() })), "NewClient ended its goroutine"},
		{"panic in Usable", crash(func(m *sasl.Mechanism) {
			m.Usable = func(*sasl.Conn, *sasl.Credentials) error { panic("in Usable") }
		}), "Usable panicked: in Usable"},
		{"panic in NewServer", crash(func(m *sasl.Mechanism) {
			m.NewServer = func(context.Context, *sasl.Conn, sasl.Directory) (sasl.Server, error) { panic("in NewServer") }
		}), "NewServer panicked: in NewServer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				report := runMechanism(t, conformance.Suite{Select: []string{"M-GEN-02", "M-GEN-06"}}, tt.target)
				for _, result := range report.Results {
					if result.Outcome != conformance.Fail || !strings.Contains(result.Got, tt.want) {
						t.Errorf("want fail with %q\n%s", tt.want, result)
					}
				}
			})
		})
	}
}

// Whatever a mechanism says of its secret, no report holds it.
func TestReportsOfMechanismsHoldNoSecret(t *testing.T) {
	for _, secret := range []string{"0123456789abcdefghij", "1234xyz"} {
		for what, change := range map[string]func(m *sasl.Mechanism){
			"error": func(m *sasl.Mechanism) {
				m.NewClient = func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
					return dead{err: errMade}, &secretKeeper{secret}
				}
			},
			"panic": func(m *sasl.Mechanism) {
				m.NewClient = func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) { panic(secret) }
			},
			"name": func(m *sasl.Mechanism) {
				m.NewClient = func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
					return spelled{secret}, nil
				}
			},
		} {
			t.Run(what, func(t *testing.T) {
				m := badmech.New("X-SUM", badmech.Options{})
				change(&m)
				report := runMechanism(t, conformance.Suite{}, conformance.MechanismTarget{
					Mechanism: m, Credentials: passwordOf("tim", secret), Vectors: sumVectors(),
				})
				if report.Err() == nil {
					t.Error("it passes")
				}
				if strings.Contains(report.String(), secret) {
					t.Errorf("the secret is in the report:\n%s", report)
				}
			})
		}
	}
}

// spelled says its secret wherever it can.
type spelled struct{ secret string }

func (s spelled) Start() (string, []byte, error) { return s.secret, []byte(s.secret), nil }

func (s spelled) Next([]byte) ([]byte, error) { return []byte(s.secret), &secretKeeper{s.secret} }

// Cases from elsewhere have the same bench.
func TestMechanismCaseOfOnesOwn(t *testing.T) {
	greets := conformance.Case{
		ID: "X-greets", Title: "It is called so",
		Mechanism: func(ctx context.Context, b *conformance.MechanismBench) conformance.Verdict {
			if v, ok := b.Control(ctx); !ok {
				return v
			}
			if b.Mechanism().Name != "X-SUM" {
				return conformance.Verdict{Outcome: conformance.Fail, Got: b.Secret(20)}
			}
			return conformance.Verdict{Outcome: conformance.Pass}
		},
	}
	suite := conformance.Suite{Select: []string{"X-*"}}.Add(greets)
	report := runMechanism(t, suite, conformance.MechanismTarget{Mechanism: badmech.New("X-SUM", badmech.Options{})})
	if err := report.Err(); err != nil {
		t.Errorf("%v\n%s", err, report)
	}
	report = runMechanism(t, suite, conformance.MechanismTarget{Mechanism: corp()})
	if got := report.Results[0]; got.Outcome != conformance.Fail || strings.ReplaceAll(got.Got, "[redacted]", "") != "" {
		t.Errorf("want fail, and no secret\n%s", got)
	}
	greets.Mechanism = func(context.Context, *conformance.MechanismBench) conformance.Verdict { panic("in the case") }
	suite = conformance.Suite{Select: []string{"X-*"}}.Add(greets)
	report = runMechanism(t, suite, conformance.MechanismTarget{Mechanism: corp()})
	if got := report.Results[0]; got.Outcome != conformance.Error || !strings.Contains(got.Reason, "the case panicked") {
		t.Errorf("want error\n%s", got)
	}
}

func TestProbe(t *testing.T) {
	target := func(name string, d badmech.Defect) conformance.MechanismTarget { return naiveMechanism(name, d) }
	tests := []struct {
		name   string
		target conformance.MechanismTarget
		says   string
		want   string // "" for no error
	}{
		{"without defect", target("X-SUM", badmech.None), "?", ""},
		{"SCRAM without defect", target("SCRAM-SHA-256", badmech.None), "v=AAAA", ""},
		{"a panic", target("X-SUM", badmech.FirstOctet), "", "Next of the client panicked"},
		{"a secret in an error", target("X-SUM", badmech.SecretInError), "?", "a secret, plain"},
		{"a secret in the client", target("X-SUM", badmech.BareSecret), "", "a secret, plain"},
		{"success without a proof", target("SCRAM-SHA-256", badmech.AnySignature), "v=AAAA", "success after 1 right challenges"},
		{"no sign-in to begin with", conformance.MechanismTarget{Mechanism: sasl.Mechanism{
			Name: "X-DEAD", NewClient: func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) { return nil, errMade },
		}}, "", "nothing plays the server"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.target.Probe(t.Context(), []byte(tt.says))
			if got := ""; err != nil {
				got = err.Error()
				if tt.want == "" || !strings.Contains(got, tt.want) {
					t.Errorf("error %q, want %q", got, tt.want)
				}
			} else if tt.want != "" {
				t.Errorf("no error, want %q", tt.want)
			}
		})
	}
}

// Where nobody plays the server, a mechanism that panics fails all the same.
func TestPanicWithoutAPeer(t *testing.T) {
	target := conformance.MechanismTarget{Mechanism: badmech.New("X-SUM", badmech.Options{Defect: badmech.FirstOctet})}
	target.Mechanism.NewServer = nil
	if got := judgeMechanism(t, mechanismSubject{make: func() conformance.MechanismTarget { return target }}, "M-GEN-06"); got.Outcome != conformance.Fail {
		t.Errorf("want fail\n%s", got)
	}
}

// The report says what a target claims to be, whatever its kind is.
func TestProfilesOfReports(t *testing.T) {
	for want, target := range map[conformance.Profile]conformance.Target{
		conformance.OfMechanism:   naiveMechanism("X-SUM", badmech.None),
		conformance.TokenProvider: idleGenerator(noToken),
	} {
		c := conformance.Case{ID: "X-1", Title: "A case", Profiles: []conformance.Profile{want}}
		passed := conformance.Verdict{Outcome: conformance.Pass}
		if want == conformance.OfMechanism {
			c.Mechanism = func(context.Context, *conformance.MechanismBench) conformance.Verdict { return passed }
		} else {
			c.Generator = func(context.Context, *conformance.GeneratorBench) conformance.Verdict { return passed }
		}
		report, err := conformance.Suite{Cases: []conformance.Case{c}}.Run(t.Context(), target)
		if err != nil || report.Profile != want {
			t.Errorf("error %v, profile of %v; want %s", err, report, want)
		}
	}
}
