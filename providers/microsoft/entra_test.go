package microsoft_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

const (
	tenant       = "contoso.onmicrosoft.com"
	clientID     = "11111111-2222-3333-4444-555555555555"
	clientSecret = "Abc8Q~secret-value.of_the-client"
)

// An entra is a login server without a network. It gives the tokens t1, t2, and
// so on, each good for an hour, unless answer says otherwise.
type entra struct {
	mu     sync.Mutex
	urls   []string
	forms  []url.Values // of token requests
	delay  time.Duration
	answer http.HandlerFunc // of the token endpoint
	config http.HandlerFunc // of discovery
}

// answers returns a handler that gives status and body, as JSON.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func (e *entra) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(e.delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	handler, err := e.note(r)
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	handler(w, r)
	result := w.Result()
	result.Request = r
	return result, nil
}

// note keeps a request and returns who answers it.
func (e *entra) note(r *http.Request) (http.HandlerFunc, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.urls = append(e.urls, r.Method+" "+r.URL.Scheme+"://"+r.URL.Host+r.URL.Path)
	if strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
		if e.config != nil {
			return e.config, nil
		}
		return configuration(r.URL.Host), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	e.forms = append(e.forms, form)
	if e.answer != nil {
		return e.answer, nil
	}
	return answers(http.StatusOK, fmt.Sprintf(`{"token_type":"Bearer","access_token":"t%d","expires_in":3600}`, len(e.forms))), nil
}

func configuration(issuer string) http.HandlerFunc {
	return answers(http.StatusOK, fmt.Sprintf(`{"issuer":"https://%s/%s/v2.0",
		"authorization_endpoint":"https://login.microsoftonline.com/%[2]s/oauth2/v2.0/authorize",
		"token_endpoint":"https://login.microsoftonline.com/%[2]s/oauth2/v2.0/token"}`, issuer, tenant))
}

func (e *entra) hits() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.forms)
}

// app returns an App whose requests go to e.
func (e *entra) app(t *testing.T) *microsoft.App {
	t.Helper()
	app, err := microsoft.ClientSecret(e.options(), sasl.NewSecret(clientSecret))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func (e *entra) options() microsoft.Options {
	return microsoft.Options{Tenant: tenant, ClientID: clientID, HTTPClient: &http.Client{Transport: e}}
}

// want asks for a token and compares it.
func want(t *testing.T, g sasl.TokenGenerator, req sasl.TokenRequest, value string) sasl.Token {
	t.Helper()
	token, err := g.Token(t.Context(), req)
	if err != nil {
		t.Fatalf("Token: %v, want %s", err, value)
	}
	if got := token.Value.Reveal(); got != value {
		t.Fatalf("Token = %s, want %s", got, value)
	}
	return token
}

// wantNoSecret wants neither the client secret nor a token in text.
func wantNoSecret(t *testing.T, text string) {
	t.Helper()
	half := len(clientSecret) / 2
	for _, secret := range []string{clientSecret[:half], clientSecret[half:], url.QueryEscape(clientSecret), "leaked"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q holds %q", text, secret)
		}
	}
}
