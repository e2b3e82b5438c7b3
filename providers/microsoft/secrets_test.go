package microsoft_test

import (
	"bytes"
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
	"github.com/seed-55a66e92/postern/providers/microsoft"
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
func secretFields() []string {
	return []string{
		"access_token", "refresh_token", "assertion", "client_assertion", "client_secret", "code", "code_verifier", "id_token",
		"device_code", "password",
	}
}

func (s *spy) RoundTrip(r *http.Request) (*http.Response, error) {
	s.keep("identity header", r.Header.Get("X-IDENTITY-HEADER"))
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body)) // what is not a form has no fields
		for _, name := range secretFields() {
			s.keep(name, form.Get(name))
		}
	}
	reply, err := s.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(reply.Body)
	reply.Body.Close()
	reply.Body = io.NopCloser(bytes.NewReader(body))
	inJSON := regexp.MustCompile(`"(` + strings.Join(secretFields(), "|") + `)":\s*"([^"]+)"`)
	for _, match := range inJSON.FindAllSubmatch(body, -1) {
		s.keep(string(match[1]), string(match[2]))
	}
	return reply, err
}

func (s *spy) keep(name, value string) {
	if len(value) < 8 || value == "device_code" {
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

// check looks for each secret, and for its ends, in what was said.
func (s *spy) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	said := s.said.String()
	for value, name := range s.secrets {
		for _, part := range []string{value, value[:len(value)/2], value[len(value)/2:], url.QueryEscape(value)} {
			if len(part) >= 12 && strings.Contains(said, part) {
				t.Errorf("%s was told to somebody: %q", name, part)
			}
		}
	}
	if len(said) == 0 || len(s.secrets) == 0 {
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
				p := &parrot{base: f.spy.base}
				f.spy.base = p
				for _, status := range []int{0, 200, 400, 401, 403, 500, 0} {
					p.set(status)
					token, err := f.token(t.Context(), nil)
					synctest.Wait()
					f.spy.say(token, err, f.tokens)
					var failure *providers.Error
					if errors.As(err, &failure) {
						f.spy.say(failure, *failure)
					}
					time.Sleep(2 * time.Hour)
				}
				if watched, ok := f.tokens.(interface{ Status() []providers.Status }); ok {
					f.spy.say(watched.Status())
				}
				synctest.Wait()
				f.spy.check(t)
				wantOnlyStore(t, dir)
			})
		})
	}
}

// TestNoSecretsOfLogin does the same for sign-ins.
func TestNoSecretsOfLogin(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{DeviceInterval: time.Millisecond}, "")
	p := &parrot{base: a.HijackingClient().Transport}
	s := &spy{base: p}
	o := microsoft.Options{Tenant: tenant, ClientID: clientID, HTTPClient: &http.Client{Transport: s}}
	for _, status := range []int{0, 200, 400, 401} {
		p.set(status)
		grant, err := microsoft.Login(t.Context(), microsoft.LoginOptions{Options: o, OpenURL: browse(a, mock.Consent{})}, mailbox)
		s.say(grant, err)
		if (err == nil) != (status == 0) {
			t.Errorf("status %d: %v", status, err)
		}
		grant, err = microsoft.LoginDeprecatedPassword(t.Context(), o, mailbox, sasl.NewSecret("correct horse battery"))
		s.say(grant, err)
		web, err := microsoft.BeginWebLogin(t.Context(), o, "https://app.example.com/back", mailbox)
		s.say(web.Session, err)
	}
	s.check(t)
}

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
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	reply, err := p.base.RoundTrip(r)
	if err != nil || status == 0 || strings.HasSuffix(r.URL.Path, "/openid-configuration") {
		return reply, err
	}
	answer, err := io.ReadAll(reply.Body)
	reply.Body.Close()
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{
		"error": "invalid_grant", "error_description": fmt.Sprintf("%s %s %s", r.Header.Get("X-IDENTITY-HEADER"), sent, answer),
	})
	reply.StatusCode, reply.Body, reply.ContentLength = status, io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return reply, err
}

// wantOnlyStore looks for files besides those of the Store and that of a workload.
func wantOnlyStore(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == filepath.Join(dir, "token") || filepath.Dir(path) == filepath.Join(dir, "tokens") {
			return err
		}
		t.Errorf("%s was written", path)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
