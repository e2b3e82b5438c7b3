package conformance

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/seed-55a66e92/postern/mock"
)

func verifiedEndpoint() Case {
	return Case{
		ID:    "P-TOK-07",
		Title: "Secrets go to the authority and to nobody else",
		Area:  AreaTokens,
		Refs:  []Ref{{RFC: 6749, Section: "10.9", Level: Must}, {Document: goodPractice, Level: Security}},
		Tiers: []Tier{Passive},
		Procedure: "Control: one token. Then, anew each time: the authority has a certificate that is self-signed, of an unknown authority, " +
			"expired, or for another name; it answers by 302, 303, 307 and 308 with a URL at another host, where " +
			"somebody gives tokens to all who ask.",
		Pass: "An error each time. Behind a bad certificate no request; at the other host no client secret and no refresh token; " +
			"no token of the other host is taken.",
		Mutant: "accepts any certificate; follows redirects",
		Since:  "v0.1.0",

		Generator: runVerifiedEndpoint,
	}
}

func runVerifiedEndpoint(ctx context.Context, b *GeneratorBench) Verdict {
	if _, v, ok := b.Control(ctx, TokenScene{}); !ok {
		return v
	}
	for _, kind := range []mock.Certificate{mock.SelfSigned, mock.UnknownCA, mock.Expired, mock.WrongName} {
		if v := b.badAuthority(ctx, kind); v.Outcome != Pass {
			return v
		}
	}
	for _, status := range []int{302, 303, 307, 308} {
		if v := b.redirected(ctx, status); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

// badAuthority tries an authority with a bad certificate.
func (b *GeneratorBench) badAuthority(ctx context.Context, kind mock.Certificate) Verdict {
	t, v, ok := b.Open(ctx, TokenScene{Certificate: kind})
	if !ok {
		return v
	}
	a := t.Ask(ctx, nil)
	switch {
	case t.web.connections() == 0:
		return t.notReached("a connection to the authority", a)
	case len(t.Calls()) > 0:
		return t.fail("no request, for the certificate is not good", fmt.Sprintf("%d requests", len(t.Calls())))
	case a.Crash != "" || a.Err == nil:
		return t.fail("an error, for the certificate is not good", a.said())
	}
	return pass()
}

// redirected tries an authority that sends its clients elsewhere.
func (b *GeneratorBench) redirected(ctx context.Context, status int) Verdict {
	t, v, ok := b.Open(ctx, TokenScene{Redirect: status})
	if !ok {
		return v
	}
	a := t.Ask(ctx, nil)
	if !t.answered(status, "") {
		return t.notReached(fmt.Sprintf("the redirect by %d", status), a)
	}
	for _, c := range t.elsewhere.seen() {
		if form := b.leak(c.text()); form != "" {
			return t.fail("no secret at another host", fmt.Sprintf("a secret, %s, in %s %s there, after a redirect by %d", form, c.Method, c.Path, status))
		}
	}
	switch {
	case a.ok() && a.Token.Value.Reveal() == strayToken:
		return t.fail("an error, for a redirect is no token", fmt.Sprintf("the token of another host, after a redirect by %d", status))
	case a.Crash != "" || a.Err == nil:
		return t.fail("an error, for a redirect is no token", a.said())
	}
	return pass()
}

func hiddenGrants() Case {
	return Case{
		ID:    "P-TOK-08",
		Title: "Logs and errors hold no secret",
		Area:  AreaTokens,
		Refs:  []Ref{{Document: goodPractice, Level: Security}},
		Tiers: []Tier{Passive},
		Procedure: "Control: one token. Then, anew each time, an authority that fails: an OAuth error, an HTTP error, a page for browsers and a redirect that " +
			"repeat the request; JSON that breaks off behind an access token, and JSON with the other tokens " +
			"but that one; no answer; a bad certificate. With all the logging that the generator has.",
		Pass: "An error each time. Neither the log nor the errors, however they are printed, hold a secret or half of one: " +
			"the client's secret, a refresh token, an access token; not plain, in base64, in hexadecimal or as a list of numbers.",
		Mutant: "puts the answer into its error; logs the request",
		Since:  "v0.1.0",

		Generator: runHiddenGrants,
	}
}

// failures are ways for a request for a token to fail, by what they are called in
// a verdict.
func (b *GeneratorBench) failures() map[string]TokenScene {
	answer := func(f http.HandlerFunc) TokenScene {
		return TokenScene{Answer: func(w http.ResponseWriter, r *http.Request) bool {
			if !isTokenPath(r.URL.Path) {
				return false
			}
			_ = r.ParseForm() // what is no form is repeated by its header alone
			f(w, r)
			return true
		}}
	}
	token := b.Secret(60)
	return map[string]TokenScene{
		"an OAuth error": answer(func(w http.ResponseWriter, r *http.Request) {
			answerJSON(w, 400, map[string]any{"error": "invalid_request", "error_description": "The request was: " + repeated(r)})
		}),
		"an error code": answer(func(w http.ResponseWriter, r *http.Request) {
			answerJSON(w, 400, map[string]any{"error": repeated(r), "error_description": "See the code."})
		}),
		"an HTTP error": answer(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "no handler for "+repeated(r), 500)
		}),
		"a page": answer(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, "<html><form action=\"/login?%s\"></form></html>", repeated(r))
		}),
		"a redirect": answer(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/login?"+r.PostForm.Encode())
			w.WriteHeader(302)
		}),
		"broken JSON": answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"token_type":"Bearer","access_token":"%s","expires_in":`, token)
		}),
		"another token": answer(func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, map[string]any{"token_type": "Bearer", "expires_in": 3600, "refresh_token": token, "id_token": token})
		}),
		"no answer":         {Authority: mock.AuthorityOptions{Faults: []mock.AuthorityFault{{Drop: true}}}},
		"a bad certificate": {Certificate: mock.SelfSigned},
	}
}

// repeated returns the secrets of a request as a careless authority repeats them.
func repeated(r *http.Request) string {
	text := r.PostForm.Encode() + " " + r.Header.Get("Authorization")
	for _, name := range []string{"refresh_token", "client_secret", "client_assertion", "assertion"} {
		if value := r.PostForm.Get(name); value != "" {
			text = value + " " + text
		}
	}
	return text
}

func runHiddenGrants(ctx context.Context, b *GeneratorBench) Verdict {
	control, v, ok := b.Control(ctx, TokenScene{})
	if !ok {
		return v
	}
	if v := control.judgeLeak(TokenAnswer{}); v.Outcome != Pass {
		return v
	}
	failures := b.failures()
	var names []string
	for name := range failures {
		names = append(names, name)
	}
	slices.Sort(names) // a report is the same each time
	for _, name := range names {
		t, v, ok := b.Open(ctx, failures[name])
		if !ok {
			return v
		}
		a := t.Ask(ctx, nil)
		switch {
		case t.web.connections() == 0, len(t.TokenCalls()) == 0 && failures[name].Certificate == mock.Good:
			return t.notReached(name, a)
		case a.Crash != "" || a.Err == nil && failures[name].Certificate == mock.Good: // the other is for P-TOK-07
			return t.fail("an error, for the authority answers by "+name, a.said())
		}
		if v := t.judgeLeak(a); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

// judgeLeak looks for secrets in all that the generator told.
func (t *GeneratorTrial) judgeLeak(a TokenAnswer) Verdict {
	if form := t.bench.leak(t.log.String()); form != "" {
		return t.fail("a log without secrets", fmt.Sprintf("a secret, %s, in the log", form))
	}
	if a.Err == nil {
		return pass()
	}
	for _, text := range errorForms(a.Err) {
		if form := t.bench.leak(text); form != "" {
			return t.fail("an error without secrets", fmt.Sprintf("a secret, %s, in the error: %s", form, text))
		}
	}
	return pass()
}
