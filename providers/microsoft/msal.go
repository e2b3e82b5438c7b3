package microsoft

import (
	"context"
	"sync"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/seed-55a66e92/postern/sasl"
)

// A call is one call of MSAL. MSAL takes its cache from it, and leaves it there;
// between calls it keeps nothing but the addresses of the login server. So what is
// cached is cached in one place, which other programs share and where a refused
// token is no longer found.
type call struct {
	record  record      // of the last answer
	before  sasl.Secret // MSAL's cache; zero: empty
	left    cache.Marshaler
	secrets []sasl.Secret // what must stay out of errors
	pace    *pace         // nil: no request waits
}

type callKey struct{}

// begin returns a context for one call.
func begin(ctx context.Context, before sasl.Secret, secrets ...sasl.Secret) (context.Context, *call) {
	c := &call{before: before, secrets: secrets}
	return context.WithValue(ctx, callKey{}, c), c
}

// callOf returns the call that a context is of.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return new(call)
}

// after returns MSAL's cache after the call. It is asked for by us and not given by
// MSAL, which gives nothing if anything else went wrong.
func (c *call) after() []byte {
	if c.left == nil {
		return nil
	}
	text, err := c.left.Marshal()
	if err != nil { // what MSAL has read itself
		return nil
	}
	return text
}

// memory is how MSAL gets at its cache.
type memory struct{}

var _ cache.ExportReplace = memory{}

// Replace has MSAL forget what it knows, for what the call says. The hints differ
// between a sign-in and what follows, and mean nothing here.
func (memory) Replace(ctx context.Context, m cache.Unmarshaler, _ cache.ReplaceHints) error {
	c := callOf(ctx)
	c.left, _ = m.(cache.Marshaler)
	if c.before.IsZero() {
		return m.Unmarshal([]byte("{}"))
	}
	return m.Unmarshal([]byte(c.before.Reveal()))
}

// Export does nothing: see call.after.
func (memory) Export(context.Context, cache.Marshaler, cache.ExportHints) error { return nil }

// publicClient returns MSAL's client of an application without credentials.
func (s *settings) publicClient() (public.Client, error) {
	client, err := public.New(s.ClientID,
		public.WithAuthority(s.tenantURL()),
		public.WithHTTPClient(newRecorder(s.HTTPClient)),
		public.WithCache(memory{}),
		// Discovery asks Microsoft whether an authority may be trusted. Ours
		// comes from the program, which trusts it, and often is not Microsoft's.
		public.WithInstanceDiscovery(false))
	if err != nil {
		return client, misconfigured("MSAL does not take these options")
	}
	return client, nil
}

// A prover makes MSAL's credential of ours, before each request. It returns the
// secret that it is made of, zero if it is always the same.
type prover func(context.Context) (confidential.Credential, sasl.Secret, error)

// confidentialClient returns MSAL's client of an application with a credential.
func (s *settings) confidentialClient(credential confidential.Credential, o ...confidential.Option) (confidential.Client, error) {
	client, err := confidential.New(s.tenantURL(), s.ClientID, credential, append(o,
		confidential.WithHTTPClient(newRecorder(s.HTTPClient)),
		confidential.WithInstanceDiscovery(false))...)
	if err != nil {
		return client, misconfigured("MSAL does not take these options")
	}
	return client, nil
}

// A renewed is MSAL's client of an application whose secret may change: then it
// becomes another.
type renewed struct {
	*settings

	mu     sync.Mutex
	made   bool
	secret sasl.Secret
	client confidential.Client
}

// get returns the client for a call.
func (r *renewed) get(ctx context.Context) (confidential.Client, error) {
	credential, secret, err := r.prove(ctx)
	if err != nil {
		return confidential.Client{}, err
	}
	c := callOf(ctx)
	c.secrets = append(c.secrets, secret)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.made && r.secret.Equal(secret) {
		return r.client, nil
	}
	client, err := r.confidentialClient(credential, confidential.WithCache(memory{}))
	if err != nil {
		return client, err
	}
	r.made, r.secret, r.client = true, secret, client
	return client, nil
}
