package microsoft_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestForeignCache takes over what other programs have.
func TestForeignCache(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, "")
	both := map[string]sasl.Secret{mailbox: a.Grant(mailbox), "other@contoso.com": a.Grant("other@contoso.com")}
	past := time.Now().Add(-time.Hour)
	tests := []struct {
		name  string
		cache sasl.Secret
		user  string
		want  string // the error; "" means none
	}{
		{"one of two", foreign(clientID, worldwide, past, both), "Other@contoso.com", ""},
		{"whoever it is", foreign(clientID, worldwide, past, map[string]sasl.Secret{"other@contoso.com": both["other@contoso.com"]}), "", ""},
		{"by an old name of the server", foreign(strings.ToUpper(clientID), "login.windows.net", past, both), "other@contoso.com", ""},
		{"refresh token", both["other@contoso.com"], "other@contoso.com", ""},
		{
			"neither of two", foreign(clientID, worldwide, past, both), "third@contoso.com",
			"microsoft: the sign-in is that of other@contoso.com, you@contoso.com, not of third@contoso.com; give each user a Key of its own; if both names are of the same mailbox, use the one that signs in",
		},
		{
			"another client", foreign("22222222-2222-3333-4444-555555555555", worldwide, past, both), mailbox,
			"microsoft: the sign-in was made with another client id or in another cloud than those of Options; compare Options.ClientID, Options.Cloud and Options.Cache.Key, or sign in again",
		},
		{
			"another cloud", foreign(clientID, "login.partner.microsoftonline.cn", past, both), mailbox,
			"microsoft: the sign-in was made with another client id or in another cloud than those of Options; compare Options.ClientID, Options.Cloud and Options.Cache.Key, or sign in again",
		},
		{"damaged", sasl.NewSecret(`{"RefreshToken":`), mailbox, "microsoft: what was kept of the sign-in is damaged; sign in again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := usual(a)
			o.Cache.Grant = tt.cache
			tokens, err := microsoft.Account(o, tt.user)
			wantMisconfigured(t, err, tt.want)
			if err != nil || tt.want != "" {
				return
			}
			token, err := tokens.Token(t.Context(), sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, sasl.Token{})})
			if err != nil || token.Subject != "other@contoso.com" {
				t.Errorf("token of %q: %v", token.Subject, err)
			}
		})
	}
	o := usual(a)
	o.Cache.Grant = sasl.NewSecret("{}")
	tokens, err := microsoft.Account(o, mailbox)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Token(t.Context(), sasl.TokenRequest{}); providers.KindOf(err) != providers.NeedsUser {
		t.Errorf("an empty cache: %v, want NeedsUser", err)
	}
}

// A refresh token that turns out to be another user's is of no use.
func TestRefreshTokenOfAnother(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, "")
	tokens, err := microsoft.RefreshToken(usual(a), mailbox, a.Grant("other@contoso.com"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokens.Token(t.Context(), sasl.TokenRequest{})
	if providers.KindOf(err) != providers.Misconfigured || !strings.Contains(err.Error(), "other@contoso.com signed in, not "+mailbox) {
		t.Errorf("error %v", err)
	}
}

// A program that is started again with the refresh token of long ago finds the one
// of now.
func TestRefreshTokenAgain(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{RotateRefresh: true, TTL: 6 * time.Minute}, "")
	o := usual(a)
	o.Cache.Store, o.Cache.Key, o.Cache.Early = new(providers.MemoryStore), "k", time.Hour
	old := a.Grant(mailbox)
	for _, given := range []sasl.Secret{old, old, {}} {
		tokens, err := microsoft.RefreshToken(o, mailbox, given)
		if err != nil {
			t.Fatal(err)
		}
		token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
		if err == nil {
			_, err = tokens.Token(t.Context(), sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, token)})
		}
		if err != nil && !errors.Is(err, sasl.ErrNoOtherToken) {
			t.Error(err)
		}
		tokens.Close()
	}
	for _, r := range a.Requests() {
		if r.Status != 200 {
			t.Errorf("refused: %+v", r)
		}
	}
}

// TestStore looks at records before they are needed.
func TestStore(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, clientSecret)
	store := new(providers.MemoryStore)
	save := func(key string, grant sasl.Secret) {
		if err := providers.SaveGrant(t.Context(), store, key, providers.Response{Grant: grant}); err != nil {
			t.Fatal(err)
		}
	}
	mine := map[string]sasl.Secret{mailbox: a.Grant(mailbox)}
	save("mine", foreign(clientID, worldwide, time.Now(), mine))
	save("another client", foreign("22222222-2222-3333-4444-555555555555", worldwide, time.Now(), mine))
	save("nonsense", sasl.NewSecret("{"))
	if _, err := store.Save(t.Context(), "damaged", sasl.NewSecret("{"), ""); err != nil {
		t.Fatal(err)
	}
	type construct func(microsoft.Options) error
	account := func(user string) construct {
		return func(o microsoft.Options) error { _, err := microsoft.Account(o, user); return err }
	}
	app := func(o microsoft.Options) error {
		_, err := microsoft.ClientSecret(o, sasl.NewSecret(clientSecret))
		return err
	}
	signIn := func(o microsoft.Options) error {
		_, err := microsoft.LoginDevice(t.Context(), o, mailbox, nil)
		return err
	}
	as := func(change func(*microsoft.Options), make construct) construct {
		return func(o microsoft.Options) error { change(&o); return make(o) }
	}
	machine := func(id microsoft.Identity) construct {
		return func(o microsoft.Options) error { _, err := microsoft.ManagedIdentity(o, id); return err }
	}
	used := usual(a)
	used.Cache.Store, used.Cache.Key = store, "application"
	tokens, err := microsoft.ClientSecret(used, sasl.NewSecret(clientSecret))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "tokens")
	files, err := providers.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := providers.SaveGrant(t.Context(), files, "open", providers.Response{Grant: mine[mailbox]}); err != nil {
		t.Fatal(err)
	}
	records, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range records {
		err = errors.Join(err, os.Chmod(name, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		store providers.Store
		key   string
		make  construct
		want  string // part of the error; "" means none
	}{
		{"mine", store, "mine", account(mailbox), ""},
		{"nobody's yet", store, "none", account(mailbox), ""},
		{"nobody's yet, application", store, "none", app, ""},
		{"another user", store, "mine", account("other@contoso.com"), "is that of " + mailbox + ", not of other@contoso.com"},
		{"another client", store, "another client", account(mailbox), "with another client id"},
		{"nonsense", store, "nonsense", account(mailbox), "is damaged"},
		{"damaged", store, "damaged", account(mailbox), "cannot be read"},
		{"damaged, application", store, "damaged", app, "cannot be read"},
		{"a user's, application", store, "mine", app, "is that of a user's sign-in: give each application and each user a Key of its own, or delete the record"},
		{"an application's", store, "application", app, ""},
		{"an application's, in capitals", store, "application", as(func(o *microsoft.Options) { o.Tenant = strings.ToUpper(o.Tenant) }, app), ""},
		{"another application", store, "application", as(func(o *microsoft.Options) { o.ClientID = identity }, app), "is that of application " + clientID + " in tenant " + tenant},
		{"another tenant", store, "application", as(func(o *microsoft.Options) { o.Tenant = "fabrikam.com" }, app), "is that of application " + clientID + " in tenant " + tenant},
		{"another cloud", store, "application", as(func(o *microsoft.Options) { o.Cloud = microsoft.China }, app), "at login.microsoftonline.com"},
		{"another scope", store, "application", as(func(o *microsoft.Options) { o.Scope = "https://outlook.office.com/.default" }, app), "for https://outlook.office365.com/.default"},
		{"an application's, managed identity", store, "application", machine(microsoft.Identity{}), "is that of application " + clientID},
		{"an application's, account", store, "application", account(mailbox), "is that of application " + clientID},
		{"an application's, sign-in", store, "application", signIn, "is that of application " + clientID},
		{"a user's, sign-in", store, "mine", signIn, "needs a function"},
		{"no key", store, "", account(mailbox), "Store needs a Key"},
		{"open to others", files, "open", account(mailbox), "cannot be read: providers: "},
		{"out of reach", &brokenStore{}, "k", account(mailbox), "cannot be read: providers: the disk is gone"},
		{"neither store nor grant", nil, "", account(mailbox), "no Options.Cache.Grant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.store == files && runtime.GOOS == "windows" {
				t.Skip("access is not a matter of the mode there")
			}
			o := usual(a)
			o.Cache.Store, o.Cache.Key = tt.store, tt.key
			err := tt.make(o)
			if tt.want == "" && err == nil {
				return
			}
			if providers.KindOf(err) != providers.Misconfigured || err == nil || !strings.Contains(err.Error(), tt.want) || tt.want == "" {
				t.Errorf("error %v, want Misconfigured with %q", err, tt.want)
			}
		})
	}
}

// A brokenStore holds nothing.
type brokenStore struct{ providers.MemoryStore }

func (*brokenStore) Load(context.Context, string) (sasl.Secret, providers.Version, error) {
	return sasl.Secret{}, "", errors.New("providers: the disk is gone")
}

func TestAccountConstruction(t *testing.T) {
	const (
		graph = "microsoft: Options.Scope is for Microsoft Graph, whose tokens Exchange refuses: use https://outlook.office.com/SMTP.Send"
		short = "microsoft: Options.Scope is not made of https URLs; a scope without one is for Microsoft Graph, whose tokens Exchange refuses: use https://outlook.office.com/SMTP.Send"
	)
	tests := []struct {
		name   string
		change func(*microsoft.Options)
		want   string
	}{
		{"good", func(*microsoft.Options) {}, ""},
		{"no tenant", func(o *microsoft.Options) { o.Tenant = "" }, ""},
		{"consumers", func(o *microsoft.Options) { o.Tenant = "consumers" }, ""},
		{"two scopes", func(o *microsoft.Options) {
			o.Scope = "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All"
		}, ""},
		{"all scopes", func(o *microsoft.Options) { o.Scope, o.Cloud = "https://partner.outlook.cn/.default", microsoft.China }, ""},
		{"malformed tenant", func(o *microsoft.Options) { o.Tenant = "con toso" }, "microsoft: Options.Tenant is neither the id nor the domain of a directory, such as contoso.onmicrosoft.com"},
		{"no client", func(o *microsoft.Options) { o.ClientID = "" }, "microsoft: Options.ClientID is empty: it is the application (client) id of the app registration"},
		{"no cloud", func(o *microsoft.Options) { o.Cloud = 99 }, "microsoft: Options.Cloud is none of the clouds"},
		{"authority in clear", func(o *microsoft.Options) { o.Authority = "http://127.0.0.1" }, "microsoft: Options.Authority is not the https URL of a login server, such as https://login.microsoftonline.com, without a tenant"},
		{"Graph", func(o *microsoft.Options) { o.Scope = "https://graph.microsoft.com/SMTP.Send" }, graph},
		{"Graph, in short", func(o *microsoft.Options) { o.Scope = "SMTP.Send" }, short},
		{"no SMTP", func(o *microsoft.Options) { o.Scope = "https://outlook.office.com/IMAP.AccessAsUser.All" }, "microsoft: Options.Scope does not hold SMTP.Send: a user who sends mail consents to https://outlook.office.com/SMTP.Send"},
		{"two resources", func(o *microsoft.Options) {
			o.Scope = "https://outlook.office.com/SMTP.Send https://outlook.office365.com/SMTP.Send"
		}, "microsoft: Options.Scope is for more than one resource: a token is good for one of them, such as https://outlook.office.com/SMTP.Send"},
		{"access token", func(o *microsoft.Options) { o.Cache.Grant = sasl.NewSecret(jwt("{}")) }, "microsoft: this is an access token or an ID token, which lasts an hour: a refresh token is no JWT"},
		{"no refresh token", func(o *microsoft.Options) { o.Cache.Grant = sasl.Secret{} }, "microsoft: there is no refresh token: a sign-in yields one if it asks for offline_access"},
		{"bad credential", func(o *microsoft.Options) { o.Credential = microsoft.Secret(sasl.Secret{}) }, "microsoft: the client secret is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := new(entra).options()
			o.Cache.Grant = sasl.NewSecret("0.refresh-token")
			tt.change(&o)
			_, err := microsoft.RefreshToken(o, mailbox, o.Cache.Grant)
			wantMisconfigured(t, err, tt.want)
		})
	}
	o := new(entra).options()
	o.Cache.Store, o.Cache.Key = new(providers.MemoryStore), "k"
	_, err := microsoft.OnBehalfOf(o, nil)
	wantMisconfigured(t, err, "microsoft: a token on behalf of a caller is not kept: Options.Cache has no Store and no Grant here")
	o.Cache.Store = nil
	_, err = microsoft.OnBehalfOf(o, nil)
	wantMisconfigured(t, err, "microsoft: Options.Credential is empty: an application that signs in as itself proves who it is by a secret, a certificate or an assertion")
	o.Credential = microsoft.Secret(sasl.NewSecret(clientSecret))
	_, err = microsoft.OnBehalfOf(o, nil)
	wantMisconfigured(t, err, "microsoft: the function that returns the caller's token is nil")
}

// A mailbox may be known by another name than the one that signs in, and that one
// may change.
func TestNames(t *testing.T) {
	named := func(name, address string) mock.AuthorityFault {
		return mock.AuthorityFault{Path: pathToken, Times: 1, Fields: map[string]any{
			"id_token": jwt(`{"preferred_username":"` + name + `","email":"` + address + `","oid":"o","tid":"t","sub":"s"}`),
		}}
	}
	t.Run("sign-in", func(t *testing.T) {
		a := startEntra(t, mock.AuthorityOptions{}, "")
		if err := a.Inject(named("y.ou@contoso.com", mailbox), named("married@contoso.com", "")); err != nil {
			t.Fatal(err)
		}
		o := usual(a)
		grant, err := microsoft.Login(t.Context(), microsoft.LoginOptions{Options: o, OpenURL: browse(a, mock.Consent{})}, mailbox)
		if err != nil || grant.User != mailbox {
			t.Fatalf("%v, %v", grant, err)
		}
		o.Cache.Grant = grant.Value
		tokens, err := microsoft.Account(o, mailbox)
		if err != nil {
			t.Fatal(err)
		}
		if token, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil || token.Subject != "married@contoso.com" {
			t.Errorf("token of %q, %v", token.Subject, err)
		}
	})
	t.Run("refresh token", func(t *testing.T) {
		a := startEntra(t, mock.AuthorityOptions{}, "")
		if err := a.Inject(named("y.ou@contoso.com", mailbox)); err != nil {
			t.Fatal(err)
		}
		tokens, err := microsoft.RefreshToken(usual(a), mailbox, a.Grant(mailbox))
		if err != nil {
			t.Fatal(err)
		}
		first, err := tokens.Token(t.Context(), sasl.TokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tokens.Token(t.Context(), sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, first)}); err != nil {
			t.Errorf("the next one: %v", err)
		}
	})
}
