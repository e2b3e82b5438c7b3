package mock

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// maxRequests bounds the log of an authority.
const maxRequests = 10_000

// An AuthorityRequest is a request that an [Authority] got, without its secrets.
type AuthorityRequest struct {
	Time     time.Time
	Method   string
	Host     string // as the client named it
	Path     string
	Grant    string            // grant_type
	ClientID string            // as a parameter or as user of Basic
	Scope    string            // as asked for
	Form     map[string]string // first values; those of secrets are redacted
	Status   int               // of the response
}

// Requests returns the requests so far, the oldest first.
func (a *Authority) Requests() []AuthorityRequest {
	a.mu.Lock()
	defer a.mu.Unlock()
	requests := slices.Clone(a.requests)
	for i := range requests {
		requests[i].Form = maps.Clone(requests[i].Form)
	}
	return requests
}

// A failure is what a request gets instead of its answer.
type failure struct {
	status     int
	code       string
	retryAfter time.Duration
}

// FailNext lets the next n requests for a token fail with an HTTP status and an
// error code of OAuth, such as "temporarily_unavailable", and with Retry-After,
// in whole seconds, unless that is zero.
func (a *Authority) FailNext(n, status int, code string, retryAfter time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range n {
		a.failures = append(a.failures, failure{status, code, retryAfter})
	}
}

// nextFailure takes the next failure, nil if there is none.
func (a *Authority) nextFailure() *failure {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.failures) == 0 {
		return nil
	}
	f := a.failures[0]
	a.failures = a.failures[1:]
	return &f
}

// logged reads the form of each request, within bounds, and logs it.
func (a *Authority) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		if err := r.ParseForm(); err != nil {
			answer(sw, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
		} else {
			next.ServeHTTP(sw, r)
		}
		a.log(r, sw.status)
	})
}

// A statusWriter notes the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (a *Authority) log(r *http.Request, status int) {
	entry := AuthorityRequest{
		Time: time.Now(), Method: r.Method, Host: r.Host, Path: r.URL.Path, Status: status,
		Grant: r.PostForm.Get("grant_type"), ClientID: r.PostForm.Get("client_id"), Scope: r.PostForm.Get("scope"),
		Form: make(map[string]string),
	}
	if id, _, ok := r.BasicAuth(); ok {
		entry.ClientID = id
	}
	for key, values := range r.PostForm {
		entry.Form[key] = values[0]
		// What is not known to be harmless is taken for a secret.
		if !slices.Contains([]string{"grant_type", "client_id", "scope", "redirect_uri", "client_info"}, key) {
			entry.Form[key] = redacted(len(values[0]))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.requests) < maxRequests {
		a.requests = append(a.requests, entry)
	}
}
