package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

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
	s.flags.StringVar(&c.tokenCommand, "token-command", "", "the access token is the first line that `COMMAND` prints,\n"+
		"or access_token in the JSON that it prints;\n"+
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
	case hasControl(c.user):
		return "--user holds a control character"
	case !utf8.ValidString(c.user):
		return "--user is not UTF-8"
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
		generator, err := newCommandToken(ctx, c.tokenCommand, a.stderr)
		return sasl.OAuth(c.user, generator), err
	case "token-file":
		_, err := readToken(ctx, "--token-file", c.tokenFile)
		return sasl.OAuth(c.user, fileToken(c.tokenFile)), err
	case "token-stdin":
		token, err := tokenFrom(ctx, a.stdin)
		return sasl.OAuth(c.user, sasl.StaticToken(token)), err
	case "google-client":
		generator, err := a.googleToken(ctx, c)
		return sasl.OAuth(c.user, generator), err
	case "password-file":
		password, err := readSecret(ctx, "--password-file", c.passwordFile)
		return sasl.Password(c.user, password), err
	}
	return nil, nil
}

// maxSecret bounds what is read in search of a secret, in octets.
const maxSecret = 64 << 10

// tokenFrom returns the token that comes from the standard input.
func tokenFrom(ctx context.Context, stdin io.Reader) (string, error) {
	octets, err := readAll(ctx, stdin, maxSecret)
	if err != nil {
		return "", unreadable("--token-stdin", err)
	}
	const what = "--token-stdin: the standard input"
	line, err := firstLine(what, octets)
	if err != nil {
		return "", err
	}
	return tokenIn(what, line)
}

// readSecret returns the secret in the first line of a file. flag is for errors.
func readSecret(ctx context.Context, flag, name string) (string, error) {
	octets, err := readPrivate(ctx, flag, name)
	if err != nil {
		return "", err
	}
	return firstLine(flag+": "+name, octets)
}

// readToken is readSecret for tokens.
func readToken(ctx context.Context, flag, name string) (string, error) {
	line, err := readSecret(ctx, flag, name)
	if err != nil {
		return "", err
	}
	return tokenIn(flag+": "+name, line)
}

// tokenIn returns the token in a line, which may have spaces around it.
func tokenIn(what, line string) (string, error) {
	token := strings.TrimSpace(line)
	if err := checkToken(token); err != nil {
		return "", failf(exitConfig, "%s %w", what, err)
	}
	return token, nil
}

// Why a line is no token.
var (
	errNoToken       = errors.New("has an empty first line: there is no token")
	errMoreThanToken = errors.New(`holds more than a token: write the token alone, without "Bearer" or JSON`)
)

// checkToken refuses what comes of copying a header field or a whole response of
// a token server: only printable ASCII can be a token (RFC 6749, Appendix A.12),
// and no server has one that begins like JSON.
func checkToken(token string) error {
	switch {
	case token == "":
		return errNoToken
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }), strings.ContainsRune(`{["`, rune(token[0])):
		return errMoreThanToken
	}
	return nil
}

// readPrivate reads a file that holds a secret. It refuses one that others may
// read: the secret would have to be changed then, not used.
func readPrivate(ctx context.Context, flag, name string) ([]byte, error) {
	f, err := openContext(ctx, name)
	if err != nil {
		return nil, unopened(flag, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(flag, nameless(err))
	}
	// Windows has other means than these bits, and a pipe has a single reader.
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o044 != 0 && runtime.GOOS != "windows" {
		return nil, failf(exitConfig, "%s: others can read %s, which holds a secret: run chmod 600 on it", flag, name)
	}
	octets, err := readAll(ctx, f, maxSecret)
	if long := new(tooLongError); errors.As(err, &long) {
		return nil, failf(exitConfig, "%s: %s has %w: that is not a secret", flag, name, err)
	}
	if err != nil {
		return nil, unreadable(flag, nameless(err))
	}
	if hasByteOrderMark(octets) {
		return nil, failf(exitConfig, "%s: %s begins with a byte order mark: save it without", flag, name)
	}
	return octets, nil
}

// unopened returns a failure to open a file with a secret.
func unopened(flag string, err error) error {
	if file := new(fs.PathError); errors.As(err, &file) {
		err = fmt.Errorf("%w (its name is not shown: it might be the secret)", file.Err)
	}
	return unreadable(flag, err)
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
func (f fileToken) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	secret, err := readToken(ctx, "--token-file", string(f))
	token := sasl.Token{Value: sasl.NewSecret(secret)}
	if err == nil && req.Rejected.Matches(token) {
		return sasl.Token{}, sasl.ErrNoOtherToken
	}
	return token, err
}
