package microsoft

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// failure returns what an error of MSAL amounts to. The texts of MSAL quote
// whole answers, and so reach nobody.
func (s *settings) failure(err error, c *call) error {
	var own *providers.Error // of a credential
	if errors.As(err, &own) {
		return own
	}
	if c.record.status >= 300 {
		return s.refused(&c.record, c.secrets)
	}
	var network *url.Error
	if errors.As(err, &network) {
		return providers.Unreachable(provider, network)
	}
	e := &providers.Error{
		Kind: providers.Transient, Provider: provider,
		Description: "the answer is not that of Entra",
		Hint:        "look for a proxy or a captive portal between here and Microsoft",
	}
	switch text := err.Error(); {
	case strings.Contains(text, "declined scopes are present"):
		e.Kind = providers.Misconfigured
		e.Description = "Entra granted another scope than the one asked for"
		e.Hint = "compare Options.Scope with the permissions of the application; ask for " + strings.Join(s.scopes, " ") + " and nothing else"
	case strings.Contains(text, "does not match authority"):
		e.Kind = providers.Misconfigured
		e.Description = "the authority says that it is another one"
		e.Hint = "check Options.Authority and Options.Tenant"
	case strings.Contains(text, "no token found"), strings.Contains(text, "no account was specified"):
		return nobody()
	}
	return e
}

// refused is the error for an answer of Entra that holds no token.
func (s *settings) refused(last *record, secrets []sasl.Secret) error {
	r := &last.refusal
	scrub := scrubber(secrets)
	e := &providers.Error{
		Kind:          providers.Classify(last.status, r.Code),
		Provider:      provider,
		Code:          scrub(r.Code),
		Description:   scrub(withoutTrace(r.Description)),
		Status:        last.status,
		RetryAfter:    last.retryAfter,
		CorrelationID: scrub(r.CorrelationID),
	}
	if claims := r.Claims; claims != "" && len(claims) <= maxClaims && json.Valid([]byte(claims)) {
		e.Err = &challenge{claims}
	}
	switch row, ok := match(refusals(), r); {
	case e.Kind == providers.Transient:
	case ok:
		e.Kind, e.Hint = row.kind, s.named(row.hint)
	case r.Code == "":
		e.Description = "the answer is not that of Entra"
		e.Hint = "check Options.Authority, and look for a proxy between here and Microsoft"
	}
	return e
}

// declined is the error for a redirect that brings no code.
func (s *settings) declined(answer url.Values, secrets ...sasl.Secret) error {
	return s.refused(&record{status: http.StatusBadRequest, refusal: refusal{
		Code: answer.Get("error"), Sub: answer.Get("error_subcode"), Description: answer.Get("error_description"),
		Claims: answer.Get("claims"),
	}}, secrets)
}

// named returns a hint with the names that it speaks of.
func (s *settings) named(hint string) string {
	return strings.NewReplacer(
		"CLIENT", providers.Scrub(s.ClientID), "TENANT", providers.Scrub(s.Tenant), "LOGIN", s.Authority, "SCOPE", strings.Join(s.scopes, " "),
	).Replace(hint)
}

// scrubber returns a function that keeps the secrets out of a text.
func scrubber(secrets []sasl.Secret) func(string) string {
	known := make([]string, len(secrets))
	for i, secret := range secrets {
		known[i] = secret.Reveal()
	}
	return func(text string) string { return providers.Scrub(text, known...) }
}

// withoutTrace returns an error description without the identifiers at its end.
func withoutTrace(description string) string {
	text, _, _ := strings.Cut(description, "Trace ID:")
	return strings.TrimSpace(text)
}

// maxClaims is the longest claims challenge that is kept, in octets.
const maxClaims = 4096

// A challenge is what Entra wants to see in a token before it gives one.
type challenge struct{ claims string }

func (*challenge) Error() string { return "it asks for more claims" }

// Challenge returns the claims that Entra asks for along with its refusal, as JSON,
// empty if it asks for none: for Options.Claims at the next sign-in, which then meets
// what a policy demands, such as a second factor. A web service that acts on behalf of
// its caller hands them back to the caller, whose sign-in it is.
func Challenge(err error) string {
	var c *challenge
	if errors.As(err, &c) {
		return c.claims
	}
	return ""
}
