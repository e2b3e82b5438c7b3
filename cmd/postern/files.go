package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
)

// openContext opens a file to read it, and gives up when ctx ends: a named pipe
// opens when somebody writes to it, which may be never. The goroutine that waits
// goes on until then, or until the program ends.
func openContext(ctx context.Context, name string) (*os.File, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	type result struct {
		file *os.File
		err  error
	}
	opened := make(chan result)
	go func() {
		f, err := os.Open(name)
		select {
		case opened <- result{f, err}:
		case <-ctx.Done():
			f.Close() // too late; of a nil file, this does nothing
		}
	}()
	select {
	case r := <-opened:
		return r.file, r.err
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

// readAll reads r to its end, but no more than limit octets, and gives up when
// ctx ends. A read that nobody can interrupt, as one from a terminal, goes on
// until the program ends.
func readAll(ctx context.Context, r io.Reader, limit int64) ([]byte, error) {
	type result struct {
		octets []byte
		err    error
	}
	done := make(chan result, 1)
	go func() {
		octets, err := io.ReadAll(io.LimitReader(r, limit+1))
		done <- result{octets, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ended(ctx)
	case r := <-done:
		if r.err == nil && int64(len(r.octets)) > limit {
			r.err = &tooLongError{limit}
		}
		return r.octets, r.err
	}
}

// A tooLongError says that there is more to read than anybody can want.
type tooLongError struct{ limit int64 }

func (e *tooLongError) Error() string { return fmt.Sprintf("more than %d octets", e.limit) }

// An endedError says that the context ended: by a signal, or by --timeout.
type endedError struct{ cause error }

// ended returns why ctx ended.
func ended(ctx context.Context) error { return &endedError{context.Cause(ctx)} }

func (e *endedError) Error() string { return e.cause.Error() }
func (e *endedError) Unwrap() error { return e.cause }

// byteOrderMark is U+FEFF in UTF-8, which some editors write before a text.
const byteOrderMark = "\ufeff"

// hasByteOrderMark reports whether a text begins with what nobody sees and every
// server would take for a part of it.
func hasByteOrderMark(octets []byte) bool {
	return bytes.HasPrefix(octets, []byte(byteOrderMark))
}
