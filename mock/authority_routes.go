package mock

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxForm and maxHeader bound a request, in octets.
const (
	maxForm   = 64 << 10
	maxHeader = 16 << 10
)

func (a *Authority) routes() http.Handler {
	mux := http.NewServeMux()
	route := func(method, path string, handler http.HandlerFunc) {
		mux.HandleFunc(method+" "+path, handler)
		mux.HandleFunc(path, otherMethod(method))
	}
	route("GET", "/authorize", a.authorize)
	route("GET", "/o/oauth2/auth", a.authorize)
	route("GET", "/o/oauth2/v2/auth", a.authorize)
	route("POST", "/device_authorization", a.deviceAuthorization)
	route("POST", "/device/code", a.deviceAuthorization)
	route("GET", "/device", a.devicePage)
	route("POST", "/token", a.token(a.standardError))
	route("POST", "/introspect", a.introspect)
	route("POST", "/revoke", a.revoke)
	route("GET", "/.well-known/openid-configuration", a.discovery)
	route("GET", "/.well-known/oauth-authorization-server", a.discovery)
	route("POST", "/{tenant}/oauth2/v2.0/token", a.inTenant(a.token(a.microsoftError)))
	route("GET", "/{tenant}/v2.0/.well-known/openid-configuration", a.inTenant(a.configuration))
	route("GET", "/{tenant}/oauth2/v2.0/authorize", a.inTenant(a.authorize))
	route("POST", "/{tenant}/oauth2/v2.0/devicecode", a.inTenant(a.deviceAuthorization))
	route("GET", "/common/discovery/instance", a.instance)
	route("GET", "/common/UserRealm/{user}", a.userRealm)
	route("GET", "/metadata/identity/oauth2/token", a.instanceMetadata)
	route("GET", "/msi/token", a.identityHost)
	route("POST", "/msi/shell", a.cloudShell)
	route("POST", "/v1/projects/-/serviceAccounts/{call}", a.credentialsAPI)
	route("POST", "/v1/token", a.securityTokens)
	for _, path := range []string{"instance/service-accounts/{account}/{what}", "project/{what}", "universe/{what}"} {
		route("GET", "/computeMetadata/v1/"+path, a.computeMetadata)
	}
	route("GET", "/{$}", a.machineRoot)
	route("GET", "/jwks", a.keys)
	route("GET", "/oauth2/v3/certs", a.keys)
	route("GET", "/{tenant}/discovery/v2.0/keys", a.inTenant(a.keys))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, map[string]any{"error": "not_found"})
	})
	return mux
}

// otherMethod refuses the methods that a route does not have (RFC 9110, Section
// 15.5.6).
func otherMethod(method string) http.HandlerFunc {
	allow := method
	if method == http.MethodGet {
		allow = "GET, HEAD"
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allow)
		answer(w, http.StatusMethodNotAllowed, map[string]any{"error": "invalid_request", "error_description": "The method is not " + allow + "."})
	}
}

// ServeHTTP answers a request as the authority does on its listener, for tests
// that have an HTTP server of their own.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.server.Handler.ServeHTTP(w, r)
}

// configurationURL is where OpenID Connect's discovery finds the authority.
func (a *Authority) configurationURL() string {
	if a.opts.Dialect != MicrosoftOAuth {
		return a.URL() + "/.well-known/openid-configuration"
	}
	return a.URL() + "/" + a.opts.Tenant + "/v2.0/.well-known/openid-configuration"
}

// inTenant refuses requests to tenants that do not exist.
func (a *Authority) inTenant(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tenant := r.PathValue("tenant")
		known := []string{a.opts.Tenant, "common", "organizations", "consumers"}
		if !slices.Contains(known, tenant) {
			a.microsoftError(w, &oauthError{
				http.StatusBadRequest, "invalid_tenant", 90002,
				fmt.Sprintf("Tenant %q not found.", tenant),
			})
			return
		}
		next(w, r)
	}
}

// An oauthError is an error response (RFC 6749, Section 5.2).
type oauthError struct {
	status int
	code   string
	number int // Microsoft's AADSTS number
	text   string
}

func (a *Authority) standardError(w http.ResponseWriter, e *oauthError) {
	answer(w, e.status, standardFields(e))
}

func standardFields(e *oauthError) map[string]any {
	return map[string]any{"error": e.code, "error_description": e.text}
}

func (a *Authority) microsoftError(w http.ResponseWriter, e *oauthError) {
	answer(w, e.status, microsoftFields(e))
}

func microsoftFields(e *oauthError) map[string]any {
	trace, correlation, now := uuid(), uuid(), time.Now().UTC()
	stamp := now.Format("2006-01-02 15:04:05Z")
	fields := map[string]any{
		"error": e.code,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			e.number, e.text, trace, correlation, stamp),
		"error_codes":    []int{e.number},
		"timestamp":      stamp,
		"trace_id":       trace,
		"correlation_id": correlation,
		"error_uri":      "https://login.microsoftonline.com/error?code=" + strconv.Itoa(e.number),
	}
	if e.number == 0 { // not one that the authority knows
		fields["error_description"] = e.text
		delete(fields, "error_codes")
		delete(fields, "error_uri")
	}
	return fields
}

func uuid() string {
	s := random(32)
	return strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}

// answer writes a JSON response that nobody keeps.
func answer(w http.ResponseWriter, status int, fields map[string]any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	uncached(w)
	if status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" { // RFC 6749, Section 5.2; RFC 9110, Section 15.5.2
		w.Header().Set("WWW-Authenticate", `Basic realm="mock"`)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(fields) // if it fails, the client has gone
}

// uncached says that nobody is to keep a response (RFC 6749, Section 5.1).
func uncached(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
}
