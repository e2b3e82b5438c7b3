package providers

import (
	"context"
	"crypto/rand"
	"sync"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/sasl"
)

// A MemoryStore is a [Store] that lasts as long as the program, for tests and for
// grants that cannot change. The zero value is empty and ready for use. It must
// not be copied.
type MemoryStore struct {
	locks locks

	mu      sync.Mutex
	records map[string]memoryRecord
}

type memoryRecord struct {
	data    sasl.Secret
	version Version
}

var _ Store = (*MemoryStore)(nil)

// Load implements [Store].
func (s *MemoryStore) Load(ctx context.Context, name string) (sasl.Secret, Version, error) {
	if err := checkName(ctx, name); err != nil {
		return sasl.Secret{}, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.records[name]
	if !ok {
		return sasl.Secret{}, "", ErrNotFound
	}
	return r.data, r.version, nil
}

// Save implements [Store].
func (s *MemoryStore) Save(ctx context.Context, name string, data sasl.Secret, old Version) (Version, error) {
	if err := checkName(ctx, name); err != nil {
		return "", err
	}
	if len(data.Reveal()) > maxStored {
		return "", errTooLong
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records[name].version != old {
		return "", ErrConflict
	}
	if s.records == nil {
		s.records = make(map[string]memoryRecord)
	}
	r := memoryRecord{data, newVersion()}
	s.records[name] = r
	return r.version, nil
}

// Delete implements [Store].
func (s *MemoryStore) Delete(ctx context.Context, name string) error {
	if err := checkName(ctx, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, name)
	return nil
}

// Lock implements [Store].
func (s *MemoryStore) Lock(ctx context.Context, name string) (unlock func() error, err error) {
	if err := checkName(ctx, name); err != nil {
		return nil, err
	}
	release, err := s.locks.lock(ctx, name)
	if err != nil {
		return nil, err
	}
	return func() error { release(); return nil }, nil
}

// newVersion returns a Version that no record ever had.
func newVersion() Version { return Version(rand.Text()) }

// checkName returns why nothing can be done with a record of that name, now or at
// all.
func checkName(ctx context.Context, name string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) {
		return errBadName
	}
	return ctx.Err()
}
