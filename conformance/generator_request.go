package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

func refusedToken() Case {
	return Case{
		ID:    "P-TOK-09",
		Title: "A token that a server has refused is replaced, once",
		Area:  AreaTokens,
		Refs:  []Ref{{Document: generatorContract + " (TokenRequest.Rejected)", Level: LowerMust}},
		Tiers: []Tier{Passive},
		Procedure: "Control: one token, which is then revoked. The generator is told by TokenRequest.Rejected that a server has " +
			"refused it (RFC 6750, Section 3.1: then a client may ask for another), is told again, and is asked without. Then it is told that the second token was refused, too, five times.",
		Pass: "One request, and a new token, though the first had not expired. Never a token that the request tells of. " +
			"If the generator answers sasl.ErrNoOtherToken and does not ask the authority, the outcome is warn.",
		Mutant: "returns the same token again",
		Since:  "v0.1.0",

		Generator: runRefusedToken,
	}
}

func runRefusedToken(ctx context.Context, b *GeneratorBench) Verdict {
	t, v, ok := b.Control(ctx, TokenScene{})
	if !ok {
		return v
	}
	const want = "another token, by one request"
	before := len(t.TokenCalls())
	t.Authority.Revoke(t.first.Value)
	refused := sasl.NewRejection(sasl.ErrRejected, t.first)
	second := t.Ask(ctx, refused)
	n := len(t.TokenCalls()) - before
	switch {
	case errors.Is(second.Err, sasl.ErrNoOtherToken) && n == 0:
		if a := t.Ask(ctx, nil); !a.ok() {
			return t.fail("the token that there is, for a request that tells of no refusal", a.said())
		}
		return t.warn(want, second.said())
	case !second.ok():
		return t.fail(want, second.said())
	case refused.Matches(second.Token):
		return t.fail(want, "the refused token")
	case !t.good(second.Token):
		return t.fail(want, "a token that the authority does not take")
	case n != 1:
		return t.fail(want, fmt.Sprintf("%d requests", n))
	}
	for _, told := range []*sasl.Rejection{refused, nil} {
		if a := t.Ask(ctx, told); !a.ok() || !t.good(a.Token) {
			return t.fail("the new token, still", a.said())
		}
	}
	both := sasl.NewRejection(sasl.ErrRejected, t.first, second.Token)
	for range 5 {
		if a := t.Ask(ctx, both); a.Crash != "" || a.ok() && both.Matches(a.Token) {
			return t.fail("a third token, or an error", "a refused token; "+a.said())
		}
	}
	return pass()
}

func presetRequest() Case {
	return Case{
		ID:    "P-TOK-10",
		Title: "What is preset for a provider asks the right host for the right scope",
		Area:  AreaTokens,
		Refs: []Ref{
			{Document: "Google, OAuth 2.0 for Mail", Level: LowerMust},
			{Document: "Microsoft, OAuth 2.0 for IMAP, POP and SMTP AUTH", Level: LowerMust},
		},
		Needs:     []Need{NeedPreset},
		Tiers:     []Tier{Passive},
		Procedure: "Control: one token of New. Then a token of Preset, whose requests are looked at.",
		Pass: "Each request for a token is a POST to the token endpoint of the provider, in the right tenant. It names the provider's scope for " +
			"mail, and besides only those of OpenID Connect; with a refresh token it may name none, which means " +
			"all that was granted (RFC 6749, Section 6). A user's scope at Microsoft without offline_access is a warning.",
		Mutant: "asks for another scope, or in another tenant",
		Since:  "v0.1.0",

		Generator: runPresetRequest,
	}
}

func runPresetRequest(ctx context.Context, b *GeneratorBench) Verdict {
	if _, v, ok := b.Control(ctx, TokenScene{}); !ok {
		return v
	}
	want, err := url.Parse(b.target.presetURL())
	if err != nil {
		return Verdict{Outcome: Error, Reason: err.Error()}
	}
	t, v, ok := b.Open(ctx, TokenScene{Make: b.target.Preset, Names: []string{want.Hostname()}, preset: true})
	if !ok {
		return v
	}
	a := t.Ask(ctx, nil)
	calls := slices.DeleteFunc(t.Calls(), func(c TokenCall) bool { return c.Form.Get("grant_type") == "" })
	if other := t.dialledOther(want.Hostname()); other != "" {
		return t.fail("a connection to "+want.Host, "one to "+other)
	}
	if len(calls) == 0 {
		return t.notReached("a request for a token at "+want.Host, a)
	}
	advice := pass()
	for _, c := range calls {
		v := t.judgePreset(c, want)
		if v.Outcome == Fail {
			return v
		}
		if advice.Outcome == Pass {
			advice = v
		}
	}
	if !a.ok() || !t.good(a.Token) {
		return t.notReached("a token, though its requests look right", a)
	}
	return advice
}

func (t *GeneratorTrial) judgePreset(c TokenCall, want *url.URL) Verdict {
	grant, sent := c.Form.Get("grant_type"), strings.Fields(c.Form.Get("scope"))
	scope := t.bench.target.presetScope(grant)
	others := slices.DeleteFunc(slices.Clone(sent), func(s string) bool {
		return s == scope || slices.Contains([]string{"openid", "profile", "email", "offline_access"}, s)
	})
	switch {
	case c.Method != "POST" || c.Host != want.Host || c.Path != want.Path:
		return t.fail("POST "+want.String(), fmt.Sprintf("%s https://%s%s", c.Method, c.Host, c.Path))
	case len(sent) == 0 && grant == "refresh_token":
	case !slices.Contains(sent, scope) || len(others) > 0:
		return t.fail("the scope "+scope, fmt.Sprintf("%q", c.Form.Get("scope")))
	case t.bench.target.Dialect == mock.MicrosoftOAuth && grant == "refresh_token" && !slices.Contains(sent, "offline_access"):
		return t.warn("offline_access too, so that a new refresh token comes", fmt.Sprintf("%q", c.Form.Get("scope")))
	}
	return pass()
}

func cancelledRequest() Case {
	return Case{
		ID:    "P-TOK-11",
		Title: "A context that ends, ends the wait",
		Area:  AreaTokens,
		Refs:  []Ref{{Document: goodPractice, Level: Security}},
		Needs: []Need{NeedVirtualTime},
		Tiers: []Tier{Passive},
		Procedure: "Control: one token. Then, anew, an authority that takes ten minutes to answer, and one that answers by 429 with " +
			"Retry-After: 300; the context is cancelled after a second. In a device flow that nobody " +
			"confirms it is cancelled after twelve.",
		Pass: "An error, a second after the context has ended at the latest. Two minutes later the request is over, too; others may " +
			"have waited for it until then. The authority is not polled any more.",
		Mutant: "waits for the answer, whatever the context says; goes on polling",
		Since:  "v0.1.0",

		Generator: runCancelledRequest,
	}
}

func runCancelledRequest(ctx context.Context, b *GeneratorBench) Verdict {
	if _, v, ok := b.Control(ctx, TokenScene{}); !ok {
		return v
	}
	for _, f := range []mock.AuthorityFault{
		{Delay: 10 * time.Minute},
		{Status: 429, Error: "temporarily_unavailable", RetryAfter: 300 * time.Second},
	} {
		if v := b.cancelled(ctx, f); v.Outcome != Pass {
			return v
		}
	}
	if b.target.Device == nil {
		return pass()
	}
	return b.cancelledFlow(ctx)
}

// cancelled cancels a call of a generator whose authority makes it wait.
func (b *GeneratorBench) cancelled(ctx context.Context, f mock.AuthorityFault) Verdict {
	t, v, ok := b.Open(ctx, TokenScene{Authority: mock.AuthorityOptions{Faults: []mock.AuthorityFault{f}}})
	if !ok {
		return v
	}
	const after = time.Second // less than any time limit of its own
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(after, cancel).Stop()
	a := t.AskWithin(limited, longWait, nil)
	switch {
	case len(t.TokenCalls()) == 0:
		return t.notReached("its request", a)
	case a.Crash != "" || a.Err == nil:
		return t.fail("an error, a second after the context has ended at the latest", a.said())
	case f.Delay > 0 && a.Took < after:
		return t.notReached("the end of its context", a)
	}
	passTime(ctx, 2*time.Minute)
	for _, c := range t.TokenCalls() {
		if c.Ended.IsZero() && time.Since(c.Time) >= 2*time.Minute {
			return t.fail("that the request is given up, two minutes after the last caller has gone", "one that still waits")
		}
	}
	return pass()
}

// cancelledFlow cancels a device flow.
func (b *GeneratorBench) cancelledFlow(ctx context.Context) Verdict {
	s := &deviceScript{interval: 5, answers: []string{"authorization_pending"}}
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(12*time.Second, cancel).Stop()
	t, a := b.sign(limited, s)
	if t == nil {
		return Verdict{Outcome: Error}
	}
	passTime(ctx, time.Second) // a poll that was on its way when the context ended may still arrive
	n := len(s.polled())
	switch {
	case n == 0:
		return t.notReached("a poll", a)
	case a.Crash != "" || a.Err == nil:
		return t.fail("an error, a second after the context has ended at the latest", a.said())
	}
	passTime(ctx, 5*time.Minute)
	if more := len(s.polled()) - n; more > 0 {
		return t.fail("no poll after the context has ended", fmt.Sprintf("%d polls", more))
	}
	return pass()
}
