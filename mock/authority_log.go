package mock

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Bounds of the log of an authority: requests, octets of each value.
const (
	maxRequests = 10_000
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
// What is not known to be harmless is taken for one, and its length is shown
// instead: it may be a method, a part of the path, a name or a value. Of clients,
// scopes and grants, the authority shows those that it knows and those that look
// like one. Tokens and client secrets that it knows are not shown in any place, be
// it as part of something else.
type AuthorityRequest struct {
	Time     time.Time
	Method   string
	Host     string            // as the client named it
	Path     string            // without the query
	Grant    string            // grant_type
	ClientID string            // as a parameter or as user of Basic
	Scope    string            // as asked for
	Form     map[string]string // first values, by names that OAuth knows; the others are one, "<unknown>"; of the authorization endpoint and of metadata servers, the query
	Status   int               // of the response, 0 if there was none
}

// Requests returns the latest 10,000 requests, the oldest first.
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
		defer func() { a.log(r, sw.status) }() // also if a fault ends it by a panic
		if err := r.ParseForm(); err != nil {
			answer(sw, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
			return
		}
		next.ServeHTTP(sw, r)
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

// log remembers a request. Beyond maxRequests the oldest are forgotten.
func (a *Authority) log(r *http.Request, status int) {
	form := loggedForm(r)
	client := form.Get("client_id")
	if c, _ := presented(r); c.basic {
		client = c.id
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.requests) == maxRequests {
		a.requests[0] = AuthorityRequest{} // what it holds is not to outlive it
		a.requests = a.requests[1:]
	}
	a.requests = append(a.requests, AuthorityRequest{
		Time: time.Now(), Method: shownMethod(r.Method), Host: a.shownHost(r.Host), Path: a.shownPath(r.URL.Path), Status: status,
		Grant: a.shownGrant(r.PostForm.Get("grant_type")), ClientID: a.shownClient(client), Scope: a.shownScope(form.Get("scope")),
		Form: a.shownForm(form),
	})
}

// loggedForm returns the parameters of a request. Only where they belong into the
// query is that looked at.
func loggedForm(r *http.Request) url.Values {
	if r.Method == http.MethodGet && (isAuthorizePath(r.URL.Path) || isMachinePath(r.URL.Path)) {
		return r.Form
	}
	return r.PostForm
}
