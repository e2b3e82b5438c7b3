package mock

import (
	"net/http"
	"slices"
	"strings"
)

// password is the grant of RFC 6749, Section 4.3.
func (a *Authority) password(r *http.Request, client string, microsoft bool) (map[string]any, *oauthError) {
	user, password := r.PostForm.Get("username"), r.PostForm.Get("password")
	tenant := r.PathValue("tenant")
	bad := func(code string, number int, text string) (map[string]any, *oauthError) {
		return nil, &oauthError{http.StatusBadRequest, code, number, text}
	}
	switch {
	case user == "" || password == "":
		return bad("invalid_request", 900144, "The parameters username and password are needed.")
	case tenant == "common" || tenant == "consumers":
		return bad("invalid_request", 9001023, "The grant type is not supported over the /common or /consumers endpoints.")
	case !a.isUser(user):
		return bad("invalid_grant", 50034, "The user account does not exist in the directory.")
	case !a.isPassword(user, password):
		return bad("invalid_grant", 50126, "Error validating credentials due to invalid username or password.")
	}
	return a.enterDirectly(r, client, user, microsoft)
}

// isPassword reports whether a password is a user's.
func (a *Authority) isPassword(user, password string) bool {
	if a.opts.Users == nil {
		return true
	}
	for known, secret := range a.opts.Users {
		if strings.EqualFold(known, user) && secret != "" && matches(password, secret) {
			return true
		}
	}
	return false
}

// enterDirectly grants a client what it asks for in the name of a user who is
// asked nothing.
func (a *Authority) enterDirectly(r *http.Request, client, user string, microsoft bool) (map[string]any, *oauthError) {
	auth := &authorization{manner: routeDialect(r), client: client, user: user, offline: true}
	auth.scopes = a.expanded(strings.Fields(r.PostForm.Get("scope")))
	switch {
	case len(r.PostForm.Get("scope")) > maxScope:
		return nil, tooManyScopes()
	case len(auth.resourceScopes()) == 0 && !microsoft:
		auth.scopes = append(auth.scopes, a.opts.Scope)
	case len(auth.resourceScopes()) == 0:
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", 900144, "The parameter scope is missing."}
	case microsoft && resources(auth.scopes) > 1:
		return nil, &oauthError{http.StatusBadRequest, "invalid_scope", 28000, "The scope is of more than one resource."}
	}
	if microsoft {
		auth.offline = slices.Contains(auth.scopes, "offline_access")
	}
	_, fields := a.enter(r, auth)
	return fields, nil
}

// onBehalfOf is Microsoft's grant by which an API acts for the user who called it:
// jwt-bearer with the access token of that call, which has to be for this client.
func (a *Authority) onBehalfOf(r *http.Request, client string) (map[string]any, *oauthError) {
	value := r.PostForm.Get("assertion")
	t := a.tokens[value]
	bad := func(code string, number int, text string) (map[string]any, *oauthError) {
		return nil, &oauthError{http.StatusBadRequest, code, number, text}
	}
	switch {
	case value == "":
		return bad("invalid_request", 900144, "The parameter assertion is missing.")
	case r.PostForm.Get("requested_token_use") != "on_behalf_of":
		return bad("invalid_request", 900144, "The parameter requested_token_use is missing.")
	case a.isPublic(r, client):
		return nil, unauthenticated(7000218, "The request must hold client_assertion or client_secret.")
	case t == nil || t.revoked:
		return bad("invalid_grant", 50013, "Assertion failed signature validation.")
	case !t.good():
		return bad("invalid_grant", 500133, "Assertion is not within its valid time range.")
	case t.user == "" || t.machine:
		return bad("invalid_grant", 50013, "Assertion is not of a user.")
	case !slices.ContainsFunc(t.scopes, func(scope string) bool { return strings.HasPrefix(scope, "api://"+client+"/") }):
		return bad("invalid_grant", 500131, "Assertion audience does not match the Client app presenting the assertion.")
	}
	return a.enterDirectly(r, client, t.user, true)
}

// isPublic reports whether a client has nothing to authenticate by.
func (a *Authority) isPublic(r *http.Request, client string) bool {
	return a.opts.Clients != nil && a.opts.Clients[client] == "" && r.PostForm.Get("client_assertion") == ""
}

// userRealm says that users sign in here and at no other authority.
func (a *Authority) userRealm(w http.ResponseWriter, r *http.Request) {
	_, domain, _ := strings.Cut(r.PathValue("user"), "@")
	answer(w, http.StatusOK, faultOf(r).replace(map[string]any{
		"ver": "1.0", "account_type": "Managed", "domain_name": domain,
		"cloud_instance_name": "microsoftonline.com", "cloud_audience_urn": "urn:federation:MicrosoftOnline",
	}))
}
