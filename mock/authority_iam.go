package mock

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// cloudScopes are those that Google's IAM takes.
func cloudScopes() []string {
	return []string{"https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/iam"}
}

// An apiError is an error of Google's APIs, which are not OAuth.
type apiError struct {
	code    int
	status  string
	message string
	reason  string // of ErrorInfo, "" for none
}

func (e *apiError) fields() map[string]any {
	details := map[string]any{"code": e.code, "message": e.message, "status": e.status}
	if e.reason != "" {
		details["details"] = []map[string]any{{
			"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": e.reason, "domain": "iam.googleapis.com",
		}}
	}
	return map[string]any{"error": details}
}

// credentialsAPI is Google's IAM Service Account Credentials API: signJwt and
// generateAccessToken.
func (a *Authority) credentialsAPI(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	fields, refusal := a.callCredentials(r)
	a.mu.Unlock()
	if refusal != nil {
		if refusal.code == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_token"`)
		}
		answer(w, refusal.code, refusal.fields())
		return
	}
	answer(w, http.StatusOK, faultOf(r).replace(fields))
}

// callCredentials runs a method for a caller who may call it.
func (a *Authority) callCredentials(r *http.Request) (map[string]any, *apiError) {
	email, method, _ := strings.Cut(r.PathValue("call"), ":")
	if method != "signJwt" && method != "generateAccessToken" {
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Requested entity was not found.", ""}
	}
	caller, refusal := a.bearer(r)
	if refusal != nil {
		return nil, refusal
	}
	var body struct {
		Payload   string   `json:"payload"`
		Delegates []string `json:"delegates"`
		Scope     []string `json:"scope"`
		Lifetime  string   `json:"lifetime"`
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return nil, invalidArgument("Invalid JSON payload received.")
	}
	account := a.serviceAccount(email)
	if account == nil {
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Not found; Gaia id not found for email " + email, ""}
	}
	if !a.mayReach(caller, body.Delegates, account) {
		permission := map[string]string{"signJwt": "iam.serviceAccounts.signJwt", "generateAccessToken": "iam.serviceAccounts.getAccessToken"}[method]
		return nil, &apiError{
			http.StatusForbidden, "PERMISSION_DENIED",
			"Permission '" + permission + "' denied on resource (or it may not exist).", "IAM_PERMISSION_DENIED",
		}
	}
	if method == "signJwt" {
		return signFor(body.Payload)
	}
	return a.tokenFor(r, account, body.Scope, body.Lifetime)
}

// bearer returns whose token a request has (RFC 6750, Section 2.1).
func (a *Authority) bearer(r *http.Request) (string, *apiError) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	t := a.tokens[value]
	switch {
	case !strings.EqualFold(scheme, "Bearer") || t == nil || !t.good():
		return "", &apiError{
			http.StatusUnauthorized, "UNAUTHENTICATED",
			"Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.", "",
		}
	case !slices.ContainsFunc(t.scopes, func(scope string) bool { return slices.Contains(cloudScopes(), scope) }):
		return "", &apiError{
			http.StatusForbidden, "PERMISSION_DENIED", "Request had insufficient authentication scopes.",
			"ACCESS_TOKEN_SCOPE_INSUFFICIENT",
		}
	}
	return t.user, nil
}

// mayReach reports whether each may act for the next: the caller, its delegates,
// the account.
func (a *Authority) mayReach(caller string, delegates []string, account *ServiceAccount) bool {
	for _, name := range delegates {
		email, isName := strings.CutPrefix(name, "projects/-/serviceAccounts/")
		delegate := a.serviceAccount(email)
		if !isName || delegate == nil || !a.mayActFor(caller, delegate) {
			return false
		}
		caller = email
	}
	return a.mayActFor(caller, account)
}

func invalidArgument(message string) *apiError {
	return &apiError{http.StatusBadRequest, "INVALID_ARGUMENT", message, ""}
}

// signFor signs claims as they are. An exp among them is at most 12 hours ahead.
func signFor(payload string) (map[string]any, *apiError) {
	var claims map[string]any
	var times struct {
		Exp *numericDate `json:"exp"`
	}
	key, err := systemKey()
	switch {
	case err != nil:
		return nil, &apiError{http.StatusInternalServerError, "INTERNAL", "There is no key.", ""}
	case json.Unmarshal([]byte(payload), &claims) != nil || claims == nil || json.Unmarshal([]byte(payload), &times) != nil:
		return nil, invalidArgument("The payload is not a JSON object of claims.")
	case times.Exp != nil && (times.Exp.Before(time.Now()) || times.Exp.After(time.Now().Add(12*time.Hour))):
		return nil, invalidArgument("The claim exp must be in the future, and 12 hours ahead at most.")
	}
	return map[string]any{"keyId": keyID(&key.PublicKey), "signedJwt": signJWT(key, claims)}, nil
}

// tokenFor issues a token of a service account, good for an hour at most.
func (a *Authority) tokenFor(r *http.Request, account *ServiceAccount, scopes []string, lifetime string) (map[string]any, *apiError) {
	ttl := time.Hour
	if lifetime != "" {
		seconds, err := time.ParseDuration(lifetime)
		if err != nil || !strings.HasSuffix(lifetime, "s") || seconds <= 0 || seconds > time.Hour {
			return nil, invalidArgument("The lifetime must be of seconds, up to 3600s.")
		}
		ttl = seconds
	}
	if len(scopes) == 0 || len(joined(scopes)) > maxScope {
		return nil, invalidArgument("Scope required.")
	}
	if f := faultOf(r); f.TTL > 0 {
		ttl = f.TTL
	}
	value, t := a.issue(accessToken{user: account.Email, client: account.Email, scopes: scopes, machine: true}, ttl)
	return map[string]any{"accessToken": value, "expireTime": t.expiry.UTC().Format(time.RFC3339)}, nil
}
