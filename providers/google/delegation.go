package google

import (
	"context"
	"strings"
	"time"

	"golang.org/x/oauth2/google"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A Delegation is a service account that a Google Workspace lets sign in to its
// users' mailboxes (domain-wide delegation). One Delegation serves them all: it
// has a token for each [sasl.TokenRequest.Username], which is the user name of
// the sign-in. It is safe for concurrent use.
//
// Whoever has the credentials of a Delegation can send as any user of the
// Workspace. Let the user name come from your configuration, never from a
// message.
type Delegation struct {
	cache *providers.Cache
}

var _ sasl.TokenGenerator = (*Delegation)(nil)

// ServiceAccountKey returns a Delegation of the service account whose key file,
// JSON of type service_account, is given. It makes no request yet; the error is
// for arguments that cannot work, and a *[providers.Error] of kind Misconfigured.
//
// The Workspace administrator has to enter the numeric client id of the service
// account and the scope https://mail.google.com/ in the Admin console, under
// Security, API controls, Domain-wide delegation. On Google Cloud, [Keyless]
// needs no key.
func ServiceAccountKey(file []byte, o Options) (*Delegation, error) {
	f, err := parseCredentials(file)
	if err != nil {
		return nil, err
	}
	if f.Type != typeKey {
		return nil, f.refuse(typeKey)
	}
	a, err := f.asserter(o)
	if err != nil {
		return nil, err
	}
	sign, err := f.signer()
	if err != nil {
		return nil, err
	}
	return newDelegation(&delegate{
		sign: sign, asserter: a, clientID: f.ClientID,
		account: named(f.ClientEmail),
	}, o)
}

func (f *credentialsFile) signer() (signer, error) {
	if !isAddress(f.ClientEmail) {
		return nil, misconfigured("client_email is not the address of a service account: download the key file anew")
	}
	return keySigner(f.PrivateKey, f.PrivateKeyID)
}

// asserter returns what exchanges assertions of the key in a file.
func (f *credentialsFile) asserter(o Options) (*asserter, error) {
	audience := f.TokenURI
	if err := f.useTokenURI(&o); err != nil {
		return nil, err
	}
	if audience == "" || !isGoogle(audience) {
		audience = google.Endpoint.TokenURL
	}
	tokenURL, err := o.tokenURL()
	if err != nil {
		return nil, err
	}
	return &asserter{tokenURL, audience, providers.HTTPClient(o.HTTPClient)}, nil
}

func newDelegation(d *delegate, o Options) (*Delegation, error) {
	if err := o.checkCache(); err != nil {
		return nil, err
	}
	cache := o.Cache
	cache.Grant, cache.PerUser = sasl.Secret{}, true
	return &Delegation{providers.NewCache(d, cache)}, nil
}

// Token returns an access token for the mailbox req.Username. See
// [providers.Cache.Token] for its errors.
func (d *Delegation) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	if err := checkMailbox(req.Username); err != nil {
		return sasl.Token{}, err
	}
	return d.cache.Token(ctx, req)
}

// Status returns the status of every mailbox that was asked for.
func (d *Delegation) Status() []providers.Status { return d.cache.Status() }

// Close ends the Delegation; see [providers.Cache.Close].
func (d *Delegation) Close() error { return d.cache.Close() }

// checkMailbox refuses what no Workspace can delegate.
func checkMailbox(user string) error {
	_, domain, ok := strings.Cut(user, "@")
	switch {
	case user == "":
		return misconfigured("a delegation signs in to the mailbox that the user name names, and there is none")
	case !ok || domain == "":
		return misconfigured("the user name " + providers.Scrub(user) + " is no address of a mailbox")
	case strings.EqualFold(domain, "gmail.com") || strings.EqualFold(domain, "googlemail.com"):
		return misconfigured("accounts of gmail.com cannot be delegated: their users sign in themselves, with Login")
	}
	return nil
}

// A delegate fetches the tokens of a Delegation.
type delegate struct {
	account  func(context.Context) (string, error) // the service account
	clientID string                                // its numeric id; empty: unknown
	sign     signer
	asserter *asserter
}

var _ providers.Fetcher = (*delegate)(nil)

// Fetch signs an assertion that it is the user, and exchanges it. Each time it is
// another token.
func (d *delegate) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	account, err := d.account(ctx)
	if err != nil {
		return providers.Response{}, err
	}
	assertion, err := d.sign(ctx, claims(account, req.Username, mailScope, d.asserter.audience, time.Now()))
	if err != nil {
		return providers.Response{}, err
	}
	token, err := d.asserter.token(ctx, assertion, ofDelegation(account, d.clientID, req.Username))
	if err != nil {
		return providers.Response{}, err
	}
	token.Subject = req.Username
	return providers.Response{Token: token}, nil
}

// ofDelegation is the question of a service account that wants to be a user.
func ofDelegation(account, clientID, user string) *question {
	number := "of " + shown(account)
	if clientID != "" {
		number = shown(clientID)
	}
	return &question{rows: assertionRefusals(), names: []string{
		"CLIENTID", number, "CLIENT", shown(account), "ACCOUNT", shown(account), "USER", providers.Scrub(user),
	}}
}
