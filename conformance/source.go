package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// A Source supplies a name or a secret when it is needed, so that it stands
// neither in a test nor on a command line. It is called once a run.
//
// A Source is a [sasl.TokenGenerator], too.
type Source func(context.Context) (sasl.Secret, error)

// Token implements [sasl.TokenGenerator].
func (s Source) Token(ctx context.Context, _ sasl.TokenRequest) (sasl.Token, error) {
	value, err := s(ctx)
	return sasl.Token{Value: value}, err
}

var _ sasl.TokenGenerator = Source(nil)

// Fixed is a Source of a value that is no secret: the name of a user, or the
// password at a server that a test has made.
func Fixed(value string) Source {
	return func(context.Context) (sasl.Secret, error) { return sasl.NewSecret(value), nil }
}

// FromEnv is the value of an environment variable, which has to be there.
func FromEnv(name string) Source {
	return func(context.Context) (sasl.Secret, error) {
		value, found := os.LookupEnv(name)
		if !found || value == "" {
			return sasl.Secret{}, fmt.Errorf("conformance: the environment variable %s is not set", name)
		}
		return sasl.NewSecret(value), nil
	}
}

// maxSecret is the longest secret that a file or a command supplies, in octets.
const maxSecret = 64 << 10

// FromFile is what a file holds, without the line ending at its end.
func FromFile(path string) Source {
	return func(context.Context) (sasl.Secret, error) {
		f, err := os.Open(path)
		if err != nil {
			return sasl.Secret{}, fmt.Errorf("conformance: %w", err)
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
		if err != nil {
			return sasl.Secret{}, fmt.Errorf("conformance: %w", err)
		}
		return supplied(text, path)
	}
}

// FromCommand is what a program writes to its standard output, without the line
// ending at its end. Its standard error is that of this process.
func FromCommand(name string, args ...string) Source {
	return func(ctx context.Context) (sasl.Secret, error) {
		command := exec.CommandContext(ctx, name, args...)
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, os.Stderr
		if err := command.Run(); err != nil {
			return sasl.Secret{}, fmt.Errorf("conformance: %s: %w", name, err)
		}
		return supplied(out.Bytes(), name)
	}
}

// supplied returns the secret in a text from elsewhere.
func supplied(text []byte, from string) (sasl.Secret, error) {
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case value == "":
		return sasl.Secret{}, fmt.Errorf("conformance: %s supplies nothing", from)
	case len(value) > maxSecret:
		return sasl.Secret{}, fmt.Errorf("conformance: %s supplies more than %d octets", from, maxSecret)
	case strings.ContainsAny(value, "\r\n\x00"):
		return sasl.Secret{}, errors.New("conformance: " + from + " supplies more than one line")
	}
	return sasl.NewSecret(value), nil
}
