package mock

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"time"
)

// codeLife is how long an authorization code is good: the longest that RFC 6749,
// Section 4.1.2 recommends.
const codeLife = 10 * time.Minute

// A code is an authorization code.
type code struct {
	*authorization
	expiry time.Time
	grant  *grant // what it has brought, nil until it is used
}

// newCode returns a code for what a user has consented to. Beyond maxBegun the
// oldest are forgotten.
func (a *Authority) newCode(auth *authorization) string {
	value := "4/0A" + random(60)
	a.codes.put(value, &code{authorization: auth, expiry: time.Now().Add(codeLife)})
	return value
}

// redeem is the grant of RFC 6749, Section 4.1.3. A code that comes twice ends
// what it brought (Section 4.1.2).
func (a *Authority) redeem(r *http.Request, client string, microsoft bool) (map[string]any, *oauthError) {
	value, redirect := r.PostForm.Get("code"), r.PostForm.Get("redirect_uri")
	c := a.codes.get(value)
	switch {
	case value == "":
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", 900144, "The parameter code is missing."}
	case c == nil, microsoft != (c.manner == MicrosoftOAuth):
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", 9002313, "Malformed auth code."}
	case c.client != client: // nor does it end what is another's
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", 700005, "The code was issued to another client."}
	case c.grant != nil:
		a.revokeFamily(c.grant)
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", 54005, "The code was already redeemed."}
	case !time.Now().Before(c.expiry):
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", 70008, "The code has expired."}
	case redirect == "":
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", 900144, "The parameter redirect_uri is missing."}
	case redirect != c.redirect && c.manner == GoogleOAuth:
		return nil, &oauthError{http.StatusBadRequest, "redirect_uri_mismatch", 0, "Bad Request"}
	case redirect != c.redirect:
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", 500112, "The redirect URI is not that of the authorization request."}
	}
	if refusal := c.prove(r.PostForm.Get("code_verifier")); refusal != nil {
		return nil, refusal
	}
	g, fields := a.enter(r, c.authorization)
	c.grant = g
	return fields, nil
}

// prove compares a verifier with the challenge (RFC 7636, Section 4.6). A verifier
// without a challenge is refused, for somebody may have taken that away (RFC 9700,
// Section 4.8.2).
func (c *code) prove(verifier string) *oauthError {
	digest := sha256.Sum256([]byte(verifier))
	switch {
	case c.challenge == "" && verifier == "":
		return nil
	case c.challenge == "":
		return &oauthError{http.StatusBadRequest, "invalid_grant", 501481, "There is a code verifier, and there was no challenge."}
	case verifier == "":
		return &oauthError{http.StatusBadRequest, "invalid_grant", 501481, "Missing code verifier."}
	case len(verifier) < 43 || len(verifier) > 128 || !isMadeOf(verifier, letters+digits+"-._~"):
		return &oauthError{http.StatusBadRequest, "invalid_grant", 501481, "The code verifier is not of 43 to 128 unreserved characters."}
	case base64.RawURLEncoding.EncodeToString(digest[:]) != c.challenge:
		return &oauthError{http.StatusBadRequest, "invalid_grant", 501481, "Invalid code verifier."}
	}
	return nil
}

// enter grants what a user has consented to, and returns the tokens for it. Google
// gives a refresh token with the first consent alone, unless prompt=consent asks
// the user again.
func (a *Authority) enter(r *http.Request, auth *authorization) (*grant, map[string]any) {
	g := &grant{user: auth.user, client: auth.client, scopes: auth.resourceScopes()}
	for _, scope := range auth.scopes {
		if isOpenID(scope) {
			g.openID = append(g.openID, scope)
		}
	}
	fields := a.success(accessToken{user: g.user, client: g.client, scopes: g.scopes, grant: g}, a.lifetime(r))
	if auth.manner == GoogleOAuth {
		fields["scope"] = googleScope(auth.scopes)
	}
	key := auth.client + "\x00" + auth.user
	if auth.offline && (auth.manner != GoogleOAuth || auth.consent || !a.consents.has(key)) {
		a.renew(g)
		a.keep(g)
		fields["refresh_token"] = g.current
	}
	a.consents.put(key, true)
	if slices.Contains(g.openID, "openid") {
		fields["id_token"] = a.idToken(r, g, auth.nonce)
	}
	if auth.manner == MicrosoftOAuth {
		fields["client_info"] = a.clientInfo(g.user)
	}
	return g, fields
}

// resourceScopes returns the scopes that are for a token.
func (auth *authorization) resourceScopes() []string {
	return slices.DeleteFunc(slices.Clone(auth.scopes), isOpenID)
}
