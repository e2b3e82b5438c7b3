package microsoft

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// An Identity is a managed identity of Azure: what a machine, or a service that runs
// code, is known by. The zero Identity is the one that the system has assigned; a
// user-assigned one is named by one of the fields.
type Identity struct {
	ClientID   string
	ObjectID   string // of its service principal
	ResourceID string // /subscriptions/.../userAssignedIdentities/...
}

// ManagedIdentity returns an App that is a managed identity: on a virtual machine, in
// App Service, Functions and Container Apps, in Azure Arc, Cloud Shell, Machine
// Learning and Service Fabric, as the environment says at the time of the call.
// Tenant, ClientID, Credential and Authority of Options have no effect.
//
// The identity needs the role SMTP.SendAsApp and has to be known to Exchange, as
// any application. Whoever issues its tokens keeps them, too: one that Exchange
// refuses may come back until it expires, hours later, and then the answer is
// [sasl.ErrNoOtherToken]. An application that trusts the identity has no such
// trouble: see [FederatedIdentity].
func ManagedIdentity(o Options, id Identity) (*App, error) {
	o.Tenant, o.ClientID, o.Credential, o.Authority = "", "", Credential{}, ""
	s, err := o.resolve()
	if err != nil {
		return nil, err
	}
	s.forItself()
	s.Cache.Grant = id.mark(s.Scope)
	if err := firstOf(s.checkAppScope(), s.checkStore("")); err != nil {
		return nil, err
	}
	m, err := s.identity(id, strings.TrimSuffix(s.Scope, "/.default"))
	if err != nil {
		return nil, err
	}
	return &App{providers.NewCache(m, s.Cache)}, nil
}

// FederatedIdentity is a managed identity that the app registration trusts, as a
// federated credential: the application needs no secret, and may be of another
// tenant than the machine.
func FederatedIdentity(id Identity) Credential {
	return Credential{func(s *settings) (prover, error) {
		m, err := s.identity(id, s.Cloud.exchangeResource())
		if err != nil {
			return nil, err
		}
		return byAssertion(func(ctx context.Context) (sasl.Secret, error) {
			got, err := m.Fetch(ctx, providers.Request{})
			return got.Token.Value, err
		}), nil
	}}
}

// firstTimeout bounds the first request: where there is no endpoint, some networks
// answer nothing at all, and where there is one, it is near.
const firstTimeout = 10 * time.Second

// A machine fetches the tokens of a managed identity.
type machine struct {
	client   managedidentity.Client
	resource string
	seen     atomic.Bool // there was an answer once
}

var _ providers.Fetcher = (*machine)(nil)

// identity returns the fetcher of an identity's tokens for a resource.
func (s *settings) identity(id Identity, resource string) (*machine, error) {
	named, err := id.named()
	if err != nil {
		return nil, err
	}
	client, err := managedidentity.New(named,
		managedidentity.WithHTTPClient(newRecorder(direct(s.HTTPClient))),
		managedidentity.WithRetryPolicyDisabled()) // the Cache tries again
	if err != nil {
		return nil, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider, Description: "there is no such managed identity here",
			Hint: "in Cloud Shell and Service Fabric there is the system's own alone, in Machine Learning a user-assigned one has a client id; " +
				"see also whether IDENTITY_ENDPOINT and IDENTITY_SERVER_THUMBPRINT are as Azure has set them",
		}
	}
	return &machine{client: client, resource: resource}, nil
}

func (id Identity) named() (managedidentity.ID, error) {
	switch id {
	case Identity{}:
		return managedidentity.SystemAssigned(), nil
	case Identity{ClientID: id.ClientID}:
		return managedidentity.UserAssignedClientID(id.ClientID), nil
	case Identity{ObjectID: id.ObjectID}:
		return managedidentity.UserAssignedObjectID(id.ObjectID), nil
	case Identity{ResourceID: id.ResourceID}:
		return managedidentity.UserAssignedResourceID(id.ResourceID), nil
	}
	return nil, misconfigured("an Identity is named by one field: a client id, an object id or a resource id")
}

// direct returns an HTTP client that uses no proxy if there is none given: who
// issues the tokens of an identity is on this machine, or next to it.
func direct(c *http.Client) *http.Client {
	usual, ok := http.DefaultTransport.(*http.Transport)
	if c != nil || !ok {
		return c
	}
	transport := usual.Clone()
	transport.Proxy = nil
	return &http.Client{Transport: transport}
}

// Fetch asks who issues the tokens. MSAL has a cache of identities' tokens for the
// whole process, which claims make it pass by; it sends them nowhere.
func (m *machine) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	if !m.seen.Load() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, firstTimeout)
		defer cancel()
	}
	ctx, call := begin(ctx, sasl.Secret{})
	result, err := m.client.AcquireToken(ctx, m.resource, managedidentity.WithClaims("{}"))
	if err != nil {
		return providers.Response{}, m.failure(err, call)
	}
	m.seen.Store(true)
	return response(result, req.Rejected)
}

// failure returns what an error of MSAL amounts to. Who issues the tokens is not
// Entra: of what it says, the status is what can be relied on.
func (m *machine) failure(err error, c *call) error {
	last, scrub := &c.record, scrubber(c.secrets)
	e := &providers.Error{
		Kind: providers.Classify(last.status, last.refusal.Code), Provider: provider,
		Code: scrub(last.refusal.Code), Description: scrub(last.refusal.Description),
		Status: last.status, RetryAfter: last.retryAfter,
	}
	source, _ := managedidentity.GetSource() // identity has seen to its error
	var network *url.Error
	switch {
	case source == managedidentity.AzureArc && last.status == http.StatusUnauthorized:
		e.Description = "the key that Azure Arc has for programs on this machine cannot be read"
		e.Hint = "have the program run as a member of the group himds (on Windows, of Hybrid agent extension applications)"
	case last.status == http.StatusNotFound, last.status == http.StatusGone: // while the machine is being updated
		e.Kind = providers.Transient
	case last.status >= 300 && e.Kind != providers.Transient:
		e.Hint = "the managed identity is not assigned to this machine, or not by that name: assign it, or name another one in Identity"
	case last.status >= 300:
	case errors.As(err, &network) && m.seen.Load():
		e.Description, e.Err = "the endpoint of the managed identity cannot be reached", network.Err
	case errors.Is(err, context.DeadlineExceeded):
		e.Description = "the endpoint of managed identities does not answer"
		e.Hint = "if this is no machine of Azure, or it has no managed identity, use another Credential"
	case errors.As(err, &network):
		e.Kind, e.Description, e.Err = providers.Misconfigured, "there is no endpoint of managed identities", network.Err
		e.Hint = "this is no machine of Azure, or it has no managed identity: use another Credential"
	default:
		e.Status, e.Kind, e.Description = 0, providers.Transient, "the answer is not that of an endpoint of managed identities"
	}
	return e
}
