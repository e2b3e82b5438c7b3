package mock

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
// instead: it may be a method, a part of the path, a name or a value. Tokens and
// client secrets that the authority knows are not shown in any place.
type AuthorityRequest struct {
	Time     time.Time
	Method   string
	Host     string            // as the client named it
	Path     string            // without the query
	Grant    string            // grant_type
	ClientID string            // as a parameter or as user of Basic
	Scope    string            // as asked for
	Form     map[string]string // first values, by names that OAuth knows; the others are one, "<unknown>"
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
	client := r.PostForm.Get("client_id")
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
		Time: time.Now(), Method: shownMethod(r.Method), Host: a.shown(r.Host), Path: a.shownPath(r.URL.Path), Status: status,
		Grant: a.shown(r.PostForm.Get("grant_type")), ClientID: a.shown(client), Scope: a.shown(r.PostForm.Get("scope")),
		Form: a.shownForm(r.PostForm),
	})
}

// shown returns a value from a place where there should be no secret.
func (a *Authority) shown(value string) string {
	if a.isSecret(value) {
		return redacted(len(value))
	}
	return clip(value)
}

// isSecret reports whether a value is a token, or the secret of a client.
func (a *Authority) isSecret(value string) bool {
	if a.tokens[value] != nil || a.grants[value] != nil {
		return true
	}
	if _, isClient := a.opts.Clients[value]; value == "" || isClient {
		return false
	}
	for _, secret := range a.opts.Clients {
		if secret == value {
			return true
		}
	}
	return false
}

func shownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return redacted(len(method))
}

// shownPath returns a path with the segments that paths of authorities have, so
// that one that is wrong by a segment can be read.
func (a *Authority) shownPath(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		switch segment {
		case "", "token", "introspect", "revoke", "authorize", "auth", "o", "oauth2", "v1", "v2", "v2.0", "tokeninfo", "userinfo",
			"devicecode", "device", "code", "common", "organizations", "consumers", "discovery", "instance",
			".well-known", "openid-configuration", "oauth-authorization-server", a.opts.Tenant:
		default:
			segments[i] = redacted(len(segment))
		}
	}
	return clip(strings.Join(segments, "/"))
}

// unknownFields is the name under which the log has all parameters that it does not
// know: a name may be a secret, as where a client sends a token without one.
const unknownFields = "<unknown>"

func (a *Authority) shownForm(form url.Values) map[string]string {
	fields, rest := make(map[string]string), 0
	for name, values := range form {
		switch name {
		case "grant_type", "client_id", "scope", "redirect_uri", "client_info", "token_type_hint":
			fields[name] = a.shown(values[0])
		case "client_secret", "refresh_token", "token", "access_token", "id_token", "code", "code_verifier", "device_code",
			"username", "password", "assertion", "client_assertion", "client_assertion_type", "claims", "state",
			"audience", "resource", "subject_token", "subject_token_type", "requested_token_type", "requested_token_use":
			fields[name] = redacted(len(values[0]))
		default:
			rest += len(name) + len(strings.Join(values, ""))
		}
	}
	if rest > 0 {
		fields[unknownFields] = redacted(rest)
	}
	return fields
}
