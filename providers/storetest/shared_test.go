package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A sharedMutant is a Store for several processes with a defect.
type sharedMutant struct {
	name  string
	kills []string
	open  func(t *testing.T, place string) providers.Store
}

func sharedMutants() []sharedMutant {
	return []sharedMutant{
		{"Forgetful", []string{"Reopen", "LockExcludesProcesses", "LockOfTheDead", "CrashWhileSaving"}, forgetful},
		{"LockWithinProcess", []string{"Reopen", "LockExcludesProcesses", "LockOfTheDead"}, lockWithin},
		{"LockSurvivesItsHolder", []string{"LockOfTheDead"}, lockThatStays},
		{"SavesInPlace", []string{"CrashWhileSaving"}, savesInPlace},
	}
}

// TestSharedMutants shows that the checks with several processes can fail.
func TestSharedMutants(t *testing.T) {
	for _, m := range sharedMutants() {
		t.Run(m.name, func(t *testing.T) {
			if role := os.Getenv(roleVariable); role != "" {
				work(t, role, m.open(t, os.Getenv(placeVariable)))
			}
			for _, c := range sharedChecks() {
				t.Run(c.name, func(t *testing.T) {
					fails := slices.Contains(m.kills, c.name)
					ctx := t.Context()
					if m.name == "LockSurvivesItsHolder" && fails {
						late, cancel := context.WithTimeout(ctx, 2*time.Second) // a hang is what is expected
						defer cancel()
						ctx = late
					}
					place := t.TempDir()
					err := c.run(ctx, &site{
						store: m.open(t, place), again: m.open(t, place),
						start: func(role string) (*worker, error) { return start(t, role, place) },
					})
					if failed := err != nil; failed != fails {
						t.Errorf("error %v", err)
					}
				})
			}
		})
	}
}

func files(t *testing.T, place string) providers.Store {
	s, err := providers.NewFileStore(filepath.Join(place, "tokens"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func forgetful(*testing.T, string) providers.Store { return new(providers.MemoryStore) }

func lockWithin(t *testing.T, place string) providers.Store {
	return changed{Store: files(t, place), lock: new(providers.MemoryStore).Lock}
}

// lockThatStays is a Store whose lock is that a file exists.
func lockThatStays(t *testing.T, place string) providers.Store {
	return changed{Store: files(t, place), lock: func(ctx context.Context, name string) (func() error, error) {
		file := filepath.Join(place, name)
		for {
			f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600)
			if err == nil {
				f.Close()
				return func() error { return os.Remove(file) }, nil
			}
			if !errors.Is(err, fs.ErrExist) {
				return nil, err
			}
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}}
}

// savesInPlace is a Store that writes half a record, says that it is saved, and
// takes its time for the rest of it, each tenth time.
func savesInPlace(t *testing.T, place string) providers.Store {
	real, saves := files(t, place), 0
	return changed{Store: real, save: func(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
		saves++
		if saves < 10 || os.Getenv(roleVariable) != saveRole {
			return real.Save(ctx, name, data, old)
		}
		value := data.Reveal()
		if _, err := real.Save(ctx, name, sasl.NewSecret(value[:len(value)/2]), old); err != nil {
			return "", err
		}
		fmt.Println(marker + "saved")
		<-ctx.Done()
		return "", ctx.Err()
	}}
}
