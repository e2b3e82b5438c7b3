package mock

import (
	"net/http"
	"time"
)

// introspect says what the authority knows of a token (RFC 7662, Section 2.2). Of
// one that is not good it says nothing else.
func (a *Authority) introspect(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	fields, refusal := a.introspection(r)
	a.mu.Unlock()
	if refusal != nil {
		a.standardError(w, refusal)
		return
	}
	answer(w, http.StatusOK, fields)
}

func (a *Authority) introspection(r *http.Request) (map[string]any, *oauthError) {
	if refusal := repeated(r.PostForm); refusal != nil {
		return nil, refusal
	}
	client, refusal := a.authenticateIfKnown(r)
	if refusal != nil {
		return nil, refusal
	}
	if a.opts.Clients != nil && a.opts.Clients[client] == "" {
		return nil, &oauthError{http.StatusUnauthorized, "invalid_client", 0, "A public client may not ask about tokens."}
	}
	value := r.PostForm.Get("token")
	if value == "" {
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", 0, "The parameter token is missing."}
	}
	issuer := "https://" + r.Host
	if t := a.tokens[value]; t != nil && t.good() {
		fields := map[string]any{
			"active": true, "token_type": "Bearer", "iss": issuer,
			"scope": joined(t.scopes), "exp": t.expiry.Unix(), "iat": t.issued.Unix(),
		}
		addNames(fields, t.user, t.client)
		return fields, nil
	}
	if g := a.grants[value]; g != nil && g.current == value && !g.revoked {
		fields := map[string]any{"active": true, "iss": issuer, "scope": joined(g.scopes)}
		addNames(fields, g.user, g.client)
		return fields, nil
	}
	return map[string]any{"active": false}, nil
}

// addNames says whose a token is, as far as that is known.
func addNames(fields map[string]any, user, client string) {
	if user != "" {
		fields["username"], fields["sub"] = user, user
	}
	if client != "" {
		fields["client_id"] = client
	}
}

// revoke makes a token useless, and all that its grant brought (RFC 7009,
// Section 2.1). Google's route knows no client, and refuses tokens that it does
// not know; the RFC calls those revoked.
func (a *Authority) revoke(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	refusal := a.revocation(r)
	a.mu.Unlock()
	if refusal != nil {
		a.standardError(w, refusal)
		return
	}
	uncached(w)
	w.WriteHeader(http.StatusOK)
}

func (a *Authority) revocation(r *http.Request) *oauthError {
	if refusal := repeated(r.PostForm); refusal != nil {
		return refusal
	}
	google := a.opts.Dialect == GoogleOAuth
	client := ""
	if !google {
		var refusal *oauthError
		if client, refusal = a.authenticateIfKnown(r); refusal != nil {
			return refusal
		}
	}
	value := r.PostForm.Get("token")
	t, g := a.tokens[value], a.grants[value]
	switch {
	case value == "":
		return &oauthError{http.StatusBadRequest, "invalid_request", 0, "The parameter token is missing."}
	case t != nil && anothers(t.client, client), g != nil && anothers(g.client, client):
		return &oauthError{http.StatusBadRequest, "unauthorized_client", 0, "The token was issued to another client."}
	case t != nil:
		t.revoked = true
		if google && t.grant != nil {
			a.revokeFamily(t.grant)
		}
	case g != nil:
		a.revokeFamily(g)
	case google:
		return &oauthError{http.StatusBadRequest, "invalid_token", 0, "Token expired or revoked"}
	}
	return nil
}

// anothers reports whether a token of owner is not client's; "" is nobody known.
func anothers(owner, client string) bool {
	return owner != "" && client != "" && owner != client
}

// revokeFamily revokes a grant and all access tokens that it brought.
func (a *Authority) revokeFamily(g *grant) {
	g.revoked = true
	for _, t := range a.tokens {
		if t.grant == g {
			t.revoked = true
		}
	}
}

// remember keeps an access token. Beyond maxTokens the oldest are forgotten.
func (a *Authority) remember(value string, t *accessToken) {
	a.tokens[value] = t
	a.issued = append(a.issued, value)
	if len(a.issued) > maxTokens {
		delete(a.tokens, a.issued[0])
		a.issued = a.issued[1:]
	}
}

// retire keeps a used refresh token of a grant, so that a second use is noticed.
// Beyond maxUsed the oldest are forgotten: those are unknown then.
func (a *Authority) retire(g *grant, value string) {
	g.used = append(g.used, value)
	if len(g.used) > maxUsed {
		delete(a.grants, g.used[0])
		g.used = g.used[1:]
	}
}

const (
	maxTokens = 10_000
	maxUsed   = 1_000
)

// lifetime is how long a token is to live that answers r.
func (a *Authority) lifetime(r *http.Request) time.Duration {
	if ttl := faultOf(r).TTL; ttl > 0 {
		return ttl
	}
	return a.opts.TTL
}
