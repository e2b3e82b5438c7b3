package google

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/loopback"
	"github.com/seed-55a66e92/postern/sasl"
)

// LoginOptions say how a user signs in. The zero value is right for a program
// that runs where the user's browser does.
type LoginOptions struct {
	// Options has the Store and the Key, in Cache, that the grant is saved to.
	// Without a Store it is only returned.
	Options

	// OpenURL shows the user a page, which is Google's. It is called in a goroutine
	// of its own, and its context ends when the sign-in does. Nil means that the
	// system's browser is started. Where there is none, as on a server, print the
	// URL: the user opens it elsewhere, with the port of Listen forwarded, as by
	// ssh -L.
	OpenURL func(ctx context.Context, url string) error

	// Listen is the address and port on loopback that the browser comes back to.
	// Empty means 127.0.0.1 and any free port.
	Listen string
}

// A Grant is what a user has consented to.
type Grant struct {
	User         string      // the account that signed in
	RefreshToken sasl.Secret // for RefreshToken, with the same Client
	Token        sasl.Token  // the first access token
}

// Login has a user sign in with a browser and consent to the scope
// https://mail.google.com/, and returns when that is done or ctx ends. The client
// must be of type desktop app. user is the mailbox; empty means whichever the user
// chooses.
//
// The user can consent to less than is asked, and sign in to another account than
// is meant. Neither would show before the first message is refused, so both are
// errors here, and nothing is saved. An error is a *[providers.Error], of kind
// NeedsUser if it is the user who declines, or matches that of ctx.
//
// The browser comes back to a port of this machine, with a code that is of no use
// to others on it: PKCE (RFC 7636) binds it to this call. What does not hold the
// state of this sign-in is not listened to (RFC 8252, Section 8).
//
// If Options.Cache has a Store, the grant is saved there for [RefreshToken] with
// no refresh token; what runs already with that Store and Key goes over to it. If
// it cannot be saved, Login returns it with the error of the Store.
//
// There is no sign-in by device code: Google grants no scope for mail that way.
func Login(ctx context.Context, c Client, user string, o LoginOptions) (Grant, error) {
	l, err := newLogin(c, user, o)
	if err != nil {
		return Grant{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	receiver, err := loopback.Listen(ctx, o.Listen)
	if err != nil {
		return Grant{}, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider, Description: "there is no port for the browser to come back to", Err: err,
			Hint: "set LoginOptions.Listen to another address on loopback, or leave it out",
		}
	}
	defer receiver.Close()
	l.config.RedirectURL, l.state = receiver.URL(), receiver.State()
	return l.run(ctx, receiver)
}

// exchangeTimeout bounds the one request that follows the user's consent.
const exchangeTimeout = 30 * time.Second

// A login is one sign-in.
type login struct {
	client          Client
	user            string
	options         LoginOptions
	config          *oauth2.Config
	http            *http.Client
	state, verifier string
}

func newLogin(c Client, user string, o LoginOptions) (*login, error) {
	tokenURL, err := o.tokenURL()
	if err != nil {
		return nil, err
	}
	authURL, err := endpoint("AuthURL", o.AuthURL, google.Endpoint.AuthURL)
	if err != nil {
		return nil, err
	}
	if err := o.checkCache(); err != nil {
		return nil, err
	}
	if c.ID == "" {
		return nil, misconfigured("the OAuth client has no id")
	}
	config := oauthConfig(c, tokenURL)
	config.Endpoint.AuthURL = authURL
	// The latter two are for the name of the account; the user is not asked.
	config.Scopes = []string{mailScope, "openid", "email"}
	return &login{
		client: c, user: user, options: o, config: config, http: providers.HTTPClient(o.HTTPClient),
		verifier: oauth2.GenerateVerifier(),
	}, nil
}

// run takes the user to Google and back.
func (l *login) run(ctx context.Context, receiver *loopback.Receiver) (Grant, error) {
	back, err := l.ask(ctx, receiver)
	if err != nil {
		return Grant{}, err
	}
	code := back.Get("code")
	q := l.question(code)
	if back.Has("error") {
		return Grant{}, q.refusal(&answer{code: back.Get("error"), text: back.Get("error_description")})
	}
	token, err := l.exchange(ctx, code)
	switch {
	case ctx.Err() != nil:
		return Grant{}, unfinished(ctx)
	case err != nil:
		return Grant{}, q.failure(err)
	}
	grant, err := l.check(token)
	if err != nil || l.options.Cache.Store == nil {
		return grant, err
	}
	response := providers.Response{Token: grant.Token, Grant: grant.RefreshToken}
	return grant, providers.SaveGrant(ctx, l.options.Cache.Store, l.options.Cache.Key, response)
}

// ask shows the user the page, and waits for what the browser brings back. If the
// page cannot be shown there is no use in waiting.
func (l *login) ask(ctx context.Context, receiver *loopback.Receiver) (url.Values, error) {
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		if err := l.open(ctx, l.url()); err != nil {
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
		Hint: "set LoginOptions.OpenURL to a function that shows the URL",
	}
}

// unfinished is the error for a sign-in whose context has ended.
func unfinished(ctx context.Context) error {
	return fmt.Errorf("google: waiting for the user to sign in: %w", ctx.Err())
}

// exchange gets the grant for a code (RFC 6749, Section 4.1.3).
func (l *login) exchange(ctx context.Context, code string) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, l.http), exchangeTimeout)
	defer cancel()
	return l.config.Exchange(ctx, code, oauth2.VerifierOption(l.verifier))
}

// url is where the user signs in. The consent is asked for anew, for only then
// there is a refresh token for sure.
func (l *login) url() string {
	options := []oauth2.AuthCodeOption{oauth2.AccessTypeOffline, oauth2.ApprovalForce, oauth2.S256ChallengeOption(l.verifier)}
	if l.user != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", l.user))
	}
	return l.config.AuthCodeURL(l.state, options...)
}

func (l *login) open(ctx context.Context, page string) error {
	if l.options.OpenURL != nil {
		return l.options.OpenURL(ctx, page)
	}
	return loopback.OpenBrowser(ctx, page)
}

func (l *login) question(code string) *question {
	return &question{
		rows: loginRefusals(), names: []string{"CLIENT", "client " + shown(l.client.ID)},
		secrets: []sasl.Secret{l.client.Secret, sasl.NewSecret(code), sasl.NewSecret(l.verifier)},
	}
}

// check returns the grant, if it is what was asked for.
func (l *login) check(t *oauth2.Token) (Grant, error) {
	idToken, _ := t.Extra("id_token").(string)
	account := emailOf(idToken)
	token := saslToken(t)
	token.Subject = account
	e := &providers.Error{Kind: providers.NeedsUser, Provider: provider}
	switch {
	case !slices.Contains(token.Scopes, mailScope):
		e.Description = "the user did not allow access to Gmail"
		e.Hint = "sign in again and leave the box for Gmail ticked"
	case account == "":
		e.Kind, e.Description = providers.Misconfigured, "Google does not say which account signed in"
		e.Hint = "see whether Options.TokenURL is Google's"
	case l.user != "" && canonical(account) != canonical(l.user):
		e.Description = providers.Scrub(account) + " signed in, not " + providers.Scrub(l.user)
		e.Hint = "sign in again and choose the right account, perhaps in a private window"
	case t.RefreshToken == "":
		e.Description = "there is no refresh token in Google's answer"
		e.Hint = "remove the access of this app in the settings of the Google account, and sign in again"
	default:
		return Grant{User: account, RefreshToken: sasl.NewSecret(t.RefreshToken), Token: token}, nil
	}
	return Grant{}, e
}

// emailOf returns the address in an ID token, "" if there is none. Its signature
// need not be looked at: it comes from the token endpoint itself, by TLS (OpenID
// Connect Core 1.0, Section 3.1.3.7).
func emailOf(idToken string) string {
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Email string `json:"email"`
	}
	if json.Unmarshal(text, &claims) != nil {
		return ""
	}
	return claims.Email
}

// canonical returns an address in the form in which two of the same mailbox are
// equal. Gmail does not look at dots, and knows itself by two names.
func canonical(address string) string {
	local, domain, _ := strings.Cut(strings.ToLower(address), "@")
	if domain == "googlemail.com" {
		domain = "gmail.com"
	}
	if domain == "gmail.com" {
		local = strings.ReplaceAll(local, ".", "")
	}
	return local + "@" + domain
}
