package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A mutant is a Store that is right but for one thing.
type mutant struct {
	defect string
	kills  []string // the checks that it fails
	store  func(providers.Store) providers.Store
}

// A changed Store has some methods of its own.
type changed struct {
	providers.Store
	load func(context.Context, string) (sasl.Secret, providers.Version, error)
	save func(context.Context, string, sasl.Secret, providers.Version) (providers.Version, error)
	del  func(context.Context, string) error
	lock func(context.Context, string) (func() error, error)
}

func (c changed) Load(ctx context.Context, name string) (sasl.Secret, providers.Version, error) {
	if c.load == nil {
		return c.Store.Load(ctx, name)
	}
	return c.load(ctx, name)
}

func (c changed) Save(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
	if c.save == nil {
		return c.Store.Save(ctx, name, data, old)
	}
	return c.save(ctx, name, data, old)
}

func (c changed) Delete(ctx context.Context, name string) error {
	if c.del == nil {
		return c.Store.Delete(ctx, name)
	}
	return c.del(ctx, name)
}

func (c changed) Lock(ctx context.Context, name string) (func() error, error) {
	if c.lock == nil {
		return c.Store.Lock(ctx, name)
	}
	return c.lock(ctx, name)
}

func mutants() []mutant {
	return []mutant{
		{"Delete complains of a record that is not there", []string{"Absent"}, func(s providers.Store) providers.Store {
			return changed{Store: s, del: func(ctx context.Context, name string) error {
				if _, _, err := s.Load(ctx, name); err != nil {
					return err
				}
				return s.Delete(ctx, name)
			}}
		}},
		{"Load of nothing is an empty record", []string{"Absent", "Conflict", "Delete"}, func(s providers.Store) providers.Store {
			return changed{Store: s, load: func(ctx context.Context, name string) (sasl.Secret, providers.Version, error) {
				data, v, err := s.Load(ctx, name)
				if errors.Is(err, providers.ErrNotFound) {
					err = nil
				}
				return data, v, err
			}}
		}},
		{"white space is trimmed", []string{"RoundTrip"}, func(s providers.Store) providers.Store {
			return changed{Store: s, save: func(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
				return s.Save(ctx, name, sasl.NewSecret(strings.TrimSpace(data.Reveal())), old)
			}}
		}},
		{"a version is a hash of the record", []string{"Delete", "Versions"}, hashed},
		{"the zero version overwrites", []string{"Conflict"}, func(s providers.Store) providers.Store {
			return changed{Store: s, save: func(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
				if old == "" {
					_, old, _ = s.Load(ctx, name)
				}
				return s.Save(ctx, name, data, old)
			}}
		}},
		{"compare and swap are two steps", []string{"Race"}, func(s providers.Store) providers.Store {
			return changed{Store: s, save: func(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
				if _, v, _ := s.Load(ctx, name); v != old {
					return "", errors.Join(ctx.Err(), providers.ErrConflict)
				}
				time.Sleep(time.Millisecond)
				for {
					_, v, _ := s.Load(ctx, name)
					if v, err := s.Save(ctx, name, data, v); !errors.Is(err, providers.ErrConflict) {
						return v, err
					}
				}
			}}
		}},
		{"Delete empties the record", []string{"Delete"}, func(s providers.Store) providers.Store {
			return changed{Store: s, del: func(ctx context.Context, name string) error {
				_, v, err := s.Load(ctx, name)
				if errors.Is(err, providers.ErrNotFound) {
					return nil
				}
				if err == nil {
					_, err = s.Save(ctx, name, sasl.Secret{}, v)
				}
				return err
			}}
		}},
		{"names of records differ in more than case", []string{"Names"}, func(s providers.Store) providers.Store {
			return changed{
				Store: s,
				load: func(ctx context.Context, name string) (sasl.Secret, providers.Version, error) {
					return s.Load(ctx, strings.ToLower(name))
				},
				save: func(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
					return s.Save(ctx, strings.ToLower(name), data, old)
				},
			}
		}},
		{"Load does not look at its context", []string{"Canceled"}, func(s providers.Store) providers.Store {
			return changed{Store: s, load: func(ctx context.Context, name string) (sasl.Secret, providers.Version, error) {
				return s.Load(context.WithoutCancel(ctx), name)
			}}
		}},
		{"a conflict tells what is in conflict", []string{"Errors"}, func(s providers.Store) providers.Store {
			return changed{Store: s, save: func(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
				v, err := s.Save(ctx, name, data, old)
				if err != nil {
					err = fmt.Errorf("%w: %s", err, data.Reveal())
				}
				return v, err
			}}
		}},
		{"the lock is for show", []string{"LockAlone", "LockExcludes", "LockWaits", "UnlockTwice"}, func(s providers.Store) providers.Store {
			return changed{
				Store: s,
				lock: func(ctx context.Context, _ string) (func() error, error) {
					return func() error { return nil }, ctx.Err()
				},
				load: func(ctx context.Context, name string) (sasl.Secret, providers.Version, error) {
					time.Sleep(time.Millisecond)
					return s.Load(ctx, name)
				},
			}
		}},
		{"who gives up waiting gets the lock later", []string{"LockWaits"}, func(s providers.Store) providers.Store {
			return changed{Store: s, lock: func(ctx context.Context, name string) (func() error, error) {
				unlock, err := s.Lock(ctx, name)
				if errors.Is(err, context.DeadlineExceeded) {
					late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*limit)
					go func() {
						defer cancel()
						s.Lock(late, name)
					}()
				}
				return unlock, err
			}}
		}},
		{"waiting for a lock does not end", []string{"LockAlone", "LockWaits", "UnlockTwice"}, func(s providers.Store) providers.Store {
			return changed{Store: s, lock: func(ctx context.Context, name string) (func() error, error) {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*limit)
				defer cancel()
				return s.Lock(patient, name)
			}}
		}},
		{"there is one lock for all names", []string{"LockNames"}, func(s providers.Store) providers.Store {
			return changed{Store: s, lock: func(ctx context.Context, _ string) (func() error, error) { return s.Lock(ctx, "all") }}
		}},
		{"Save takes the lock", []string{"LockAlone"}, func(s providers.Store) providers.Store {
			return changed{Store: s, save: func(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
				unlock, err := s.Lock(ctx, name)
				if err != nil {
					return "", err
				}
				defer unlock()
				return s.Save(ctx, name, data, old)
			}}
		}},
		{"unlock ends whoever's lock it is", []string{"UnlockTwice"}, openDoor},
	}
}

func hashed(s providers.Store) providers.Store {
	version := func(data sasl.Secret) providers.Version {
		return providers.Version(fmt.Sprintf("%x", sha256.Sum256([]byte(data.Reveal()))))
	}
	return changed{
		Store: s,
		load: func(ctx context.Context, name string) (sasl.Secret, providers.Version, error) {
			data, v, err := s.Load(ctx, name)
			if err == nil {
				v = version(data)
			}
			return data, v, err
		},
		save: func(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
			there, v, err := s.Load(ctx, name)
			switch {
			case err == nil && version(there) != old, err != nil && old != "":
				return "", errors.Join(ctx.Err(), providers.ErrConflict)
			}
			_, err = s.Save(ctx, name, data, v)
			if err != nil {
				return "", err
			}
			return version(data), nil
		},
	}
}

func openDoor(s providers.Store) providers.Store {
	var mu sync.Mutex
	doors := map[string]chan struct{}{}
	return changed{Store: s, lock: func(ctx context.Context, name string) (func() error, error) {
		mu.Lock()
		door := doors[name]
		if door == nil {
			door = make(chan struct{}, 1)
			doors[name] = door
		}
		mu.Unlock()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		select {
		case door <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return func() error {
			select {
			case <-door:
			default:
			}
			return nil
		}, nil
	}}
}

// TestMutants shows that every check can fail, and does so for its own reason.
func TestMutants(t *testing.T) {
	killed := map[string]bool{}
	for _, m := range mutants() {
		t.Run(m.defect, func(t *testing.T) {
			for _, c := range checks() {
				synctest.Test(t, func(t *testing.T) {
					err := c.try(t.Context(), m.store(new(providers.MemoryStore)))
					time.Sleep(3 * limit) // for those who do not end with their context
					if failed := err != nil; failed != slices.Contains(m.kills, c.name) {
						t.Errorf("%s: %v", c.name, err)
					}
				})
			}
		})
		for _, name := range m.kills {
			killed[name] = true
		}
	}
	for _, c := range checks() {
		if !killed[c.name] {
			t.Errorf("no mutant fails %s", c.name)
		}
	}
}

// TestRightStore shows that a right Store fails nothing.
func TestRightStore(t *testing.T) {
	Run(t, func(*testing.T) providers.Store { return new(providers.MemoryStore) })
}
