package providers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A FileStore is a [Store] in a directory of its own, with a file for each
// record. Any number of processes of one user on one machine may share it.
//
// The directory has mode 0700 and the files 0600, and all belong to the user who
// runs the program. A FileStore does nothing with a directory or a file that
// others may read or write, that belongs to somebody else, or that is a symbolic
// link: the error is an [*Error] of kind Misconfigured that says which, and what
// to do. On Windows, where there are no such modes, put the directory into the
// user's profile.
//
// A record is written to another file, flushed, and renamed, so a crash leaves
// the old record or the new one. Locks are those of the operating system (flock
// or LockFileEx), which a dying process gives up at once. They do not reach from
// one machine to another: a directory on a network must not be shared.
//
// The files hold secrets as they are. [Encrypted] is for those who want them
// sealed.
type FileStore struct {
	dir   string
	locks locks // by file: locks of the system may be one for a whole process
}

var _ Store = (*FileStore)(nil)

// NewFileStore returns a FileStore in dir, which it makes if it is not there.
func NewFileStore(dir string) (*FileStore, error) {
	if !canLock {
		return nil, fmt.Errorf("providers: a FileStore needs file locks, which this system lacks: %w", errors.ErrUnsupported)
	}
	if dir == "" {
		return nil, &Error{Kind: Misconfigured, Description: "a FileStore needs the name of a directory"}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("providers: %w", err)
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("providers: %w", err)
	}
	s := &FileStore{dir: dir}
	root, err := s.open()
	if err != nil {
		return nil, err
	}
	return s, root.Close()
}

// Load implements [Store].
func (s *FileStore) Load(ctx context.Context, name string) (_ sasl.Secret, v Version, err error) {
	var data string
	err = s.exclusively(ctx, name, func(root *os.Root) error {
		data, v, err = s.read(root, name)
		return err
	})
	if err != nil {
		return sasl.Secret{}, "", err
	}
	return sasl.NewSecret(data), v, nil
}

// Save implements [Store].
func (s *FileStore) Save(ctx context.Context, name string, data sasl.Secret, old Version) (v Version, err error) {
	if len(data.Reveal()) > maxStored {
		return "", errTooLong
	}
	err = s.exclusively(ctx, name, func(root *os.Root) error {
		_, current, err := s.read(root, name)
		switch {
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		case current != old:
			return ErrConflict
		}
		v = newVersion()
		return s.write(root, fileOf(name), encodeFile(name, v, data.Reveal()))
	})
	if err != nil {
		return "", err
	}
	return v, nil
}

// Delete implements [Store]. It removes a damaged record, too.
func (s *FileStore) Delete(ctx context.Context, name string) error {
	return s.exclusively(ctx, name, func(root *os.Root) error {
		for _, suffix := range []string{recordSuffix, temporarySuffix} {
			if err := root.Remove(fileOf(name) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("providers: %w", err)
			}
		}
		return syncDir(root)
	})
}

// Lock implements [Store]. The file that it locks stays when it is unlocked: who
// removes it may take it from under somebody who has just opened it.
func (s *FileStore) Lock(ctx context.Context, name string) (unlock func() error, err error) {
	if err := checkName(ctx, name); err != nil {
		return nil, err
	}
	root, err := s.open()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return s.lockFile(ctx, root, fileOf(name)+lockSuffix)
}

// exclusively calls f while no other process is reading or writing any record.
// The lock is another than that of Lock, whose holders call Save.
func (s *FileStore) exclusively(ctx context.Context, name string, f func(*os.Root) error) error {
	if err := checkName(ctx, name); err != nil {
		return err
	}
	root, err := s.open()
	if err != nil {
		return err
	}
	defer root.Close()
	unlock, err := s.lockFile(ctx, root, "store"+lockSuffix)
	if err != nil {
		return err
	}
	return errors.Join(f(root), unlock())
}

// lockFile locks a file, which it makes if it is not there.
func (s *FileStore) lockFile(ctx context.Context, root *os.Root, file string) (unlock func() error, err error) {
	release, err := s.locks.lock(ctx, file)
	if err != nil {
		return nil, err
	}
	f, err := s.openFile(root, file, os.O_RDWR|os.O_CREATE)
	if err == nil {
		err = waitForLock(ctx, f)
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		release()
		return nil, err
	}
	return func() error {
		defer release()
		if err := f.Close(); err != nil && !errors.Is(err, fs.ErrClosed) { // closing unlocks
			return fmt.Errorf("providers: %w", err)
		}
		return nil
	}, nil
}

// waitForLock tries until the lock is free or ctx is done. A system call that
// waits would not end with ctx.
func waitForLock(ctx context.Context, f *os.File) error {
	const longest = 50 * time.Millisecond
	for pause := time.Millisecond; ; pause = min(2*pause, longest) {
		if locked, err := tryLock(f); locked || err != nil {
			return err
		}
		select {
		case <-time.After(jitter(pause)):
		case <-ctx.Done():
			return fmt.Errorf("providers: waiting for a lock that another process holds: %w", ctx.Err())
		}
	}
}

// Files of a record, whose names hold nothing of its name but a hash: names may
// be longer than a file system likes, differ in case only, or contain a slash.
const (
	recordSuffix    = ".record"
	temporarySuffix = ".tmp"
	lockSuffix      = ".lock"
)

func fileOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}
