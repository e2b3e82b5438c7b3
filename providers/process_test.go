package providers_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A refresher is a small adapter: it gets tokens from any OAuth 2.0 server by the
// grant of RFC 6749, Section 6.
type refresher struct {
	http *http.Client
	url  string
}

func (r refresher) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {req.Grant.Reveal()}, "client_id": {"client"}}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(form.Encode()))
	if err != nil {
		return providers.Response{}, err
	}
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := r.http.Do(post)
	if network := new(url.Error); errors.As(err, &network) {
		return providers.Response{}, providers.Unreachable("test", network)
	}
	defer answer.Body.Close()
	var body struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int    `json:"expires_in"`
		Error        string `json:"error"`
		Description  string `json:"error_description"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return providers.Response{}, err
	}
	if body.Error != "" {
		return providers.Response{}, &providers.Error{
			Kind: providers.Classify(answer.StatusCode, body.Error), Provider: "test", Code: body.Error,
			Description: providers.Scrub(body.Description, req.Grant.Reveal()), Status: answer.StatusCode,
		}
	}
	return providers.Response{
		Token: sasl.Token{Value: sasl.NewSecret(body.AccessToken), Expiry: time.Now().Add(time.Duration(body.ExpiresIn) * time.Second)},
		Grant: sasl.NewSecret(body.RefreshToken),
	}, nil
}

// What the programs of this test are told in their environment.
const (
	roleVariable = "POSTERN_TEST_ROLE"
	dirVariable  = "POSTERN_TEST_DIR"
	urlVariable  = "POSTERN_TEST_URL"
	caVariable   = "POSTERN_TEST_CA"
)

// TestProgram is no test but a program that others start. It waits for a line,
// gets a token for each of 25 goroutines, and says "ok" or what went wrong.
func TestProgram(t *testing.T) {
	role := os.Getenv(roleVariable)
	if role == "" {
		t.Skip("other tests run it")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(os.Getenv(caVariable)))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	var store providers.Store = openFiles(t, os.Getenv(dirVariable))
	if role != "herd" {
		store = haltingStore{store, role}
	}
	cache := providers.NewCache(refresher{client, os.Getenv(urlVariable)}, providers.CacheOptions{Store: store, Key: key})
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	results := make([]error, 25)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { _, results[i] = cache.Token(t.Context(), sasl.TokenRequest{}) })
	}
	all.Wait()
	if err := errors.Join(results...); err != nil {
		fmt.Println("program:", err)
		return
	}
	fmt.Println("program: ok")
}

// A haltingStore is a Store for a program that is to be killed: it halts before
// or after a record is saved.
type haltingStore struct {
	providers.Store
	when string
}

func (s haltingStore) Save(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
	var err error
	if s.when == "halt after the save" {
		_, err = s.Store.Save(ctx, name, data, old)
	}
	fmt.Println("program: halted", err)
	select {} // until it is killed
}

// A program is a process that runs TestProgram.
type program struct {
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func startProgram(t *testing.T, role, dir string, a *mock.Authority) *program {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-test.run=^TestProgram$", "-test.count=1")
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir, urlVariable+"="+a.TokenURL(), caVariable+"="+string(a.CAPEM()))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &program{cmd, in, bufio.NewScanner(out)}
}

// begin lets it go on.
func (p *program) begin() { io.WriteString(p.in, "\n") }

// says returns the next thing that it says, "" if it ends.
func (p *program) says() string {
	for p.out.Scan() {
		if said, ok := strings.CutPrefix(p.out.Text(), "program: "); ok {
			return said
		}
	}
	return ""
}

// end waits for its end.
func (p *program) end() error {
	for p.out.Scan() {
	}
	return p.cmd.Wait()
}

// grantFor puts a new grant of an authority where programs find it.
func grantFor(t *testing.T, a *mock.Authority) (dir string) {
	t.Helper()
	dir = t.TempDir() + "/tokens"
	response := providers.Response{Grant: a.Grant("you@example.com")}
	if err := providers.SaveGrant(t.Context(), openFiles(t, dir), key, response); err != nil {
		t.Fatal(err)
	}
	return dir
}

func wantRequests(t *testing.T, a *mock.Authority, statuses ...int) {
	t.Helper()
	var got []int
	for _, r := range a.Requests() {
		got = append(got, r.Status)
	}
	if fmt.Sprint(got) != fmt.Sprint(statuses) {
		t.Errorf("the authority answered %d, want %d", got, statuses)
	}
}

// TestProcesses has four programs with a hundred callers share a refresh token
// that can be used once.
func TestProcesses(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{RotateRefresh: true})
	dir := grantFor(t, a)
	var programs []*program
	for range 4 {
		programs = append(programs, startProgram(t, "herd", dir, a))
	}
	for _, p := range programs {
		p.begin()
	}
	for _, p := range programs {
		if said := p.says(); said != "ok" {
			t.Errorf("a program says %q", said)
		}
		if err := p.end(); err != nil {
			t.Errorf("a program ends with %v", err)
		}
	}
	wantRequests(t, a, http.StatusOK)

	// The family of refresh tokens is alive: none was used twice.
	last := providers.NewCache(refresher{a.HTTPClient(), a.TokenURL()}, providers.CacheOptions{Store: openFiles(t, dir), Key: key, Early: 2 * time.Hour})
	first, err := last.Token(t.Context(), sasl.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	refused := sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, first)}
	if _, err := last.Token(t.Context(), refused); err != nil {
		t.Errorf("the next token: %v", err)
	}
}

// TestKilled kills a program between the answer of the authority and the end of
// the save, and starts another.
func TestKilled(t *testing.T) {
	tests := []struct {
		name    string
		when    string
		rotates bool
		kind    providers.Kind // of the error, unless there is a token
		token   bool
		answers []int
	}{
		{"before the save, refresh tokens last", "halt before the save", false, 0, true, []int{200, 200}},
		{"before the save, refresh tokens are good for one use", "halt before the save", true, providers.NeedsUser, false, []int{200, 400}},
		{"after the save", "halt after the save", true, 0, true, []int{200}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := mock.StartAuthority(t, mock.AuthorityOptions{RotateRefresh: tt.rotates})
			dir := grantFor(t, a)
			p := startProgram(t, tt.when, dir, a)
			p.begin()
			if said := p.says(); said != "halted <nil>" {
				t.Fatalf("the program says %q", said)
			}
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			p.end()

			cache := providers.NewCache(refresher{a.HTTPClient(), a.TokenURL()}, providers.CacheOptions{Store: openFiles(t, dir), Key: key})
			_, err := cache.Token(t.Context(), sasl.TokenRequest{})
			if tt.token != (err == nil) || err != nil && providers.KindOf(err) != tt.kind {
				t.Errorf("the next program: %v", err)
			}
			wantRequests(t, a, tt.answers...)
			if !tt.token {
				wantKind(t, cache, tt.kind) // without a request
				wantRequests(t, a, tt.answers...)
			}
		})
	}
}
