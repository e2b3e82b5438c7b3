package generic

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/loopback"
	"github.com/seed-55a66e92/postern/sasl"
)

// LoginOptions are what is seldom needed for a sign-in. The zero value opens a
// browser on this machine.
type LoginOptions struct {
	Options

	// Open shows the page of a URL to the user. It is called in a goroutine of its
	// own, and its context ends when the sign-in does. If it returns an error,
	// the sign-in ends. Zero means the browser of this machine. On a machine
	// without one, print the URL, and have the user forward the port:
	// ssh -L 8400:127.0.0.1:8400, with Listen 127.0.0.1:8400.
	Open func(ctx context.Context, url string) error

	// Listen is where the browser's answer is expected, as in
	// [loopback.Listen]. Zero means a free port of 127.0.0.1, which authorities
	// allow for programs on users' machines whatever the port (RFC 8252, Section
	// 7.3). The path is /callback: what to register is http://127.0.0.1/callback.
	Listen string

	// Username is whom the page may propose as the user: the parameter login_hint
	// (OpenID Connect Core, Section 3.1.2.1). Zero means nobody.
	Username string
}

// Login has a user sign in with a browser and consent to the scopes of the server:
// the authorization code grant (RFC 6749, Section 4.1) with PKCE (RFC 7636) and an
// answer on loopback (RFC 8252). It waits for the user until ctx ends.
//
// If Options.Cache has a Store and a Key, what came of it is saved there, for
// [RefreshToken]; if that fails, Login returns it with the error of the Store.
// Response.Grant is the refresh token. It is zero if the authority gave none; then
// Response.Token is all there is, and with a Store that is an error.
//
// The error is a *[providers.Error] if the user or the authority refuses, or if
// not all scopes were granted; it matches that of ctx if ctx ends first.
func Login(ctx context.Context, s Server, c Client, o LoginOptions) (providers.Response, error) {
	if err := s.checkLogin(c, o.Options); err != nil {
		return providers.Response{}, err
	}
	if err := checkURL("Server.AuthURL", s.AuthURL); err != nil {
		return providers.Response{}, err
	}
	if err := checkParams(s.AuthParams); err != nil {
		return providers.Response{}, err
	}
	receiver, err := loopback.Listen(ctx, o.Listen)
	if err != nil {
		return providers.Response{}, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider, Description: "there is no port for the browser to come back to", Err: err,
			Hint: "set LoginOptions.Listen to another address on loopback, or leave it out",
		}
	}
	defer receiver.Close()
	l := &login{
		session: session{server: s, client: c, http: o.HTTPClient, limit: requestTimeout},
		config:  s.config(c), verifier: oauth2.GenerateVerifier(), open: o.Open,
	}
	l.config.RedirectURL = receiver.URL()
	if l.open == nil {
		l.open = loopback.OpenBrowser
	}
	answer, err := l.ask(ctx, receiver, o.Username)
	if err != nil {
		return providers.Response{}, err
	}
	got, err := l.redeem(ctx, answer)
	if err != nil {
		return providers.Response{}, err
	}
	return got, l.save(ctx, o.Options, got)
}

// checkParams refuses parameters that would take the place of those of the
// sign-in, and with them of what makes it safe.
func checkParams(params map[string]string) error {
	for _, name := range []string{
		"response_type", "client_id", "client_secret", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
	} {
		if _, ok := params[name]; ok {
			return misconfigured("Server.AuthParams has " + name + ", which Login sends itself")
		}
	}
	return nil
}

// checkLogin returns what is wrong with what any sign-in needs.
func (s Server) checkLogin(c Client, o Options) error {
	if err := s.check(); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	return checkClient(c)
}

// A login is one sign-in.
type login struct {
	session
	config   *oauth2.Config
	verifier string // PKCE
	open     func(ctx context.Context, url string) error
}

// ask shows the user the page, and waits for what the browser brings back. There is
// no use in waiting if the page cannot be shown.
func (l *login) ask(ctx context.Context, receiver *loopback.Receiver, username string) (url.Values, error) {
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		if err := l.open(waiting, l.page(receiver.State(), username)); err != nil {
			stop(err)
		}
	}()
	answer, err := receiver.Wait(waiting)
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return nil, unfinished(ctx)
	}
	return nil, &providers.Error{
		Kind: providers.Misconfigured, Provider: l.name(),
		Description: "the user cannot be shown the page of the sign-in", Err: context.Cause(waiting),
		Hint: "set LoginOptions.Open to a function that shows the URL",
	}
}

// unfinished is the error for a sign-in whose context has ended.
func unfinished(ctx context.Context) error {
	return fmt.Errorf("%s: waiting for the user to sign in: %w", provider, ctx.Err())
}

// page returns the URL of the page on which the user signs in.
func (l *login) page(state, username string) string {
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(l.verifier)}
	if username != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", username))
	}
	for name, value := range l.server.AuthParams {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	return l.config.AuthCodeURL(state, options...)
}

// redeem exchanges the code of the browser's answer for tokens.
func (l *login) redeem(ctx context.Context, answer url.Values) (providers.Response, error) {
	if err := l.checkIssuer(answer); err != nil {
		return providers.Response{}, err
	}
	if answer.Has("error") {
		code := answer.Get("error")
		return providers.Response{}, &providers.Error{
			Kind: classify(http.StatusBadRequest, code), Provider: l.name(),
			Code: providers.Scrub(code), Description: providers.Scrub(answer.Get("error_description")),
			Hint: strings.ReplaceAll(hint(code), "CLIENT", providers.Scrub(l.client.ID)),
		}
	}
	code := answer.Get("code")
	token, err := l.config.Exchange(l.bound(ctx), code, oauth2.VerifierOption(l.verifier))
	switch {
	case err != nil && ctx.Err() != nil:
		return providers.Response{}, unfinished(ctx)
	case err != nil:
		return providers.Response{}, l.failure(err, sasl.NewSecret(code), sasl.NewSecret(l.verifier))
	}
	return l.granted(token)
}

// checkIssuer refuses the answer of another authority, to which the code would be
// of use (RFC 9207, Section 2.4).
func (l *login) checkIssuer(answer url.Values) error {
	e := &providers.Error{
		Kind: providers.Misconfigured, Provider: l.name(),
		Hint: "check Server.AuthURL, Server.Issuer and Server.NamesIssuer",
	}
	switch {
	case l.server.Issuer == "", answer.Get("iss") == l.server.Issuer:
		return nil
	case answer.Has("iss"):
		e.Description = "the answer comes from the authority " + providers.Scrub(answer.Get("iss")) + ", which was not asked"
		return e
	case l.server.NamesIssuer:
		e.Description = "the answer does not say which authority it comes from"
		return e
	}
	return nil
}

// granted returns what a sign-in brought, if it is enough.
func (s *session) granted(t *oauth2.Token) (providers.Response, error) {
	got, err := s.response(t)
	if err != nil {
		return providers.Response{}, err
	}
	if missing := missingScopes(s.server.Scopes, got.Token.Scopes); len(missing) > 0 {
		return providers.Response{}, &providers.Error{
			Kind: providers.NeedsUser, Provider: s.name(),
			Description: "the consent leaves out the scope " + providers.Scrub(strings.Join(missing, " ")),
			Hint:        "sign in again, and leave every box ticked; if it goes missing again, see whether the client may ask for it",
		}
	}
	return got, nil
}

// missingScopes returns what was asked for and not granted. An authority that
// names no scopes has granted all (RFC 6749, Section 5.1), and those of OpenID
// Connect are asked for to get a refresh token or a name, and often not named.
func missingScopes(asked, granted []string) []string {
	if len(granted) == 0 {
		return nil
	}
	var missing []string
	for _, scope := range asked {
		switch scope {
		case "openid", "profile", "email", "offline_access":
			continue
		}
		if !slices.Contains(granted, scope) {
			missing = append(missing, scope)
		}
	}
	return missing
}

// save stores what a sign-in brought, if there is a Store.
func (s *session) save(ctx context.Context, o Options, got providers.Response) error {
	if o.Cache.Store == nil {
		return nil
	}
	if got.Grant.IsZero() {
		return &providers.Error{
			Kind: providers.Misconfigured, Provider: s.name(),
			Description: "the authority gave no refresh token, so there is nothing to save that lasts",
			Hint: "add what it wants to give one: mostly offline_access in Server.Scopes, " +
				"or access_type=offline and prompt=consent in Server.AuthParams",
		}
	}
	return providers.SaveGrant(ctx, o.Cache.Store, o.Cache.Key, got)
}
