package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
)

func busyAuthority() Case {
	return Case{
		ID:    "P-TOK-05",
		Title: "An authority that is busy or out of order is given time",
		Area:  AreaTokens,
		Refs:  []Ref{{RFC: 6585, Section: "4", Level: LowerShould}, {RFC: 9110, Section: "10.2.3", Level: LowerShould}},
		Needs: []Need{NeedVirtualTime},
		Tiers: []Tier{Passive},
		Procedure: "Control: one token. Then, anew, all requests are answered by 429 with Retry-After: 30, and a token is " +
			"asked for once a second for two minutes; and, anew, the same with 503 without Retry-After. Then " +
			"the authority is in order again, and a token is asked for every second for ten minutes.",
		Pass: "Errors that do not say that they are permanent. Within one call, 30 seconds between two requests after the 429, and no " +
			"more than ten requests a minute after the 503. A token within ten minutes. If the error does not say that it is " +
			"temporary, or if the next call makes a request too early and the error has not told when, " +
			"the outcome is warn.",
		Mutant: "tries again at once; calls it permanent",
		Since:  "v0.1.0",

		Generator: runBusyAuthority,
	}
}

// LowerShould is what an RFC has in lower case, or puts as "ought to".
const LowerShould Level = "should"

// askedPause is what the authority asks for, and maxTries how many requests a minute
// it gets over if it asks for nothing.
const (
	askedPause = 30 * time.Second
	maxTries   = 10
)

func runBusyAuthority(ctx context.Context, b *GeneratorBench) Verdict {
	if _, v, ok := b.Control(ctx, TokenScene{}); !ok {
		return v
	}
	v := b.outage(ctx, mock.AuthorityFault{Status: 429, Error: "temporarily_unavailable", RetryAfter: askedPause})
	if v.Outcome != Pass && v.Outcome != Warn {
		return v
	}
	if second := b.outage(ctx, mock.AuthorityFault{Status: 503, Error: "temporarily_unavailable"}); second.Outcome != Pass {
		return second
	}
	return v
}

// outage asks for tokens of an authority that answers by a fault.
func (b *GeneratorBench) outage(ctx context.Context, f mock.AuthorityFault) Verdict {
	t, v, ok := b.Open(ctx, TokenScene{Authority: mock.AuthorityOptions{Faults: []mock.AuthorityFault{f}}})
	if !ok {
		return v
	}
	advice := pass()
	for time.Since(t.start) < 2*time.Minute && ctx.Err() == nil {
		before := len(t.TokenCalls())
		a := t.AskWithin(ctx, longWait, nil)
		calls := t.TokenCalls()
		if !t.answered(f.Status, f.Error) {
			return t.notReached(fmt.Sprintf("the %d", f.Status), a)
		}
		if v := t.judgeOutage(a, f, calls[before:]); v.Outcome == Fail {
			return v
		} else if advice.Outcome == Pass {
			advice = v
		}
		if before > 0 && len(calls) > before && advice.Outcome == Pass &&
			calls[before].Time.Sub(calls[before-1].Time) < f.RetryAfter && !tellsWhen(a.Err) {
			advice = t.warn("no request before the time that Retry-After says, or an error that tells it",
				fmt.Sprintf("a request after %v, and %s", calls[before].Time.Sub(calls[before-1].Time), a.said()))
		}
		passTime(ctx, time.Second)
	}
	t.Authority.Heal()
	if v := t.recovers(ctx); v.Outcome != Pass {
		return v
	}
	return advice
}

// judgeOutage judges one call, in which those requests were made.
func (t *GeneratorTrial) judgeOutage(a TokenAnswer, f mock.AuthorityFault, calls []TokenCall) Verdict {
	if a.Crash != "" || a.Err == nil {
		return t.fail("an error, for the authority gives no token", a.said())
	}
	for i := 1; i < len(calls); i++ {
		if pause := calls[i].Time.Sub(calls[i-1].Time); pause < f.RetryAfter && calls[i].repeats(calls[i-1]) {
			return t.fail(fmt.Sprintf("%v between two requests, as Retry-After says", f.RetryAfter), fmt.Sprintf("%v", pause))
		}
		if i >= maxTries && calls[i].Time.Sub(calls[i-maxTries].Time) < time.Minute {
			return t.fail(fmt.Sprintf("%d requests a minute, at most", maxTries), "more")
		}
	}
	var says interface{ Temporary() bool }
	switch {
	case !errors.As(a.Err, &says):
		return t.warn("an error with a method Temporary() bool that returns true", a.said())
	case !says.Temporary():
		return t.fail("an error that is temporary", a.said())
	}
	return pass()
}

// tellsWhen reports whether an error tells what Retry-After said.
func tellsWhen(err error) bool {
	var typed *providers.Error
	if errors.As(err, &typed) && typed.RetryAfter == askedPause {
		return true
	}
	return tellsWord(err, fmt.Sprint(int(askedPause/time.Second))) || tellsWord(err, askedPause.String())
}
