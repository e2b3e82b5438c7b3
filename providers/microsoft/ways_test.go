package microsoft_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

const (
	mailbox  = "you@contoso.com"
	identity = "99999999-8888-7777-6666-555555555555"

	pathConfig = "/" + tenant + "/v2.0/.well-known/openid-configuration"
	pathToken  = "/" + tenant + "/oauth2/v2.0/token"
	pathIMDS   = "/metadata/identity/oauth2/token"
	pathMSI    = "/msi/token"
)

// startEntra returns a stand-in for Microsoft's servers that knows one client,
// which is public unless it has a secret.
func startEntra(t *testing.T, o mock.AuthorityOptions, secret string) *mock.Authority {
	t.Helper()
	o.Dialect, o.Tenant = mock.MicrosoftOAuth, tenant
	if o.Clients == nil {
		o.Clients = map[string]string{clientID: secret}
	}
	return mock.StartAuthority(t, o)
}

// A flow is one way to an access token, with an authority for it.
type flow struct {
	dir       string // of files
	authority *mock.Authority
	tokens    sasl.TokenGenerator
	asked     string // the path of the request for a token
	from      int    // the requests before the flow was ready
	stubborn  bool   // the same token comes back until it expires
	kind      providers.Kind
	revoke    mock.AuthorityFault // ends what it rests on; then the error is of that kind
	spy       *spy
}

// options lead to the authority, past the spy.
func (f *flow) options() microsoft.Options {
	if f.spy == nil {
		f.spy = &spy{base: f.authority.HijackingClient().Transport}
	}
	return microsoft.Options{
		Tenant: tenant, ClientID: clientID, HTTPClient: &http.Client{Transport: f.spy},
		Cache: providers.CacheOptions{Events: f.spy.hear},
	}
}

// A setup is what a flow is made of.
type setup struct {
	dir string // empty
	o   mock.AuthorityOptions
}

// A flowMaker makes a flow, in a bubble of package synctest.
type flowMaker func(t *testing.T, s setup) *flow

// flows are all of them, by name.
func flows() map[string]flowMaker {
	return map[string]flowMaker{
		"refresh token": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s, "")
			return f.cache(t)(microsoft.RefreshToken(f.options(), mailbox, f.authority.Grant(mailbox)))
		},
		"device code, in a store": func(t *testing.T, s setup) *flow {
			s.o.RotateRefresh = true
			f := newFlow(t, s, "")
			o := f.stored(t)
			_, err := microsoft.LoginDevice(t.Context(), o, mailbox, func(p microsoft.DevicePrompt) error {
				return f.authority.ApproveDevice(p.Code, mock.Consent{User: mailbox})
			})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Hour)
			return f.cache(t)(microsoft.Account(o, mailbox))
		},
		"web application": func(t *testing.T, s setup) *flow {
			s.o.RotateRefresh = true
			f := newFlow(t, s, clientSecret)
			o := f.stored(t)
			o.Credential = microsoft.Secret(sasl.NewSecret(clientSecret))
			return f.cache(t)(microsoft.RefreshToken(o, "", f.authority.Grant(mailbox)))
		},
		"on behalf of": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s, clientSecret)
			caller := f.authority.Issue(mailbox, 1000*time.Hour, "api://"+clientID+"/access_as_user")
			o := f.options()
			o.Credential = microsoft.Secret(sasl.NewSecret(clientSecret))
			return f.cache(t)(microsoft.OnBehalfOf(o, func(context.Context) (sasl.Secret, error) { return caller.Value, nil }))
		},
		"secret": func(t *testing.T, s setup) *flow {
			return newFlow(t, s, clientSecret).application(t, microsoft.Secret(sasl.NewSecret(clientSecret)))
		},
		"secret in a store": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s, clientSecret)
			o := f.stored(t)
			o.Credential = microsoft.Secret(sasl.NewSecret(clientSecret))
			return f.app(t)(microsoft.NewApp(o))
		},
		"secret of a function": func(t *testing.T, s setup) *flow {
			return newFlow(t, s, clientSecret).application(t, microsoft.SecretFunc(func(context.Context) (sasl.Secret, error) {
				return sasl.NewSecret(clientSecret), nil
			}))
		},
		"certificate": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s, "")
			file, err := f.authority.NewClientCertificate(clientID)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute) // it is good from now on
			return f.application(t, microsoft.Certificate([]byte(file.Reveal())))
		},
		"assertion": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s, "")
			return f.application(t, microsoft.Assertion(func(context.Context) (sasl.Secret, error) {
				return f.authority.FederatedToken("workload", "api://AzureADTokenExchange", time.Hour)
			}))
		},
		"workload identity": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s, "")
			token, err := f.authority.FederatedToken("workload", "api://AzureADTokenExchange", 1000*time.Hour)
			file := filepath.Join(s.dir, "token")
			if err := errors.Join(err, os.WriteFile(file, []byte(token.Reveal()+"\n"), 0o600)); err != nil {
				t.Fatal(err)
			}
			t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
			return f.application(t, microsoft.WorkloadIdentity())
		},
		"managed identity": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s, "")
			return f.machine(pathIMDS).app(t)(microsoft.ManagedIdentity(f.options(), microsoft.Identity{}))
		},
		"managed identity in a store": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s, "")
			return f.machine(pathIMDS).app(t)(microsoft.ManagedIdentity(f.stored(t), microsoft.Identity{ClientID: "assigned"}))
		},
		"managed identity of an App Service": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s, "")
			t.Setenv("IDENTITY_ENDPOINT", f.authority.IdentityEndpoint())
			t.Setenv("IDENTITY_HEADER", f.authority.IdentityHeader().Reveal())
			return f.machine(pathMSI).app(t)(microsoft.ManagedIdentity(f.options(), microsoft.Identity{ClientID: "assigned"}))
		},
		"federated identity": func(t *testing.T, s setup) *flow {
			return newFlow(t, s, "").application(t, microsoft.FederatedIdentity(microsoft.Identity{}))
		},
	}
}

// newFlow is a flow without a generator yet.
func newFlow(t *testing.T, s setup, secret string) *flow {
	t.Helper()
	s.o.Network = mock.InMemory
	s.o.Machine = mock.Machine{Identity: identity, UserIdentities: []string{"assigned"}}
	return &flow{
		dir: s.dir, authority: startEntra(t, s.o, secret), asked: pathToken,
		kind: providers.NeedsUser, revoke: mock.MicrosoftRefusals()[50173],
	}
}

// stored are options with a store in the file system.
func (f *flow) stored(t *testing.T) microsoft.Options {
	t.Helper()
	store, err := providers.NewFileStore(filepath.Join(f.dir, "tokens"))
	if err != nil {
		t.Fatal(err)
	}
	o := f.options()
	o.Cache.Store, o.Cache.Key = store, "microsoft/"+clientID+"/you"
	return o
}

// application is an application that signs in as itself.
func (f *flow) application(t *testing.T, c microsoft.Credential) *flow {
	t.Helper()
	o := f.options()
	o.Credential = c
	return f.app(t)(microsoft.NewApp(o))
}

// machine is the flow of a managed identity.
func (f *flow) machine(path string) *flow {
	f.asked, f.stubborn, f.kind = path, true, providers.Misconfigured
	f.revoke = mock.AuthorityFault{Path: path, Status: 400, Error: "invalid_request", Description: "Identity not found"}
	return f
}

func (f *flow) cache(t *testing.T) func(*providers.Cache, error) *flow {
	t.Helper()
	return func(c *providers.Cache, err error) *flow { return f.with(t, c, err) }
}

func (f *flow) app(t *testing.T) func(*microsoft.App, error) *flow {
	t.Helper()
	if f.kind == providers.NeedsUser {
		f.kind, f.revoke = providers.Misconfigured, mock.MicrosoftRefusals()[7000222]
	}
	return func(a *microsoft.App, err error) *flow { return f.with(t, a, err) }
}

func (f *flow) with(t *testing.T, g sasl.TokenGenerator, err error) *flow {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	f.tokens, f.from = g, len(f.authority.Requests())
	return f
}

// token asks for one, and has the authority look at it.
func (f *flow) token(ctx context.Context, rejected *sasl.Rejection) (sasl.Token, error) {
	token, err := f.tokens.Token(ctx, sasl.TokenRequest{Username: mailbox, Rejected: rejected})
	if err != nil {
		return token, err
	}
	return token, f.authority.CheckToken(ctx, mock.TokenCheck{Mechanism: "XOAUTH2", User: mailbox, Token: token.Value})
}
