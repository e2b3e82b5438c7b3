package mock

import (
	"net/http"
	"net/url"
	"strings"
)

// What the log of an authority shows. Of what is neither known nor looks like what
// it should be, it shows the length.

// Bounds of names that nobody knows, in octets: tokens, and the secrets that
// authorities make, are longer.
const (
	maxUnknownID   = 20
	maxUnknownWord = 32
)

// shownClient returns a client identifier: one that is known, in the form of
// Microsoft's or Google's, or a short name.
func (a *Authority) shownClient(id string) string {
	if _, known := a.opts.Clients[id]; known {
		return clip(id)
	}
	isName := len(id) <= maxUnknownID && isMadeOf(id, letters+digits+"-_")
	if a.holdsSecret(id) || !isName && !isIssuedID(id) {
		return shownLength(id)
	}
	return id
}

// isIssuedID reports whether s has the form of the identifiers that Microsoft (a
// GUID) or Google issue.
func isIssuedID(s string) bool {
	name, isGoogle := strings.CutSuffix(s, ".apps.googleusercontent.com")
	if !isGoogle {
		return isGUID(s)
	}
	number, rest, _ := strings.Cut(name, "-")
	return number != "" && len(number) <= maxUnknownID && isMadeOf(number, digits) &&
		len(rest) <= maxUnknownWord && isMadeOf(rest, letters+digits)
}

// isGUID reports whether s is made of 8, 4, 4, 4 and 12 hexadecimal digits.
func isGUID(s string) bool {
	groups := strings.Split(s, "-")
	lengths := [...]int{8, 4, 4, 4, 12}
	if len(groups) != len(lengths) {
		return false
	}
	for i, group := range groups {
		if len(group) != lengths[i] || !isMadeOf(group, digits+"abcdefABCDEF") {
			return false
		}
	}
	return true
}

// shownScope returns a list of scopes, each of which has to be known or to look
// like one.
func (a *Authority) shownScope(list string) string {
	if list == a.opts.Scope {
		return clip(list)
	}
	scopes := strings.Split(list, " ")
	for i, scope := range scopes {
		if !isOpenID(scope) && (a.holdsSecret(scope) || !isScope(scope)) {
			scopes[i] = shownLength(scope)
		}
	}
	return clip(strings.Join(scopes, " "))
}

// isScope reports whether s is a word, or a word at one of the services that name
// their scopes by URLs.
func isScope(s string) bool {
	rest, isURL := strings.CutPrefix(s, "https://")
	if !isURL {
		return isWord(s)
	}
	host, path, _ := strings.Cut(rest, "/")
	switch host {
	case "mail.google.com", "www.googleapis.com", "graph.microsoft.com", "outlook.office.com", "outlook.office365.com":
		return isWord(strings.TrimPrefix(path, "auth/"))
	}
	return false
}

// shownGrant returns a grant_type: one that has a name in an RFC, or a word.
func (a *Authority) shownGrant(grant string) string {
	switch strings.TrimPrefix(grant, "urn:ietf:params:oauth:grant-type:") {
	case "authorization_code", "client_credentials", "password", "refresh_token",
		"device_code", "jwt-bearer", "saml2-bearer", "token-exchange":
		return grant
	}
	return a.shownWord(grant)
}

// shownWord returns a value that should be a word, or the digit 1, as MSAL sends,
// or the method of RFC 7636.
func (a *Authority) shownWord(value string) string {
	if value != "1" && value != "S256" && (a.holdsSecret(value) || !isWord(value)) {
		return shownLength(value)
	}
	return value
}

func shownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return redacted(len(method))
}

// shownURN returns a name that OAuth has for a kind of token or of assertion, or the
// audience that Google's exchange has here.
func shownURN(value string) string {
	for _, prefix := range []string{tokenTypes, "urn:ietf:params:oauth:client-assertion-type:"} {
		if rest, found := strings.CutPrefix(value, prefix); found && isWord(rest) {
			return value
		}
	}
	if value == WorkloadAudience {
		return value
	}
	return shownLength(value)
}

// shownPath returns a path with the segments that paths of authorities have, so
// that one that is wrong by a segment can be read.
func (a *Authority) shownPath(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		switch segment {
		case "", "token", "introspect", "revoke", "authorize", "auth", "o", "oauth2", "v1", "v2", "v2.0", "tokeninfo", "userinfo",
			"devicecode", "device", "code", "common", "organizations", "consumers", "discovery",
			".well-known", "openid-configuration", "oauth-authorization-server", "jwks", "v3", "certs", "keys", a.opts.Tenant,
			"computeMetadata", "instance", "service-accounts", "default", "email", "scopes", "project", "project-id",
			"numeric-project-id", "universe", "universe-domain", "projects", "-", "serviceAccounts",
			"device_authorization", "UserRealm", "metadata", "identity", "msi", "shell":
		default:
			segments[i] = a.shownSegment(segment)
		}
	}
	return clip(strings.Join(segments, "/"))
}

// shownSegment returns a part of a path that is not of all authorities: a service
// account, and what it is to do.
func (a *Authority) shownSegment(segment string) string {
	name, method, called := strings.Cut(segment, ":")
	if id, _, _ := strings.Cut(name, "@"); len(id) > maxUnknownWord || a.holdsSecret(name) || a.serviceAccount(name) == nil {
		name = redacted(len(name))
	}
	switch {
	case !called:
		return name
	case method == "signJwt" || method == "generateAccessToken":
		return name + ":" + method
	}
	return redacted(len(segment))
}

// unknownFields is the name under which the log has all parameters that it does not
// know: a name may be a secret, as where a client sends a token without one.
const unknownFields = "<unknown>"

func (a *Authority) shownForm(form url.Values) map[string]string {
	fields, rest := make(map[string]string), 0
	for name, values := range form {
		switch name {
		case "grant_type":
			fields[name] = a.shownGrant(values[0])
		case "client_id":
			fields[name] = a.shownClient(values[0])
		case "scope":
			fields[name] = a.shownScope(values[0])
		case "client_assertion_type", "subject_token_type", "requested_token_type", "audience":
			fields[name] = shownURN(values[0])
		case "requested_token_use", "client_info", "token_type_hint", "response_type", "response_mode", "prompt", "access_type", "code_challenge_method":
			fields[name] = a.shownWord(values[0])
		case "client_secret", "redirect_uri", "refresh_token", "token", "access_token", "id_token", "code", "code_verifier", "device_code",
			"code_challenge", "nonce", "login_hint",
			"username", "password", "assertion", "client_assertion", "claims", "state",
			"resource", "subject_token":
			fields[name] = redacted(len(values[0]))
		default:
			rest += len(name) + len(strings.Join(values, ""))
		}
	}
	if rest > 0 {
		fields[unknownFields] = redacted(rest)
	}
	return fields
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

// isWord reports whether s is a short name, as of scopes: no digits, and so
// hardly a token.
func isWord(s string) bool { return len(s) <= maxUnknownWord && isMadeOf(s, letters+"._-") }

// isMadeOf reports whether s holds nothing but characters of a set.
func isMadeOf(s, set string) bool { return strings.Trim(s, set) == "" }

// shownLength is what is shown of a value that may be secret; of none, nothing.
func shownLength(value string) string {
	if value == "" {
		return ""
	}
	return redacted(len(value))
}

// shownHost returns the host that a client named.
func (a *Authority) shownHost(host string) string {
	if a.holdsSecret(host) {
		return redacted(len(host))
	}
	return clip(host)
}

// holdsSecret reports whether a token, a code, or the secret of a client or a user
// is anywhere in a value.
func (a *Authority) holdsSecret(value string) bool {
	if value == "" {
		return false
	}
	for token := range a.tokens {
		if strings.Contains(value, token) {
			return true
		}
	}
	for token := range a.grants {
		if strings.Contains(value, token) {
			return true
		}
	}
	for code := range a.codes.values {
		if strings.Contains(value, code) {
			return true
		}
	}
	for code := range a.devices.values {
		if strings.Contains(value, code) {
			return true
		}
	}
	for _, secrets := range []map[string]string{a.opts.Clients, a.opts.Users} {
		for _, secret := range secrets {
			if secret != "" && strings.Contains(value, secret) {
				return true
			}
		}
	}
	return false
}
