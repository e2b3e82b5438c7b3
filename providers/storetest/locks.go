package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-55a66e92/postern/providers"
)

func lockChecks() []check {
	return []check{
		{"LockExcludes", "a lock has one holder at a time", lockExcludes},
		{"LockWaits", "waiting for a lock ends with the context, and leaves it to others", lockWaits},
		{"LockNames", "locks of different names have nothing to do with each other", lockNames},
		{"LockAlone", "the lock is in nobody's way but that of Lock", lockAlone},
		{"UnlockTwice", "the second call of unlock does nothing", unlockTwice},
	}
}

// moment is how long a check waits for what must not happen. A Store that is
// right passes whether it is long or short.
const moment = 20 * time.Millisecond

func lockExcludes(ctx context.Context, s providers.Store) error {
	const goroutines, each = 8, 5
	var inside, intruders atomic.Int32
	results := make([]error, goroutines)
	var all sync.WaitGroup
	for i := range goroutines {
		all.Go(func() {
			for range each {
				results[i] = errors.Join(results[i], locked(ctx, s, "lock", func() error {
					if inside.Add(1) != 1 {
						intruders.Add(1)
					}
					_, _, err := s.Load(ctx, "record") // lets others run
					inside.Add(-1)
					if errors.Is(err, providers.ErrNotFound) {
						return nil
					}
					return err
				}))
			}
		})
	}
	all.Wait()
	if n := intruders.Load(); n != 0 {
		results = append(results, fmt.Errorf("the lock was held by two %d times", n))
	}
	return errors.Join(results...)
}

// locked calls f while it holds a lock.
func locked(ctx context.Context, s providers.Store, name string, f func() error) error {
	unlock, err := s.Lock(ctx, name)
	if err != nil {
		return fmt.Errorf("Lock(%q): %w", name, err)
	}
	err = f()
	if unlocking := unlock(); unlocking != nil {
		err = errors.Join(err, fmt.Errorf("unlock: %w", unlocking))
	}
	return err
}

// wantHeld reports an error unless somebody holds the lock.
func wantHeld(ctx context.Context, s providers.Store, name string) error {
	ctx, cancel := context.WithTimeout(ctx, moment)
	defer cancel()
	unlock, err := s.Lock(ctx, name)
	if err == nil {
		return errors.Join(fmt.Errorf("Lock(%q) succeeded although somebody holds it", name), unlock())
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("Lock(%q) of a lock that is held: %w; want the context's error", name, err)
	}
	return nil
}

func lockWaits(ctx context.Context, s providers.Store) error {
	err := locked(ctx, s, "lock", func() error {
		for range 3 { // those who gave up are not in the way
			if err := wantHeld(ctx, s, "lock"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return locked(ctx, s, "lock", func() error { return nil })
}

func lockNames(ctx context.Context, s providers.Store) error {
	hold := func() error { return nil }
	for _, name := range awkward() {
		inner := hold
		hold = func() error { return locked(ctx, s, name, inner) }
	}
	return hold()
}

func lockAlone(ctx context.Context, s providers.Store) error {
	return locked(ctx, s, "record", func() error {
		v, err := create(ctx, s, "record", "data")
		if err != nil {
			return err
		}
		if err := wantRecord(ctx, s, "record", "data", v); err != nil {
			return err
		}
		if err := s.Delete(ctx, "record"); err != nil {
			return fmt.Errorf("Delete: %w", err)
		}
		return wantHeld(ctx, s, "record") // it is not a part of the record
	})
}

func unlockTwice(ctx context.Context, s providers.Store) error {
	first, err := s.Lock(ctx, "lock")
	if err != nil {
		return fmt.Errorf("Lock: %w", err)
	}
	if err := first(); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	return locked(ctx, s, "lock", func() error {
		_ = first() // it may say that the lock is lost
		return wantHeld(ctx, s, "lock")
	})
}
