package generic

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

const (
	// maxOutput is how much a program may print, in octets.
	maxOutput = 64 << 10

	// outputWait is how long a program that was stopped, or a child that it left
	// behind, may hold on to its output.
	outputWait = time.Second

	// commandLifetime is how long a token is good for if the program does not say:
	// it may be an old one, and the program is cheap to ask.
	commandLifetime = time.Minute

	// commandTimeout is how long a program may take: it may have to ask its user
	// for the password of a key ring.
	commandTimeout = 2 * time.Minute

	// exitTemporary is EX_TEMPFAIL of sysexits.
	exitTemporary = 75
)

// CommandOptions are what is seldom needed. The zero value is right for most
// programs.
type CommandOptions struct {
	// Env is added to the environment of the program, as NAME=value. Dir is where
	// it runs; zero means the working directory.
	Env []string
	Dir string

	// Stderr takes the program's own messages, which may hold anything: they are
	// in no error. It is written to by several runs at once if several users sign
	// in at once. Zero discards them.
	Stderr io.Writer

	// Done stops what runs when it is closed, such as ctx.Done() for the life of
	// the caller's program. Zero means never: a run goes on for others when one
	// who waited for it has gone, until Cache.FetchTimeout.
	Done <-chan struct{}

	// Cache says when the program is asked for another token. A zero
	// AssumeLifetime means 1 minute, for a program says nothing of how old the token
	// is that it prints; a zero FetchTimeout means 2 minutes, for it may have to ask
	// its user something. A Store has no use here.
	Cache providers.CacheOptions
}

// Command returns a generator of the tokens that a program prints, such as a
// helper that keeps the grants of all of a user's mail programs:
//
//	tokens, err := generic.Command(generic.CommandOptions{}, "oama", "access", "you@example.com")
//
// No shell runs the program. It has to print the token alone on its first line, or
// a JSON object with the members access_token and, if it knows, expires_in in
// seconds (RFC 6749, Section 5.1). It is asked again when the token may have ended,
// and when the mail server has refused it. Its environment has POSTERN_USER, the
// user name, and POSTERN_REJECTED, which is "1" after a refusal, for programs that
// can force a renewal, and else empty. Each user name has a token of its own.
//
// A program that exits with 75 (EX_TEMPFAIL) may succeed later, and is run again
// when a token is asked for. Any other exit status is an error of kind NeedsUser,
// and a token that cannot be read one of kind Misconfigured; both are remembered for
// 5 minutes, in which the program is not run. What a program prints is in no error.
// The error of Command itself is for a program that is not there: it is looked for
// at once, in the directories of PATH or, if name has a slash, from the working
// directory.
func Command(o CommandOptions, name string, args ...string) (*providers.Cache, error) {
	if name == "" {
		return nil, misconfigured("the command is empty")
	}
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path) // not what is there from Dir, nor after a change of directory
	}
	if err != nil {
		return nil, &providers.Error{Kind: providers.Misconfigured, Provider: provider, Description: "the program that prints the token", Err: err}
	}
	if o.Cache.AssumeLifetime <= 0 {
		o.Cache.AssumeLifetime = commandLifetime
	}
	if o.Cache.FetchTimeout <= 0 {
		o.Cache.FetchTimeout = commandTimeout
	}
	o.Cache.Store, o.Cache.Key, o.Cache.PerUser = nil, "", true
	return providers.NewCache(&command{o, path, args}, o.Cache), nil
}

// A command fetches tokens from a program.
type command struct {
	options CommandOptions
	path    string
	args    []string
}

var _ providers.Fetcher = (*command)(nil)

// Fetch runs the program.
func (c *command) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	output, err := c.run(ctx, req)
	if err != nil {
		return providers.Response{}, err
	}
	token, err := parseToken(output)
	if err != nil {
		return providers.Response{}, c.failure(providers.Misconfigured, err)
	}
	if req.Rejected.Matches(token) {
		return providers.Response{}, fmt.Errorf("%s: %s printed the refused token again: %w", provider, c.name(), sasl.ErrNoOtherToken)
	}
	return providers.Response{Token: token}, nil
}

func (c *command) run(ctx context.Context, req providers.Request) ([]byte, error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-c.options.Done:
			stop()
		case <-running.Done():
		}
	}()
	out := boundedBuffer{limit: maxOutput, full: stop}
	cmd := exec.CommandContext(running, c.path, c.args...)
	cmd.Dir = c.options.Dir
	cmd.Env = append(cmd.Environ(), c.options.Env...)
	rejected := ""
	if req.Rejected != nil {
		rejected = "1"
	}
	cmd.Env = append(cmd.Env, "POSTERN_USER="+strings.ReplaceAll(req.Username, "\x00", ""), "POSTERN_REJECTED="+rejected)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, c.options.Stderr, outputWait
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case c.isDone():
		return nil, fmt.Errorf("%s: %s was stopped: %w", provider, c.name(), context.Canceled)
	case out.over:
		return nil, c.failure(providers.Misconfigured, fmt.Errorf("more than %d octets of output: that is not a token", maxOutput))
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // which says that it went well, but left a child behind
		return out.octets, nil
	case errors.As(err, &exit) && exit.ExitCode() == exitTemporary:
		return nil, c.failure(providers.Transient, err)
	case errors.As(err, &exit):
		return nil, c.failure(providers.NeedsUser, err)
	}
	return nil, c.failure(providers.Misconfigured, err)
}

// isDone reports whether nothing is to run any more.
func (c *command) isDone() bool {
	select {
	case <-c.options.Done:
		return true
	default:
		return false
	}
}

// failure is the error of a program that gave no token. What the program printed
// is not in it.
func (c *command) failure(kind providers.Kind, err error) error {
	e := &providers.Error{Kind: kind, Provider: provider, Description: "no token from " + c.name(), Err: err}
	if kind == providers.NeedsUser {
		e.Hint = "run it by hand to see what it wants"
	}
	return e
}

func (c *command) name() string { return cmp.Or(filepath.Base(c.path), "the program") }

// Why an output is no token.
var (
	errNoToken       = errors.New("its first line of output is empty")
	errMoreThanToken = errors.New(`its first line of output holds more than a token: print it alone, without "Bearer", or as JSON with access_token`)
	errNoJSONToken   = errors.New("its output is JSON without an access_token")
)

// parseToken reads the output of a program. Only printable ASCII can be a token
// (RFC 6749, Appendix A.12), and none begins like JSON.
func parseToken(output []byte) (sasl.Token, error) {
	if bytes.HasPrefix(bytes.TrimSpace(output), []byte("{")) {
		return parseJSONToken(output)
	}
	line, _, _ := bytes.Cut(output, []byte{'\n'})
	value := string(bytes.TrimSpace(line))
	switch {
	case value == "":
		return sasl.Token{}, errNoToken
	case !isToken(value):
		return sasl.Token{}, errMoreThanToken
	}
	return sasl.Token{Value: sasl.NewSecret(value)}, nil
}

func parseJSONToken(output []byte) (sasl.Token, error) {
	var answer struct {
		Value     string          `json:"access_token"`
		ExpiresIn json.RawMessage `json:"expires_in"` // seconds
	}
	if json.Unmarshal(output, &answer) != nil || !isToken(answer.Value) {
		return sasl.Token{}, errNoJSONToken
	}
	token := sasl.Token{Value: sasl.NewSecret(answer.Value)}
	seconds, err := strconv.ParseFloat(strings.Trim(string(answer.ExpiresIn), `"`), 64)
	if err == nil && seconds > 0 && seconds < maxSeconds { // else it is as good as none
		token.Expiry = time.Now().Add(time.Duration(seconds * float64(time.Second)))
	}
	return token, nil
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) && !strings.ContainsRune(`{["`, rune(s[0]))
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
