package mock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An AuthorityFault is what goes wrong with requests to an [Authority]. The
// first that fits a request and is not used up happens to it, alone: a request
// has one answer, so faults with Times take turns. Each [Fault] of a [Server],
// in contrast, happens at its point, along with others that are there.
type AuthorityFault struct {
	// Grant is the grant_type of the requests for a token that it is for. Zero
	// means any.
	Grant string

	// Path is the path of the requests that it is for, such as "/revoke". Zero
	// means all requests for a token.
	Path string

	// Times is how many requests it happens to. Zero means all.
	Times int

	// Delay is how long the answer takes. Zero means no time.
	Delay time.Duration

	// Drop closes the connection instead of an answer. A test that calls ServeHTTP
	// itself sees a panic with http.ErrAbortHandler, as from any such handler.
	Drop bool

	// Status is the HTTP status of a refusal. Zero means 400 if there is an Error,
	// else that there is no refusal.
	Status int

	// Error is the error code of OAuth (RFC 6749, Section 5.2), such as
	// "invalid_grant". Zero means, if there is a Status, "server_error". The
	// authorization endpoint sends an Error without Status back to the client, by
	// the browser. Google's APIs have it as their status, such as
	// "PERMISSION_DENIED".
	Error string

	// Description goes with Error. Zero means that the test has asked for it.
	Description string

	// AADSTS is the number that a refusal by a route of Microsoft's has, such as
	// 53003: it is in error_codes, and error_description begins with it. Zero means
	// none.
	AADSTS int

	// RetryAfter is when to try again, rounded up to seconds. Zero means that
	// nothing is said about it.
	RetryAfter time.Duration

	// HTML answers with a page for browsers, as proxies and sign-in portals do,
	// with Status or else 200.
	HTML bool

	// TTL is how long a token lives that is issued nevertheless. Zero means TTL of
	// AuthorityOptions.
	TTL time.Duration

	// Fields replaces fields of an answer in JSON; nil leaves a field out. So
	// {"expires_in": "3599"} is a string, {"expires_in": nil} says nothing of
	// expiry, {"refresh_in": 60} adds a hint, and with Error
	// {"suberror": "consent_required"} says more of a refusal. The token itself
	// lives as long as TTL says.
	Fields map[string]any
}

// check returns what is wrong with a fault.
func (f *AuthorityFault) check() error {
	switch {
	case f.Times < 0 || f.Delay < 0 || f.RetryAfter < 0 || f.TTL < 0 || f.AADSTS < 0:
		return errors.New("a number below zero")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is none of an answer; write 200 to 599", f.Status)
	case f.Path != "" && !strings.HasPrefix(f.Path, "/"):
		return fmt.Errorf("path %q does not begin with a slash", f.Path)
	case f.Drop && (f.HTML || f.refuses()):
		return errors.New("Drop together with an answer; set one of them")
	}
	if _, err := json.Marshal(f.Fields); err != nil {
		return fmt.Errorf("fields that JSON does not have: %w", err)
	}
	return nil
}

// refuses reports whether the answer is an error.
func (f *AuthorityFault) refuses() bool { return f.Error != "" || f.Status != 0 && !f.HTML }

// fits reports whether the fault is for a request.
func (f *AuthorityFault) fits(r *http.Request) bool {
	if f.Path != "" {
		return f.Path == r.URL.Path
	}
	return isTokenPath(r.URL.Path) && (f.Grant == "" || f.Grant == r.PostForm.Get("grant_type"))
}

func isTokenPath(path string) bool {
	return path == "/token" || path == "/v1/token" || strings.HasSuffix(path, "/oauth2/v2.0/token")
}

func isAuthorizePath(path string) bool {
	return strings.HasPrefix(path, "/o/oauth2/") || path == "/authorize" || strings.HasSuffix(path, "/oauth2/v2.0/authorize")
}

// Inject lets faults happen from now on, behind those that there are.
func (a *Authority) Inject(faults ...AuthorityFault) error {
	for i := range faults {
		if err := faults[i].check(); err != nil {
			return fmt.Errorf("mock: AuthorityFault %d: %w", i, err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range faults {
		f.Fields = frozen(f.Fields)
		a.faults = append(a.faults, &activeFault{f, f.Times})
	}
	return nil
}

// frozen returns a copy of fields, which have been checked, that stays as it is
// whatever becomes of what they point to.
func frozen(fields map[string]any) map[string]any {
	fields = maps.Clone(fields)
	for name, value := range fields {
		if encoded, err := json.Marshal(value); err == nil && value != nil {
			fields[name] = json.RawMessage(encoded)
		}
	}
	return fields
}

// FailNext lets the next n requests for a token fail with an HTTP status and an
// error code of OAuth, such as "temporarily_unavailable", and with Retry-After,
// in whole seconds, unless that is zero. The status or the code may be zero, as
// in an [AuthorityFault]. With n of zero nothing happens. [Authority.Inject] can
// do more.
func (a *Authority) FailNext(n, status int, code string, retryAfter time.Duration) error {
	f := AuthorityFault{Times: n, Status: status, Error: code, RetryAfter: retryAfter}
	switch err := f.check(); {
	case n < 0:
		return fmt.Errorf("mock: FailNext: %d requests", n)
	case err != nil:
		return fmt.Errorf("mock: FailNext: %w", err)
	case !f.refuses():
		return errors.New("mock: FailNext: neither a status nor an error code; set one of them")
	case n == 0:
		return nil
	}
	return a.Inject(f)
}

// Heal ends all faults.
func (a *Authority) Heal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = nil
}

// An activeFault is a fault that happens yet.
type activeFault struct {
	AuthorityFault
	left int // with Times: to how many requests
}

// nextFault takes the fault that happens to a request, nil if there is none.
func (a *Authority) nextFault(r *http.Request) *AuthorityFault {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, f := range a.faults {
		if !f.fits(r) {
			continue
		}
		if f.left--; f.Times > 0 && f.left == 0 {
			a.faults = append(a.faults[:i:i], a.faults[i+1:]...)
		}
		return &f.AuthorityFault
	}
	return nil
}

// faultKey is the key of a request's context for the fault that goes on with an
// answer.
type faultKey struct{}

// faultOf returns the fault that a good answer to r has; zero if none.
func faultOf(r *http.Request) AuthorityFault {
	if f, ok := r.Context().Value(faultKey{}).(*AuthorityFault); ok {
		return *f
	}
	return AuthorityFault{}
}

// faulty lets the faults happen.
func (a *Authority) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := a.nextFault(r)
		if f == nil {
			next.ServeHTTP(w, r)
			return
		}
		if !wait(r.Context(), f.Delay) || f.Drop {
			panic(http.ErrAbortHandler) // how a handler drops its connection: nothing is logged
		}
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
		}
		switch {
		case f.HTML:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(orStatus(f.Status, http.StatusOK))
			_, _ = w.Write([]byte("<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Welcome</h1></body></html>\n"))
		case f.refuses() && (f.Status != 0 || !isAuthorizePath(r.URL.Path)):
			a.refuseBy(f)(w, r)
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), faultKey{}, f)))
		}
	})
}

// refuseBy answers with the error of a fault, as the route that was asked does.
func (a *Authority) refuseBy(f *AuthorityFault) http.HandlerFunc {
	e := &oauthError{orStatus(f.Status, http.StatusBadRequest), f.Error, f.AADSTS, f.Description}
	if e.code == "" {
		e.code = "server_error"
	}
	if e.text == "" {
		e.text = "as the test asked"
	}
	return func(w http.ResponseWriter, r *http.Request) {
		fields := standardFields(e)
		switch {
		case strings.Contains(r.URL.Path, "/v2.0/"):
			fields = microsoftFields(e)
		case strings.HasPrefix(r.URL.Path, "/v1/projects/"):
			fields = (&apiError{e.status, e.code, e.text, ""}).fields()
		}
		answer(w, e.status, f.replace(fields))
	}
}

// replace returns the fields of an answer as the fault has them.
func (f AuthorityFault) replace(fields map[string]any) map[string]any {
	for name, value := range f.Fields {
		fields[name] = value
		if value == nil {
			delete(fields, name)
		}
	}
	return fields
}

func orStatus(status, otherwise int) int {
	if status == 0 {
		return otherwise
	}
	return status
}

// wait waits and reports whether the client is still there.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
