package providers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"unsafe"
)

const (
	canLock  = true
	hasModes = false
)

var lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

// Flags and errors of LockFileEx.
const (
	lockFailImmediately = 1
	lockExclusive       = 2

	errLockViolation syscall.Errno = 33
)

// tryLock takes the lock of a file if it is free. Closing the file gives it up.
func tryLock(f *os.File) (bool, error) {
	var overlapped syscall.Overlapped // the lock begins at offset 0
	ok, _, err := lockFileEx.Call(f.Fd(), lockFailImmediately|lockExclusive, 0, 1, 0, uintptr(unsafe.Pointer(&overlapped)))
	switch {
	case ok != 0:
		return true, nil
	case errors.Is(err, errLockViolation), errors.Is(err, syscall.ERROR_IO_PENDING):
		return false, nil
	}
	return false, fmt.Errorf("providers: lock %s: %w", f.Name(), err)
}

// ownedByUser is not asked where there are no modes.
func ownedByUser(fs.FileInfo) bool { return true }

// syncDir does nothing: a directory cannot be flushed, and NTFS keeps a journal.
func syncDir(*os.Root) error { return nil }
