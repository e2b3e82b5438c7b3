package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A commandToken runs a program that prints a token.
type commandToken struct {
	argv   []string
	stderr io.Writer // where the program's own messages go
}

var _ sasl.TokenGenerator = (*commandToken)(nil)

// newCommandToken reads a command line and looks for the program, but does not
// run it yet.
func newCommandToken(line string, stderr io.Writer) (*commandToken, error) {
	argv, err := splitWords(line)
	if err != nil {
		return nil, failf(exitUsage, "--token-command: %w", err)
	}
	if len(argv) == 0 {
		return nil, failf(exitUsage, "--token-command is empty")
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return nil, failf(exitConfig, "--token-command: the program: %w", nameless(err))
	}
	return &commandToken{argv, stderr}, nil
}

// outputWait is how long a program that was stopped, or a child that it left
// behind, may hold on to its output.
const outputWait = time.Second

// Token implements sasl.TokenGenerator. It runs the program each time it is
// asked: the program knows whether the token it has is still good.
func (c *commandToken) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	out := boundedBuffer{limit: maxSecret, full: stop}
	cmd := exec.CommandContext(running, c.argv[0], c.argv[1:]...)
	cmd.Stdout = &out
	cmd.Stderr = c.stderr
	cmd.WaitDelay = outputWait
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return sasl.Token{}, ctx.Err()
	case out.over:
		return sasl.Token{}, &commandError{c.argv[0], fmt.Errorf("more than %d octets of output: that is not a token", maxSecret)}
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // which says that it went well, but left a child behind
		return sasl.Token{}, &commandError{c.argv[0], err}
	}
	line, _, _ := bytes.Cut(out.octets, []byte{'\n'})
	value := string(bytes.TrimSpace(line))
	if value == "" {
		return sasl.Token{}, &commandError{c.argv[0], errors.New("its first line of output is empty")}
	}
	if err := checkToken(value); err != nil {
		return sasl.Token{}, &commandError{c.argv[0], fmt.Errorf("its first line of output %w", err)}
	}
	token := sasl.Token{Value: sasl.NewSecret(value)}
	if req.Rejected.Matches(token) {
		return sasl.Token{}, sasl.ErrNoOtherToken
	}
	return token, nil
}

// A commandError says that the program gave no token.
type commandError struct {
	program string
	err     error
}

func (e *commandError) Error() string {
	return fmt.Sprintf("--token-command %s: %v", e.program, e.err)
}
func (e *commandError) Unwrap() error { return e.err }

// Temporary reports whether the program said by its exit code that a later try
// may succeed.
func (e *commandError) Temporary() bool {
	var exit *exec.ExitError
	return errors.As(e.err, &exit) && exit.ExitCode() == exitTemporary
}

// A boundedBuffer takes limit octets, then calls full and fails, which ends the
// copying from the program. It has no ReadFrom, which would pass by the limit.
type boundedBuffer struct {
	octets []byte
	limit  int
	full   func()
	over   bool // there was more
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if len(b.octets)+len(p) > b.limit {
		b.over = true
		b.full()
		return 0, io.ErrShortBuffer
	}
	b.octets = append(b.octets, p...)
	return len(p), nil
}
