package mock

import (
	"net/http"
	"time"
)

// MicrosoftRefusals returns how Microsoft refuses requests for a token, by AADSTS
// number, for [Authority.Inject]:
//
//	authority.Inject(mock.MicrosoftRefusals()[53003])
//
// The authority refuses by itself what is wrong with a request; these are of what
// an administrator has set, and of what becomes of accounts and applications.
// Each lasts; set Times, Grant or Path to change that.
func MicrosoftRefusals() map[int]AuthorityFault {
	const grant, interaction, client = "invalid_grant", "interaction_required", "invalid_client"
	refusals := make(map[int]AuthorityFault)
	for _, r := range []struct {
		number   int
		status   int
		code     string
		suberror string
		text     string
	}{
		{50011, 400, "invalid_request", "", "The redirect URI specified in the request does not match those configured for the application."},
		{50013, 400, grant, "", "Assertion failed signature validation."},
		{50020, 400, grant, "", "User account from identity provider does not exist in tenant and cannot access the application."},
		{50034, 400, grant, "", "The user account does not exist in the directory."},
		{50053, 400, grant, "", "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."},
		{50057, 400, grant, "", "The user account is disabled."},
		{50072, 400, interaction, "basic_action", "The user must enroll in multi-factor authentication to access the resource."},
		{50076, 400, interaction, "basic_action", "The user must use multi-factor authentication to access the resource."},
		{50079, 400, interaction, "basic_action", "The user must enroll in multi-factor authentication to access the resource."},
		{50126, 400, grant, "", "Error validating credentials due to invalid username or password."},
		{50173, 400, grant, "bad_token", "The provided grant has expired due to it being revoked, a fresh auth token is needed."},
		{50194, 400, "invalid_request", "", "The application is not configured as a multi-tenant application. Usage of the /common endpoint is not supported."},
		{50196, 400, "temporarily_unavailable", "", "The server terminated an operation because it encountered a client request loop."},
		{53000, 400, grant, "message_only", "The device is not in required device state: compliant. Conditional Access policy requires a compliant device."},
		{53001, 400, grant, "message_only", "The device is not in required device state: domain_joined. Conditional Access policy requires a domain joined device."},
		{53003, 400, grant, "message_only", "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."},
		{65001, 400, grant, "consent_required", "The user or administrator has not consented to use the application."},
		{65004, 400, "authorization_declined", "", "User declined to consent to access the app."},
		{70008, 400, grant, "", "The provided authorization code or refresh token has expired due to inactivity."},
		{70011, 400, "invalid_scope", "", "The provided value for the input parameter 'scope' is not valid."},
		{70020, 400, "expired_token", "", "The provided value for the input parameter 'device_code' has expired."},
		{70021, 400, "invalid_request", "", "No matching federated identity record found for presented assertion."},
		{70043, 400, grant, "token_expired", "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access."},
		{70044, 400, grant, "token_expired", "The session has expired or is invalid due to sign-in frequency checks by Conditional Access."},
		{90002, 400, "invalid_tenant", "", "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."},
		{90033, 503, "temporarily_unavailable", "", "A transient error has occurred. Please try again."},
		{90055, 429, "temporarily_unavailable", "", "The tenant is being throttled due to too many requests."},
		{500011, 400, "invalid_resource", "", "The resource principal was not found in the tenant."},
		{500113, 400, "invalid_request", "", "No reply address is registered for the application."},
		{500131, 400, grant, "", "Assertion audience does not match the Client app presenting the assertion."},
		{530003, 400, grant, "message_only", "Your device is required to be managed to access this resource."},
		{700005, 400, grant, "", "The provided authorization code is intended to use against another tenant."},
		{700016, 400, "unauthorized_client", "", "Application was not found in the directory."},
		{700024, 401, client, "", "Client assertion is not within its valid time range."},
		{700027, 401, client, "", "The certificate with identifier used to sign the client assertion is not registered on application."},
		{700082, 400, grant, "bad_token", "The refresh token has expired due to inactivity."},
		{700084, 400, grant, "bad_token", "The refresh token was issued to a single page app, and therefore has a fixed, limited lifetime."},
		{700213, 401, client, "", "No matching federated identity record found for presented assertion subject."},
		{1002012, 400, "invalid_scope", "", "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed."},
		{7000215, 401, client, "", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID."},
		{7000218, 401, client, "", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
		{7000222, 401, client, "", "The provided client secret keys are expired."},
		{9002346, 400, "invalid_request", "", "The application is configured for use by Microsoft Account users only. Please use the /consumers endpoint."},
	} {
		f := AuthorityFault{AADSTS: r.number, Status: r.status, Error: r.code, Description: r.text}
		if r.suberror != "" {
			f.Fields = map[string]any{"suberror": r.suberror}
		}
		if r.code == "temporarily_unavailable" {
			f.RetryAfter = time.Minute
		}
		refusals[r.number] = f
	}
	return refusals
}

// GoogleRefusals returns how Google refuses requests for a token, by what has
// happened, for [Authority.Inject]:
//
//	authority.Inject(mock.GoogleRefusals()["invalid_rapt"])
//
// The names are "expired" (and revoked), "bad_request" (as vague as it says),
// "invalid_rapt" and "rapt_required" (a session has to be renewed by the user),
// "not_delegated", "unknown_subject", "unknown_account", "signature", "clock",
// "scope", "deleted_client", "disabled_client", "unknown_client",
// "admin_policy_enforced", "org_internal", "rate_limit" and "internal_failure".
// Each lasts; set Times, Grant or Path to change that.
func GoogleRefusals() map[string]AuthorityFault {
	grant := func(text string) AuthorityFault {
		return AuthorityFault{Status: http.StatusBadRequest, Error: "invalid_grant", Description: text}
	}
	reauthenticate := func(subtype string) AuthorityFault {
		f := grant("reauth related error (" + subtype + ")")
		f.Fields = map[string]any{"error_subtype": subtype, "error_uri": "https://support.google.com/a/answer/9368756"}
		return f
	}
	other := func(status int, code, text string) AuthorityFault {
		return AuthorityFault{Status: status, Error: code, Description: text}
	}
	return map[string]AuthorityFault{
		"expired":         grant("Token has been expired or revoked."),
		"bad_request":     grant("Bad Request"),
		"invalid_rapt":    reauthenticate("invalid_rapt"),
		"rapt_required":   reauthenticate("rapt_required"),
		"unknown_subject": grant("Invalid email or User ID"),
		"unknown_account": grant("Invalid grant: account not found"),
		"signature":       grant("Invalid JWT Signature."),
		"clock":           grant(badTimes),
		"not_delegated":   other(http.StatusUnauthorized, "unauthorized_client", notDelegated),
		"scope":           other(http.StatusBadRequest, "invalid_scope", "Some requested scopes were invalid."),
		"deleted_client":  other(http.StatusUnauthorized, "deleted_client", "The OAuth client was deleted."),
		"disabled_client": other(http.StatusUnauthorized, "disabled_client", "The OAuth client was disabled."),
		"unknown_client":  other(http.StatusUnauthorized, "invalid_client", "The OAuth client was not found."),
		"admin_policy_enforced": other(http.StatusBadRequest, "admin_policy_enforced",
			"Access to your account data is restricted by policies within your organization. Please contact the administrator of your organization for more information."),
		"org_internal":     other(http.StatusForbidden, "org_internal", "This client is restricted to users within its organization."),
		"rate_limit":       other(http.StatusTooManyRequests, "rate_limit_exceeded", "Rate Limit Exceeded"),
		"internal_failure": other(http.StatusInternalServerError, "internal_failure", "Backend Error"),
	}
}
