package generic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/sasl"
)

const (
	user     = "you@example.com"
	clientID = "mailer"
	secret   = "hunter2 & more+%"
)

// authority starts an authority in memory with one client.
func authority(t *testing.T, o mock.AuthorityOptions) *mock.Authority {
	t.Helper()
	o.Network = mock.InMemory
	if o.Clients == nil {
		o.Clients = map[string]string{clientID: secret}
	}
	return mock.StartAuthority(t, o)
}

func server(a *mock.Authority) generic.Server { return generic.Server{TokenURL: a.TokenURL()} }

func client() generic.Client { return generic.Client{ID: clientID, Secret: sasl.NewSecret(secret)} }

func options(a *mock.Authority) generic.Options { return generic.Options{HTTPClient: a.HTTPClient()} }

// tokenRequests counts the requests to the token endpoint.
func tokenRequests(a *mock.Authority) int {
	n := 0
	for _, r := range a.Requests() {
		if r.Path == "/token" {
			n++
		}
	}
	return n
}

// want checks the kind of an error and that it says what to do.
func want(t *testing.T, err error, kind providers.Kind, texts ...string) {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T), want a *providers.Error", err, err)
	}
	if e.Kind != kind {
		t.Errorf("%v is %v, want %v", err, e.Kind, kind)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
	for _, form := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
		if strings.Contains(form, secret) || strings.Contains(form, url.QueryEscape(secret)) {
			t.Errorf("%q holds the client's secret", form)
		}
	}
}

// A roundTripper is a function that answers requests.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply is an answer with a body.
func reply(status int, media, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {media}},
		Body: io.NopCloser(strings.NewReader(body)),
	}
}

// answering is a client whose every request gets that answer.
func answering(status int, media, body string) *http.Client {
	return &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return reply(status, media, body), nil
	})}
}

// contextWith returns a context with which x/oauth2 reaches the authority.
func contextWith(t *testing.T, a *mock.Authority) context.Context {
	t.Helper()
	return context.WithValue(t.Context(), oauth2.HTTPClient, a.HTTPClient())
}
