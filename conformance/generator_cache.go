package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// generatorCases are the cases for token generators.
func generatorCases() []Case {
	return []Case{
		keptToken(),
		sharedRequest(),
		rotatedGrant(),
		revokedGrant(),
		busyAuthority(),
		deviceFlow(),
		verifiedEndpoint(),
		hiddenGrants(),
		refusedToken(),
		presetRequest(),
		cancelledRequest(),
	}
}

// generatorContract is a rule that is in no RFC.
const generatorContract = "package sasl, TokenGenerator"

func keptToken() Case {
	return Case{
		ID:    "P-TOK-01",
		Title: "A token is kept until shortly before its expiry",
		Area:  AreaTokens,
		Refs:  []Ref{{Document: generatorContract, Level: LowerMust}, {RFC: 6749, Section: "5.1", Level: Should}},
		Needs: []Need{NeedVirtualTime},
		Tiers: []Tier{Passive},
		Procedure: "Control: one token. Then three hours in which a token is asked for once a minute, and more " +
			"often when one is about to expire; tokens live for an hour. Then, anew, an authority that " +
			"does not say when its token expires, and a second token a day later.",
		Pass: "One request for the first half hour, and no more than three in each hour; no token that has " +
			"expired. Each token is good for a minute more, or else the outcome is warn. A token without expiry is " +
			"not used for a day; to refuse it is no failure.",
		Mutant:    "never renews; keeps a token without expiry for ever; asks each time",
		AlsoKills: []string{"P-TOK-02", "P-TOK-03"}, // one request for many; a second one
		Since:     "v0.1.0",

		Generator: runKeptToken,
	}
}

// tokenLife is how long tokens live in trials.
const tokenLife = time.Hour

func runKeptToken(ctx context.Context, b *GeneratorBench) Verdict {
	t, v, ok := b.Control(ctx, TokenScene{Authority: mock.AuthorityOptions{TTL: tokenLife}})
	if !ok {
		return v
	}
	if v := t.keepsFor(ctx, 3*tokenLife); v.Outcome != Pass {
		return v
	}
	return b.keepsWithoutExpiry(ctx)
}

// keepsFor asks for tokens over and over.
func (t *GeneratorTrial) keepsFor(ctx context.Context, d time.Duration) Verdict {
	short := pass()
	for time.Since(t.start) < d && ctx.Err() == nil {
		passTime(ctx, t.pause())
		a := t.Ask(ctx, nil)
		n := len(t.TokenCalls())
		elapsed := time.Since(t.start)
		switch {
		case !a.ok():
			return t.fail("a token", a.said())
		case !t.good(a.Token):
			return t.fail("a token that has not expired", fmt.Sprintf("one that the authority does not take, after %v", elapsed))
		case elapsed < tokenLife/2 && n > 1:
			return t.fail("one request for half an hour", fmt.Sprintf("%d after %v", n, elapsed))
		case n > 3*int(elapsed/tokenLife+1):
			return t.fail("three requests an hour, at most", fmt.Sprintf("%d after %v", n, elapsed))
		case short.Outcome == Pass && !t.goodIn(time.Minute, a.Token):
			short = t.warn("tokens that are good for a minute more", fmt.Sprintf("one that is not, after %v", elapsed))
		}
	}
	return short
}

// pause is how long to wait before the next token: a minute, and less when an
// hour is nearly over.
func (t *GeneratorTrial) pause() time.Duration {
	const closely = 2 * time.Minute
	if left := tokenLife - time.Since(t.start)%tokenLife; left <= closely || left > tokenLife-closely/2 {
		return 10 * time.Second
	}
	return time.Minute
}

// goodIn reports whether the authority will take a token after d, if it lives for
// as long as tokens do.
func (t *GeneratorTrial) goodIn(d time.Duration, token sasl.Token) bool {
	given, ok := t.web.givenAt(token.Value.Reveal())
	return ok && time.Since(given)+d <= tokenLife
}

// keepsWithoutExpiry asks for a token that nothing is known of, and again a day
// later (RFC 6749, Section 5.1: expires_in is only recommended).
func (b *GeneratorBench) keepsWithoutExpiry(ctx context.Context) Verdict {
	silent := mock.AuthorityFault{Fields: map[string]any{"expires_in": nil}}
	t, v, ok := b.Open(ctx, TokenScene{Authority: mock.AuthorityOptions{TTL: tokenLife, Faults: []mock.AuthorityFault{silent}}})
	if !ok {
		return v
	}
	a := t.Ask(ctx, nil)
	switch {
	case !t.answered(200, ""):
		return t.notReached("a token without expiry", a)
	case a.Crash != "":
		return t.fail("a token, or an error", a.said())
	case !a.ok():
		return pass()
	}
	passTime(ctx, 24*time.Hour)
	if a = t.Ask(ctx, nil); a.ok() && t.good(a.Token) {
		return pass()
	}
	got := a.said()
	if a.ok() {
		got = "the token of the day before"
	}
	return t.fail("another token after a day, for the authority did not say when the first expires", got)
}

func sharedRequest() Case {
	return Case{
		ID:    "P-TOK-02",
		Title: "Many callers share one request, and its failure",
		Area:  AreaTokens,
		Refs:  []Ref{{Document: goodPractice, Level: Security}},
		Needs: []Need{NeedVirtualTime},
		Tiers: []Tier{Passive},
		Procedure: "Control: one token. Then, anew, 50 callers at once while the authority takes a second to answer; " +
			"anew, a caller who gives up after two seconds and 50 who do not, while it takes ten; " +
			"and, anew, 50 callers at once with an authority that answers the first request by 503. Then a caller every " +
			"second for ten minutes.",
		Pass: "One request, and all get its token. Whoever has not given up gets a token, by two requests at most. Of the authority " +
			"that fails at first no more than four requests, while " +
			"callers get an error or a good token. Within ten minutes there is a token.",
		Mutant: "each caller makes a request; all fail with the first",
		Since:  "v0.1.0",

		Generator: runSharedRequest,
	}
}

// manyCallers is how many callers there are at once.
const manyCallers = 50

func runSharedRequest(ctx context.Context, b *GeneratorBench) Verdict {
	if _, v, ok := b.Control(ctx, TokenScene{}); !ok {
		return v
	}
	slow := mock.AuthorityFault{Delay: time.Second}
	t, v, ok := b.Open(ctx, TokenScene{Authority: mock.AuthorityOptions{Faults: []mock.AuthorityFault{slow}}})
	if !ok {
		return v
	}
	answers := t.askAtOnce(ctx)
	n := len(t.TokenCalls())
	for _, a := range answers {
		switch {
		case !a.ok():
			return t.fail("a token for each of 50 callers", a.said())
		case !t.good(a.Token):
			return t.fail("a good token for each of 50 callers", "one that the authority did not give")
		}
	}
	if n != 1 {
		return t.fail("one request for 50 callers", fmt.Sprintf("%d requests", n))
	}
	if v := b.givesUp(ctx); v.Outcome != Pass {
		return v
	}
	return b.sharesFailure(ctx)
}

// givesUp lets the first of several callers give up while the authority takes its
// time.
func (b *GeneratorBench) givesUp(ctx context.Context) Verdict {
	slow := mock.AuthorityFault{Delay: 10 * time.Second}
	t, v, ok := b.Open(ctx, TokenScene{Authority: mock.AuthorityOptions{Faults: []mock.AuthorityFault{slow}}})
	if !ok {
		return v
	}
	var wg sync.WaitGroup
	wg.Go(func() { t.AskWithin(ctx, 2*time.Second, nil) })
	passTime(ctx, time.Second)
	if len(t.TokenCalls()) == 0 {
		wg.Wait()
		return t.notReached("a request for the first caller", TokenAnswer{})
	}
	answers := t.askAtOnce(ctx)
	wg.Wait()
	for _, a := range answers {
		if !a.ok() || !t.good(a.Token) {
			return t.fail("a token for each of 50 callers, though one who came before them has given up", a.said())
		}
	}
	if n := len(t.TokenCalls()); n > 2 {
		return t.fail("two requests, at most, for a caller who gave up and 50 who did not", fmt.Sprintf("%d requests", n))
	}
	return pass()
}

// askAtOnce asks for many tokens at the same time.
func (t *GeneratorTrial) askAtOnce(ctx context.Context) []TokenAnswer {
	answers := make([]TokenAnswer, manyCallers)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = t.AskWithin(ctx, longWait, nil) })
	}
	wg.Wait()
	return answers
}

// longWait is how long a caller waits, and how long a generator may take to get
// over an authority that was out of order.
const longWait = 10 * time.Minute

func (b *GeneratorBench) sharesFailure(ctx context.Context) Verdict {
	down := mock.AuthorityFault{Times: 1, Delay: time.Second, Status: 503, Error: "temporarily_unavailable"}
	t, v, ok := b.Open(ctx, TokenScene{Authority: mock.AuthorityOptions{Faults: []mock.AuthorityFault{down}}})
	if !ok {
		return v
	}
	answers := t.askAtOnce(ctx)
	if !t.answered(503, "temporarily_unavailable") {
		return t.notReached("the 503", answers[0])
	}
	for _, a := range answers {
		switch {
		case a.Crash != "":
			return t.fail("a token or an error", a.said())
		case a.Err == nil && !t.good(a.Token):
			return t.fail("a good token or an error", "a token that the authority did not give")
		}
	}
	if n := len(t.TokenCalls()); n > 4 {
		return t.fail("four requests for 50 callers, at most", fmt.Sprintf("%d requests", n))
	}
	return t.recovers(ctx)
}

// recovers asks until there is a token.
func (t *GeneratorTrial) recovers(ctx context.Context) Verdict {
	var a TokenAnswer
	for end := time.Now().Add(longWait); time.Now().Before(end) && ctx.Err() == nil; passTime(ctx, time.Second) {
		if a = t.Ask(ctx, nil); a.ok() {
			break
		}
	}
	if !a.ok() || !t.good(a.Token) {
		return t.fail("a token, within ten minutes after the authority is in order again", a.said())
	}
	return pass()
}
