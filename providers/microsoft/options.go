package microsoft

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/seed-55a66e92/postern/providers"
)

const (
	provider         = "microsoft"
	defaultAuthority = "https://login.microsoftonline.com"
)

// Options say which application asks for tokens, and where. ClientID is required,
// and for an application that signs in as itself Tenant, too; every other field
// may be zero.
type Options struct {
	// Tenant is the directory that is signed in to: its id or one of its domains.
	// For users it may be "organizations", "consumers" or "common": whichever
	// directory, personal accounts alone, or both. Zero means "common" for users,
	// and is an error for an application, which belongs to one directory.
	Tenant string

	// ClientID is the id of the application, a UUID.
	ClientID string

	// Credential is what the application proves itself by. Zero means that it is a
	// public client, as programs on users' machines are.
	Credential Credential

	// Cloud is the world that the mailboxes are in. It says where to sign in and
	// what for.
	Cloud Cloud

	// Authority is the root of the login server, without a tenant. Zero means that
	// of Cloud. Others are for tests, so Tenant and ClientID may then have any
	// form. It is trusted with secrets.
	Authority string

	// Scope is what the token is for. For an application, it is a resource followed
	// by /.default; for a user, one or more scopes of one resource, with spaces
	// between them. What OpenID Connect adds is asked for without being named.
	// Zero means that of Cloud: for the worldwide one,
	// https://outlook.office365.com/.default for an application and
	// https://outlook.office.com/SMTP.Send for a user.
	Scope string

	// Claims is what Entra asked for when it refused, as [Challenge] returns it, for
	// the next sign-in of the user. Zero means nothing. It has no effect on what
	// signs nobody in.
	Claims string

	// HTTPClient sends the requests. Redirects are never followed, whatever it
	// says. Nil means a client of its own over http.DefaultTransport; for managed
	// identities, one that uses no proxy.
	HTTPClient *http.Client

	// Cache says when tokens are renewed and, with a Store and a Key, where they
	// are kept. PerUser has no effect: an application has one token for all
	// mailboxes, a user one for all servers. Grant is a user's, see [Account].
	Cache providers.CacheOptions
}

// settings are Options that have been checked.
type settings struct {
	Options
	app    bool // it signs in as itself
	scopes []string
	prove  prover // nil: a public client
}

// forApp returns o with its zero fields filled in, checked for use by an
// application that signs in as itself.
func (o Options) forApp() (*settings, error) {
	s, err := o.resolve()
	if err != nil {
		return nil, err
	}
	s.forItself()
	s.Cache.Grant = s.mark()
	return s, firstOf(
		checkTenant(s.Tenant, o.Authority != ""),
		checkClientID(s.ClientID, o.Authority != ""),
		s.checkAppScope(),
		s.checkProver(),
		s.checkStore(""),
	)
}

// forItself says what an application asks for that signs in as itself.
func (s *settings) forItself() {
	s.Scope = cmp.Or(s.Scope, s.Cloud.Profile().AppScopes[0])
	s.app, s.scopes = true, []string{s.Scope}
}

// forUser does what forApp does for a user who has signed in.
func (o Options) forUser(user string) (*settings, error) {
	s, err := o.forLogin()
	if err != nil {
		return nil, err
	}
	return s, s.checkStore(user)
}

// forLogin does so for a user who is about to sign in, and whose record takes the
// place of any other.
func (o Options) forLogin() (*settings, error) {
	s, err := o.resolve()
	if err != nil {
		return nil, err
	}
	if s.Tenant == "" {
		s.Tenant = "common"
	}
	if s.scopes = withoutReserved(s.Scope); len(s.scopes) == 0 {
		s.scopes = s.Cloud.Profile().Scopes
	}
	if !isShared(s.Tenant) {
		err = checkTenant(s.Tenant, o.Authority != "")
	}
	return s, firstOf(err, checkClientID(s.ClientID, o.Authority != ""), s.checkUserScopes(), s.checkKey())
}

// resolve fills in what both have in common. A credential may know of fields that
// are empty.
func (o Options) resolve() (*settings, error) {
	s := &settings{Options: o}
	if s.Cloud.Profile() == nil {
		return nil, misconfigured("Options.Cloud is none of the clouds")
	}
	if o.Credential.prepare != nil {
		var err error
		if s.prove, err = o.Credential.prepare(s); err != nil {
			return nil, err
		}
	}
	if s.Authority == "" {
		s.Authority = s.Cloud.authority()
	}
	// MSAL writes the host of an authority so.
	s.Authority = strings.ToLower(strings.TrimSuffix(s.Authority, "/"))
	s.Cache.PerUser = false
	return s, checkAuthority(s.Authority)
}

// host is the name by which MSAL's cache knows the authority.
func (s *settings) host() string { return strings.TrimPrefix(s.Authority, "https://") }

// tenantURL is what MSAL calls the authority.
func (s *settings) tenantURL() string { return s.Authority + "/" + s.Tenant }

// withoutReserved returns the scopes without those that MSAL adds by itself: what it
// is told of them, it would miss in the answer, and refuse the token.
func withoutReserved(scope string) []string {
	var scopes []string
	for _, s := range strings.Fields(scope) {
		if !isReserved(s) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

func isReserved(scope string) bool {
	switch strings.ToLower(scope) {
	case "openid", "profile", "email", "offline_access":
		return true
	}
	return false
}

// reserved are the scopes of every sign-in of a user: for a refresh token and for
// the name of the account.
func reserved() []string { return []string{"openid", "profile", "offline_access"} }

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
