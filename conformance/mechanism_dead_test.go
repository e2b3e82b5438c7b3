package conformance_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badmech"
	"github.com/seed-55a66e92/postern/sasl"
)

// idleMechanisms are mechanisms that prove nothing.
func idleMechanisms() []mechanismSubject {
	var subjects []mechanismSubject
	add := func(what, name string, change func(m *sasl.Mechanism)) {
		nameless := name == "ANONYMOUS" || name == "EXTERNAL"
		if name == "ANONYMOUS" && what == "constant" || nameless && (what == "empty" || what == "silent") {
			return // such clients are right
		}
		subjects = append(subjects, mechanismSubject{
			name: name + " " + what, idle: true,
			make: func() conformance.MechanismTarget {
				target := naiveMechanism(name, badmech.None)
				change(&target.Mechanism)
				changed := target.Mechanism
				target.Server, target.Vectors = nil, nil
				target.Nonce = func(string) sasl.Mechanism { return changed }
				target.Trace = func(string) sasl.Mechanism { return changed }
				return target
			},
		})
	}
	for _, name := range naiveNames {
		for what, client := range map[string]func(context.Context) dead{
			"constant": func(context.Context) dead { return dead{says: []byte("constant")} },
			"silent":   func(context.Context) dead { return dead{} },
			"empty":    func(context.Context) dead { return dead{says: []byte{}} },
			"panicky":  func(context.Context) dead { return dead{act: func() { panic("as it does") }} },
			"hanging":  func(ctx context.Context) dead { return dead{act: func() { <-ctx.Done() }} },
			"refusing": func(context.Context) dead { return dead{err: errMade} },
		} {
			add(what, name, func(m *sasl.Mechanism) {
				m.NewClient = func(ctx context.Context, _ *sasl.Conn, _ *sasl.Credentials) (sasl.Client, error) {
					return client(ctx), nil
				}
				m.NewServer = func(ctx context.Context, _ *sasl.Conn, _ sasl.Directory) (sasl.Server, error) {
					return deadServer{client(ctx)}, nil
				}
			})
		}
	}
	slices.SortFunc(subjects, func(a, b mechanismSubject) int { return strings.Compare(a.name, b.name) })
	return subjects
}

// dead does the same thing whatever happens.
type dead struct {
	says []byte
	err  error
	act  func()
}

func (d dead) Start() (string, []byte, error) {
	response, err := d.Next(nil)
	return "", response, err
}

func (d dead) Next([]byte) ([]byte, error) {
	if d.act != nil {
		d.act()
	}
	return d.says, d.err
}

func (d dead) Finish(error) error { return d.err }

type deadServer struct{ dead }

func (d deadServer) Next([]byte) ([]byte, bool, error) {
	response, err := d.dead.Next(nil)
	return response, err == nil, err
}

// fadingMechanisms are right in their first exchange, and dead after it.
func fadingMechanisms() []mechanismSubject {
	var subjects []mechanismSubject
	for _, name := range naiveNames {
		for what, rest := range map[string]func() (sasl.Client, error){
			"fades-to-refusing": func() (sasl.Client, error) { return nil, errMade },
			"fades-to-constant": func() (sasl.Client, error) { return dead{says: []byte("constant")}, nil },
		} {
			if name == "ANONYMOUS" && what == "fades-to-constant" {
				continue // it stays right
			}
			subjects = append(subjects, mechanismSubject{
				name: name + " " + what, fades: true,
				make: func() conformance.MechanismTarget {
					var clients atomic.Int32
					target := naiveMechanism(name, badmech.None)
					right := target.Mechanism.NewClient
					target.Mechanism.NewClient = func(ctx context.Context, conn *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
						if clients.Add(1) == 1 {
							return right(ctx, conn, c)
						}
						return rest()
					}
					return target
				},
			})
		}
	}
	slices.SortFunc(subjects, func(a, b mechanismSubject) int { return strings.Compare(a.name, b.name) })
	return subjects
}
