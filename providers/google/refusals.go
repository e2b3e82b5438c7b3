package google

import (
	"strings"

	"github.com/seed-55a66e92/postern/providers"
)

// A row says what a refusal means. Empty fields match anything.
type row struct {
	code, subtype, text string
	kind                providers.Kind
	hint                string // words in capitals stand for names
}

func (r *row) matches(a *answer) bool {
	return (r.code == "" || r.code == a.code) && (r.subtype == "" || r.subtype == a.subtype) &&
		strings.Contains(strings.ToLower(a.text), strings.ToLower(r.text))
}

// blocked are the refusals that an administrator has seen to.
func blocked() []row {
	return []row{
		{"admin_policy_enforced", "", "", providers.Blocked, "ask the Workspace administrator to trust CLIENT with the Gmail scope"},
		{"org_internal", "", "", providers.Blocked, "CLIENT is for one organization only: sign in with an account of it, or make the consent screen external"},
	}
}

// wrongClient are the refusals of an OAuth client.
func wrongClient() []row {
	return []row{
		{"deleted_client", "", "", providers.Misconfigured, "CLIENT was deleted: create another in the Google Cloud console, and let users consent again"},
		{"disabled_client", "", "", providers.Misconfigured, "CLIENT is disabled: see its state in the Google Cloud console"},
		{"invalid_client", "", "", providers.Misconfigured, "CLIENT or its secret is wrong: compare both with the Google Cloud console"},
		{"redirect_uri_mismatch", "", "", providers.Misconfigured, "CLIENT must be of type desktop app, which may use any port of 127.0.0.1"},
	}
}

// passing are the failures of Google's that look like refusals.
func passing() []row {
	return []row{
		{"internal_failure", "", "", providers.Transient, ""},
		{"rate_limit_exceeded", "", "", providers.Transient, ""},
		{"RESOURCE_EXHAUSTED", "", "", providers.Transient, ""},
		{"UNAVAILABLE", "", "", providers.Transient, ""},
	}
}

const scopeHint = "SMTP needs the scope https://mail.google.com/, which the device flow cannot grant"

// refreshRefusals are the answers to the refresh_token grant.
func refreshRefusals() []row {
	const (
		session = "the session length policy of this Workspace ended the consent: sign in again, " +
			"and use a service account with domain-wide delegation for mail that nobody watches"
		gone = "sign in again. A consent ends when the user revokes it or changes the password, after six months without use, " +
			"beyond a hundred for one client, and after seven days while the consent screen is in testing: publish it"
	)
	rows := []row{
		{"invalid_grant", "invalid_rapt", "", providers.NeedsUser, session},
		{"invalid_grant", "rapt_required", "", providers.NeedsUser, session},
		{"invalid_grant", "", "expired or revoked", providers.NeedsUser, gone},
		{"invalid_grant", "", "", providers.NeedsUser, gone + ". Check too that the refresh token was issued to CLIENT"},
		{"access_denied", "", "", providers.Blocked, "ask the Workspace administrator whether CLIENT is allowed"},
		{"unauthorized_client", "", "", providers.Misconfigured, "the refresh token was not issued to CLIENT: use the client that the user consented to"},
		{"invalid_scope", "", "", providers.Misconfigured, scopeHint},
	}
	return join(rows, blocked(), wrongClient(), passing())
}

// loginRefusals are the answers to a sign-in, of the browser and to the code
// that it brings.
func loginRefusals() []row {
	rows := []row{
		{"access_denied", "", "", providers.NeedsUser, "the sign-in was declined: sign in again and allow access to Gmail"},
		{"invalid_grant", "", "", providers.NeedsUser, "sign in again: the code has been used or is too old, or CLIENT is not the client that asked for it"},
		{"unauthorized_client", "", "", providers.Misconfigured, "CLIENT may not do this: it must be of type desktop app"},
		{"invalid_scope", "", "", providers.Misconfigured, scopeHint},
	}
	return join(rows, blocked(), wrongClient(), passing())
}

// assertionRefusals are the answers to the assertion of a service account (RFC
// 7523). No user has part in it, so none is called for.
func assertionRefusals() []row {
	const (
		delegate = "the Workspace administrator adds, in the Admin console under Security, API controls, Domain-wide delegation, " +
			"the numeric client id CLIENTID with exactly the scope https://mail.google.com/; it may take 24 hours"
		subject = "USER must be an active user of the Workspace that delegates to ACCOUNT; accounts of gmail.com cannot be delegated"
		key     = "the key of ACCOUNT was deleted or replaced: make another, or use Keyless, which needs none"
	)
	rows := []row{
		{"unauthorized_client", "", "unauthorized to retrieve access tokens using this method", providers.Misconfigured, delegate},
		{"unauthorized_client", "", "", providers.Misconfigured, delegate},
		{"access_denied", "", "", providers.Misconfigured, delegate},
		{"invalid_grant", "", "invalid email or user id", providers.Misconfigured, subject},
		{"invalid_grant", "", "account not found", providers.Misconfigured, "ACCOUNT was deleted, or " + subject},
		{"invalid_grant", "", "invalid jwt signature", providers.Misconfigured, key},
		{"invalid_grant", "", "invalid signature", providers.Misconfigured, key},
		{"invalid_grant", "", "short-lived token", providers.Misconfigured, "CLOCK"},
		{"invalid_grant", "", "timeframe", providers.Misconfigured, "CLOCK"},
		{"invalid_grant", "", "", providers.Misconfigured, "see that ACCOUNT and its key exist and that " + subject + "; CLOCK"},
		{"invalid_scope", "", "", providers.Misconfigured, "ACCOUNT must be delegated the scope https://mail.google.com/"},
		{"disabled_client", "", "", providers.Misconfigured, "ACCOUNT is disabled: see its state in the Google Cloud console"},
		{"deleted_client", "", "", providers.Misconfigured, "ACCOUNT was deleted: see the Google Cloud console"},
		{"invalid_client", "", "", providers.Misconfigured, "ACCOUNT does not exist, or not any more: see the Google Cloud console"},
	}
	return join(rows, blocked(), passing())
}

// signRefusals are the answers of IAM to whoever wants to sign as a service
// account.
func signRefusals() []row {
	const (
		enable = "enable the service iamcredentials.googleapis.com in the project of ACCOUNT"
		grant  = "grant roles/iam.serviceAccountTokenCreator on ACCOUNT to whoever signs, which on Google Cloud is ACCOUNT itself, " +
			"and enable the service iamcredentials.googleapis.com"
	)
	rows := []row{
		{"PERMISSION_DENIED", "SERVICE_DISABLED", "", providers.Misconfigured, enable},
		{"PERMISSION_DENIED", "", "has not been used in project", providers.Misconfigured, enable},
		{"PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "", providers.Misconfigured, "let this machine have the scope " + cloudScope},
		{"PERMISSION_DENIED", "", "insufficient authentication scopes", providers.Misconfigured, "let this machine have the scope " + cloudScope},
		{"PERMISSION_DENIED", "", "", providers.Misconfigured, grant},
		{"NOT_FOUND", "", "", providers.Misconfigured, "there is no service account ACCOUNT: see the Google Cloud console"},
		{"UNAUTHENTICATED", "", "", providers.Misconfigured, "the credentials of the base are not good for Google Cloud, or not any more"},
		{"FAILED_PRECONDITION", "", "", providers.Misconfigured, "see whether ACCOUNT is disabled"},
		{"INVALID_ARGUMENT", "", "", providers.Misconfigured, "see that ACCOUNT is the address of a service account"},
	}
	return join(rows, passing())
}

// exchangeRefusals are the answers of the security token service to a token of
// another cloud (RFC 8693).
func exchangeRefusals() []row {
	rows := []row{
		{"", "", "stale", providers.Misconfigured, "the projected token is out of date: see what is to renew it, and that its file is read where it is written"},
		{"invalid_target", "", "", providers.Misconfigured, "the audience of the configuration names no workload identity pool and provider that exist"},
		{"unauthorized_client", "", "", providers.Misconfigured, "the conditions of the workload identity provider do not admit this identity"},
		{"invalid_grant", "", "", providers.Misconfigured, "the workload identity provider does not take the token of the other cloud: compare its issuer and audience; CLOCK"},
		{"invalid_request", "", "", providers.Misconfigured, "compare the configuration with the workload identity provider"},
	}
	return join(rows, passing())
}

// sourceRefusals are the answers to a token source, which may have asked for
// anything.
func sourceRefusals() []row {
	var telling []row
	for _, r := range assertionRefusals() {
		if r.text != "" {
			telling = append(telling, r)
		}
	}
	return join(telling, refreshRefusals())
}

// sourceNames are what is known of who a token source asks for.
func sourceNames() []string {
	return []string{"CLIENTID", "of the service account", "CLIENT", "the client", "ACCOUNT", "the service account", "USER", "the subject"}
}

func join(tables ...[]row) []row {
	var all []row
	for _, t := range tables {
		all = append(all, t...)
	}
	return all
}
