package generic_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/sasl"
)

// A spy is a transport that keeps the secrets that go past it, and all that is
// said elsewhere.
type spy struct {
	base http.RoundTripper

	mu      sync.Mutex
	secrets map[string]string // what it is, by value
	said    bytes.Buffer
}

// secretFields are what a secret is called in requests and answers.
var (
	secretFields = []string{"access_token", "refresh_token", "client_secret", "code", "code_verifier", "device_code", "id_token"}
	secretJSON   = regexp.MustCompile(`"(` + strings.Join(secretFields, "|") + `)":\s*"([^"]+)"`)
)

func (s *spy) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := body(r)
	if err != nil {
		return nil, err
	}
	form, _ := url.ParseQuery(string(sent)) // what is not a form has no fields
	for _, name := range secretFields {
		s.keep(name, form.Get(name))
	}
	if _, password, ok := r.BasicAuth(); ok {
		s.keep("password", password)
		s.keep("Authorization", strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
	}
	answer, err := s.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(got))
	for _, match := range secretJSON.FindAllSubmatch(got, -1) {
		s.keep(string(match[1]), string(match[2]))
	}
	return answer, err
}

// body reads the body of a request and puts it back.
func body(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	sent, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(sent))
	return sent, err
}

func (s *spy) keep(name, value string) {
	if len(value) < 8 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secrets == nil {
		s.secrets = make(map[string]string)
	}
	s.secrets[value] = name
}

// say writes things down in every way that somebody might.
func (s *spy) say(things ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := slog.New(slog.NewJSONHandler(&s.said, nil))
	for _, thing := range things {
		text, _ := json.Marshal(thing) // what JSON does not have says nothing
		fmt.Fprintf(&s.said, "%v\n%+v\n%#v\n%s\n", thing, thing, thing, text)
		log.Info("said", "thing", thing)
	}
}

func (s *spy) hear(e providers.Event) { s.say(e, e.Err, e.String()) }

// sayError writes down an error and what is in it.
func (s *spy) sayError(err error) {
	s.say(err)
	var failure *providers.Error
	if errors.As(err, &failure) {
		s.say(failure, *failure)
	}
}

// check looks for each secret, and for its ends, in what was said.
func (s *spy) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	said := s.said.String()
	for value, name := range s.secrets {
		forms := []string{value, value[:len(value)/2], value[len(value)/2:], url.QueryEscape(value), base64.StdEncoding.EncodeToString([]byte(value))}
		for i, part := range forms {
			if (i == 0 || len(part) >= 12) && strings.Contains(said, part) {
				t.Errorf("%s was told to somebody: %q", name, part)
			}
		}
	}
	if len(said) == 0 || len(s.secrets) < 2 {
		t.Errorf("%d octets were said, %d secrets went past", len(said), len(s.secrets))
	}
}

// TestNoSecrets has every flow succeed and fail in many ways, with an authority
// that repeats what it was sent, and looks at all that is said of it.
func TestNoSecrets(t *testing.T) {
	for name, start := range flows() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, setup{dir: dir})
				echo := &parrot{base: f.spy.base}
				f.spy.base = echo
				for _, status := range append(parrotStatuses(), 0) {
					echo.set(status)
					token, err := f.token(t, t.Context(), nil)
					synctest.Wait()
					f.spy.say(token, f.tokens, f.options())
					f.spy.sayError(err)
					time.Sleep(2 * time.Hour)
				}
				f.spy.say(f.tokens.Status())
				f.spy.check(t)
				wantOnlyStore(t, dir)
			})
		})
	}
}

// parrotStatuses are what a parrot answers with: 0 is what the authority says,
// 302 a redirect to what it was sent, 999 something that is not JSON.
func parrotStatuses() []int { return []int{0, 200, 302, 400, 401, 403, 500, 999} }

// A parrot answers with what it was sent and what it would have answered, once it
// has a status to do so.
type parrot struct {
	base http.RoundTripper

	mu     sync.Mutex
	status int
}

func (p *parrot) set(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *parrot) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	status := p.status
	p.mu.Unlock()
	sent, err := body(r)
	if err != nil {
		return nil, err
	}
	answer, err := p.base.RoundTrip(r)
	if err != nil || status == 0 {
		return answer, err
	}
	got, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%s %s %s", r.Header.Get("Authorization"), sent, got)
	echo, err := json.Marshal(map[string]any{"error": "invalid_grant", "error_description": text})
	switch status {
	case 302:
		answer.Header.Set("Location", "http://[?"+string(sent))
	case 999:
		status, echo = http.StatusOK, []byte("<html>"+text)
	}
	answer.StatusCode, answer.Body, answer.ContentLength = status, io.NopCloser(bytes.NewReader(echo)), int64(len(echo))
	return answer, err
}

// wantOnlyStore looks for files besides those of the Store.
func wantOnlyStore(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Dir(path) != filepath.Join(dir, "tokens") {
			t.Errorf("%s was written", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNoSecretsOfSignIns does the same for the ways in which a user signs in.
func TestNoSecretsOfSignIns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow(t, setup{})
		echo := &parrot{base: f.spy.base}
		f.spy.base = echo
		for _, status := range parrotStatuses() {
			echo.set(status)
			got, err := generic.Login(t.Context(), f.server(), client(), generic.LoginOptions{
				Options: f.options(), Open: browser(f.authority, mock.Consent{User: user}),
			})
			f.spy.say(got)
			f.spy.sayError(err)
			_, begin := generic.LoginDevice(t.Context(), f.server(), client(), func(context.Context, generic.DevicePrompt) error { return nil }, f.options())
			f.spy.sayError(begin)
			if (err == nil) != (status == 0) {
				t.Errorf("status %d: %v", status, err)
			}
		}
		for _, status := range parrotStatuses() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			echo.set(0)
			got, err := generic.LoginDevice(ctx, f.server(), client(), func(_ context.Context, p generic.DevicePrompt) error {
				f.spy.say(p)
				echo.set(status)
				return f.authority.ApproveDevice(p.Code, mock.Consent{User: user})
			}, f.options())
			cancel()
			f.spy.say(got)
			f.spy.sayError(err)
			if (err == nil) != (status == 0) {
				t.Errorf("device, status %d: %v", status, err)
			}
		}
		f.spy.check(t)
	})
}

// TestNoSecretsOfSaving has a Store fail that quotes what it was to keep, and sees
// that the failure is an event, and that the token is handed out.
func TestNoSecretsOfSaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow(t, rotating(setup{}))
		store := &fullStore{fails: true}
		o := f.options()
		o.Cache.Store, o.Cache.Key = store, "k"
		failed := 0
		o.Cache.Events = func(e providers.Event) {
			f.spy.hear(e)
			if e.Kind == providers.SaveFailed {
				failed++
			}
		}
		f.refresh(t, f.grant(), o)
		if _, err := f.token(t, t.Context(), nil); err != nil {
			t.Fatalf("no token, for want of a place to save: %v", err)
		}
		synctest.Wait()
		if failed != 1 {
			t.Errorf("%d events of a failed save, want 1", failed)
		}
		f.spy.check(t)
	})
}

// A fullStore quotes what it cannot save.
type fullStore struct {
	providers.MemoryStore
	fails bool
	saved int
}

func (s *fullStore) Save(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
	if s.fails {
		return "", fmt.Errorf("no space for %s", data.Reveal())
	}
	s.saved++
	return s.MemoryStore.Save(ctx, name, data, old)
}

// A refresh token that takes the place of another is saved before anybody gets the
// token that came with it.
func TestSavedBeforeHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow(t, rotating(setup{}))
		store := new(fullStore)
		o := f.options()
		o.Cache.Store, o.Cache.Key = store, "k"
		first := f.grant()
		f.refresh(t, first, o)
		if _, err := f.token(t, t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		record, _, err := store.Load(t.Context(), "k") // as it is the moment there is a token
		if err != nil || store.saved == 0 {
			t.Fatalf("%d times saved, %v", store.saved, err)
		}
		left := new(providers.MemoryStore)
		if _, err := left.Save(t.Context(), "k", record, ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		o.Cache.Store = left
		f.refresh(t, first, o) // the next program, with the refresh token of its configuration
		if _, err := f.token(t, t.Context(), nil); err != nil {
			t.Errorf("the next program gets no token: %v", err)
		}
	})
}
