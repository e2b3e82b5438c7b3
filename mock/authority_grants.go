package mock

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// token returns the token endpoint (RFC 6749, Section 3.2). refuse writes errors
// as the route does.
func (a *Authority) token(refuse func(http.ResponseWriter, *oauthError)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		fields, refusal := a.exchange(r)
		a.mu.Unlock()
		if refusal != nil {
			refuse(w, refusal)
			return
		}
		answer(w, http.StatusOK, faultOf(r).replace(fields))
	}
}

// exchange runs the grant that is asked for.
func (a *Authority) exchange(r *http.Request) (map[string]any, *oauthError) {
	if refusal := repeated(r.PostForm); refusal != nil {
		return nil, refusal
	}
	microsoft := r.PathValue("tenant") != ""
	if r.PostForm.Get("grant_type") == jwtBearer && !microsoft {
		return a.serviceToken(r)
	}
	client, refusal := a.authenticate(r)
	if refusal != nil {
		return nil, refusal
	}
	switch grantType := r.PostFormValue("grant_type"); {
	case grantType == "refresh_token":
		return a.refresh(r, client, microsoft)
	case grantType == "authorization_code":
		return a.redeem(r, client, microsoft)
	case grantType == deviceGrant, grantType == "device_code" && microsoft:
		return a.deviceToken(r, client, microsoft)
	case grantType == "client_credentials" && (microsoft || a.opts.Dialect != GoogleOAuth):
		return a.clientCredentials(r, client, microsoft)
	case grantType == "password" && (microsoft || a.opts.Dialect != GoogleOAuth):
		return a.password(r, client, microsoft)
	case grantType == jwtBearer: // of Microsoft's route: the others have had theirs
		return a.onBehalfOf(r, client)
	case grantType == "":
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", 900144, "The parameter grant_type is missing."}
	}
	return nil, &oauthError{http.StatusBadRequest, "unsupported_grant_type", 70003, "The grant type is not supported."}
}

// refresh is the grant of RFC 6749, Section 6. The first client to use a refresh
// token is the one that it was issued to.
func (a *Authority) refresh(r *http.Request, client string, microsoft bool) (map[string]any, *oauthError) {
	value := r.PostFormValue("refresh_token")
	g := a.grants[value]
	switch {
	case value == "":
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", 900144, "The parameter refresh_token is missing."}
	case g == nil:
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", 9002313, "Malformed refresh token."}
	case g.client != "" && g.client != client: // nor does it end what is another's
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", 70000, "The refresh token was issued to another client."}
	case g.current != value: // it was replaced, so somebody else has used it
		a.revokeFamily(g)
	}
	if g.revoked {
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", 50173, "Token has been expired or revoked."}
	}
	scopes, refusal := narrow(g.scopes, r.PostFormValue("scope"))
	if refusal != nil {
		return nil, refusal
	}
	g.client = client
	fields := a.success(accessToken{user: g.user, client: client, scopes: scopes, grant: g}, a.lifetime(r))
	g.uses++
	if a.opts.RotateRefresh && g.uses >= a.opts.RotateEvery {
		a.renew(g)
	}
	if a.opts.RotateRefresh || microsoft {
		fields["refresh_token"] = g.current
	}
	if microsoft || slices.Contains(g.openID, "openid") {
		fields["id_token"] = a.idToken(r, g, "")
	}
	if microsoft {
		fields["client_info"] = a.clientInfo(g.user)
	}
	return fields, nil
}

// clientInfo is where MSAL finds to which account tokens belong.
func (a *Authority) clientInfo(user string) string {
	return segment(map[string]any{"uid": user, "utid": a.opts.Tenant})
}

// clientCredentials is the grant of RFC 6749, Section 4.4. Its token is good for
// any user.
func (a *Authority) clientCredentials(r *http.Request, client string, microsoft bool) (map[string]any, *oauthError) {
	if a.isPublic(r, client) {
		return nil, &oauthError{http.StatusUnauthorized, "unauthorized_client", 7000218, "A public client has nothing of its own."}
	}
	scopes := []string{a.opts.Scope}
	if microsoft {
		// MSAL asks for the scopes of OpenID Connect too, which count for nothing.
		asked := slices.DeleteFunc(strings.Fields(r.PostFormValue("scope")), isOpenID)
		if len(asked) != 1 || len(asked[0]) > maxScope || !strings.HasSuffix(asked[0], "/.default") {
			return nil, &oauthError{http.StatusBadRequest, "invalid_scope", 1002012, "The scope of client credentials must end in /.default."}
		}
		scopes = a.ofApplication(asked[0])
	}
	fields := a.success(accessToken{client: client, scopes: scopes}, a.lifetime(r))
	if microsoft {
		delete(fields, "scope")
	}
	return fields, nil
}

// success issues a token and returns the response (RFC 6749, Section 5.1).
func (a *Authority) success(t accessToken, ttl time.Duration) map[string]any {
	value, issued := a.issue(t, ttl)
	// Rounded down: a token never lives shorter than the response says.
	seconds := int(time.Until(issued.expiry) / time.Second)
	return map[string]any{
		"access_token": value,
		"token_type":   "Bearer",
		"expires_in":   seconds,
		"scope":        joined(t.scopes),
	}
}

// narrow returns what is asked of the scopes granted; nothing asked means all.
// What OpenID Connect adds to scopes is no scope of a token.
func narrow(granted []string, asked string) ([]string, *oauthError) {
	var scopes []string
	for _, scope := range strings.Fields(asked) {
		switch {
		case isOpenID(scope):
		case slices.Contains(granted, scope):
			scopes = append(scopes, scope)
		case hasResource(granted, scope):
			scopes = append(scopes, granted...)
		default:
			return nil, &oauthError{http.StatusBadRequest, "invalid_scope", 70011, "The scope was not granted."}
		}
	}
	if scopes == nil {
		scopes = granted
	}
	return slices.Clone(scopes), nil
}

// hasResource reports whether a scope is ".default" of a resource, of which some
// have been granted.
func hasResource(granted []string, scope string) bool {
	resource, isDefault := strings.CutSuffix(scope, ".default")
	return isDefault && slices.ContainsFunc(granted, func(g string) bool { return strings.HasPrefix(g, resource) })
}

func joined(scopes []string) string { return strings.Join(scopes, " ") }
