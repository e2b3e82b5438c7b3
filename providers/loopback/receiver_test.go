package loopback_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/providers/loopback"
)

// visit makes a request and returns the status and the page.
func visit(t *testing.T, method, address string, form url.Values) (int, string) {
	t.Helper()
	var body io.Reader
	if method == http.MethodGet && form != nil {
		address += "?" + form.Encode()
	} else if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := new(http.Client).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(page)
}

func listen(t *testing.T, addr string) *loopback.Receiver {
	t.Helper()
	r, err := loopback.Listen(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestReceiver(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			r := listen(t, "")
			if !strings.HasPrefix(r.URL(), "http://127.0.0.1:") || len(r.State()) < 22 {
				t.Errorf("URL %s, state %s", r.URL(), r.State())
			}
			good := url.Values{"state": {r.State()}, "code": {"the-code"}}
			for name, form := range map[string]url.Values{
				"nothing":       nil,
				"another state": {"state": {"x" + r.State()[1:]}, "code": {"evil"}},
				"no state":      {"code": {"evil"}},
				"two states":    {"state": {r.State(), r.State()}, "code": {"evil"}},
				"two codes":     {"state": {r.State()}, "code": {"evil", "evil"}},
				"no answer":     {"state": {r.State()}},
				"both answers":  {"state": {r.State()}, "code": {"evil"}, "error": {"evil"}},
				"two issuers":   {"state": {r.State()}, "code": {"evil"}, "iss": {"https://a.example", "https://b.example"}},
			} {
				if status, _ := visit(t, method, r.URL(), form); status != http.StatusBadRequest {
					t.Errorf("%s: status %d, want 400", name, status)
				}
			}
			if status, _ := visit(t, method, strings.TrimSuffix(r.URL(), "callback")+"favicon.ico", nil); status != http.StatusNotFound {
				t.Errorf("an icon: status %d, want 404", status)
			}
			if status, page := visit(t, method, r.URL(), good); status != http.StatusOK || !strings.Contains(page, "Signed in") || strings.Contains(page, "the-code") {
				t.Errorf("status %d, page %s", status, page)
			}
			if status, _ := visit(t, method, r.URL(), good); status != http.StatusBadRequest {
				t.Errorf("a second time: status %d, want 400", status)
			}
			answer, err := r.Wait(t.Context())
			if err != nil || answer.Get("code") != "the-code" {
				t.Errorf("%v, %v, want the code", answer, err)
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	r := listen(t, "localhost:0")
	_, page := visit(t, http.MethodGet, r.URL(), url.Values{"state": {r.State()}, "error": {"access_denied"}})
	answer, err := r.Wait(t.Context())
	if err != nil || answer.Get("error") != "access_denied" || !strings.Contains(page, "Not signed in") || !strings.HasPrefix(r.URL(), "http://localhost:") {
		t.Errorf("%v, %v, page %s, URL %s", answer, err, page, r.URL())
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	r := listen(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := r.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's error", err)
	}
}

// Whoever waits for a Receiver that is closed need not wait for his context, too.
func TestWaitEndsWithClose(t *testing.T) {
	r := listen(t, "")
	done := make(chan error)
	go func() {
		_, err := r.Wait(context.Background())
		done <- err
	}()
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want net.ErrClosed", err)
	}
}

func TestListenOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1"} {
		if r, err := loopback.Listen(t.Context(), addr); err == nil {
			r.Close()
			t.Errorf("%s: no error", addr)
		}
	}
}

func TestOpenBrowserRefuses(t *testing.T) {
	for _, page := range []string{"", "file:///etc/passwd", "http://example.com/", "javascript:alert(1)", "--version", "https:"} {
		if err := loopback.OpenBrowser(t.Context(), page); err == nil || strings.Contains(err.Error(), "xdg-open") {
			t.Errorf("%q: %v, want a refusal before anything is run", page, err)
		}
	}
}

// An authority may have registered the redirect without a path.
func TestRoot(t *testing.T) {
	r := listen(t, "localhost:0")
	if r.Root()+"/callback" != r.URL() {
		t.Fatalf("root %s of %s", r.Root(), r.URL())
	}
	if status, _ := visit(t, http.MethodGet, r.Root(), url.Values{"state": {r.State()}}); status != http.StatusBadRequest {
		t.Errorf("no answer: status %d, want 400", status)
	}
	if status, _ := visit(t, http.MethodPost, r.Root(), url.Values{"state": {r.State()}, "code": {"the-code"}}); status != http.StatusOK {
		t.Errorf("status %d, want 200", status)
	}
	if answer, err := r.Wait(t.Context()); err != nil || answer.Get("code") != "the-code" {
		t.Errorf("%v, %v, want the code", answer, err)
	}
}
