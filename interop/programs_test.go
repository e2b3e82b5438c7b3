package interop

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/smtp"
)

// A program is a mail client that is no part of this process.
type program struct {
	name    string
	version []string // arguments that make it print its version

	mechanisms []string

	// command returns its arguments that send the file named by j, and the lines
	// of its standard input.
	command func(t *testing.T, j job) (args []string, stdin []byte)
}

// A job is what a program has to do.
type job struct {
	addr      string // of the server
	mode      mock.TLSMode
	mechanism string // "" for what the program chooses among those for passwords
	user      string
	secret    string // password or token
	from      string
	to        []string
	file      string // with the message
	message   []byte
	ca        string // file with the authority to trust
	verbose   bool   // the program says all that it can

	// timeout is how long to wait for the server, each time anew. Zero means as long
	// as the program does by itself.
	timeout time.Duration
}

// bearer reports whether the secret is a token.
func (j job) bearer() bool { return j.mechanism == "XOAUTH2" || j.mechanism == "OAUTHBEARER" }

func (j job) port() string {
	_, port, _ := net.SplitHostPort(j.addr)
	return port
}

// programLetter is a message that each program sends as it is.
func programLetter() []byte {
	return []byte(header + "\r\n.\r\n..\r\n.leading\r\n a .\r\n\r\nlast\r\n")
}

// programEnvelope is one that each program takes: without a quoted local part.
var programEnvelope = smtp.Envelope{From: envelope.From, To: []string{"robin@example.test", "sam+tag@sub.example.test"}}

// overProgram lets a program sign in and send by each of its mechanisms over
// each transport. It skips the test if the program is not there.
func overProgram(t *testing.T, p program) {
	path, err := exec.LookPath(p.name)
	if err != nil {
		t.Skipf("%s is not installed", p.name)
	}
	version, _, _ := strings.Cut(run(t, path, p.version, nil), "\n")
	t.Logf("%s: %s", p.name, version)
	for _, transport := range mockTransports {
		for _, mechanism := range p.mechanisms {
			t.Run(transport.name+"/"+mechanism, func(t *testing.T) {
				server := mock.Start(t, mock.Options{
					TLS: transport.mode, Directory: new(accounts), RequireTLS: true, RequireAuth: true, Strict: true,
					Mechanisms: []string{mechanism}, // for programs that have a mind of their own
				})
				j := job{
					addr: server.Addr(), mode: transport.mode, mechanism: mechanism, user: user, secret: password,
					from: programEnvelope.From, to: programEnvelope.To, message: programLetter(),
					file: secretFile(t, "message.eml", programLetter()), ca: secretFile(t, "ca.pem", server.CAPEM()),
				}
				if j.bearer() {
					j.secret = token
				}
				args, stdin := p.command(t, j)
				run(t, path, args, stdin)
				wantStored(t, server, 1, mechanism, programEnvelope.From, programEnvelope.To, j.message)
			})
		}
	}
}

// run runs a program and returns its standard output. It has no more than a
// minute.
func run(t *testing.T, path string, args []string, stdin []byte) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := programCommand(ctx, t, path, args, stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", filepath.Base(path), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// programCommand returns a command with an environment without settings of
// somebody's own.
func programCommand(ctx context.Context, t *testing.T, path string, args []string, stdin []byte) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}
	cmd.Stdin = bytes.NewReader(stdin)
	return cmd
}

// secretFile writes a file that nobody else can read.
func secretFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
