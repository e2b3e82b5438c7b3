package generic_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/sasl"
)

// What the programs of this test are told in their environment, besides what is in
// GENERIC_TEST_PROGRAM.
const (
	dirVariable = "GENERIC_TEST_DIR"
	urlVariable = "GENERIC_TEST_URL"
	caVariable  = "GENERIC_TEST_CA"

	sharedKey = "acme/" + user
)

// shareGrant is what the test binary does as one of several programs that share
// what a user has signed in to. It says that it is ready, waits for a line, gets a
// token for each of 25 goroutines, and says "ok" or what went wrong.
func shareGrant() error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(os.Getenv(caVariable)))
	store, err := providers.NewFileStore(os.Getenv(dirVariable))
	if err != nil {
		return err
	}
	tokens, err := generic.RefreshToken(generic.Server{TokenURL: os.Getenv(urlVariable)}, client(), sasl.Secret{}, generic.Options{
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
		Cache:      providers.CacheOptions{Store: store, Key: sharedKey},
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	results := make([]error, 25)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { _, results[i] = tokens.Token(context.Background(), sasl.TokenRequest{Username: user}) })
	}
	all.Wait()
	return errors.Join(append(results, tokens.Close())...)
}

// A sharer is a running program of shareGrant.
type sharer struct {
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func startSharer(t *testing.T, env ...string) *sharer {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = append(append(os.Environ(), "GENERIC_TEST_PROGRAM=share"), env...)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	return &sharer{cmd, in, bufio.NewReader(out)}
}

// TestProcesses has four programs with a hundred callers share what a user has
// signed in to once, with refresh tokens that are good for one use.
func TestProcesses(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{RotateRefresh: true, Clients: map[string]string{clientID: secret}})
	dir := filepath.Join(t.TempDir(), "tokens")
	store, err := providers.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := providers.SaveGrant(t.Context(), store, sharedKey, providers.Response{Grant: a.Grant(user)}); err != nil {
		t.Fatal(err)
	}
	var all []*sharer
	for range 4 {
		all = append(all, startSharer(t, dirVariable+"="+dir, urlVariable+"="+a.TokenURL(), caVariable+"="+string(a.CAPEM())))
	}
	for _, s := range all {
		if line, err := s.out.ReadString('\n'); line != "ready\n" {
			t.Fatalf("a program says %q, %v", line, err)
		}
	}
	for _, s := range all {
		io.WriteString(s.in, "\n")
	}
	for _, s := range all {
		said, err := io.ReadAll(s.out)
		if err := errors.Join(err, s.cmd.Wait()); err != nil || string(said) != "ok\n" {
			t.Errorf("a program says %q, %v", said, err)
		}
	}
	if requests := a.Requests(); len(requests) != 1 || requests[0].Status != http.StatusOK {
		t.Errorf("%d requests, want one: %+v", len(requests), requests)
	}
}
