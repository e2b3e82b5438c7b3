package google

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// requestFailure returns what an error of x/oauth2 amounts to. The secrets of
// the request are kept out of it, and so is every answer that is not an OAuth
// error: it may hold anything.
func requestFailure(err error, c Client, refreshToken sasl.Secret) error {
	if known, ok := sourceFailure(err, c, refreshToken); ok {
		return known
	}
	return &providers.Error{
		Kind: providers.Transient, Provider: provider,
		Description: "the answer is not that of an OAuth 2.0 server",
		Hint:        "look for a proxy or a captive portal between here and Google",
	}
}

// sourceFailure returns what an error of a token source amounts to. It reports
// false for an error of the source's own making.
func sourceFailure(err error, c Client, refreshToken sasl.Secret) (error, bool) {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return refusal(refused, c.ID, []string{c.Secret.Reveal(), refreshToken.Reveal()}), true
	}
	var network *url.Error
	if errors.As(err, &network) {
		return providers.Unreachable(provider, network), true
	}
	return err, false
}

// refusal is the error for an answer of Google that holds no token.
func refusal(r *oauth2.RetrieveError, clientID string, secrets []string) error {
	var detail struct {
		Subtype string `json:"error_subtype"`
	}
	_ = json.Unmarshal(r.Body, &detail) // what is not JSON has no subtype
	e := &providers.Error{
		Provider:    provider,
		Code:        providers.Scrub(r.ErrorCode, secrets...),
		Description: providers.Scrub(r.ErrorDescription, secrets...),
	}
	e.Kind = providers.Classify(http.StatusBadRequest, r.ErrorCode)
	if r.Response != nil {
		e.Status = r.Response.StatusCode
		e.RetryAfter = providers.RetryAfter(r.Response.Header.Get("Retry-After"))
		e.Kind = providers.Classify(e.Status, r.ErrorCode)
	}
	if e.Kind == providers.Transient {
		return e
	}
	for _, row := range refusals() {
		if row.matches(r.ErrorCode, detail.Subtype, r.ErrorDescription) {
			e.Kind = row.kind
			e.Hint = strings.ReplaceAll(row.hint, "CLIENT", providers.Scrub(clientID))
			return e
		}
	}
	if r.ErrorCode == "" {
		e.Description = "the answer is not that of Google's token server"
		e.Hint = "check Options.TokenURL, and look for a proxy between here and Google"
	}
	return e
}

// A row says what a refusal means. Empty fields match anything.
type row struct {
	code, subtype, text string
	kind                providers.Kind
	hint                string // CLIENT stands for the client id
}

func (r *row) matches(code, subtype, text string) bool {
	return r.code == code && (r.subtype == "" || r.subtype == subtype) && strings.Contains(text, r.text)
}

// refusals are the answers of Google to the refresh_token grant.
func refusals() []row {
	const (
		session = "the session length policy of this Workspace ended the consent: sign in again, " +
			"and use a service account with domain-wide delegation for mail that nobody watches"
		gone = "sign in again. A consent ends when the user revokes it or changes the password, after six months without use, " +
			"beyond a hundred for one client, and after seven days while the consent screen is in testing: publish it"
	)
	return []row{
		{"invalid_grant", "invalid_rapt", "", providers.NeedsUser, session},
		{"invalid_grant", "rapt_required", "", providers.NeedsUser, session},
		{"invalid_grant", "", "expired or revoked", providers.NeedsUser, gone},
		{"invalid_grant", "", "", providers.NeedsUser, gone + ". Check too that the refresh token was issued to client CLIENT"},
		{"access_denied", "", "", providers.Blocked, "ask the Workspace administrator whether client CLIENT is allowed"},
		{"admin_policy_enforced", "", "", providers.Blocked, "ask the Workspace administrator to trust client CLIENT with the Gmail scope"},
		{"org_internal", "", "", providers.Blocked, "client CLIENT is for one organization only: sign in with an account of it, or make the consent screen external"},
		{"deleted_client", "", "", providers.Misconfigured, "client CLIENT was deleted: create another in the Google Cloud console, and let users consent again"},
		{"disabled_client", "", "", providers.Misconfigured, "client CLIENT is disabled: see its state in the Google Cloud console"},
		{"invalid_client", "", "", providers.Misconfigured, "client CLIENT or its secret is wrong: compare both with the Google Cloud console"},
		{"unauthorized_client", "", "", providers.Misconfigured, "the refresh token was not issued to client CLIENT: use the client that the user consented to"},
		{"invalid_scope", "", "", providers.Misconfigured, "SMTP needs the scope https://mail.google.com/, which the device flow cannot grant"},
		{"internal_failure", "", "", providers.Transient, ""},
		{"rate_limit_exceeded", "", "", providers.Transient, ""},
	}
}
