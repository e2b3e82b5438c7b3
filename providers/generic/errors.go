package generic

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// name is what starts the errors of a session.
func (s *session) name() string { return cmp.Or(s.server.Name, provider) }

// failure returns what an error of x/oauth2 amounts to. Neither the secrets of the
// request are in it nor any answer that is not an OAuth error, for that may hold
// anything.
func (s *session) failure(err error, secrets ...sasl.Secret) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return s.refusal(refused, secrets)
	}
	var network *url.Error
	if errors.As(err, &network) {
		return providers.Unreachable(s.name(), network)
	}
	return &providers.Error{
		Kind: providers.Transient, Provider: s.name(),
		Description: "the answer is not that of an OAuth 2.0 server",
		Hint:        "look for a proxy or a captive portal between here and the authority",
	}
}

// refusal is the error for an answer that holds no token.
func (s *session) refusal(r *oauth2.RetrieveError, secrets []sasl.Secret) error {
	known := []string{s.client.Secret.Reveal()}
	for _, secret := range secrets {
		known = append(known, secret.Reveal())
	}
	e := &providers.Error{
		Provider:    s.name(),
		Code:        providers.Scrub(r.ErrorCode, known...),
		Description: providers.Scrub(r.ErrorDescription, known...),
		Status:      http.StatusBadRequest,
	}
	if r.Response != nil {
		e.Status = r.Response.StatusCode
		e.RetryAfter = providers.RetryAfter(r.Response.Header.Get("Retry-After"))
	}
	e.Kind = classify(e.Status, r.ErrorCode)
	if e.Kind == providers.Transient {
		return e
	}
	e.Hint = strings.ReplaceAll(hint(r.ErrorCode), "CLIENT", providers.Scrub(s.client.ID))
	if r.ErrorCode == "" {
		e.Description = "the answer is not that of an OAuth 2.0 token endpoint"
		e.Hint = "check Server.TokenURL, and look for a proxy between here and the authority"
	}
	return e
}

// classify is providers.Classify, with a name that some have for access_denied.
func classify(status int, code string) providers.Kind {
	if code == "authorization_declined" && status < 500 {
		return providers.NeedsUser
	}
	return providers.Classify(status, code)
}

// hint returns what to do about an error code of RFC 6749, Sections 4.1.2.1 and
// 5.2, of RFC 8628, Section 3.5, or of OpenID Connect Core, Section 3.1.2.6.
func hint(code string) string {
	switch code {
	case "invalid_grant":
		return "sign in again: the consent has expired or was revoked, or the refresh token was used twice, " +
			"was issued to another client than CLIENT, or was replaced and the new one lost"
	case "invalid_client":
		return "client CLIENT or its secret is wrong, or it authenticates in another way: see Server.ClientAuth"
	case "unauthorized_client":
		return "client CLIENT may not use this grant: allow it where the client is registered"
	case "unsupported_grant_type":
		return "the authority does not have this grant: check Server.TokenURL"
	case "invalid_scope":
		return "check Server.Scopes: the authority does not know them, or client CLIENT may not ask for them"
	case "access_denied", "authorization_declined":
		return "the sign-in was declined: try again, or ask whoever runs the authority"
	case "expired_token":
		return "nobody entered the code in time: begin again"
	case "interaction_required", "login_required", "consent_required", "account_selection_required":
		return "sign in again: the authority wants to see the user"
	case "invalid_request":
		return "the authority does not understand the request: check Server and Client"
	}
	return ""
}
