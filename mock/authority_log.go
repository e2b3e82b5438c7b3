package mock

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Bounds of the log of an authority: requests, fields of each, octets of each.
const (
	maxRequests = 10_000
	maxFields   = 32
	maxField    = 256
)

// clip returns the beginning of a value.
func clip(s string) string {
	if len(s) <= maxField {
		return s
	}
	return s[:maxField] + " ..."
}

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
	Status   int               // of the response, 0 if there was none
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

// logged reads the form of each request, within bounds, and logs it.
func (a *Authority) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		sw := &statusWriter{ResponseWriter: w}
		if err := r.ParseForm(); err != nil {
			answer(sw, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
		} else {
			defer func() { a.log(r, sw.status) }() // also if a fault ends it by a panic
			next.ServeHTTP(sw, r)
			return
		}
		a.log(r, sw.status)
	})
}

// A statusWriter notes the status; 0 is that there was no answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

func (a *Authority) log(r *http.Request, status int) {
	entry := AuthorityRequest{
		Time: time.Now(), Method: clip(r.Method), Host: clip(r.Host), Path: clip(r.URL.Path), Status: status,
		Grant: clip(r.PostForm.Get("grant_type")), ClientID: clip(r.PostForm.Get("client_id")), Scope: clip(r.PostForm.Get("scope")),
		Form: make(map[string]string),
	}
	if id, _, ok := r.BasicAuth(); ok {
		entry.ClientID = clip(id)
	}
	for key, values := range r.PostForm {
		if len(entry.Form) == maxFields {
			break
		}
		key = clip(key)
		entry.Form[key] = clip(values[0])
		// What is not known to be harmless is taken for a secret.
		if !slices.Contains([]string{"grant_type", "client_id", "scope", "redirect_uri", "client_info", "token_type_hint"}, key) {
			entry.Form[key] = redacted(len(values[0]))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.requests) < maxRequests {
		a.requests = append(a.requests, entry)
	}
}
