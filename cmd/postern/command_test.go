package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// A signal stops the program that is to print the token, and it is gone when this
// one ends.
func TestTokenCommandInterrupted(t *testing.T) {
	needProgram(t, "sh", "sleep")
	srv := mock.Start(t, mock.Options{Tokens: mock.UserTokens{testUser: goodToken}, RequireAuth: true})
	ctx, cancel := context.WithCancelCause(t.Context())
	log := &trigger{text: "what is the password?", f: func() { cancel(&signalError{os.Interrupt}) }}
	began := time.Now()
	got := invokeApp(t, ctx, &app{stderr: struct{ io.Writer }{log}}, toServer(t, srv, "--user", testUser,
		"--token-command", "sh -c 'echo what is the password? >&2; exec sleep 60'", writeFile(t, "m.eml", testMessage))...)
	if got.code != exitInterrupted || !strings.HasSuffix(log.String(), "\npostern: interrupted: the message was not sent\n") {
		t.Errorf("exit code %d, %s", got.code, log)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the program went on for %v", took)
	}
	if n := len(srv.Auths()); n != 0 {
		t.Errorf("%d AUTH commands without a token", n)
	}
}

// A hundred messages of one sender take a token by one run of the program.
func TestTokenCommandOnce(t *testing.T) {
	needProgram(t, "sh")
	srv := startServer(t)
	args := toServer(t, srv, "--user", testUser, "--token-command", "sh -c 'echo ran >&2; echo "+goodToken+"'")
	for range 100 {
		args = append(args, writeFile(t, "m.eml", testMessage))
	}
	if got := invoke(t, "", args...); got.code != exitOK || got.stderr != "ran\n" || len(srv.Messages()) != 100 {
		t.Errorf("exit code %d, %d messages, %q", got.code, len(srv.Messages()), got.stderr)
	}
}
