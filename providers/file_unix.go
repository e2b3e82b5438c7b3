//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package providers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

const (
	canLock  = true
	hasModes = true
)

// tryLock takes the lock of a file if it is free. Closing the file gives it up.
func tryLock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, fmt.Errorf("providers: lock %s: %w", f.Name(), err)
		}
	}
}

// ownedByUser reports whether a file belongs to the user who runs the program.
func ownedByUser(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int64(stat.Uid) == int64(os.Geteuid())
}

// syncDir makes a rename or removal safe from a crash.
func syncDir(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // a file system that has no use for it
	}
	return errors.Join(err, dir.Close())
}
