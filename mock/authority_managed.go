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

// IdentityEndpoint returns what an App Service has in the environment variable
// IDENTITY_ENDPOINT.
func (a *Authority) IdentityEndpoint() string { return "http://" + a.MetadataHost() + "/msi/token" }

// IdentityHeader returns what an App Service has in the environment variable
// IDENTITY_HEADER.
func (a *Authority) IdentityHeader() sasl.Secret { return sasl.NewSecret(a.identityHeader) }

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

// appService is the managed identity endpoint of App Service and Container Apps.
func (a *Authority) appService(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	refuse := func(status int, text string) {
		answer(w, status, map[string]any{"statusCode": status, "message": text})
	}
	identity, found := a.identity(query, "client_id", "principal_id", "object_id", "mi_res_id")
	switch {
	case !matches(r.Header.Get("X-IDENTITY-HEADER"), a.identityHeader):
		refuse(http.StatusUnauthorized, "The X-IDENTITY-HEADER is missing or wrong.")
	case !isVersion(query, "2019-08-01"):
		refuse(http.StatusBadRequest, "The api-version is missing or too old.")
	case query.Get("resource") == "" || len(query.Get("resource")) > maxField:
		refuse(http.StatusBadRequest, "The resource is missing.")
	case !found:
		refuse(http.StatusBadRequest, "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.")
	default:
		a.identityToken(w, r, identity, query.Get("resource"))
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
