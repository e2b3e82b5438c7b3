package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers"
)

// Shared says how to get at a Store that processes share.
type Shared struct {
	// New makes a place without records, such as a directory or a database, and
	// returns by what Open finds it. It is called for each subtest.
	New func(t *testing.T) string

	// Open opens the Store in a place, in this process or in another.
	Open func(t *testing.T, place string) providers.Store
}

// RunShared tests a Store that processes share. It runs the binary of the test
// again, with the name of the test, up to this very call: a test calls it once,
// and has no side effects before. In those processes, Shared.New is not called
// and RunShared does not return.
func RunShared(t *testing.T, s Shared) {
	if role := os.Getenv(roleVariable); role != "" {
		work(t, role, s.Open(t, os.Getenv(placeVariable)))
	}
	Run(t, func(t *testing.T) providers.Store { return s.Open(t, s.New(t)) })
	for _, c := range sharedChecks() {
		t.Run(c.name, func(t *testing.T) {
			place := s.New(t)
			here := &site{
				store: s.Open(t, place), again: s.Open(t, place),
				start: func(role string) (*worker, error) { return start(t, role, place) },
			}
			bound := check{c.name, c.promise, func(ctx context.Context, _ providers.Store) error { return c.run(ctx, here) }}
			if err := bound.try(t.Context(), here.store); err != nil {
				t.Errorf("%s: %v", c.promise, err)
			}
		})
	}
}

// A site is a Store in a place, with ways to get at it from elsewhere.
type site struct {
	store, again providers.Store
	start        func(role string) (*worker, error)
}

type sharedCheck struct {
	name    string
	promise string
	run     func(context.Context, *site) error
}

// What tells a process that it is a worker, and of what kind.
const (
	roleVariable  = "POSTERN_STORETEST_ROLE"
	placeVariable = "POSTERN_STORETEST_PLACE"

	marker = "storetest: " // begins the lines that a worker writes
)

// A worker is a process that runs this test's binary.
type worker struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func start(t *testing.T, role, place string) (*worker, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// The subtest's own name is not that of the test that called RunShared.
	parent := t.Name()[:strings.LastIndex(t.Name(), "/")]
	var pattern []string
	for part := range strings.SplitSeq(parent, "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(part)+"$")
	}
	cmd := exec.CommandContext(t.Context(), binary, "-test.run="+strings.Join(pattern, "/"), "-test.count=1")
	cmd.Env = append(os.Environ(), roleVariable+"="+role, placeVariable+"="+place)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &worker{cmd, bufio.NewScanner(out)}, nil
}

// line returns the next line that a worker says.
func (w *worker) line() (string, error) {
	for w.lines.Scan() {
		if line, ok := strings.CutPrefix(w.lines.Text(), marker); ok {
			return line, nil
		}
	}
	return "", errors.Join(errors.New("the other process ended early"), w.lines.Err(), w.cmd.Wait())
}

// kill ends a worker without a warning.
func (w *worker) kill() error {
	if err := w.cmd.Process.Kill(); err != nil {
		return err
	}
	for w.lines.Scan() { // up to the end, as Wait asks
	}
	_ = w.cmd.Wait() // it says that the process was killed
	return nil
}

// wait returns the first thing that a worker says, when it has ended by itself.
func (w *worker) wait() error {
	said, err := w.line()
	if err != nil {
		return err
	}
	for w.lines.Scan() {
	}
	if err := w.cmd.Wait(); err != nil || said != done {
		return fmt.Errorf("the other process: %s %w", said, err)
	}
	return nil
}
