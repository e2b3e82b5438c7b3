package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// Run tests a Store within one process. Open returns one without records; it is
// called for each subtest, and may end the Store by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) providers.Store) {
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.try(t.Context(), open(t)); err != nil {
				t.Errorf("%s: %v", c.promise, err)
			}
		})
	}
}

// A check puts one promise to the test.
type check struct {
	name    string
	promise string
	run     func(context.Context, providers.Store) error
}

// checks are those that need one process and one Store.
func checks() []check {
	return append(recordChecks(), lockChecks()...)
}

// limit is how long a check may take before it is said to hang. It is no measure
// of speed.
const limit = 5 * time.Minute

// try runs a check against a Store that may hang.
func (c check) try(ctx context.Context, s providers.Store) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- c.run(ctx, s) }()
	select {
	case err := <-result:
		return err
	case <-time.After(limit + time.Second):
		return errors.New("a call did not return although its context was done")
	}
}

// wantRecord loads a record and compares it.
func wantRecord(ctx context.Context, s providers.Store, name, data string, v providers.Version) error {
	got, version, err := s.Load(ctx, name)
	switch {
	case err != nil:
		return fmt.Errorf("Load(%q): %w", name, err)
	case got.Reveal() != data:
		return fmt.Errorf("Load(%q) is not what was saved: %s, want %s", name, clip(got.Reveal()), clip(data))
	case version != v:
		return fmt.Errorf("Load(%q) is of version %q, Save said %q", name, version, v)
	}
	return nil
}

func wantNone(ctx context.Context, s providers.Store, name string) error {
	data, version, err := s.Load(ctx, name)
	if !errors.Is(err, providers.ErrNotFound) || !data.IsZero() || version != "" {
		return fmt.Errorf("Load(%q) = %s, %q, %s; there is no such record, so want ErrNotFound",
			name, clip(data.Reveal()), version, said(err))
	}
	return nil
}

// create saves a record that must not be there.
func create(ctx context.Context, s providers.Store, name, data string) (providers.Version, error) {
	return replace(ctx, s, name, data, "")
}

func replace(ctx context.Context, s providers.Store, name, data string, old providers.Version) (providers.Version, error) {
	v, err := s.Save(ctx, name, sasl.NewSecret(data), old)
	switch {
	case err != nil:
		return "", fmt.Errorf("Save(%q, version %q): %w", name, old, err)
	case v == "":
		return "", fmt.Errorf("Save(%q) returned the zero version, which stands for no record", name)
	}
	return v, nil
}

func wantConflict(ctx context.Context, s providers.Store, name, data string, old providers.Version) error {
	v, err := s.Save(ctx, name, sasl.NewSecret(data), old)
	if !errors.Is(err, providers.ErrConflict) {
		return fmt.Errorf("Save(%q, version %q) = %q, %s; the record is of another version, so want ErrConflict", name, old, v, said(err))
	}
	return nil
}

// said writes an error, which may be nil.
func said(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// clip writes test data, which is no secret.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%q... (%d octets)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}
