package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

func recordChecks() []check {
	return []check{
		{"Absent", "what was never saved is not found, and may be deleted", absent},
		{"RoundTrip", "a record is loaded as it was saved, whatever is in it", roundTrip},
		{"Versions", "each Save returns a version that was not there before", versions},
		{"Conflict", "a record of another version is not replaced", conflict},
		{"Race", "of those who replace one version, one succeeds", race},
		{"Delete", "a deleted record is gone, and so are its versions", deleted},
		{"Names", "names are compared octet for octet", names},
		{"Canceled", "nothing is done for a context that is done", canceled},
		{"Errors", "errors do not hold records", errorTexts},
	}
}

func absent(ctx context.Context, s providers.Store) error {
	if err := s.Delete(ctx, "absent"); err != nil {
		return fmt.Errorf("Delete of a record that is not there: %w", err)
	}
	return wantNone(ctx, s, "absent")
}

func roundTrip(ctx context.Context, s providers.Store) error {
	contents := []string{"text", "two\nlines\r\n", "\x00\xff\xfe not UTF-8", "", " ", `{"json": "too"}`, strings.Repeat("long ", providers.MaxRecord/5)}
	var version providers.Version
	for _, data := range contents {
		var err error
		if version, err = replace(ctx, s, "record", data, version); err != nil {
			return err
		}
		if err := wantRecord(ctx, s, "record", data, version); err != nil {
			return err
		}
	}
	return nil
}

func versions(ctx context.Context, s providers.Store) error {
	seen := map[providers.Version]bool{}
	var version providers.Version
	for i := range 20 {
		var err error
		if version, err = replace(ctx, s, "record", strconv.Itoa(i%2), version); err != nil {
			return err
		}
		if seen[version] {
			return fmt.Errorf("Save number %d returned version %q again", i+1, version)
		}
		seen[version] = true
	}
	return nil
}

func conflict(ctx context.Context, s providers.Store) error {
	if err := wantConflict(ctx, s, "record", "of nothing", "1"); err != nil {
		return err
	}
	if err := wantNone(ctx, s, "record"); err != nil {
		return err
	}
	first, err := create(ctx, s, "record", "first")
	if err != nil {
		return err
	}
	second, err := replace(ctx, s, "record", "second", first)
	if err != nil {
		return err
	}
	for _, stale := range []providers.Version{"", first, "another"} {
		if err := wantConflict(ctx, s, "record", "third", stale); err != nil {
			return err
		}
	}
	return wantRecord(ctx, s, "record", "second", second)
}

// race has goroutines count in one record without a lock.
func race(ctx context.Context, s providers.Store) error {
	const goroutines, each = 8, 10
	if _, err := create(ctx, s, "record", "0"); err != nil {
		return err
	}
	results := make([]error, goroutines)
	var all sync.WaitGroup
	for i := range goroutines {
		all.Go(func() {
			for range each {
				results[i] = errors.Join(results[i], increment(ctx, s, "record"))
			}
		})
	}
	all.Wait()
	if err := errors.Join(results...); err != nil {
		return err
	}
	return wantCount(ctx, s, "record", goroutines*each)
}

// increment adds one to a record, as often as it takes.
func increment(ctx context.Context, s providers.Store, name string) error {
	for {
		data, version, err := s.Load(ctx, name)
		if err != nil {
			return fmt.Errorf("Load(%q): %w", name, err)
		}
		n, err := strconv.Atoi(data.Reveal())
		if err != nil {
			return fmt.Errorf("Load(%q) is %s, not a number", name, clip(data.Reveal()))
		}
		_, err = s.Save(ctx, name, sasl.NewSecret(strconv.Itoa(n+1)), version)
		if !errors.Is(err, providers.ErrConflict) {
			return err
		}
	}
}

func wantCount(ctx context.Context, s providers.Store, name string, n int) error {
	data, _, err := s.Load(ctx, name)
	if err != nil {
		return fmt.Errorf("Load(%q): %w", name, err)
	}
	if got := data.Reveal(); got != strconv.Itoa(n) {
		return fmt.Errorf("%d increments made %s", n, clip(got))
	}
	return nil
}

func deleted(ctx context.Context, s providers.Store) error {
	old, err := create(ctx, s, "record", "data")
	if err != nil {
		return err
	}
	if _, err := create(ctx, s, "other", "stays"); err != nil {
		return err
	}
	if err := s.Delete(ctx, "record"); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	if err := wantNone(ctx, s, "record"); err != nil {
		return err
	}
	if err := wantConflict(ctx, s, "record", "from the dead", old); err != nil {
		return err
	}
	anew, err := create(ctx, s, "record", "data")
	if err != nil {
		return err
	}
	if anew == old {
		return fmt.Errorf("a new record has version %q of the deleted one", old)
	}
	if _, _, err := s.Load(ctx, "other"); err != nil {
		return fmt.Errorf("a record that was not deleted: %w", err)
	}
	return nil
}

// awkward are names that a Store may take for one another or for something else.
func awkward() []string {
	long := strings.Repeat("n", 999)
	return []string{
		"a", "A", "a ", " a", "a/b", "a\\b", "a%2Fb", "../a", "..", ".", "a.", "/", "a\x00", "a\nb", "con", "a:b", "*", "a?",
		"\u00e9", "e\u0301", "you@example.com", "google/id.apps/you+tag@example.com", long + "1", long + "2",
	}
}

func dataOf(name string) string { return fmt.Sprintf("data of %q", name) }

func names(ctx context.Context, s providers.Store) error {
	saved := map[string]providers.Version{}
	for _, name := range awkward() {
		v, err := create(ctx, s, name, dataOf(name))
		if err != nil {
			return err
		}
		saved[name] = v
	}
	for _, name := range awkward() {
		if err := wantRecord(ctx, s, name, dataOf(name), saved[name]); err != nil {
			return err
		}
	}
	return nil
}

func canceled(ctx context.Context, s providers.Store) error {
	v, err := create(ctx, s, "record", "data")
	if err != nil {
		return err
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, _, load := s.Load(over, "record")
	_, save := s.Save(over, "record", sasl.NewSecret("new"), v)
	del := s.Delete(over, "record")
	unlock, lock := s.Lock(over, "record")
	if lock == nil {
		_ = unlock()
	}
	for method, err := range map[string]error{"Load": load, "Save": save, "Delete": del, "Lock": lock} {
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("%s with a context that is canceled: %s, want context.Canceled", method, said(err))
		}
	}
	return wantRecord(ctx, s, "record", "data", v)
}

// errorTexts provokes the errors that can be provoked anywhere.
func errorTexts(ctx context.Context, s providers.Store) error {
	const secret = "refresh-token-0123456789"
	v, err := create(ctx, s, "record", secret)
	if err != nil {
		return err
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, stale := s.Save(ctx, "record", sasl.NewSecret(secret), "stale")
	_, late := s.Save(over, "record", sasl.NewSecret(secret), v)
	_, unnamed := s.Save(ctx, "", sasl.NewSecret(secret), "")
	_, tooLong := s.Save(ctx, "long", sasl.NewSecret(strings.Repeat(secret, 1<<20)), "")
	for what, err := range map[string]error{"a conflict": stale, "a canceled context": late, "an empty name": unnamed, "24 MiB": tooLong} {
		if err != nil && strings.Contains(err.Error(), secret) {
			return fmt.Errorf("the error for %s holds the record", what)
		}
	}
	if unnamed == nil {
		return errors.New("Save took an empty name")
	}
	return nil
}
