package generic

import (
	"context"
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

	// Open shows the page of a URL to the user. If it returns an error, the
	// sign-in ends. Zero means the browser of this machine. On a machine without
	// one, print the URL, and have the user forward the port:
	// ssh -L 8400:127.0.0.1:8400, with Listen 127.0.0.1:8400.
	Open func(ctx context.Context, url string) error

	// Listen is where the browser's answer is expected, as in
	// [loopback.Listen]. Zero means a free port of 127.0.0.1, which authorities
	// allow for programs on users' machines whatever the port (RFC 8252, Section
	// 7.3).
	Listen string

	// Username is whom the page may propose as the user: the parameter login_hint
	// (OpenID Connect Core, Section 3.1.2.1). Zero means nobody.
	Username string
}

// Login has a user sign in with a browser and consent to the scopes of the server:
// the authorization code grant (RFC 6749, Section 4.1) with PKCE (RFC 7636) and an
// answer on loopback (RFC 8252). If Options.Cache has a Store and a Key, what came
// of it is saved there, for [RefreshToken]. Response.Grant is the refresh token;
// it is zero if the authority gave none, and then Response.Token is all there is.
//
// The error is a *[providers.Error] if the user or the authority refuses, or if
// not all scopes were granted; it is the context's if ctx ends first.
func Login(ctx context.Context, s Server, c Client, o LoginOptions) (providers.Response, error) {
	if err := s.checkLogin(c, o.Options); err != nil {
		return providers.Response{}, err
	}
	if err := checkURL("Server.AuthURL", s.AuthURL); err != nil {
		return providers.Response{}, err
	}
	receiver, err := loopback.Listen(ctx, o.Listen)
	if err != nil {
		return providers.Response{}, err
	}
	defer receiver.Close()
	l := &login{session: session{s, c, o.HTTPClient}, config: s.config(c), verifier: oauth2.GenerateVerifier()}
	l.config.RedirectURL = receiver.URL()
	open := o.Open
	if open == nil {
		open = loopback.OpenBrowser
	}
	if err := open(ctx, l.page(receiver.State(), o.Username)); err != nil {
		return providers.Response{}, err
	}
	answer, err := receiver.Wait(ctx)
	if err != nil {
		return providers.Response{}, err
	}
	got, err := l.redeem(ctx, answer)
	if err != nil {
		return providers.Response{}, err
	}
	return got, l.save(ctx, o.Options, got)
}

// checkLogin returns what is wrong with what any sign-in needs.
func (s Server) checkLogin(c Client, o Options) error {
	if err := s.check(); err != nil {
		return err
	}
	if o.Cache.Store != nil && o.Cache.Key == "" {
		return misconfigured("Options.Cache.Store needs a Key, under which the grant is saved")
	}
	return checkClient(c)
}

// A login is one sign-in.
type login struct {
	session
	config   *oauth2.Config
	verifier string // PKCE
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
	if iss := answer.Get("iss"); iss != "" && l.server.Issuer != "" && iss != l.server.Issuer {
		return providers.Response{}, &providers.Error{ // RFC 9207, Section 2.4
			Kind: providers.Misconfigured, Provider: l.name(),
			Description: "the answer comes from the authority " + providers.Scrub(iss) + ", which was not asked",
			Hint:        "check Server.AuthURL and Server.Issuer",
		}
	}
	if code := answer.Get("error"); code != "" {
		e := &providers.Error{
			Kind: providers.Classify(400, code), Provider: l.name(),
			Code: providers.Scrub(code), Description: providers.Scrub(answer.Get("error_description")),
			Hint: strings.ReplaceAll(hint(code), "CLIENT", providers.Scrub(l.client.ID)),
		}
		return providers.Response{}, e
	}
	code := answer.Get("code")
	token, err := l.config.Exchange(l.bound(ctx), code, oauth2.VerifierOption(l.verifier))
	if err != nil {
		return providers.Response{}, l.failure(err, sasl.NewSecret(code), sasl.NewSecret(l.verifier))
	}
	return l.granted(token)
}

// granted returns what a sign-in brought, if it is enough.
func (s *session) granted(t *oauth2.Token) (providers.Response, error) {
	got := response(t)
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
	return providers.SaveGrant(ctx, o.Cache.Store, o.Cache.Key, got)
}
