package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/sasl"
)

// A commandToken runs a program that prints a token.
type commandToken struct {
	program string
	tokens  *providers.Cache
	done    <-chan struct{} // closed when nothing is to run any more
}

var _ sasl.TokenGenerator = (*commandToken)(nil)

// commandPatience is how long the program may take if nothing else ends it: it may
// have to ask its user for something.
const commandPatience = time.Hour

// newCommandToken reads a command line and looks for the program, but does not
// run it yet. What runs is stopped when ctx ends.
func newCommandToken(ctx context.Context, line string, stderr io.Writer) (*commandToken, error) {
	argv, err := splitWords(line)
	if err != nil {
		return nil, failf(exitUsage, "--token-command: %w", err)
	}
	if len(argv) == 0 {
		return nil, failf(exitUsage, "--token-command is empty")
	}
	tokens, err := generic.Command(generic.CommandOptions{
		Stderr: stderr, Done: ctx.Done(), Cache: providers.CacheOptions{FetchTimeout: commandPatience},
	}, argv[0], argv[1:]...)
	if err != nil {
		return nil, failf(exitConfig, "--token-command: the program: %w", nameless(err))
	}
	return &commandToken{argv[0], tokens, ctx.Done()}, nil
}

// Token implements sasl.TokenGenerator.
func (c *commandToken) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	token, err := c.tokens.Token(ctx, req)
	select {
	case <-c.done:
		_ = c.tokens.Close() // waits for the program, which is being stopped; there is nothing to save
	default:
	}
	var failed *providers.Error
	switch {
	case ctx.Err() != nil:
		return sasl.Token{}, ctx.Err()
	case errors.As(err, &failed) && failed.Err != nil:
		return sasl.Token{}, &commandError{c.program, failed}
	}
	return token, err
}

// A commandError says that the program gave no token.
type commandError struct {
	program string
	err     *providers.Error
}

func (e *commandError) Error() string {
	return fmt.Sprintf("--token-command %s: %v", e.program, e.err.Err)
}
func (e *commandError) Unwrap() error { return e.err }

// Temporary reports whether the program said by its exit code that a later try
// may succeed.
func (e *commandError) Temporary() bool { return e.err.Temporary() }
