package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// credentialFlags are the flags that say how to sign in.
type credentialFlags struct {
	user          string
	tokenCommand  string
	tokenFile     string
	tokenStdin    bool
	googleClient  string
	googleRefresh string
	passwordFile  string

	// given reports whether a flag was given, maybe as "".
	given func(flag string) bool
}

func (c *credentialFlags) flags() section {
	s := newSection("Sign-in (--user, and one of the others)")
	s.flags.StringVar(&c.user, "user", "", "sign in as `NAME`, mostly an address")
	s.flags.StringVar(&c.tokenCommand, "token-command", "", "the access token is the first line that `COMMAND` prints;\n"+
		"no shell runs it: for a pipe write sh -c '...'")
	s.flags.StringVar(&c.tokenFile, "token-file", "", "the access token is in `FILE`")
	s.flags.BoolVar(&c.tokenStdin, "token-stdin", false, "the access token comes from the standard input")
	s.flags.StringVar(&c.googleClient, "google-client", "", "fetch access tokens from Google with the client in `FILE`,\n"+
		"JSON of type authorized_user with a refresh token, or an\n"+
		"installed or web client as the Cloud console saves it")
	s.flags.StringVar(&c.googleRefresh, "google-refresh-file", "", "the refresh token for a client without one is in `FILE`")
	s.flags.StringVar(&c.passwordFile, "password-file", "", "the password is in `FILE`. A file with a secret must not be\n"+
		"readable by others (chmod 600)")
	return s
}

// sources are the flags of which one at most is given.
var sources = []string{"token-command", "token-file", "token-stdin", "google-client", "password-file"}

// source returns the flag that says where the secret comes from, "" if there is
// none.
func (c *credentialFlags) source() string {
	if i := slices.IndexFunc(sources, c.given); i >= 0 {
		return sources[i]
	}
	return ""
}

// check returns what is wrong with the flags as such, "" if nothing is.
func (c *credentialFlags) check(messageIsStdin bool) string {
	var given []string
	for _, flag := range sources {
		if c.given(flag) {
			given = append(given, "--"+flag)
		}
	}
	switch {
	case len(given) > 1:
		return strings.Join(given, " together with ") + ": give one kind of credential"
	case c.tokenStdin && messageIsStdin:
		return "--token-stdin together with a message from the standard input: give one of them as a file"
	case c.given("google-refresh-file") && !c.given("google-client"):
		return "--google-refresh-file without --google-client"
	case len(given) == 0 && c.given("user"):
		return "--user without a credential: give one of --" + strings.Join(sources, ", --")
	case len(given) == 1 && c.user == "":
		return given[0] + " without --user"
	}
	return ""
}

// authenticator returns what signs in, nil if no credential is given. What can be
// read without asking anybody is read now, so that a mistake shows before there
// is a connection.
func (a *app) authenticator(ctx context.Context, c *credentialFlags) (*sasl.Authenticator, error) {
	switch c.source() {
	case "token-command":
		generator, err := newCommandToken(c.tokenCommand, a.stderr)
		return sasl.OAuth(c.user, generator), err
	case "token-file":
		_, err := readToken("--token-file", c.tokenFile)
		return sasl.OAuth(c.user, fileToken(c.tokenFile)), err
	case "token-stdin":
		octets, err := readAll(ctx, a.stdin, maxSecret)
		if err != nil {
			return nil, stdinFailure(ctx, err)
		}
		token, err := firstLine("--token-stdin: the standard input", octets)
		return sasl.OAuth(c.user, sasl.StaticToken(strings.TrimSpace(token))), err
	case "google-client":
		generator, err := a.googleToken(c)
		return sasl.OAuth(c.user, generator), err
	case "password-file":
		password, err := readSecret("--password-file", c.passwordFile)
		return sasl.Password(c.user, password), err
	}
	return nil, nil
}

func stdinFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return failf(exitNoInput, "--token-stdin: %w", err)
}

// maxSecret bounds what is read in search of a secret, in octets.
const maxSecret = 64 << 10

// readSecret returns the secret in the first line of a file. flag is for errors.
func readSecret(flag, name string) (string, error) {
	octets, err := readPrivate(flag, name)
	if err != nil {
		return "", err
	}
	return firstLine(flag+": "+name, octets)
}

// readToken is readSecret for tokens, which have no spaces around them.
func readToken(flag, name string) (string, error) {
	token, err := readSecret(flag, name)
	return strings.TrimSpace(token), err
}

// readPrivate reads a file that holds a secret. It refuses one that others may
// read: the secret would have to be changed then, not used.
func readPrivate(flag, name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, failf(exitNoInput, "%s: %w", flag, nameless(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, failf(exitNoInput, "%s: %w", flag, nameless(err))
	}
	// Windows has other means than these bits, and a pipe has a single reader.
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o044 != 0 && runtime.GOOS != "windows" {
		return nil, failf(exitConfig, "%s: others can read %s, which holds a secret: run chmod 600 on it", flag, name)
	}
	octets, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return nil, failf(exitNoInput, "%s: %w", flag, nameless(err))
	case len(octets) > maxSecret:
		return nil, failf(exitConfig, "%s: %s has more than %d octets: that is not a secret", flag, name, maxSecret)
	}
	return octets, nil
}

// nameless returns what is wrong with a file or a program, without its name: what
// cannot be found may be the secret itself, given in place of its file.
func nameless(err error) error {
	var (
		file    *fs.PathError
		program *exec.Error
	)
	switch {
	case errors.As(err, &file):
		return file.Err
	case errors.As(err, &program):
		return nameless(program.Err)
	}
	return err
}

// firstLine returns the first line of octets. Spaces around it belong to it if it
// is a password.
func firstLine(what string, octets []byte) (string, error) {
	line, rest, _ := bytes.Cut(octets, []byte{'\n'})
	line = bytes.TrimSuffix(line, []byte{'\r'})
	switch {
	case len(line) == 0:
		return "", failf(exitConfig, "%s has an empty first line: there is no secret", what)
	case len(bytes.TrimSpace(rest)) > 0:
		return "", failf(exitConfig, "%s has more than one line: there must be the secret and nothing else", what)
	}
	return string(line), nil
}

// A fileToken is the name of a file with a token. It is read each time, since
// whoever wrote it may write a new one.
type fileToken string

var _ sasl.TokenGenerator = fileToken("")

// Token implements sasl.TokenGenerator.
func (f fileToken) Token(_ context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	secret, err := readToken("--token-file", string(f))
	token := sasl.Token{Value: sasl.NewSecret(secret)}
	if err == nil && req.Rejected.Matches(token) {
		return sasl.Token{}, sasl.ErrNoOtherToken
	}
	return token, err
}
