package mock

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// The grants of RFC 7523, RFC 8693 and RFC 8628.
const (
	jwtBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	deviceGrant   = "urn:ietf:params:oauth:grant-type:device_code"
)

// What Google says of an assertion.
const (
	badTimes = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. " +
		"Check your iat and exp values in the JWT claim."
	notDelegated = "Client is unauthorized to retrieve access tokens using this method, " +
		"or client not authorized for any of the scopes requested."
)

// serviceToken is the grant of RFC 7523, Section 2.1, as Google has it: a service
// account asks in its own name, or in a user's. It is no client.
func (a *Authority) serviceToken(r *http.Request) (map[string]any, *oauthError) {
	bad := func(text string) (map[string]any, *oauthError) {
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", 0, text}
	}
	value := r.PostForm.Get("assertion")
	if value == "" {
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", 0, "Missing required parameter: assertion"}
	}
	as, err := readAssertion(value)
	if err != nil {
		return bad("Bad Request")
	}
	account := a.serviceAccount(as.claims.Iss)
	switch {
	case account == nil:
		return bad("Invalid grant: account not found")
	case !a.verifiesFor(account.Email, as):
		return bad("Invalid JWT Signature.")
	case as.claims.Iat.IsZero() || !as.isTimely() || as.claims.Exp.Sub(as.claims.Iat.Time) > time.Hour:
		return bad(badTimes)
	case !as.isFor("https://oauth2.googleapis.com/token", "https://www.googleapis.com/oauth2/v4/token",
		"https://accounts.google.com/o/oauth2/token", a.URL()+"/token", "https://"+r.Host+"/token"):
		return bad("Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token")
	}
	return a.delegate(r, account, as)
}

// delegate issues what an assertion asks for that has been found genuine.
func (a *Authority) delegate(r *http.Request, account *ServiceAccount, as *assertion) (map[string]any, *oauthError) {
	scopes := strings.Fields(as.claims.Scope)
	t := accessToken{user: as.claims.Sub, client: account.Email, scopes: scopes}
	switch {
	case len(scopes) == 0 || len(as.claims.Scope) > maxScope:
		return nil, &oauthError{http.StatusBadRequest, "invalid_scope", 0, "Empty or missing scope not allowed."}
	case t.user == "" || t.user == account.Email:
		t.user, t.machine = account.Email, true
	case !a.isDelegating(t.user):
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", 0, "Invalid email or User ID"}
	case !a.mayHave(account, scopes):
		return nil, &oauthError{http.StatusUnauthorized, "unauthorized_client", 0, notDelegated}
	}
	fields := a.success(t, a.lifetime(r))
	delete(fields, "scope") // Google's answer to this grant has none
	return fields, nil
}

// isDelegating reports whether a user has an administrator who could delegate:
// consumers have none.
func (a *Authority) isDelegating(user string) bool {
	_, domain, isAddress := strings.Cut(strings.ToLower(user), "@")
	return isAddress && a.isUser(user) && !slices.Contains([]string{"gmail.com", "googlemail.com"}, domain) &&
		!strings.HasSuffix(domain, ".gserviceaccount.com")
}
