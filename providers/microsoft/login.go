package microsoft

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/loopback"
	"github.com/seed-55a66e92/postern/sasl"
)

// LoginOptions say how a user signs in. The zero value, but for Options, is right
// for a program that runs where the user's browser does.
type LoginOptions struct {
	// Options has the Store and the Key, in Cache, that the grant is saved to.
	// Without a Store it is only returned.
	Options

	// OpenURL shows the user a page, which is Microsoft's. It is called in a
	// goroutine of its own, and its context ends when the sign-in does. Nil means
	// that the system's browser is started. Where there is none, as on a server,
	// use [LoginDevice].
	OpenURL func(ctx context.Context, url string) error

	// Listen is the address and port that the browser comes back to, whose host is
	// localhost. Empty means any free port.
	Listen string
}

// A Grant is what a user has consented to.
type Grant struct {
	User  string      // the account that signed in; empty if the login server does not say
	Value sasl.Secret // for Options.Cache.Grant, if there is no Store
	Token sasl.Token  // the first access token
}

// loginTimeout bounds each request of a sign-in.
const loginTimeout = 30 * time.Second

// Login has a user sign in with a browser and consent to the scope, and returns when
// that is done or ctx ends. The app registration needs the redirect URI
// http://localhost, under mobile and desktop applications. user is the name that
// the user signs in with; empty means that any account will do.
//
// If another account signs in than is meant, that is an error, and nothing is
// saved: it would not show before the first message is refused. Errors, but for that
// of ctx, are of type *[providers.Error]: one of kind NeedsUser if the user declines.
//
// The browser comes back to a port of this machine, with a code that is of no use
// to others on it: PKCE (RFC 7636) binds it to this call. What does not hold the
// state of this sign-in is not listened to (RFC 8252, Section 8).
//
// If Options.Cache has a Store, the grant is saved there for [Account]; what runs
// already with that Store and Key goes over to it. If it cannot be saved, Login
// returns it with the error.
func Login(ctx context.Context, o LoginOptions, user string) (Grant, error) {
	l, err := newLogin(o.Options, user)
	if err != nil {
		return Grant{}, err
	}
	if o.Listen == "" {
		o.Listen = "localhost:0"
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	receiver, err := loopback.Listen(ctx, o.Listen)
	if err != nil {
		return Grant{}, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider, Description: "there is no port for the browser to come back to", Err: err,
			Hint: "set LoginOptions.Listen to another port of localhost, or leave it out",
		}
	}
	defer receiver.Close()
	a := newAttempt(receiver.Root(), receiver.State())
	page, err := l.page(ctx, a, url.Values{"response_mode": {"form_post"}}) // keeps the code out of the browser's history
	if err != nil {
		return Grant{}, err
	}
	answer, err := l.ask(ctx, receiver, page, o.OpenURL)
	if err != nil {
		return Grant{}, err
	}
	return l.finish(ctx, a, answer)
}

// A login is the sign-in of one user.
type login struct {
	*settings
	user   string
	client userClient
}

func newLogin(o Options, user string) (*login, error) {
	s, err := o.forLogin()
	if err != nil {
		return nil, err
	}
	if err := s.checkPlace(); err != nil {
		return nil, err
	}
	client, err := s.users()
	return &login{s, user, client}, err
}

// An attempt is what ties the answer of a sign-in to its beginning.
type attempt struct {
	Redirect string
	State    string
	Verifier string // PKCE
	User     string
}

func newAttempt(redirect, state string) attempt {
	return attempt{Redirect: redirect, State: state, Verifier: rand.Text() + rand.Text()} // RFC 7636, Section 4.1: 43 characters at least
}

// page returns where the user signs in. MSAL adds neither state nor PKCE.
func (l *login) page(ctx context.Context, a attempt, more url.Values) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	ctx, call := begin(ctx, sasl.Secret{})
	address, err := l.client.page(ctx, a.Redirect, l.user)
	if err != nil {
		return "", l.failure(err, call)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", misconfigured("the login server names no page to sign in at: check Options.Authority")
	}
	query := u.Query()
	for name, values := range more {
		query[name] = values
	}
	digest := sha256.Sum256([]byte(a.Verifier))
	query.Set("state", a.State)
	query.Set("code_challenge", base64.RawURLEncoding.EncodeToString(digest[:]))
	query.Set("code_challenge_method", "S256")
	if l.user == "" {
		query.Set("prompt", "select_account")
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// ask shows the user the page, and waits for what the browser brings back. If the
// page cannot be shown there is no use in waiting.
func (l *login) ask(ctx context.Context, receiver *loopback.Receiver, page string, open func(context.Context, string) error) (url.Values, error) {
	if open == nil {
		open = loopback.OpenBrowser
	}
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		if err := open(ctx, page); err != nil {
			stop(err)
		}
	}()
	back, err := receiver.Wait(waiting)
	switch {
	case err == nil:
		return back, nil
	case ctx.Err() != nil:
		return nil, unfinished(ctx)
	}
	return nil, &providers.Error{
		Kind: providers.Misconfigured, Provider: provider,
		Description: "the user cannot be shown the page of the sign-in", Err: context.Cause(waiting),
		Hint: "set LoginOptions.OpenURL to a function that shows the URL, or use LoginDevice",
	}
}

// unfinished is the error for a sign-in whose context has ended.
func unfinished(ctx context.Context) error {
	return fmt.Errorf("microsoft: waiting for the user to sign in: %w", ctx.Err())
}

// finish gets the grant for what the browser has brought back.
func (l *login) finish(ctx context.Context, a attempt, answer url.Values) (Grant, error) {
	code := answer.Get("code")
	secrets := []sasl.Secret{sasl.NewSecret(code), sasl.NewSecret(a.Verifier)}
	if answer.Has("error") || code == "" {
		return Grant{}, l.declined(answer, secrets...)
	}
	bound, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	bound, call := begin(bound, sasl.Secret{}, secrets...)
	result, err := l.client.redeem(bound, code, a.Redirect, a.Verifier)
	switch {
	case ctx.Err() != nil:
		return Grant{}, unfinished(ctx)
	case err != nil:
		return Grant{}, l.failure(err, call)
	}
	return l.keep(ctx, result, call)
}

// keep checks what a sign-in has brought, and saves it.
func (l *login) keep(ctx context.Context, result public.AuthResult, call *call) (Grant, error) {
	g := l.after(call.after(), nil, result.Account)
	e := &providers.Error{Kind: providers.Misconfigured, Provider: provider}
	switch {
	case g.user == "" && l.user != "":
		e.Description = "the login server does not say which account signed in"
		e.Hint = "see whether Options.Authority is Microsoft's"
		return Grant{}, e
	case l.user != "" && !isNamed(l.user, result):
		return Grant{}, l.other(providers.NeedsUser, g.user, l.user)
	case g.refresh.IsZero():
		e.Description = "there is no refresh token in the answer"
		e.Hint = "see whether a policy of the tenant forbids it"
		return Grant{}, e
	}
	got, err := response(result, nil)
	if err != nil {
		return Grant{}, err
	}
	g.user = cmp.Or(l.user, g.user) // by which Account will ask for it
	got.Grant = l.encode(g)
	grant := Grant{User: g.user, Value: got.Grant, Token: got.Token}
	if l.Cache.Store == nil {
		return grant, nil
	}
	return grant, providers.SaveGrant(ctx, l.Cache.Store, l.Cache.Key, got)
}

// isNamed reports whether an account has a name: the one that it signs in with, or
// that of its mailbox.
func isNamed(want string, result public.AuthResult) bool {
	for _, name := range []string{result.Account.PreferredUsername, result.IDToken.UPN, result.IDToken.Email} {
		if strings.EqualFold(name, want) {
			return true
		}
	}
	return false
}
