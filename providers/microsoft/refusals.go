package microsoft

import (
	"slices"

	"github.com/seed-55a66e92/postern/providers"
)

// A row says what a refusal means: by its AADSTS numbers, or else by its suberror
// or its code. Microsoft promises the codes and not the numbers, so one that is
// unknown changes nothing.
type row struct {
	numbers   []int64
	sub, code string
	kind      providers.Kind
	hint      string // CLIENT, TENANT, LOGIN and SCOPE stand for the options
}

// match returns the row that a refusal matches: the number says the most, the code
// the least.
func match(rows []row, r *refusal) (row, bool) {
	for _, matches := range []func(row) bool{
		func(row row) bool { return r.has(row.numbers) },
		func(row row) bool { return row.sub != "" && row.sub == r.Sub },
		func(row row) bool { return row.code != "" && row.code == r.Code },
	} {
		if i := slices.IndexFunc(rows, matches); i >= 0 {
			return rows[i], true
		}
	}
	return row{}, false
}

// refusals are the answers of Entra.
func refusals() []row {
	return slices.Concat(ofApplication(), ofScope(), ofUser(), ofPolicy(), ofGrant(), ofTime())
}

// ofApplication is what is wrong with the application or what it proves itself by.
func ofApplication() []row {
	const m = providers.Misconfigured
	return []row{
		{[]int64{700016}, "", "", m, "there is no application CLIENT in tenant TENANT: the tenant or the cloud is another one, the application is for one tenant alone, or it was deleted"},
		{[]int64{7000215}, "", "", m, "the client secret is wrong: use its value and not its id, and check that it belongs to CLIENT"},
		{[]int64{7000222}, "", "", m, "the client secret has expired: make another in the app registration of CLIENT, or move to a certificate or a workload identity"},
		{[]int64{7000218}, "", "", m, "the application CLIENT did not prove who it is: set Options.Credential, or allow public client flows in its app registration"},
		{[]int64{700025}, "", "", m, "CLIENT is registered as a public client, which has nothing to prove itself by: leave Options.Credential out"},
		{[]int64{7000112}, "", "", providers.Blocked, "the application CLIENT is disabled in tenant TENANT: an administrator finds the reason in the sign-in log of Microsoft Entra"},
		{[]int64{700027}, "", "", m, "the certificate is not that of the application: upload its public part to the app registration of CLIENT, and see whether it has expired"},
		{[]int64{700024}, "", "", m, "the assertion is not good at this time: see to the clock of this machine (NTP), and to whether the token of a workload has expired"},
		{[]int64{700211, 700212, 700213, 70021}, "", "", m, "no federated credential of CLIENT matches the assertion: compare its issuer, subject and audience with those that the app registration lists"},
		{[]int64{700021, 700023, 50027}, "", "", m, "the assertion is not one for CLIENT in tenant TENANT: it is a signed JWT whose issuer, subject and audience Entra compares"},
		{[]int64{90002}, "", "invalid_tenant", m, "there is no tenant TENANT at LOGIN: check its id or domain, and Options.Cloud"},
		{[]int64{50194, 50020, 700005, 9002346, 9001023}, "", "", m, "the application CLIENT is registered for other accounts than those of TENANT: use the id of the tenant that it was registered in, or \"consumers\" if it is for personal accounts alone"},
		{[]int64{50011, 500113, 500112}, "", "", m, "the redirect URI is not registered: add http://localhost to the app registration of CLIENT, under mobile and desktop applications; for a web application, the very URI"},
		{nil, "", "invalid_client", m, "the secret or the id of the application CLIENT is wrong"},
		{nil, "", "unauthorized_client", m, "the application CLIENT may not do this in tenant TENANT: compare both with the app registration"},
	}
}

// ofScope is what is wrong with what is asked for.
func ofScope() []row {
	const m = providers.Misconfigured
	const scopes = "in the worldwide cloud it is https://outlook.office365.com/.default for an application and https://outlook.office.com/SMTP.Send for a user; for another cloud set Options.Cloud"
	return []row{
		{[]int64{70011, 1002012}, "", "invalid_scope", m, "the scope SCOPE is not known: " + scopes},
		{[]int64{500011, 650052}, "", "invalid_resource", m, "the resource of SCOPE is not in tenant TENANT: it has no Exchange Online, or is in another cloud; " + scopes},
		{[]int64{500131}, "", "", m, "the token of the caller is for another application than CLIENT: it must be for a scope that CLIENT exposes"},
		{[]int64{50013}, "", "", m, "the token of the caller is not one of Entra for CLIENT: pass the caller's access token as it came"},
	}
}

// ofUser is what the user has to see to.
func ofUser() []row {
	const n = providers.NeedsUser
	return []row{
		{[]int64{65001}, "consent_required", "consent_required", n, "nobody has consented to SCOPE: sign in again, or have an administrator consent at LOGIN/TENANT/adminconsent?client_id=CLIENT"},
		{[]int64{65004}, "", "authorization_declined", n, "the sign-in was declined: sign in again and accept"},
		{[]int64{50072, 50074, 50076, 50078, 50079}, "basic_action", "interaction_required", n, "the tenant demands more than a password: sign in again with a browser or a device code; a password alone can never do"},
		{[]int64{50055}, "", "", n, "the password has expired: sign in with a browser and choose another"},
		{[]int64{50126}, "", "", n, "the user name or the password is wrong"},
		{[]int64{50034}, "", "", providers.Misconfigured, "there is no such user in tenant TENANT"},
		{nil, "", "access_denied", n, "the sign-in was declined: sign in again and accept"},
		{nil, "", "login_required", n, "sign in again: Entra wants to see the user"},
		{[]int64{70020}, "", "expired_token", n, "nobody entered the code in time: begin again"},
		{[]int64{70018}, "", "bad_verification_code", n, "the code is no longer known: begin again"},
	}
}

// ofPolicy is what an administrator has decided.
func ofPolicy() []row {
	const b = providers.Blocked
	return []row{
		{[]int64{53000, 53001, 53002, 53003, 53009, 53011, 530003, 530032, 530035}, "message_only", "", b, "Conditional Access forbids it: an administrator finds the policy in the sign-in log of Microsoft Entra, by the correlation id"},
		{[]int64{90094, 90095}, "", "", b, "users may not consent to SCOPE: have an administrator consent at LOGIN/TENANT/adminconsent?client_id=CLIENT"},
		{[]int64{50105}, "", "", b, "the user is not assigned to CLIENT: an administrator does that at the enterprise application, under users and groups"},
		{[]int64{50057}, "", "", b, "the account is disabled: ask an administrator"},
		{[]int64{70043, 70044}, "token_expired", "", providers.NeedsUser, "a policy of the tenant demands that users sign in again every so often: sign in again; for mail that is sent unattended, have an application sign in as itself"},
	}
}

// ofGrant is what becomes of consents.
func ofGrant() []row {
	const n = providers.NeedsUser
	return []row{
		{[]int64{50173}, "", "", n, "the sign-in was revoked, as it is when the password changes: sign in again"},
		{[]int64{70008, 700082}, "", "", n, "the sign-in was not used for too long, 90 days for most: sign in again, and let the program run more often"},
		{[]int64{700084}, "", "", n, "the redirect URI is registered for a single-page application, whose sign-ins last a day: register it as one of a web or a desktop application, and sign in again"},
		{[]int64{500133}, "", "", n, "the token of the caller has expired: the caller has to get another"},
		{nil, "bad_token", "invalid_grant", n, "sign in again: the sign-in has expired or was revoked"},
	}
}

// ofTime is what passes.
func ofTime() []row {
	const locked = "the account is locked for a while after too many attempts: do not retry by hand"
	return []row{
		{[]int64{50053}, "", "", providers.Transient, locked},
		{[]int64{90033, 90055, 50196}, "", "", providers.Transient, ""},
	}
}
