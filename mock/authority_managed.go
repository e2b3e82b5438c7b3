package mock

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// IdentityEndpoint returns the managed identity endpoint of hosts that tell their
// programs a secret: in the environment variables IDENTITY_ENDPOINT of App Service
// and Container Apps and MSI_ENDPOINT of Machine Learning. That of Service Fabric
// has TLS and is at the same path below URL.
func (a *Authority) IdentityEndpoint() string { return "http://" + a.MetadataHost() + "/msi/token" }

// IdentityHeader returns that secret: in the environment variables IDENTITY_HEADER
// and MSI_SECRET.
func (a *Authority) IdentityHeader() sasl.Secret { return sasl.NewSecret(a.identityHeader) }

// CloudShellEndpoint returns what a Cloud Shell has in the environment variable
// MSI_ENDPOINT.
func (a *Authority) CloudShellEndpoint() string { return "http://" + a.MetadataHost() + "/msi/shell" }

// instanceMetadata is the managed identity endpoint of Microsoft's virtual
// machines, 169.254.169.254.
func (a *Authority) instanceMetadata(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	refuse := func(text string) {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_request", "error_description": text})
	}
	identity, found := a.identity(query, "client_id", "object_id", "msi_res_id")
	switch {
	case r.Header.Get("Metadata") != "true":
		refuse("Required metadata header not specified")
	case !isVersion(query, "2018-02-01"):
		refuse("Required query variable 'api-version' is missing or too old")
	case query.Get("resource") == "" || len(query.Get("resource")) > maxField:
		refuse("Required query variable 'resource' is missing")
	case !found:
		refuse("Identity not found")
	default:
		a.identityToken(w, r, identity, query.Get("resource"))
	}
}

// identityHost is the managed identity endpoint of hosts that tell a secret. By
// which header it comes, and how an identity is named, is up to the host.
func (a *Authority) identityHost(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	refuse := func(status int, text string) {
		answer(w, status, map[string]any{"statusCode": status, "message": text})
	}
	secret, names := r.Header.Get("X-IDENTITY-HEADER"), []string{"client_id", "principal_id", "object_id", "mi_res_id"}
	isKnown := isVersion(query, "2019-08-01")
	if secret == "" {
		secret = r.Header.Get("Secret")
		switch query.Get("api-version") {
		case "2017-09-01": // Machine Learning
			isKnown, names = true, []string{"clientid"}
		case "2019-07-01-preview": // Service Fabric
			isKnown = true
		default:
			isKnown = false
		}
	}
	identity, found := a.identity(query, names...)
	switch {
	case !matches(secret, a.identityHeader):
		refuse(http.StatusUnauthorized, "The secret of the environment is missing or wrong.")
	case !isKnown:
		refuse(http.StatusBadRequest, "The api-version is missing, or none of this host.")
	case query.Get("resource") == "" || len(query.Get("resource")) > maxField:
		refuse(http.StatusBadRequest, "The resource is missing.")
	case !found:
		refuse(http.StatusBadRequest, "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.")
	default:
		a.identityToken(w, r, identity, query.Get("resource"))
	}
}

// cloudShell gives tokens of the one identity that a Cloud Shell has.
func (a *Authority) cloudShell(w http.ResponseWriter, r *http.Request) {
	resource := r.PostForm.Get("resource")
	refuse := func(text string) {
		answer(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"code": "invalid_request", "message": text}})
	}
	switch {
	case r.Header.Get("Metadata") != "true":
		refuse("Required metadata header not specified")
	case resource == "" || len(resource) > maxField:
		refuse("The resource is missing.")
	case a.opts.Machine.Identity == "":
		refuse("Identity not found")
	default:
		a.identityToken(w, r, a.opts.Machine.Identity, resource)
	}
}

// isVersion reports whether a request has an api-version not older than that.
// They are dates.
func isVersion(query url.Values, oldest string) bool {
	version := query.Get("api-version")
	_, err := time.Parse(time.DateOnly, version)
	return err == nil && version >= oldest
}

// identity returns the identity that a request names, by one parameter at most.
func (a *Authority) identity(query url.Values, names ...string) (string, bool) {
	var named []string
	for _, name := range names {
		named = append(named, query[name]...)
	}
	named = slices.DeleteFunc(named, func(name string) bool { return name == "" }) // as Machine Learning has it
	switch len(named) {
	case 0:
		return a.opts.Machine.Identity, a.opts.Machine.Identity != ""
	case 1:
		return named[0], slices.Contains(a.opts.Machine.UserIdentities, named[0])
	}
	return "", false
}

// identityToken answers with a token of an identity. For the resource of mail, it
// is an application that may send as any user.
func (a *Authority) identityToken(w http.ResponseWriter, r *http.Request, identity, resource string) {
	scope := strings.TrimSuffix(resource, "/") + "/.default"
	value, t := a.machineToken(r, identity+" "+resource, accessToken{client: identity, scopes: a.ofApplication(scope)})
	answer(w, http.StatusOK, faultOf(r).replace(map[string]any{
		"access_token": value, "client_id": identity, "resource": resource, "token_type": "Bearer",
		"expires_in": strconv.Itoa(int(time.Until(t.expiry) / time.Second)), "expires_on": strconv.FormatInt(t.expiry.Unix(), 10),
		"not_before": strconv.FormatInt(t.issued.Unix(), 10),
	}))
}

// ofApplication returns the scopes of a token that an application has asked for in
// its own name: with the resource of mail, what is needed for SMTP.
func (a *Authority) ofApplication(scope string) []string {
	u, err := url.Parse(scope)
	own, ownErr := url.Parse(a.opts.Scope)
	if err == nil && ownErr == nil && (strings.Contains(u.Host, "outlook") || u.Host == own.Host) {
		return []string{a.opts.Scope}
	}
	return []string{scope}
}
