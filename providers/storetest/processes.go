package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers"
)

func sharedChecks() []sharedCheck {
	return []sharedCheck{
		{"Reopen", "a record is there when the Store is opened again", reopen},
		{"LockExcludesProcesses", "a lock has one holder among all processes", countTogether},
		{"LockOfTheDead", "a process that dies gives up its lock", lockOfTheDead},
		{"CrashWhileSaving", "a process that dies while it saves leaves the old record or the new one", crashWhileSaving},
	}
}

// The roles of workers.
const (
	countRole = "count"
	holdRole  = "hold" // until it is killed
	waitRole  = "wait" // for a lock that another holds, in vain
	saveRole  = "save" // until it is killed

	done = "done" // what a worker says in the end

	counts = 25 // of each worker
)

// work plays a role, and ends the process.
func work(t *testing.T, role string, s providers.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var err error
	switch role {
	case countRole:
		for range counts {
			err = errors.Join(err, locked(ctx, s, "lock", func() error { return addOne(ctx, s) }))
		}
	case holdRole:
		if _, err = s.Lock(ctx, "held"); err == nil {
			say("locked")
			<-ctx.Done()
		}
	case waitRole:
		err = wantHeld(ctx, s, "held")
	case saveRole:
		err = saveForEver(ctx, s)
	default:
		err = fmt.Errorf("no role %q", role)
	}
	if err != nil {
		say(strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
	say(done)
	os.Exit(0)
}

func say(what string) { fmt.Println(marker + what) }

func reopen(ctx context.Context, at *site) error {
	v, err := create(ctx, at.store, "record", "data")
	if err != nil {
		return err
	}
	if err := wantRecord(ctx, at.again, "record", "data", v); err != nil {
		return err
	}
	newer, err := replace(ctx, at.again, "record", "newer", v)
	if err != nil {
		return err
	}
	if err := wantConflict(ctx, at.store, "record", "older", v); err != nil {
		return err
	}
	if err := wantRecord(ctx, at.store, "record", "newer", newer); err != nil {
		return err
	}
	return locked(ctx, at.store, "lock", func() error { return wantHeld(ctx, at.again, "lock") })
}

// countTogether has one process wait for another, and then some count in one
// record. What these read and write is protected by the lock alone: nobody tries
// again after a conflict.
func countTogether(ctx context.Context, at *site) error {
	const processes = 4
	if err := waitInVain(at); err != nil {
		return err
	}
	if _, err := create(ctx, at.store, "record", "0"); err != nil {
		return err
	}
	var workers []*worker
	for range processes {
		w, err := at.start(countRole)
		if err != nil {
			return err
		}
		workers = append(workers, w)
	}
	var failures []error
	for _, w := range workers {
		failures = append(failures, w.wait())
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	return wantCount(ctx, at.store, "record", processes*counts)
}

func waitInVain(at *site) error {
	holder, err := at.start(holdRole)
	if err != nil {
		return err
	}
	if _, err := holder.line(); err != nil {
		return err
	}
	waiter, err := at.start(waitRole)
	if err == nil {
		err = waiter.wait()
	}
	return errors.Join(err, holder.kill())
}

func addOne(ctx context.Context, s providers.Store) error {
	data, version, err := s.Load(ctx, "record")
	if err != nil {
		return fmt.Errorf("Load: %w", err)
	}
	n, err := strconv.Atoi(data.Reveal())
	if err != nil {
		return fmt.Errorf("Load is %s, not a number", clip(data.Reveal()))
	}
	_, err = replace(ctx, s, "record", strconv.Itoa(n+1), version)
	return err
}

func lockOfTheDead(ctx context.Context, at *site) error {
	w, err := at.start(holdRole)
	if err != nil {
		return err
	}
	if _, err := w.line(); err != nil {
		return err
	}
	held := wantHeld(ctx, at.store, "held")
	if err := w.kill(); err != nil {
		return err
	}
	return errors.Join(held, locked(ctx, at.store, "held", func() error { return nil }))
}

// crashWhileSaving kills a process that saves records as fast as it can, some of
// them long.
func crashWhileSaving(ctx context.Context, at *site) error {
	const kills = 3
	for range kills {
		w, err := at.start(saveRole)
		if err != nil {
			return err
		}
		for range 10 { // saves, and then one that it is killed in, or nearly
			if _, err := w.line(); err != nil {
				return err
			}
		}
		if err := w.kill(); err != nil {
			return err
		}
		data, version, err := at.store.Load(ctx, "record")
		if err != nil {
			return fmt.Errorf("Load after the crash: %w", err)
		}
		if err := whole(data.Reveal()); err != nil {
			return err
		}
		if _, err := replace(ctx, at.store, "record", numbered(0), version); err != nil {
			return fmt.Errorf("after the crash: %w", err)
		}
	}
	return nil
}

// saveForEver says so each time that it has saved.
func saveForEver(ctx context.Context, s providers.Store) error {
	_, version, err := s.Load(ctx, "record")
	if err != nil && !errors.Is(err, providers.ErrNotFound) {
		return fmt.Errorf("Load: %w", err)
	}
	for n := 1; ; n++ {
		if version, err = replace(ctx, s, "record", numbered(n), version); err != nil {
			return err
		}
		say("saved")
	}
}

// numbered is a record of which any part can be told from the whole.
func numbered(n int) string {
	return fmt.Sprintf("begin %d %send %d", n, strings.Repeat("middle ", n%7*5000), n)
}

func whole(data string) error {
	var first int
	if _, err := fmt.Sscanf(data, "begin %d ", &first); err != nil || data != numbered(first) {
		return fmt.Errorf("the crash left %s", clip(data))
	}
	return nil
}
