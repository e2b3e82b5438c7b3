package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/google"
)

const (
	testUser  = "user@example.com"
	goodToken = "ya29.good-token-0123456789abcdefghijklmnopqrstuvwxyz"
	badToken  = "ya29.dead-token-zyxwvutsrqponmlkjihgfedcba9876543210"
	password  = "correct horse battery staple"

	testMessage = "From: You <you@example.com>\n" +
		"To: a@example.com, B <b@example.com>\n" +
		"Bcc: hidden@example.com\n" +
		"Subject: hello\n" +
		"\n" +
		".dot\n"
	sentMessage = "From: You <you@example.com>\r\n" +
		"To: a@example.com, B <b@example.com>\r\n" +
		"Subject: hello\r\n" +
		"\r\n" +
		".dot\r\n"
)

// An outcome is what a run of the program left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// invoke runs the program.
func invoke(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	return invokeApp(t, t.Context(), &app{stdin: strings.NewReader(stdin)}, args...)
}

func invokeApp(t *testing.T, ctx context.Context, a *app, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a.stdout = &stdout
	if a.stderr == nil {
		a.stderr = &stderr
	}
	code := a.run(ctx, args)
	return outcome{code, stdout.String(), stderr.String()}
}

// startServer starts a server that wants a sign-in and knows one user.
func startServer(t *testing.T, faults ...mock.Fault) *mock.Server {
	t.Helper()
	return mock.Start(t, mock.Options{
		Users:       map[string]string{testUser: password},
		Tokens:      mock.UserTokens{testUser: goodToken},
		RequireAuth: true,
		Faults:      faults,
	})
}

// toServer returns the arguments that lead "send" to a server.
func toServer(t *testing.T, s *mock.Server, args ...string) []string {
	t.Helper()
	ca := writeFile(t, "ca.pem", string(s.CAPEM()))
	return append([]string{"send", "--server", s.URL(), "--tls-ca", ca}, args...)
}

// withToken adds a good credential.
func withToken(t *testing.T, token string, args ...string) []string {
	t.Helper()
	return append([]string{"--user", testUser, "--token-file", writeFile(t, "token", token+"\n")}, args...)
}

// writeFile writes a file that only its owner can read.
func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// needProgram skips a test that runs a program which is not there.
func needProgram(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
}

// checkSecrets fails if text holds a secret, its base64 or a half of it.
func checkSecrets(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		half := len(secret) / 2
		encoded := base64.StdEncoding.EncodeToString([]byte(secret))
		for _, form := range []string{secret[:half], secret[half:], encoded, encoded[:len(encoded)/2]} {
			if strings.Contains(text, form) {
				t.Errorf("the secret %q, or a part of it, is in:\n%s", secret, text)
			}
		}
	}
}

// checkGoroutines fails unless what f has started ends with it.
func checkGoroutines(t *testing.T, f func()) {
	t.Helper()
	before := runtime.NumGoroutine()
	f()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

// googleApp returns an app whose tokens of Google come from an authority.
func googleApp(a *mock.Authority) *app {
	return &app{stdin: strings.NewReader(""), google: google.Options{HTTPClient: a.HijackingClient()}}
}
