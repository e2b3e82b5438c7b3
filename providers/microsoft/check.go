package microsoft

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

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

func (s *settings) checkAppScope() error {
	usual := s.Cloud.Profile().AppScopes[0]
	resource, ok := strings.CutSuffix(s.Scope, "/.default")
	u, err := url.Parse(resource)
	switch {
	case !ok || strings.ContainsAny(s.Scope, " ,"):
		return misconfigured("Options.Scope does not end in /.default: an application asks for all it was granted, such as " +
			usual + ", and SMTP.Send is for users")
	case err != nil || u.Scheme != "https" || u.Host == "":
		return misconfigured("Options.Scope is not an https URL followed by /.default")
	case isGraph(u.Hostname()):
		return misconfigured("Options.Scope is for Microsoft Graph, whose tokens Exchange refuses: use " + usual)
	}
	return nil
}

func (s *settings) checkUserScopes() error {
	usual := s.Cloud.Profile().Scopes[0]
	host, sends := "", false
	for _, scope := range s.scopes {
		u, err := url.Parse(scope)
		switch {
		case err != nil || u.Scheme != "https" || u.Host == "" || strings.Contains(scope, ","):
			return misconfigured("Options.Scope is not made of https URLs; a scope without one is for Microsoft Graph, whose tokens Exchange refuses: use " + usual)
		case isGraph(u.Hostname()):
			return misconfigured("Options.Scope is for Microsoft Graph, whose tokens Exchange refuses: use " + usual)
		case host != "" && u.Host != host:
			return misconfigured("Options.Scope is for more than one resource: a token is good for one of them, such as " + usual)
		}
		host = u.Host
		path := strings.ToLower(u.Path)
		sends = sends || path == "/smtp.send" || path == "/.default"
	}
	if !sends {
		return misconfigured("Options.Scope does not hold SMTP.Send: a user who sends mail consents to " + usual)
	}
	return nil
}

// isGraph reports whether a host is Microsoft Graph, of any cloud.
func isGraph(host string) bool {
	host = strings.ToLower(host)
	return strings.HasPrefix(host, "graph.microsoft.") || strings.HasSuffix(host, "-graph.microsoft.us") || host == "microsoftgraph.chinacloudapi.cn"
}

func (s *settings) checkProver() error {
	if s.prove == nil {
		return misconfigured("Options.Credential is empty: an application that signs in as itself proves who it is by a secret, a certificate or an assertion")
	}
	return nil
}

// storeTimeout bounds the look at the Store.
const storeTimeout = 5 * time.Second

func (s *settings) checkKey() error {
	if s.Cache.Store != nil && s.Cache.Key == "" {
		return misconfigured("Options.Cache.Store needs a Key, under which the record is kept")
	}
	return nil
}

// checkStore looks at the record before it is needed: whether it can be read, and
// whose it is. No record is no fault, for somebody may sign in later.
func (s *settings) checkStore(user string) error {
	if err := s.checkKey(); err != nil || s.Cache.Store == nil {
		return err
	}
	stored, err := s.stored()
	switch {
	case errors.Is(err, providers.ErrNotFound):
		return nil
	case err != nil:
		return &providers.Error{
			Kind: providers.Misconfigured, Provider: provider, Description: "the record in Options.Cache.Store cannot be read", Err: err,
			Hint: "check Options.Cache, and whether this program may read what is there",
		}
	case s.app && !stored.IsZero() && !stored.Equal(s.Cache.Grant), !s.app && markedBy(stored) != "":
		return taken(stored)
	case stored.IsZero(), !s.Cache.Grant.IsZero(): // what is configured takes its place
		return nil
	}
	return s.checkGrant(stored, user)
}

// checkPlace looks for an application's record where a sign-in is to be saved. It
// takes the place of any other.
func (s *settings) checkPlace() error {
	if s.Cache.Store == nil {
		return nil
	}
	if stored, err := s.stored(); err == nil && markedBy(stored) != "" {
		return taken(stored)
	}
	return nil
}

func (s *settings) stored() (sasl.Secret, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	return providers.LoadGrant(ctx, s.Cache.Store, s.Cache.Key)
}

// taken is the error for a record of somebody else.
func taken(stored sasl.Secret) error {
	return misconfigured("the record in Options.Cache.Store is that of " + cmp.Or(markedBy(stored), "a user's sign-in") +
		": give each application and each user a Key of its own, or delete the record")
}

// checkGrant returns what is wrong with a grant. An empty one may be filled by a
// sign-in.
func (s *settings) checkGrant(kept sasl.Secret, user string) error {
	_, err := s.readGrant(kept, user)
	if providers.KindOf(err) == providers.NeedsUser {
		return nil
	}
	return err
}

// misconfigured is the error for arguments that cannot work.
func misconfigured(description string) error {
	return &providers.Error{Kind: providers.Misconfigured, Provider: provider, Description: description}
}
