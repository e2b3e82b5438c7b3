package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// A TokenCall is a request that a generator made, with its secrets. A verdict that
// quotes it does not have them.
type TokenCall struct {
	Time   time.Time
	Method string
	Host   string
	Path   string
	Query  string
	Form   url.Values // of the body
	Header http.Header
	Status int       // of the answer, 0 if there was none
	Code   string    // the error code of the answer (RFC 6749, Section 5.2)
	Ended  time.Time // zero: the answer is still awaited
}

// forToken reports whether the call is one for a token.
func (c *TokenCall) forToken() bool { return isTokenPath(c.Path) }

func isTokenPath(path string) bool {
	return path == "/token" || strings.HasSuffix(path, "/oauth2/v2.0/token")
}

// repeats reports whether the call asks the same as another, in the same way.
func (c *TokenCall) repeats(d TokenCall) bool {
	return c.Path == d.Path && c.Form.Encode() == d.Form.Encode() && c.Header.Get("Authorization") == d.Header.Get("Authorization")
}

// text returns all that the generator sent, in the open and decoded.
func (c *TokenCall) text() string {
	text := c.Path + "\n" + c.Query + "\n"
	if query, err := url.QueryUnescape(c.Query); err == nil {
		text += query + "\n"
	}
	for _, values := range []map[string][]string{c.Header, c.Form} {
		for name, v := range values {
			text += name + "\n" + strings.Join(v, "\n") + "\n"
		}
	}
	return text
}

// A webServer is an HTTPS server that notes what it is asked.
type webServer struct {
	listener *mock.TLSListener
	server   *http.Server
	serving  sync.WaitGroup
	answer   http.HandlerFunc
	learn    func(secrets ...string) // of what is in answers

	mu    sync.Mutex
	calls []*TokenCall
	given map[string]time.Time // when tokens were given
	conns int
}

func newWebServer(n mock.Network, kind mock.Certificate, names []string, answer http.HandlerFunc, learn func(...string)) (*webServer, error) {
	l, err := mock.ListenTLS(n, kind, names...)
	if err != nil {
		return nil, err
	}
	w := &webServer{listener: l, answer: answer, learn: learn, given: make(map[string]time.Time)}
	w.server = &http.Server{
		Handler:           w,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // a certificate that is refused is no news
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.conns++
			}
		},
	}
	w.serving.Go(func() { _ = w.server.Serve(l) }) // its error is that it was closed
	return w, nil
}

func (s *webServer) close() {
	s.server.Close()
	s.serving.Wait()
}

// url returns the root of the server.
func (s *webServer) url() string {
	return "https://" + strings.TrimSuffix(s.listener.Addr().String(), ":443")
}

// maxBody bounds a request, in octets.
const maxBody = 64 << 10

// ServeHTTP notes a request and answers it.
func (s *webServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "too long", http.StatusRequestEntityTooLarge)
		return
	}
	call := &TokenCall{
		Time: time.Now(), Method: r.Method, Host: r.Host, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(),
	}
	call.Form, _ = url.ParseQuery(string(body)) // what is no form has no fields
	s.mu.Lock()
	s.calls = append(s.calls, call)
	s.mu.Unlock()
	kept := &keptAnswer{header: make(http.Header)}
	defer func() { s.note(call, kept) }() // also if a fault ends it by a panic
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.answer(kept, r)
	s.note(call, kept) // before the generator can know of it
	kept.send(w)
}

// note completes what is known of a call.
func (s *webServer) note(call *TokenCall, kept *keptAnswer) {
	var fields struct {
		Error        string `json:"error"`
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		IDToken      string `json:"id_token"`
		DeviceCode   string `json:"device_code"`
	}
	_ = json.Unmarshal(kept.body.Bytes(), &fields) // what is not JSON has no fields
	s.learn(fields.AccessToken, fields.RefreshToken, fields.IDToken, fields.DeviceCode)
	s.mu.Lock()
	defer s.mu.Unlock()
	call.Status, call.Code, call.Ended = kept.status, fields.Error, time.Now()
	if _, known := s.given[fields.AccessToken]; !known {
		s.given[fields.AccessToken] = call.Ended
	}
}

// seen returns the calls so far.
func (s *webServer) seen() []TokenCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []TokenCall
	for _, c := range s.calls {
		calls = append(calls, *c)
	}
	return calls
}

// givenAt returns when a token was given.
func (s *webServer) givenAt(token string) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.given[token]
	return at, ok
}

// connections returns how many there have been.
func (s *webServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// A keptAnswer is an answer that has not been sent yet.
type keptAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *keptAnswer) Header() http.Header { return k.header }

func (k *keptAnswer) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
}

func (k *keptAnswer) Write(p []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(p)
}

func (k *keptAnswer) send(w http.ResponseWriter) {
	for name, values := range k.header {
		w.Header()[name] = slices.Clone(values)
	}
	if k.status == 0 {
		k.status = http.StatusOK
	}
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body.Bytes()) // if it fails, the generator has gone
}

// answerJSON writes a JSON answer.
func answerJSON(w http.ResponseWriter, status int, fields map[string]any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(fields) // into memory
}

// line returns the call as a line of a transcript. Time counts from start, unless
// that is zero.
func (c *TokenCall) line(start time.Time) string {
	line := ""
	if !start.IsZero() {
		line = fmt.Sprintf("%v ", c.Time.Sub(start).Round(time.Second))
	}
	line += c.Method + " " + c.Path
	for _, name := range []string{"grant_type", "scope"} {
		if value := c.Form.Get(name); value != "" {
			line += " " + name + "=" + value
		}
	}
	switch {
	case c.Status == 0:
		return line + ": no answer"
	case c.Code != "":
		return fmt.Sprintf("%s: %d %s", line, c.Status, c.Code)
	}
	return fmt.Sprintf("%s: %d", line, c.Status)
}
