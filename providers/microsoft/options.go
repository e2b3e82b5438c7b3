package microsoft

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/profile"
)

const (
	provider         = "microsoft"
	defaultAuthority = "https://login.microsoftonline.com"

	// early is less than the five minutes before expiry in which MSAL takes a
	// cached token for expired, jitter included. Asked sooner, it would only
	// return the same token.
	early = 4 * time.Minute
)

// Options say which application signs in, and where. Tenant and ClientID are
// required; every other field may be zero.
type Options struct {
	// Tenant is the directory of the application: its id or one of its domains.
	Tenant string

	// ClientID is the id of the application, a UUID.
	ClientID string

	// Authority is the root of the login server, without a tenant. Empty means
	// https://login.microsoftonline.com. Others are for national clouds and for
	// tests, so Tenant and ClientID may then have any form. It is trusted with
	// the secret.
	Authority string

	// Scope is what the token is for, a resource followed by /.default. Empty
	// means https://outlook.office365.com/.default.
	Scope string

	// HTTPClient sends the requests. Redirects are never followed, whatever it
	// says. Nil means a client of its own over http.DefaultTransport.
	HTTPClient *http.Client

	// Cache says when the token is renewed. PerUser has no effect: an
	// application has one token for all mailboxes. A zero Early means 4 minutes.
	Cache providers.CacheOptions
}

// withDefaults returns o with its zero fields filled in, checked for use by an
// application that signs in as itself.
func (o Options) withDefaults() (Options, error) {
	custom := o.Authority != ""
	if !custom {
		o.Authority = defaultAuthority
	}
	if o.Scope == "" {
		o.Scope = profile.Microsoft365().AppScopes[0]
	}
	if o.Cache.Early <= 0 {
		o.Cache.Early = early
	}
	o.Cache.PerUser = false
	o.Authority = strings.TrimSuffix(o.Authority, "/")
	for _, check := range []error{
		checkAuthority(o.Authority),
		checkTenant(o.Tenant, custom),
		checkClientID(o.ClientID, custom),
		checkAppScope(o.Scope),
	} {
		if check != nil {
			return Options{}, check
		}
	}
	return o, nil
}

var (
	uuid   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	domain = regexp.MustCompile(`^([0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?\.)+[A-Za-z][0-9A-Za-z-]*$`)
	label  = regexp.MustCompile(`^[0-9A-Za-z-]{1,63}$`)
)

func checkAuthority(authority string) error {
	u, err := url.Parse(authority)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return misconfigured("Options.Authority is not the https URL of a login server, such as " + defaultAuthority + ", without a tenant")
	}
	return nil
}

func checkTenant(tenant string, custom bool) error {
	switch {
	case tenant == "":
		return misconfigured("Options.Tenant is empty: an application signs in to one directory, named by its id or domain")
	case isShared(tenant):
		return misconfigured("the tenant " + strings.ToLower(tenant) + " stands for many directories: an application signs in to one, named by its id or domain")
	case uuid.MatchString(tenant), domain.MatchString(tenant), custom && label.MatchString(tenant):
		return nil
	}
	return misconfigured("Options.Tenant is neither the id nor the domain of a directory, such as contoso.onmicrosoft.com")
}

// isShared reports whether a tenant is one of those that only users sign in to.
func isShared(tenant string) bool {
	switch strings.ToLower(tenant) {
	case "common", "organizations", "consumers":
		return true
	}
	return false
}

func checkClientID(id string, custom bool) error {
	switch {
	case id == "":
		return misconfigured("Options.ClientID is empty: it is the application (client) id of the app registration")
	case !custom && !uuid.MatchString(id):
		return misconfigured("Options.ClientID is not a UUID: it is the application (client) id of the app registration")
	}
	return nil
}

func checkAppScope(scope string) error {
	resource, ok := strings.CutSuffix(scope, "/.default")
	u, err := url.Parse(resource)
	switch {
	case !ok || strings.ContainsAny(scope, " ,"):
		return misconfigured("Options.Scope does not end in /.default: an application asks for all it was granted, such as " +
			profile.Microsoft365().AppScopes[0] + ", and SMTP.Send is for users")
	case err != nil || u.Scheme != "https" || u.Host == "":
		return misconfigured("Options.Scope is not a https URL followed by /.default")
	case isGraph(u.Hostname()):
		return misconfigured("Options.Scope is for Microsoft Graph, whose tokens Exchange refuses: use " + profile.Microsoft365().AppScopes[0])
	}
	return nil
}

// isGraph reports whether a host is Microsoft Graph, of any cloud.
func isGraph(host string) bool {
	host = strings.ToLower(host)
	return strings.HasPrefix(host, "graph.microsoft.") || strings.HasSuffix(host, "-graph.microsoft.us") || host == "microsoftgraph.chinacloudapi.cn"
}

// misconfigured is the error for arguments that cannot work.
func misconfigured(description string) error {
	return &providers.Error{Kind: providers.Misconfigured, Provider: provider, Description: description}
}
