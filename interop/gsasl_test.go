package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// TestGSASL: the gsasl command runs each mechanism with ours at the other end, as
// the client and as the server, once with the right password and once without.
// Its messages are lines of base64.
func TestGSASL(t *testing.T) {
	if _, err := exec.LookPath("gsasl"); err != nil {
		t.Skip("gsasl is not installed")
	}
	for _, tt := range []struct {
		mechanism      string
		client, server bool // gsasl can be it without help
		password       bool // there is one, which may be wrong
		initial        bool // the client speaks first
	}{
		{"PLAIN", true, true, true, true},
		{"LOGIN", true, true, true, false},
		{"CRAM-MD5", true, true, true, false},
		{"SCRAM-SHA-1", true, true, true, true},
		{"SCRAM-SHA-256", true, true, true, true},
		{"EXTERNAL", true, false, false, true},
		{"ANONYMOUS", true, false, false, true},
	} {
		for _, secret := range []string{"tanstaaftanstaaf", "wrong"} {
			good := secret == "tanstaaftanstaaf"
			if !good && !tt.password {
				continue
			}
			name := tt.mechanism + "/" + secret
			if tt.client {
				t.Run("client/"+name, func(t *testing.T) {
					g := startGSASL(t, "--client", tt.mechanism, secret)
					if got := g.signInTo(t, tt.mechanism, tt.initial); got != good {
						t.Errorf("signed in: %t, want %t", got, good)
					}
				})
			}
			if tt.server {
				t.Run("server/"+name, func(t *testing.T) {
					g := startGSASL(t, "--server", tt.mechanism, secret)
					err := g.admit(t, tt.mechanism)
					if (err == nil) != good || !good && !errors.Is(err, sasl.ErrRejected) {
						t.Errorf("signed in: %v, want %t", err, good)
					}
				})
			}
		}
	}
}

// A gsasl is the command at work.
type gsasl struct {
	in  io.Writer
	out *bufio.Scanner
}

// startGSASL starts the command for one exchange and reads the line that names
// the mechanism.
func startGSASL(t *testing.T, side, mechanism, secret string) *gsasl {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it waits for more lines
	command := exec.CommandContext(ctx, "gsasl", side, "--quiet", "--no-cb", "--mechanism="+mechanism,
		"--authentication-id=tim", "--password="+secret, "--anonymous-token=sirhc")
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was killed, or has complained of the other side
	})
	g := &gsasl{in, bufio.NewScanner(out)}
	if name, ok := g.read(); !ok || name != mechanism {
		t.Fatalf("gsasl says %q, want %s", name, mechanism)
	}
	return g
}

func (g *gsasl) read() (line string, ok bool) {
	ok = g.out.Scan()
	return g.out.Text(), ok
}

func (g *gsasl) readMessage(t *testing.T) []byte {
	t.Helper()
	line, ok := g.read()
	message, err := base64.StdEncoding.DecodeString(line)
	if !ok || err != nil {
		t.Fatalf("gsasl says %q, %v", line, g.out.Err())
	}
	return message
}

func (g *gsasl) write(message []byte) error {
	_, err := io.WriteString(g.in, base64.StdEncoding.EncodeToString(message)+"\n")
	return err
}

// visitors is a directory that knows tim by his password, and nobody else by it.
type visitors struct{}

var (
	_ sasl.ExternalDirectory  = visitors{}
	_ sasl.AnonymousDirectory = visitors{}
)

func (visitors) Account(_ context.Context, name string) (sasl.Account, error) {
	if name != "tim" {
		return sasl.Account{}, sasl.ErrNoAccount
	}
	return sasl.Account{Password: sasl.NewSecret("tanstaaftanstaaf")}, nil
}

func (visitors) External(context.Context, *sasl.Conn) (string, error) { return "tim", nil }

func (visitors) Anonymous(_ context.Context, trace string) (string, error) {
	if trace != "sirhc" {
		return "", sasl.ErrNoAccount
	}
	return "tim", nil
}

// signInTo runs the command as the client of our server side and reports whether
// it has signed in.
func (g *gsasl) signInTo(t *testing.T, mechanism string, initial bool) bool {
	t.Helper()
	m, _ := sasl.Default().With(sasl.Anonymous("")).Lookup(mechanism)
	server, err := m.NewServer(t.Context(), &sasl.Conn{Service: "smtp", ClientCert: true}, visitors{})
	if err != nil {
		t.Fatal(err)
	}
	var response []byte
	if mechanism != "LOGIN" { // it says nothing at all until it is asked
		response = g.readMessage(t)
	}
	if !initial {
		response = nil
	}
	for range sasl.MaxRounds {
		challenge, done, err := server.Next(response)
		if err != nil || done {
			if err != nil && !errors.Is(err, sasl.ErrRejected) {
				t.Errorf("refused for another reason: %v", err)
			}
			return done
		}
		if err := g.write(challenge); err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(challenge, []byte("e=")) { // of SCRAM: it gives up without an answer
			response = []byte{}
			continue
		}
		response = g.readMessage(t)
	}
	t.Error("the exchange does not end")
	return false
}

// admit runs the command as the server of our client side.
func (g *gsasl) admit(t *testing.T, mechanism string) error {
	t.Helper()
	a := sasl.Password("tim", "tanstaaftanstaaf")
	a.Policy.Order = []string{mechanism}
	conn := &sasl.Conn{Service: "smtp", Loopback: true, Offered: []string{mechanism}}
	_, err := a.Authenticate(t.Context(), conn, &gsaslTransport{g: g})
	return err
}

// A gsaslTransport is the command's standard input and output. After a success it
// has an empty line to say, after a refusal nothing. In SCRAM the server's proof is
// the last it says.
type gsaslTransport struct {
	g      *gsasl
	proved bool
}

func (s *gsaslTransport) Auth(ctx context.Context, _ string, initial []byte) (sasl.Reply, error) {
	first, _ := s.g.read()
	if initial != nil {
		return s.Respond(ctx, initial)
	}
	challenge, err := base64.StdEncoding.DecodeString(first)
	return sasl.Reply{More: true, Challenge: challenge, Malformed: err != nil}, nil
}

func (s *gsaslTransport) Respond(_ context.Context, response []byte) (sasl.Reply, error) {
	if s.proved {
		return sasl.Reply{}, nil
	}
	if err := s.g.write(response); err != nil {
		return sasl.Reply{}, err
	}
	line, ok := s.g.read()
	switch {
	case !ok:
		return sasl.Reply{Verdict: sasl.ErrRejected}, nil
	case line == "":
		return sasl.Reply{}, nil
	}
	challenge, err := base64.StdEncoding.DecodeString(line)
	s.proved = bytes.HasPrefix(challenge, []byte("v="))
	return sasl.Reply{More: true, Challenge: challenge, Malformed: err != nil}, nil
}

func (s *gsaslTransport) Cancel(context.Context) (sasl.Reply, error) {
	return sasl.Reply{Verdict: sasl.ErrRejected}, nil
}
