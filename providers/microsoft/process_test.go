package microsoft_test

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
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// What the programs of this test are told in their environment.
const (
	dirVariable  = "POSTERN_TEST_DIR"
	urlVariable  = "POSTERN_TEST_URL"
	caVariable   = "POSTERN_TEST_CA"
	flowVariable = "POSTERN_TEST_FLOW"
	msiVariable  = "POSTERN_TEST_MSI"
	keyVariable  = "POSTERN_TEST_MSI_HEADER"
)

// ofProgram returns the generator of a program, by the flow that it is of.
func ofProgram(flow string, o microsoft.Options) (sasl.TokenGenerator, func() error, error) {
	switch flow {
	case "account":
		tokens, err := microsoft.Account(o, mailbox)
		return tokens, tokens.Close, err
	case "web account":
		o.Credential = microsoft.Secret(sasl.NewSecret(clientSecret))
		tokens, err := microsoft.Account(o, mailbox)
		return tokens, tokens.Close, err
	case "managed identity":
		app, err := microsoft.ManagedIdentity(o, microsoft.Identity{})
		return app, app.Close, err
	}
	app, err := microsoft.ClientSecret(o, sasl.NewSecret(clientSecret))
	return app, app.Close, err
}

// TestProgram is no test but a program that TestProcesses starts. It waits for a
// line, gets a token for each of 25 goroutines, and says "ok" or what went wrong.
func TestProgram(t *testing.T) {
	dir := os.Getenv(dirVariable)
	if dir == "" {
		t.Skip("another test runs it")
	}
	if os.Getenv(flowVariable) == "managed identity" {
		t.Setenv("IDENTITY_ENDPOINT", os.Getenv(msiVariable))
		t.Setenv("IDENTITY_HEADER", os.Getenv(keyVariable))
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(os.Getenv(caVariable)))
	store, err := providers.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	tokens, done, err := ofProgram(os.Getenv(flowVariable), microsoft.Options{
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
		Authority:  os.Getenv(urlVariable), Tenant: tenant, ClientID: clientID,
		Cache: providers.CacheOptions{Store: store, Key: "microsoft/id/you", FetchTimeout: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
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
// signed in to once, with refresh tokens that are good for one use, or the token of
// an application or of a managed identity.
func TestProcesses(t *testing.T) {
	for flow, secret := range map[string]string{"account": "", "web account": clientSecret, "application": clientSecret, "managed identity": ""} {
		t.Run(flow, func(t *testing.T) {
			a := startEntra(t, mock.AuthorityOptions{RotateRefresh: true, Machine: mock.Machine{Identity: identity}}, secret)
			dir := filepath.Join(t.TempDir(), "tokens")
			store, err := providers.NewFileStore(dir)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(flow, "account") {
				response := providers.Response{Grant: a.Grant(mailbox)}
				if err := providers.SaveGrant(t.Context(), store, "microsoft/id/you", response); err != nil {
					t.Fatal(err)
				}
			}
			runPrograms(t, a, dir, flow)
			n := 0
			for _, r := range a.Requests() {
				if r.Status != http.StatusOK {
					t.Errorf("a request fails: %+v", r)
				}
				if r.Path == pathToken || r.Path == pathMSI {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%d requests for a token, want one", n)
			}
		})
	}
}

// runPrograms has four programs start together, and end well.
func runPrograms(t *testing.T, a *mock.Authority, dir, flow string) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var inputs []io.Writer
	var outputs []io.Reader
	var programs []*exec.Cmd
	for range 4 {
		cmd := exec.CommandContext(t.Context(), binary, "-test.run=^TestProgram$", "-test.count=1")
		cmd.Env = append(os.Environ(), dirVariable+"="+dir, urlVariable+"="+a.URL(), caVariable+"="+string(a.CAPEM()), flowVariable+"="+flow,
			msiVariable+"="+a.IdentityEndpoint(), keyVariable+"="+a.IdentityHeader().Reveal())
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
}
