package microsoft

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/url"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A WebLogin is a sign-in with a web application: the user's browser is sent to URL,
// and comes back to the redirect URI of the application.
type WebLogin struct {
	URL string

	// Session is what [FinishWebLogin] needs to know of the beginning. Keep it for
	// this browser alone: in its session on the server, or sealed in a cookie.
	Session sasl.Secret
}

// BeginWebLogin begins a sign-in with a web application, which proves itself by
// Options.Credential. redirect is one of the redirect URIs of its app registration,
// of kind web. user is the name that the user signs in with; empty means that any
// account will do.
//
// The request has a state, which ties the answer to this browser, and PKCE (RFC
// 7636).
func BeginWebLogin(ctx context.Context, o Options, redirect, user string) (WebLogin, error) {
	l, err := newLogin(o, user)
	if err != nil {
		return WebLogin{}, err
	}
	if u, err := url.Parse(redirect); err != nil || u.Host == "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return WebLogin{}, misconfigured("the redirect URI is not the https URL of a page of the application")
	}
	a := newAttempt(redirect, rand.Text())
	a.User = user
	page, err := l.page(ctx, a, nil)
	if err != nil {
		return WebLogin{}, err
	}
	session, err := json.Marshal(a)
	if err != nil {
		return WebLogin{}, misconfigured("the redirect URI or the user name is not UTF-8")
	}
	return WebLogin{page, sasl.NewSecret(string(session))}, nil
}

// FinishWebLogin ends a sign-in: answer is the query of the request with which the
// browser came back, and session what was kept for that browser. Drop the session,
// whatever comes of it: an answer counts once. For what it returns and saves see
// [Login]. The Key of Options.Cache has to be this user's; if it is not known before
// who signs in, leave the Store out and save the grant by [providers.SaveGrant].
func FinishWebLogin(ctx context.Context, o Options, session sasl.Secret, answer url.Values) (Grant, error) {
	var a attempt
	if json.Unmarshal([]byte(session.Reveal()), &a) != nil || a.State == "" || a.Verifier == "" {
		return Grant{}, &providers.Error{
			Kind: providers.NeedsUser, Provider: provider, Description: "there is no sign-in that this browser has begun",
			Hint: "begin again with BeginWebLogin",
		}
	}
	l, err := newLogin(o, a.User)
	if err != nil {
		return Grant{}, err
	}
	if len(answer["state"]) != 1 || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(a.State)) != 1 {
		return Grant{}, &providers.Error{
			Kind: providers.NeedsUser, Provider: provider, Description: "the answer is not that of the sign-in that this browser has begun",
			Hint: "begin again with BeginWebLogin, and follow no link that somebody else has sent",
		}
	}
	return l.finish(ctx, a, answer)
}
