package providers_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers"
)

// A peer is a transport that answers without a network.
type peer struct {
	answer func(*http.Request) *http.Response
	hosts  []string
	closed bool
}

func (p *peer) RoundTrip(r *http.Request) (*http.Response, error) {
	p.hosts = append(p.hosts, r.URL.Host)
	if p.answer == nil {
		return nil, errors.ErrUnsupported
	}
	return p.answer(r), nil
}

func (p *peer) CloseIdleConnections() { p.closed = true }

// TestNoRedirect shows that what is posted to the authority goes nowhere else.
func TestNoRedirect(t *testing.T) {
	p := &peer{answer: func(r *http.Request) *http.Response {
		return &http.Response{
			StatusCode: http.StatusTemporaryRedirect, Request: r,
			Header: http.Header{"Location": {"https://elsewhere.example/token"}},
			Body:   http.NoBody,
		}
	}}
	answer, err := providers.HTTPClient(&http.Client{Transport: p}).
		Post("https://authority.example/token", "application/x-www-form-urlencoded", strings.NewReader("client_secret=s"))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("status %d, want the redirect itself", answer.StatusCode)
	}
	if len(p.hosts) != 1 || p.hosts[0] != "authority.example" {
		t.Errorf("requests went to %q", p.hosts)
	}
}

// A redirect that cannot be read is an answer like any other, and not an error that
// quotes it: an authority may have put what it was sent in there.
func TestNoRedirectIsQuoted(t *testing.T) {
	p := &peer{answer: func(r *http.Request) *http.Response {
		return &http.Response{
			StatusCode: http.StatusFound, Request: r, Body: http.NoBody,
			Header: http.Header{"Location": {"http://[?client_secret=hunter2"}},
		}
	}}
	answer, err := providers.HTTPClient(&http.Client{Transport: p}).Get("https://authority.example/token")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusFound || len(answer.Header) != 0 {
		t.Errorf("status %d, header %v, want the redirect without its address", answer.StatusCode, answer.Header)
	}
}

func TestAnswerIsBounded(t *testing.T) {
	p := &peer{answer: func(r *http.Request) *http.Response {
		return &http.Response{StatusCode: http.StatusOK, Request: r, Body: io.NopCloser(endless{})}
	}}
	answer, err := providers.HTTPClient(&http.Client{Transport: p}).Get("https://authority.example/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if n != 1<<20 || err != nil {
		t.Errorf("read %d octets, %v; want 1 MiB", n, err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestHTTPClientLeavesTheOriginalAlone(t *testing.T) {
	p := new(peer)
	original := &http.Client{Transport: p}
	safe := providers.HTTPClient(original)
	if original.CheckRedirect != nil || original.Transport != p {
		t.Error("the caller's client was changed")
	}
	if _, err := safe.Get("https://authority.example/"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("error %v, want the transport's", err)
	}
	safe.CloseIdleConnections()
	if !p.closed {
		t.Error("CloseIdleConnections did not reach the transport")
	}
}
