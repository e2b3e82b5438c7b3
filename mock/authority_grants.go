package mock

import (
	"encoding/base64"
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
		for name, value := range faultOf(r).Fields {
			fields[name] = value
			if value == nil {
				delete(fields, name)
			}
		}
		answer(w, http.StatusOK, fields)
	}
}

// exchange runs the grant that is asked for.
func (a *Authority) exchange(r *http.Request) (map[string]any, *oauthError) {
	if refusal := repeated(r.PostForm); refusal != nil {
		return nil, refusal
	}
	client, refusal := a.authenticate(r)
	if refusal != nil {
		return nil, refusal
	}
	microsoft := r.PathValue("tenant") != ""
	switch grantType := r.PostFormValue("grant_type"); {
	case grantType == "refresh_token":
		return a.refresh(r, client, microsoft)
	case grantType == "client_credentials" && (microsoft || a.opts.Dialect != GoogleOAuth):
		return a.clientCredentials(r, client, microsoft)
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
	if a.opts.RotateRefresh {
		a.renew(g)
	}
	if a.opts.RotateRefresh || microsoft {
		fields["refresh_token"] = g.current
	}
	if microsoft {
		fields["id_token"] = a.idToken(g.user, client)
		fields["client_info"] = segment(map[string]any{"uid": g.user, "utid": a.opts.Tenant})
	}
	return fields, nil
}

// clientCredentials is the grant of RFC 6749, Section 4.4. Its token is good for
// any user.
func (a *Authority) clientCredentials(r *http.Request, client string, microsoft bool) (map[string]any, *oauthError) {
	if a.opts.Clients != nil && a.opts.Clients[client] == "" {
		return nil, &oauthError{http.StatusUnauthorized, "unauthorized_client", 7000218, "A public client has nothing of its own."}
	}
	isDefault := func(scope string) bool { return strings.HasSuffix(scope, "/.default") }
	// MSAL asks for the scopes of OpenID Connect too, which count for nothing.
	if microsoft && !slices.ContainsFunc(strings.Fields(r.PostFormValue("scope")), isDefault) {
		return nil, &oauthError{http.StatusBadRequest, "invalid_scope", 1002012, "The scope of client credentials must end in /.default."}
	}
	fields := a.success(accessToken{client: client, scopes: []string{a.opts.Scope}}, a.lifetime(r))
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
		"scope":        strings.Join(t.scopes, " "),
	}
}

// narrow returns what is asked of the scopes granted; nothing asked means all.
// What OpenID Connect adds to scopes is no scope of a token.
func narrow(granted []string, asked string) ([]string, *oauthError) {
	var scopes []string
	for _, scope := range strings.Fields(asked) {
		switch {
		case slices.Contains([]string{"openid", "profile", "email", "offline_access"}, scope):
		case slices.Contains(granted, scope):
			scopes = append(scopes, scope)
		default:
			return nil, &oauthError{http.StatusBadRequest, "invalid_scope", 70011, "The scope was not granted."}
		}
	}
	if scopes == nil {
		scopes = granted
	}
	return slices.Clone(scopes), nil
}

// idToken returns an OpenID Connect ID token without a signature worth the name.
func (a *Authority) idToken(user, client string) string {
	signature := base64.RawURLEncoding.EncodeToString([]byte("mock"))
	return segment(map[string]any{"typ": "JWT", "alg": "RS256"}) + "." + segment(map[string]any{
		"aud": client, "iss": a.URL() + "/" + a.opts.Tenant + "/v2.0",
		"oid": user, "sub": user, "tid": a.opts.Tenant, "preferred_username": user,
		"exp": time.Now().Add(a.opts.TTL).Unix(),
	}) + "." + signature
}
