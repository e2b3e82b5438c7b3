package microsoft

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/providers"
)

// failure returns what an error of MSAL amounts to. The texts of MSAL quote
// whole answers, and so reach nobody.
func (f *appFetcher) failure(err error, last *record) error {
	if last.status >= 300 {
		return f.refused(last)
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
		e.Hint = "compare Options.Scope with the permissions of the application"
	case strings.Contains(text, "does not match authority"):
		e.Kind = providers.Misconfigured
		e.Description = "the authority says that it is another one"
		e.Hint = "check Options.Authority and Options.Tenant"
	}
	return e
}

// refused is the error for an answer of Entra that holds no token.
func (f *appFetcher) refused(last *record) error {
	r := &last.refusal
	e := &providers.Error{
		Kind:          providers.Classify(last.status, r.Code),
		Provider:      provider,
		Code:          f.scrub(r.Code),
		Description:   f.scrub(withoutTrace(r.Description)),
		Status:        last.status,
		RetryAfter:    last.retryAfter,
		CorrelationID: f.scrub(r.CorrelationID),
	}
	switch row, ok := f.row(r); {
	case e.Kind == providers.Transient:
	case ok:
		e.Kind = row.kind
		e.Hint = strings.NewReplacer("CLIENT", f.scrub(f.clientID), "TENANT", f.scrub(f.tenant)).Replace(row.hint)
	case r.Code == "":
		e.Description = "the answer is not that of Entra"
		e.Hint = "check Options.Authority, and look for a proxy between here and Microsoft"
	}
	return e
}

func (f *appFetcher) scrub(text string) string {
	secrets := make([]string, len(f.secrets))
	for i, secret := range f.secrets {
		secrets[i] = secret.Reveal()
	}
	return providers.Scrub(text, secrets...)
}

// withoutTrace returns an error description without the identifiers at its end.
func withoutTrace(description string) string {
	text, _, _ := strings.Cut(description, "Trace ID:")
	return strings.TrimSpace(text)
}

// A row says what a refusal means, by its AADSTS numbers or else by its code.
// The numbers are not promised to stay, so one that is unknown changes nothing.
type row struct {
	numbers []int64
	code    string
	kind    providers.Kind
	hint    string // CLIENT and TENANT stand for the options
}

// row returns the row that a refusal matches.
func (f *appFetcher) row(r *refusal) (row, bool) {
	rows := refusals()
	for _, row := range rows {
		if slices.ContainsFunc(row.numbers, func(n int64) bool { return slices.Contains(r.Numbers, n) }) {
			return row, true
		}
	}
	i := slices.IndexFunc(rows, func(row row) bool { return row.code != "" && row.code == r.Code })
	if i < 0 {
		return row{}, false
	}
	return rows[i], true
}

// refusals are the answers of Entra to an application that signs in as itself.
func refusals() []row {
	const blocked = "an administrator finds the reason in the sign-in log of Microsoft Entra, under service principals"
	return []row{
		{[]int64{700016}, "", providers.Misconfigured, "there is no application CLIENT in tenant TENANT: the tenant or the cloud is another one, or the application was deleted"},
		{[]int64{7000215}, "", providers.Misconfigured, "the client secret is wrong: use its value and not its id, and check that it belongs to CLIENT"},
		{[]int64{7000222}, "", providers.Misconfigured, "the client secret has expired: make another in the app registration of CLIENT"},
		{[]int64{7000218}, "", providers.Misconfigured, "the application CLIENT did not prove who it is: give it a client secret"},
		{[]int64{7000112}, "", providers.Blocked, "the application CLIENT is disabled in tenant TENANT: " + blocked},
		{[]int64{90002}, "invalid_tenant", providers.Misconfigured, "there is no tenant TENANT in this cloud: check its id or domain, and Options.Authority"},
		{[]int64{50194, 50020, 700005, 9002346}, "", providers.Misconfigured, "the application CLIENT is registered for other accounts than those of TENANT: use the tenant it was registered in"},
		{[]int64{53003, 53000, 53001, 530003, 530035}, "", providers.Blocked, "Conditional Access forbids it: " + blocked},
		{[]int64{70011, 1002012}, "invalid_scope", providers.Misconfigured, "Options.Scope is not known: the worldwide cloud has https://outlook.office365.com/.default"},
		{[]int64{500011}, "invalid_resource", providers.Misconfigured, "the resource of Options.Scope is not in tenant TENANT: the tenant has no Exchange Online, or the scope is for another cloud"},
		{[]int64{90033, 90055, 50196}, "", providers.Transient, ""},
		{nil, "invalid_client", providers.Misconfigured, "the secret or the id of the application CLIENT is wrong"},
		{nil, "unauthorized_client", providers.Misconfigured, "the application CLIENT may not sign in to tenant TENANT as itself: compare both with the app registration"},
	}
}
