package mock

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An authorization is a request to the authorization endpoint (RFC 6749, Section
// 4.1.1), and what a user has made of it.
type authorization struct {
	manner    Dialect // of the route
	tenant    string
	client    string
	redirect  string
	mode      string // response_mode, "query" or "form_post"
	state     string
	nonce     string
	hint      string // login_hint
	scopes    []string
	challenge string // code_challenge (RFC 7636), "" for none
	offline   bool   // it asks for a refresh token
	consent   bool   // the user is to be asked again
	silent    bool   // nobody is to be asked

	user string // who has signed in
}

// routeDialect returns whose route a request is for.
func routeDialect(r *http.Request) Dialect {
	switch {
	case r.PathValue("tenant") != "":
		return MicrosoftOAuth
	case strings.HasPrefix(r.URL.Path, "/o/oauth2/"):
		return GoogleOAuth
	}
	return GenericOAuth
}

// authorize is the authorization endpoint (RFC 6749, Section 3.1). Whom a request
// is from and where its answer goes has to be certain before anything is sent
// there (Section 4.1.2.1): till then a refusal is a page.
func (a *Authority) authorize(w http.ResponseWriter, r *http.Request) {
	auth, fields, page := a.decide(r)
	switch {
	case page == nil:
		a.sendBack(w, r, auth, fields)
	case page.status == http.StatusOK:
		uncached(w)
		writePage(w, page.status, textPage, notice{page.code, page.text})
	default:
		a.errorPage(w, auth, page)
	}
}

// decide returns what goes back to the client, or the page that is shown to the
// user instead.
func (a *Authority) decide(r *http.Request) (auth *authorization, fields url.Values, page *oauthError) {
	a.mu.Lock()
	defer a.mu.Unlock()
	auth, page = a.addressee(r)
	if page != nil {
		return auth, nil, page
	}
	refusal := a.readAuthorization(auth, r.URL.Query())
	if f := faultOf(r); refusal == nil && f.Error != "" {
		refusal = &oauthError{code: f.Error, number: f.AADSTS, text: f.Description}
	}
	if refusal != nil {
		return auth, auth.refused(refusal), nil
	}
	consent := a.consentTo(r)
	switch {
	case auth.silent:
		return auth, auth.refused(&oauthError{code: "interaction_required", number: 50058, text: "Nobody has signed in with this browser."}), nil
	case consent == nil:
		return auth, nil, &oauthError{http.StatusOK, "Sign in", 0, "The client " + a.shownClient(auth.client) + " waits for a user to consent."}
	}
	switch refusal := a.signIn(auth, *consent); {
	case refusal == nil:
		return auth, url.Values{"code": {a.newCode(auth)}}, nil
	case refusal.status == 0:
		return auth, auth.refused(refusal), nil
	default:
		return auth, nil, refusal
	}
}

// addressee returns the client and where its answer goes.
func (a *Authority) addressee(r *http.Request) (*authorization, *oauthError) {
	query := r.URL.Query()
	auth := &authorization{
		manner: routeDialect(r), tenant: r.PathValue("tenant"), client: query.Get("client_id"),
		redirect: query.Get("redirect_uri"), state: query.Get("state"), mode: "query",
	}
	if refusal := repeated(query); refusal != nil {
		return auth, refusal
	}
	_, known := a.opts.Clients[auth.client]
	switch {
	case auth.client == "" || len(auth.client) > maxField:
		return auth, &oauthError{http.StatusBadRequest, "invalid_request", 900144, "The parameter client_id is missing."}
	case a.opts.Clients != nil && !known && auth.manner == MicrosoftOAuth:
		return auth, &oauthError{http.StatusBadRequest, "unauthorized_client", 700016, "No application of that identifier is in the directory."}
	case a.opts.Clients != nil && !known:
		return auth, &oauthError{http.StatusUnauthorized, "invalid_client", 0, "The OAuth client was not found."}
	case auth.redirect == "":
		return auth, &oauthError{http.StatusBadRequest, "invalid_request", 900144, "The parameter redirect_uri is missing."}
	case !a.isRegistered(auth):
		return auth, &oauthError{http.StatusBadRequest, "redirect_uri_mismatch", 50011, "The redirect URI is not registered for the client."}
	}
	switch mode := query.Get("response_mode"); mode {
	case "", "query":
	case "form_post": // OAuth 2.0 Form Post Response Mode
		auth.mode = mode
	default:
		return auth, &oauthError{http.StatusBadRequest, "invalid_request", 90014, "The response mode is not supported."}
	}
	return auth, nil
}

// isRegistered reports whether an answer may go to the redirect URI.
func (a *Authority) isRegistered(auth *authorization) bool {
	if slices.Contains(a.opts.Redirects, auth.redirect) {
		return true
	}
	u, err := url.Parse(auth.redirect)
	if err != nil || u.Scheme != "http" || u.User != nil || strings.Contains(auth.redirect, "#") {
		return false
	}
	switch u.Hostname() {
	case "localhost":
		return true
	case "127.0.0.1", "::1":
		return auth.manner != MicrosoftOAuth
	}
	return false
}

// readAuthorization reads the rest of a request. The refusals go to the client.
func (a *Authority) readAuthorization(auth *authorization, query url.Values) *oauthError {
	auth.nonce, auth.hint = query.Get("nonce"), query.Get("login_hint")
	switch responseType := query.Get("response_type"); responseType {
	case "code":
	case "":
		return &oauthError{code: "invalid_request", number: 900144, text: "The parameter response_type is missing."}
	default:
		return &oauthError{code: "unsupported_response_type", number: 700054, text: "The response type is not enabled for the client."}
	}
	if refusal := auth.readPrompt(query); refusal != nil {
		return refusal
	}
	auth.scopes = strings.Fields(query.Get("scope"))
	switch {
	case len(auth.scopes) == 0 && auth.manner != GenericOAuth:
		return &oauthError{code: "invalid_request", number: 900144, text: "The parameter scope is missing."}
	case len(auth.scopes) == 0:
		auth.scopes = []string{a.opts.Scope}
	case len(query.Get("scope")) > maxScope:
		return tooManyScopes()
	case auth.manner == MicrosoftOAuth && resources(auth.scopes) > 1:
		return &oauthError{code: "invalid_scope", number: 28000, text: "The scope is of more than one resource."}
	}
	switch auth.manner {
	case GoogleOAuth:
		switch access := query.Get("access_type"); access {
		case "", "online":
		case "offline":
			auth.offline = true
		default:
			return &oauthError{code: "invalid_request", text: "The access type is neither online nor offline."}
		}
	case MicrosoftOAuth:
		auth.offline = slices.Contains(auth.scopes, "offline_access")
	default:
		auth.offline = true
	}
	return auth.readChallenge(query)
}

// readPrompt reads prompt (OpenID Connect Core 1.0, Section 3.1.2.1).
func (auth *authorization) readPrompt(query url.Values) *oauthError {
	prompts := strings.Fields(query.Get("prompt"))
	for _, prompt := range prompts {
		switch {
		case prompt == "consent":
			auth.consent = true
		case prompt == "none" && len(prompts) == 1:
			auth.silent = true
		case prompt == "select_account", prompt == "login" && auth.manner != GoogleOAuth:
		default:
			return &oauthError{code: "invalid_request", number: 90023, text: "The prompt is not supported."}
		}
	}
	return nil
}

// readChallenge reads the challenge of RFC 7636, Section 4.3. A method that is not
// given is "plain" there, and S256 alone is taken, as RFC 9700, Section 2.1.1 has
// it.
func (auth *authorization) readChallenge(query url.Values) *oauthError {
	auth.challenge = query.Get("code_challenge")
	method := query.Get("code_challenge_method")
	digest, err := base64.RawURLEncoding.DecodeString(auth.challenge)
	switch {
	case auth.challenge == "" && method == "":
		return nil
	case auth.challenge == "":
		return &oauthError{code: "invalid_request", number: 900144, text: "The parameter code_challenge is missing."}
	case method != "S256":
		return &oauthError{code: "invalid_request", text: "The code_challenge_method must be S256."}
	case err != nil || len(digest) != 32:
		return &oauthError{code: "invalid_request", number: 501491, text: "The code_challenge is no SHA-256 in base64url."}
	}
	return nil
}

// isOpenID reports whether a scope is one of OpenID Connect, which is of no
// resource.
func isOpenID(scope string) bool {
	switch scope {
	case "openid", "profile", "email", "offline_access":
		return true
	}
	return false
}

func tooManyScopes() *oauthError {
	return &oauthError{http.StatusBadRequest, "invalid_scope", 70011, "There are too many scopes."}
}

// resources counts the resources that scopes are of.
func resources(scopes []string) int {
	var hosts []string
	for _, scope := range scopes {
		host := ""
		if u, err := url.Parse(scope); err == nil {
			host = u.Host
		}
		if !isOpenID(scope) && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return len(hosts)
}
