//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// namedPipe makes a named pipe, to which nobody writes yet.
func namedPipe(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { // who still waits to open it is let go
		if f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			f.Close()
		}
	})
	return name
}

// Neither --timeout nor a signal waits for somebody to write to a named pipe.
func TestSendEndsWaitOnPipe(t *testing.T) {
	message := writeFile(t, "m.eml", testMessage)
	for name, args := range map[string]func(pipe string) []string{
		"the message":     func(pipe string) []string { return []string{pipe} },
		"--tls-ca":        func(pipe string) []string { return []string{"--tls-ca", pipe, message} },
		"--token-file":    func(pipe string) []string { return []string{"--user", "me", "--token-file", pipe, message} },
		"--password-file": func(pipe string) []string { return []string{"--user", "me", "--password-file", pipe, message} },
		"--google-client": func(pipe string) []string { return []string{"--user", "me", "--google-client", pipe, message} },
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"send", "--server", "smtp://127.0.0.1"}, args(namedPipe(t))...)
			got := invoke(t, "", append(args, "--timeout", "20ms")...)
			if want := (outcome{exitTemporary, "", "postern: " + name + ": not done within 20ms (--timeout)\n"}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			timer := time.AfterFunc(time.Millisecond, func() { cancel(&signalError{syscall.SIGTERM}) })
			defer timer.Stop()
			got = invokeApp(t, ctx, &app{}, args...)
			if want := (outcome{exitTerminated, "", "postern: terminated: the message was not sent\n"}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// A message may come through a pipe that can be read once.
func TestSendFromPipe(t *testing.T) {
	srv := startServer(t)
	pipe := namedPipe(t)
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(pipe, []byte(testMessage), 0) }()
	got := invoke(t, "", toServer(t, srv, append(withToken(t, goodToken), pipe)...)...)
	if want := (outcome{exitOK, accepted, ""}); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	checkStored(t, srv, "XOAUTH2")
}

// A program that leaves a child behind, which holds on to its output, has printed
// its token all the same.
func TestTokenCommandLeavesChild(t *testing.T) {
	needProgram(t, "sh", "sleep")
	srv := startServer(t)
	script := "sh -c 'sleep 10 2>/dev/null & echo " + goodToken + "'"
	got := invoke(t, "", toServer(t, srv, "--user", testUser, "--token-command", script, writeFile(t, "m.eml", testMessage))...)
	if want := (outcome{exitOK, accepted, ""}); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}
