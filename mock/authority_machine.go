package mock

import (
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// A Machine is the virtual machine that the code under test believes to run on.
// Its metadata servers are plain HTTP, at [Authority.MetadataHost].
type Machine struct {
	// ServiceAccount is the account that Google's metadata server gives tokens
	// for. Zero means that none is attached.
	ServiceAccount string

	// Project is its project at Google. Zero means "mock-project".
	Project string

	// Identity is the client ID of the managed identity that Microsoft's metadata
	// server gives tokens for where none is named, the system-assigned. Zero means
	// that there is none.
	Identity string

	// UserIdentities are those that are given tokens by their names: client IDs,
	// object IDs or resource IDs. Zero means none.
	UserIdentities []string
}

// MetadataHost returns the host and port of the metadata servers, as in the
// environment variable GCE_METADATA_HOST. On the in-memory network, only the
// authority's clients reach it.
func (a *Authority) MetadataHost() string {
	return strings.TrimSuffix(a.plain.Addr().String(), ":80")
}

// metadataHost is the name of the metadata servers in memory.
const metadataHost = "metadata.test"

// plainRoutes refuses, on the listener without TLS, what is not for machines.
func plainRoutes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isMachinePath(r.URL.Path) {
			answer(w, http.StatusForbidden, map[string]any{"error": "invalid_request", "error_description": "HTTPS is required."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isMachinePath(path string) bool {
	return path == "/" || strings.HasPrefix(path, "/msi/") || strings.HasPrefix(path, "/computeMetadata/") || strings.HasPrefix(path, "/metadata/")
}

// machineToken returns a token of a machine, and what it is at the moment. A
// metadata server has the same for all who ask, till five minutes before its end.
func (a *Authority) machineToken(r *http.Request, key string, t accessToken) (string, accessToken) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if value := a.machines.get(key); value != "" {
		if t := a.tokens[value]; t != nil && time.Until(t.expiry) > 5*time.Minute {
			return value, *t
		}
	}
	value, issued := a.issue(t, a.lifetime(r))
	a.machines.put(key, value)
	return value, *issued
}

// computeMetadata is Google's metadata server. It answers nobody who does not
// know that it is one, nor whoever a proxy has sent.
func (a *Authority) computeMetadata(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Metadata-Flavor", "Google")
	w.Header().Set("Server", "Metadata Server for VM")
	account, name, what := a.opts.Machine.ServiceAccount, r.PathValue("account"), r.PathValue("what")
	isAccount := account != "" && (name == "default" || name == account)
	switch path := strings.TrimPrefix(r.URL.Path, "/computeMetadata/v1/"); {
	case r.Header.Get("X-Forwarded-For") != "":
		plainText(w, http.StatusForbidden, "Forbidden: X-Forwarded-For")
	case r.Header.Get("Metadata-Flavor") != "Google":
		plainText(w, http.StatusForbidden, "Missing Metadata-Flavor:Google header.")
	case path == "project/project-id":
		plainText(w, http.StatusOK, a.project())
	case path == "project/numeric-project-id":
		plainText(w, http.StatusOK, "123456789012")
	case path == "universe/universe-domain":
		plainText(w, http.StatusOK, "googleapis.com")
	case isAccount && what == "email":
		plainText(w, http.StatusOK, account)
	case isAccount && what == "scopes":
		plainText(w, http.StatusOK, cloudScopes()[0]+"\n")
	case isAccount && what == "token":
		value, t := a.machineToken(r, account, accessToken{user: account, client: account, scopes: cloudScopes()[:1], machine: true})
		answer(w, http.StatusOK, faultOf(r).replace(map[string]any{
			"access_token": value, "expires_in": int(time.Until(t.expiry) / time.Second), "token_type": "Bearer",
		}))
	default:
		plainText(w, http.StatusNotFound, "The requested URL was not found on this server.")
	}
}

// machineRoot is how a client finds out that there is a metadata server.
func (a *Authority) machineRoot(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Metadata-Flavor", "Google")
	plainText(w, http.StatusOK, "computeMetadata/\n")
}

func plainText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/text")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// listenPlain returns the listener of the metadata servers, beside another.
func listenPlain(o AuthorityOptions) (listener, error) {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		host = "127.0.0.1"
	}
	return listen(o.Network, net.JoinHostPort(host, "0"), net.JoinHostPort(metadataHost, "80"), 0)
}
