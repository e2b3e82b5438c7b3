package mock

import (
	"net/http"
	"slices"
	"strings"
)

// A Consent is what a user decides when a client asks to act in the user's name.
type Consent struct {
	// User is who signs in. Zero means whom the client expects, by login_hint; a
	// client that expects nobody gets no further then.
	User string

	// Scopes are the scopes that the user leaves ticked, of those that the client
	// asks for. Nil means all of them.
	Scopes []string

	// Deny is that the user signs in and declines.
	Deny bool
}

// Approve decides for whoever comes to the authorization endpoint with a browser
// of their own. Until then such a browser is shown a page that asks it to sign
// in. See [Authority.Browse] for tests without a browser.
func (a *Authority) Approve(c Consent) {
	c.Scopes = slices.Clone(c.Scopes)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.standing = &c
}

// ticketHeader tells which consent a request of Authorize comes with.
const ticketHeader = "Mock-Ticket"

// consentTo returns what the user of a browser decides, nil for nothing yet.
func (a *Authority) consentTo(r *http.Request) *Consent {
	if ticket := r.Header.Get(ticketHeader); ticket != "" {
		if c, ok := a.tickets[ticket]; ok {
			return &c
		}
	}
	return a.standing
}

// signIn lets a user decide. A refusal with a status is shown to the user, one
// without goes to the client.
func (a *Authority) signIn(auth *authorization, c Consent) *oauthError {
	auth.user = c.User
	if auth.user == "" {
		auth.user = auth.hint
	}
	switch {
	case c.Deny && auth.user == "": // before anybody has signed in
		return declined()
	case auth.user == "":
		return &oauthError{http.StatusBadRequest, "login_required", 50058, "Neither the consent nor login_hint names a user."}
	case !a.isUser(auth.user):
		return &oauthError{http.StatusBadRequest, "login_required", 50034, "The user account does not exist in the directory."}
	case c.Deny:
		return declined()
	}
	auth.scopes = a.ticked(auth.scopes, c)
	return nil
}

func declined() *oauthError {
	return &oauthError{code: "access_denied", number: 65004, text: "User declined to consent to access the app."}
}

// ticked returns the scopes that a user grants. Those of OpenID Connect are no
// boxes to untick.
func (a *Authority) ticked(asked []string, c Consent) []string {
	granted := []string{}
	for _, scope := range a.expanded(asked) {
		if isOpenID(scope) || c.Scopes == nil || slices.Contains(c.Scopes, scope) {
			granted = append(granted, scope)
		}
	}
	return granted
}

// expanded returns scopes with what ".default" stands for in front of it: what the
// client has been given of that resource.
func (a *Authority) expanded(scopes []string) []string {
	var all []string
	for _, scope := range scopes {
		if resource, isDefault := strings.CutSuffix(scope, ".default"); isDefault && strings.HasPrefix(a.opts.Scope, resource) &&
			!slices.Contains(all, a.opts.Scope) {
			all = append(all, a.opts.Scope)
		}
		if !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	return all
}

// isUser reports whether there is such a user.
func (a *Authority) isUser(user string) bool {
	if a.opts.Users == nil {
		return len(user) <= maxField
	}
	for known := range a.opts.Users {
		if strings.EqualFold(known, user) {
			return true
		}
	}
	return false
}
