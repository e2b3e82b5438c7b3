package generic_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/sasl"
)

// program is what the test binary does as a program that prints tokens.
func program(what string) (exit int) {
	switch what {
	case "token":
		fmt.Println(" token-of-" + os.Getenv("POSTERN_USER") + os.Getenv("POSTERN_REJECTED") + " ")
	case "json":
		fmt.Println(`{"access_token": "json-token", "expires_in": 1800, "token_type": "Bearer"}`)
	case "header":
		fmt.Println("Bearer abc")
	case "json-error":
		fmt.Println(`{"error": "invalid_grant"}`)
	case "silent":
	case "busy":
		fmt.Fprintln(os.Stderr, "try later, abc-secret")
		return 75
	case "broken":
		fmt.Fprintln(os.Stderr, "sign in again, abc-secret")
		return 3
	case "flood":
		for range 1000 {
			fmt.Println(strings.Repeat("x", 1000))
		}
	case "hang":
		time.Sleep(time.Minute) // as good as for ever
	case "share":
		if err := shareGrant(); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("ok")
	case "counted":
		return runCounted(os.Getenv("GENERIC_TEST_FILE"))
	case "where":
		dir, _ := os.Getwd()
		fmt.Println(filepath.Base(dir))
	}
	return 0
}

// run makes the generator of a program.
func run(t *testing.T, what string, o generic.CommandOptions) *providers.Cache {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Env = append(o.Env, "GENERIC_TEST_PROGRAM="+what)
	tokens, err := generic.Command(o, own, "an argument")
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestCommand(t *testing.T) {
	tokens := run(t, "token", generic.CommandOptions{})
	request := sasl.TokenRequest{Username: user}
	first, err := tokens.Token(t.Context(), request)
	if err != nil || first.Value.Reveal() != "token-of-"+user {
		t.Fatalf("%s, %v", first.Value.Reveal(), err)
	}
	request.Rejected = sasl.NewRejection(errors.New("535"), first)
	second, err := tokens.Token(t.Context(), request)
	if err != nil || second.Value.Reveal() != "token-of-"+user+"1" {
		t.Errorf("after a refusal: %s, %v, want what it prints when it is told so", second.Value.Reveal(), err)
	}
	third, err := run(t, "json", generic.CommandOptions{}).Token(t.Context(), sasl.TokenRequest{})
	if left := time.Until(third.Expiry); err != nil || third.Value.Reveal() != "json-token" || left > 30*time.Minute || left < 25*time.Minute {
		t.Errorf("JSON: %s for %v, %v", third.Value.Reveal(), left, err)
	}
}

func TestCommandPrintsTheRefusedTokenAgain(t *testing.T) {
	tokens := run(t, "json", generic.CommandOptions{})
	token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokens.Token(t.Context(), sasl.TokenRequest{Rejected: sasl.NewRejection(errors.New("535"), token)})
	if !errors.Is(err, sasl.ErrNoOtherToken) {
		t.Errorf("%v, want ErrNoOtherToken", err)
	}
}

func TestCommandFailures(t *testing.T) {
	for what, tt := range map[string]struct {
		kind providers.Kind
		text string
	}{
		"header":     {providers.Misconfigured, `without "Bearer"`},
		"json-error": {providers.Misconfigured, "without an access_token"},
		"silent":     {providers.Misconfigured, "first line of output is empty"},
		"busy":       {providers.Transient, "exit status 75"},
		"broken":     {providers.NeedsUser, "run it by hand"},
		"flood":      {providers.Misconfigured, "more than 65536 octets"},
	} {
		t.Run(what, func(t *testing.T) {
			var messages bytes.Buffer
			_, err := run(t, what, generic.CommandOptions{Stderr: &messages}).Token(t.Context(), sasl.TokenRequest{})
			want(t, err, tt.kind, tt.text)
			if strings.Contains(err.Error(), "abc-secret") {
				t.Errorf("%v quotes the program", err)
			}
			if said := messages.String(); (what == "busy" || what == "broken") != strings.Contains(said, "abc-secret") {
				t.Errorf("Stderr got %q", said)
			}
		})
	}
	for name, text := range map[string]string{"": "the command is empty", "no-such-program-here": "executable file not found"} {
		_, err := generic.Command(generic.CommandOptions{}, name)
		want(t, err, providers.Misconfigured, text)
	}
}

// A program that hangs is stopped when nobody waits for it any more.
func TestCommandHangs(t *testing.T) {
	tokens := run(t, "hang", generic.CommandOptions{Cache: providers.CacheOptions{FetchTimeout: 50 * time.Millisecond}})
	_, err := tokens.Token(t.Context(), sasl.TokenRequest{})
	want(t, err, providers.Transient, "did not answer within 50ms")
}

// A program that hangs is stopped at the end of the program that runs it, though
// nobody has waited for it any more.
func TestCommandIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tokens := run(t, "hang", generic.CommandOptions{Done: ctx.Done()})
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := tokens.Token(ctx, sasl.TokenRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
	began := time.Now()
	if err := tokens.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the program went on for %v", took)
	}
}

// A variable of the caller's environment is no refusal.
func TestCommandEnvironment(t *testing.T) {
	t.Setenv("POSTERN_REJECTED", "1")
	token, err := run(t, "token", generic.CommandOptions{Env: []string{"POSTERN_USER=another"}}).Token(t.Context(), sasl.TokenRequest{Username: user})
	if err != nil || token.Value.Reveal() != "token-of-"+user {
		t.Errorf("%s, %v", token.Value.Reveal(), err)
	}
}

// A program is looked for from here, and runs in Dir.
func TestCommandDir(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(own))
	dir := filepath.Join(t.TempDir(), "where-it-runs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	tokens, err := generic.Command(generic.CommandOptions{Env: []string{"GENERIC_TEST_PROGRAM=where"}, Dir: dir}, "."+string(filepath.Separator)+filepath.Base(own))
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
	if err != nil || token.Value.Reveal() != "where-it-runs" {
		t.Errorf("%s, %v", token.Value.Reveal(), err)
	}
}

// counted runs a program that notes each of its runs in a file, and ends with 3
// once it is told to stop.
func counted(t *testing.T) (tokens *providers.Cache, runs func() int, stop func()) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "runs")
	tokens = run(t, "counted", generic.CommandOptions{Env: []string{"GENERIC_TEST_FILE=" + file}})
	runs = func() int {
		noted, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return len(noted)
	}
	return tokens, runs, func() {
		if err := os.WriteFile(file+".stop", nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// runCounted is that program.
func runCounted(file string) int {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return 1
	}
	defer f.Close()
	fmt.Fprint(f, ".")
	if _, err := os.Stat(file + ".stop"); err == nil {
		return 3
	}
	info, err := f.Stat()
	if err != nil {
		return 1
	}
	fmt.Printf("token-%d\n", info.Size())
	return 0
}

// The figures of the other flows hold for a program: a hundred callers run it once.
func TestCommandFigures(t *testing.T) {
	tests := map[string]func(t *testing.T, tokens *providers.Cache, runs func() int, stop func()){
		"herd at expiry": func(t *testing.T, tokens *providers.Cache, runs func() int, _ func()) {
			first := askAll(t, tokens, nil)
			time.Sleep(2 * time.Minute)
			second := askAll(t, tokens, nil)
			if runs() != 2 || first != "token-1" || second != "token-2" {
				t.Errorf("%s, %s, %d runs", first, second, runs())
			}
		},
		"hundred refusals": func(t *testing.T, tokens *providers.Cache, runs func() int, _ func()) {
			first := askAll(t, tokens, nil)
			second := askAll(t, tokens, sasl.NewRejection(sasl.ErrRejected, sasl.Token{Value: sasl.NewSecret(first)}))
			if runs() != 2 || second != "token-2" {
				t.Errorf("%s, %s, %d runs", first, second, runs())
			}
		},
		"it wants its user": func(t *testing.T, tokens *providers.Cache, runs func() int, stop func()) {
			stop()
			for range 100 {
				_, err := tokens.Token(t.Context(), sasl.TokenRequest{Username: user})
				want(t, err, providers.NeedsUser, "exit status 3", "run it by hand")
			}
			if runs() != 1 {
				t.Errorf("%d runs, want 1", runs())
			}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tokens, runs, stop := counted(t)
			synctest.Test(t, func(t *testing.T) { test(t, tokens, runs, stop) })
		})
	}
}

// askAll has a hundred callers ask at once, who get the same token, and returns it.
func askAll(t *testing.T, tokens *providers.Cache, rejected *sasl.Rejection) string {
	t.Helper()
	values := make([]string, 100)
	var all sync.WaitGroup
	for i := range values {
		all.Go(func() {
			token, err := tokens.Token(t.Context(), sasl.TokenRequest{Username: user, Rejected: rejected})
			if err != nil {
				t.Error(err)
			}
			values[i] = token.Value.Reveal()
		})
	}
	all.Wait()
	for _, v := range values {
		if v != values[0] {
			t.Errorf("tokens %s and %s", v, values[0])
		}
	}
	return values[0]
}
