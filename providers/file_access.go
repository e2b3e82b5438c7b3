package providers

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// open opens the directory for one operation and looks at it anew each time: it
// may have been tampered with since. What is done through an [os.Root] stays
// within.
func (s *FileStore) open() (*os.Root, error) {
	found, err := os.Lstat(s.dir)
	if err != nil {
		return nil, fmt.Errorf("providers: %w", err)
	}
	switch {
	case found.Mode()&fs.ModeSymlink != 0:
		return nil, refused(s.dir, "is a symbolic link", "name the directory that it leads to, if you trust whoever made it")
	case !found.IsDir():
		return nil, refused(s.dir, "is no directory", "name another")
	}
	if err := private(s.dir, found, dirMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, fmt.Errorf("providers: %w", err)
	}
	opened, err := root.Stat(".")
	if err != nil || !os.SameFile(found, opened) {
		root.Close()
		return nil, errors.Join(refused(s.dir, "was replaced while it was opened", "see who does that"), err)
	}
	return root, nil
}

// openFile opens a file if it is one that nobody else can read or write. It makes
// the file if flag says so.
func (s *FileStore) openFile(root *os.Root, file string, flag int) (*os.File, error) {
	path := filepath.Join(s.dir, file)
	found, err := root.Lstat(file)
	switch {
	case err != nil && (!errors.Is(err, fs.ErrNotExist) || flag&os.O_CREATE == 0):
		return nil, fmt.Errorf("providers: %w", err)
	case err == nil && !found.Mode().IsRegular():
		return nil, refused(path, "is no regular file", "remove it, and see who put it there")
	}
	f, err := root.OpenFile(file, flag, fileMode)
	if err != nil {
		return nil, fmt.Errorf("providers: %w", err)
	}
	opened, err := f.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("providers: %w", err)
	case found != nil && !os.SameFile(found, opened), !opened.Mode().IsRegular():
		err = refused(path, "was replaced while it was opened", "see who does that")
	default:
		err = private(path, opened, fileMode)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// private returns an error for a file or directory that is not the user's own
// affair.
func private(path string, info fs.FileInfo, mode fs.FileMode) error {
	if !hasModes {
		return nil
	}
	if info.Mode().Perm()&^mode&0o077 != 0 {
		return refused(path, fmt.Sprintf("is open to others (mode %04o)", info.Mode().Perm()),
			fmt.Sprintf("chmod %04o it; if somebody may have looked inside, sign in again", mode))
	}
	if !ownedByUser(info) {
		return refused(path, "belongs to another user", "run the program as that user, or name another directory")
	}
	return nil
}

// refused is the error for a path that is not safe to use.
func refused(path, problem, hint string) error {
	return &Error{Kind: Misconfigured, Description: path + " " + problem, Hint: hint}
}

// write puts content in the place of a record. It is called by one process at a
// time, so a temporary file that is there was left behind by a crash.
func (s *FileStore) write(root *os.Root, file, content string) (err error) {
	temporary := file + temporarySuffix
	if err := root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("providers: %w", err)
	}
	defer func() {
		if err != nil {
			_ = root.Remove(temporary) // it is the error that counts
			err = fmt.Errorf("providers: %w", err)
		}
	}()
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := root.Rename(temporary, file+recordSuffix); err != nil {
		return err
	}
	return syncDir(root)
}
