package google_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// What the programs of this test are told in their environment.
const (
	dirVariable = "POSTERN_TEST_DIR"
	urlVariable = "POSTERN_TEST_URL"
	caVariable  = "POSTERN_TEST_CA"
)

// TestProgram is no test but a program that TestProcesses starts. It waits for a
// line, gets a token for each of 25 goroutines, and says "ok" or what went wrong.
func TestProgram(t *testing.T) {
	dir := os.Getenv(dirVariable)
	if dir == "" {
		t.Skip("another test runs it")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(os.Getenv(caVariable)))
	store, err := providers.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := google.RefreshToken(testClient(), sasl.Secret{}, google.Options{
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
		TokenURL:   os.Getenv(urlVariable),
		Cache:      providers.CacheOptions{Store: store, Key: "google/id/you"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tokens.Close()
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	results := make([]error, 25)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { _, results[i] = tokens.Token(t.Context(), sasl.TokenRequest{Username: mailbox}) })
	}
	all.Wait()
	if err := errors.Join(results...); err != nil {
		fmt.Println("program:", err)
		return
	}
	fmt.Println("program: ok")
}

// TestProcesses has four programs with a hundred callers share what a user has
// signed in to once, with refresh tokens that are good for one use.
func TestProcesses(t *testing.T) {
	a := startGoogle(t, mock.AuthorityOptions{RotateRefresh: true})
	dir := filepath.Join(t.TempDir(), "tokens")
	store, err := providers.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	response := providers.Response{Grant: a.Grant(mailbox)}
	if err := providers.SaveGrant(t.Context(), store, "google/id/you", response); err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var inputs []io.Writer
	var outputs []io.Reader
	var programs []*exec.Cmd
	for range 4 {
		cmd := exec.CommandContext(t.Context(), binary, "-test.run=^TestProgram$", "-test.count=1")
		cmd.Env = append(os.Environ(), dirVariable+"="+dir, urlVariable+"="+a.TokenURL(), caVariable+"="+string(a.CAPEM()))
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err := errors.Join(err1, err2, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		inputs, outputs, programs = append(inputs, in), append(outputs, out), append(programs, cmd)
	}
	for _, in := range inputs {
		io.WriteString(in, "\n")
	}
	for i, out := range outputs {
		if text, err := io.ReadAll(out); err != nil || !strings.Contains(string(text), "program: ok") {
			t.Errorf("a program says %q, %v", text, err)
		}
		if err := programs[i].Wait(); err != nil {
			t.Errorf("a program ends with %v", err)
		}
	}
	if requests := a.Requests(); len(requests) != 1 || requests[0].Status != http.StatusOK {
		t.Errorf("%d requests, want one: %+v", len(requests), requests)
	}
}
