//go:build unix

package providers_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

const recordData = "refresh-token-0123456789"

// filesWithRecord returns a FileStore with one record, its directory, and the
// file that the record is in.
func filesWithRecord(t *testing.T) (s *providers.FileStore, dir, file string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "tokens")
	s = openFiles(t, dir)
	if _, err := s.Save(t.Context(), key, sasl.NewSecret(recordData), ""); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.record"))
	if err != nil || len(found) != 1 {
		t.Fatalf("files %q, %v; want one record", found, err)
	}
	return s, dir, found[0]
}

func TestFileModes(t *testing.T) {
	s, dir, _ := filesWithRecord(t)
	unlock, err := s.Lock(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFilesRefused shows what a FileStore does nothing with, and what it says.
func TestFilesRefused(t *testing.T) {
	tests := []struct {
		name   string
		tamper func(t *testing.T, dir, file string) error
		says   string
	}{
		{"directory others can read", func(_ *testing.T, dir, _ string) error { return os.Chmod(dir, 0o750) }, "is open to others (mode 0750); chmod 0700 it"},
		{"file others can read", func(_ *testing.T, _, file string) error { return os.Chmod(file, 0o604) }, "is open to others (mode 0604); chmod 0600 it"},
		{"file others can write", func(_ *testing.T, _, file string) error { return os.Chmod(file, 0o620) }, "is open to others (mode 0620)"},
		{"directory of another user", func(t *testing.T, dir, _ string) error { return giveAway(t, dir) }, "belongs to another user"},
		{"file of another user", func(t *testing.T, _, file string) error { return giveAway(t, file) }, "belongs to another user"},
		{"directory that is a link", func(_ *testing.T, dir, _ string) error {
			return errors.Join(os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir))
		}, "is a symbolic link"},
		{"file that is a link within", func(_ *testing.T, dir, file string) error {
			return errors.Join(os.Rename(file, filepath.Join(dir, "moved")), os.Symlink("moved", file))
		}, "is no regular file"},
		{"file that is a link out", func(_ *testing.T, dir, file string) error {
			return errors.Join(os.Rename(file, dir+".moved"), os.Symlink(dir+".moved", file))
		}, "is no regular file"},
		{"lock that is a link", func(_ *testing.T, dir, _ string) error {
			lock := filepath.Join(dir, "store.lock")
			return errors.Join(os.Remove(lock), os.WriteFile(dir+".victim", nil, 0o600), os.Symlink(dir+".victim", lock))
		}, "is no regular file"},
		{"directory that is a file", func(_ *testing.T, dir, _ string) error {
			return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600))
		}, "is no directory"},
		{"file that is cut off", func(_ *testing.T, _, file string) error { return os.Truncate(file, 100) }, "is damaged"},
		{"file that lacks its last octet", func(_ *testing.T, _, file string) error {
			info, err := os.Stat(file)
			if err != nil {
				return err
			}
			return os.Truncate(file, info.Size()-1)
		}, "is damaged"},
		{"file that is empty", func(_ *testing.T, _, file string) error { return os.Truncate(file, 0) }, "is damaged"},
		{"file of another record", func(t *testing.T, dir, file string) error {
			other := filepath.Join(t.TempDir(), "other")
			if _, err := openFiles(t, other).Save(t.Context(), "another name", sasl.NewSecret(recordData), ""); err != nil {
				return err
			}
			found, err := filepath.Glob(filepath.Join(other, "*.record"))
			return errors.Join(err, os.Rename(found[0], file))
		}, "is damaged or not a record of that name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, dir, file := filesWithRecord(t)
			if err := tt.tamper(t, dir, file); err != nil {
				t.Fatal(err)
			}
			_, _, load := s.Load(t.Context(), key)
			_, save := s.Save(t.Context(), key, sasl.NewSecret("new"), "")
			for method, err := range map[string]error{"Load": load, "Save": save} {
				var refused *providers.Error
				if !errors.As(err, &refused) || refused.Kind != providers.Misconfigured {
					t.Errorf("%s: %v, want an error of kind misconfigured", method, err)
					continue
				}
				if text := err.Error(); !strings.Contains(text, tt.says) || !strings.Contains(text, dir) || strings.Contains(text, recordData) {
					t.Errorf("%s: %q, want one that names the path and says %q", method, text, tt.says)
				}
			}
		})
	}
}

// giveAway makes a file that of another user, which takes the rights of root.
func giveAway(t *testing.T, path string) error {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	return os.Chown(path, 12345, -1)
}

// TestLeftovers shows that a save which a crash cut short is in nobody's way.
func TestLeftovers(t *testing.T) {
	s, _, file := filesWithRecord(t)
	leftover := strings.TrimSuffix(file, ".record") + ".tmp"
	if err := os.WriteFile(leftover, []byte("half a rec"), 0o600); err != nil {
		t.Fatal(err)
	}
	data, version, err := s.Load(t.Context(), key)
	if err != nil || data.Reveal() != recordData {
		t.Fatalf("Load = %q, %v", data.Reveal(), err)
	}
	if _, err := s.Save(t.Context(), key, sasl.NewSecret("new"), version); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the leftover is still there: %v", err)
	}
}

// TestSaveThatFails shows that the record before survives.
func TestSaveThatFails(t *testing.T) {
	s, _, file := filesWithRecord(t)
	obstacle := strings.TrimSuffix(file, ".record") + ".tmp"
	if err := os.MkdirAll(filepath.Join(obstacle, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, version, err := s.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), key, sasl.NewSecret("new"), version); err == nil || strings.Contains(err.Error(), recordData) {
		t.Errorf("Save: %v, want an error", err)
	}
	data, again, err := s.Load(t.Context(), key)
	if err != nil || data.Reveal() != recordData || again != version {
		t.Errorf("Load = %q, %q, %v; want the old record", data.Reveal(), again, err)
	}
}

func TestNewFileStore(t *testing.T) {
	if _, err := providers.NewFileStore(""); providers.KindOf(err) != providers.Misconfigured {
		t.Errorf("no directory: %v", err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(open, 0o755), os.Chmod(open, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := providers.NewFileStore(open); err == nil || !strings.Contains(err.Error(), "mode 0755") {
		t.Errorf("a directory that others can read: %v", err)
	}
}

// TestFileLockAmongStores shows that two FileStores of one directory in one
// process exclude each other, and that waiting ends with the context.
func TestFileLockAmongStores(t *testing.T) {
	s, dir, _ := filesWithRecord(t)
	unlock, err := s.Lock(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	other, result := openFiles(t, dir), make(chan error)
	go func() {
		_, err := other.Lock(ctx, key)
		result <- err
	}()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Lock: %v, want context.Canceled", err)
	}
	if err := errors.Join(unlock(), unlock()); err != nil {
		t.Error(err)
	}
}
