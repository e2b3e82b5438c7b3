package google_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

const (
	clientID     = "id.apps.googleusercontent.com"
	clientSecret = "GOCSPX-client-secret"
	refreshValue = "1//refresh-token"
)

func testClient() google.Client {
	return google.Client{ID: clientID, Secret: sasl.NewSecret(clientSecret)}
}

// A tokenServer answers token requests without a network, and keeps them.
type tokenServer struct {
	mu     sync.Mutex
	forms  []url.Values
	urls   []string
	answer http.HandlerFunc
}

// answers returns a handler that gives status and body, as JSON.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func (s *tokenServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.forms = append(s.forms, form)
	s.urls = append(s.urls, r.Method+" "+r.URL.String())
	answer := s.answer
	s.mu.Unlock()
	w := httptest.NewRecorder()
	answer(w, r)
	result := w.Result()
	result.Request = r
	return result, nil
}

func (s *tokenServer) client() *http.Client { return &http.Client{Transport: s} }

func (s *tokenServer) hits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.forms)
}

// generator returns a generator whose requests go to s.
func (s *tokenServer) generator(t *testing.T) *providers.Cache {
	t.Helper()
	tokens, err := google.RefreshToken(testClient(), sasl.NewSecret(refreshValue), google.Options{HTTPClient: s.client()})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// secrets are what no error may hold.
var secrets = []string{clientSecret, refreshValue, url.QueryEscape(refreshValue), "ya29.leaked"}

func wantNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range secrets {
		for _, part := range []string{secret, secret[:len(secret)/2], secret[len(secret)/2:]} {
			if len(part) > 5 && strings.Contains(text, part) {
				t.Errorf("%q holds %q", text, part)
			}
		}
	}
}
