package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

func errorChallengeSurvived() Case {
	return Case{
		ID:        "S-OAB-02",
		Title:     "Any answer to an OAUTHBEARER error challenge is survived",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 7628, Section: "3.2.3", Level: Security}},
		Needs:     []Need{NeedAuth, NeedMechanism("OAUTHBEARER")},
		Tiers:     []Tier{Hostile, FailedLogin},
		DependsOn: sessionCases(),
		Budget:    Budget{FailedLogins: 3, Time: time.Minute},
		Procedure: "Control: AUTH OAUTHBEARER alone, and then *. Then, three times, a bad token; the error challenge is answered by an empty line, " +
			"by *, and by something else.",
		Pass:   "5yz, and the session goes on; another 4yz than 421 is warn. A server that sends no error challenge gets info.",
		Mutant: "ends the session at an empty line",
		Since:  "v0.1.0",
		Server: runErrorChallengeSurvived,
	}
}

func runErrorChallengeSurvived(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	if v := w.Play(control("AUTH OAUTHBEARER", "334"), control("*", "5yz")); v.Outcome != Pass {
		return v
	}
	if v := w.Finish(); v.Outcome != Pass {
		return v
	}
	var warning Verdict
	for _, answer := range []string{"", "*", "anVuaw=="} {
		switch v := b.answerChallenge(ctx, answer); v.Outcome {
		case Pass:
		case Warn:
			warning = v
		default:
			return v
		}
	}
	if warning.Outcome == Warn {
		return warning
	}
	return pass()
}

// answerChallenge has a bad token refused and answers the challenge.
func (b *ServerBench) answerChallenge(ctx context.Context, answer string) Verdict {
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	if v, ok := b.failing(ctx); !ok {
		return v
	}
	t := oauthbearerTalk(b.stranger(), badToken(b.Nonce()), b.run.place.addr)
	r := w.challenge(t)
	if r.Code != 334 {
		b.failed(r)
		v := w.judge(Step{Accept: "334 5yz ~4yz", Want: "an error challenge to a bad token"}, r)
		if v.Outcome == Pass || v.Outcome == Warn {
			v = Verdict{Outcome: Info, Reason: "the server refuses a token without an error challenge", Got: r.String()}
		}
		return v
	}
	want := fmt.Sprintf("5yz to %q in answer to the error challenge, and no end of the session", answer)
	r = w.Ask(answer)
	if r.Code == 421 {
		return w.unanswered(want, r)
	}
	v = w.judge(Step{Accept: "5yz ~4yz", Want: want}, r)
	switch v.Outcome {
	case Warn:
		b.failed(r)
		w.warn(v)
	case Pass:
	default:
		return v
	}
	if v := w.Play(Step{Send: "NOOP\r\n", Accept: "250", Want: want}); v.Outcome != Pass {
		return v
	}
	return w.Finish()
}

// challenge sends the first message of an exchange and returns the reply to it.
func (w *Wire) challenge(t talk) Reply {
	line := "AUTH " + t.mechanism
	if len(line)+1+wire.EncodedLen(len(t.initial))+2 <= maxCommandLine {
		w.Send(line+" "+encodeResponse(t.initial)+"\r\n", fmt.Sprintf("%s <redacted %d octets>\r\n", line, wire.EncodedLen(len(t.initial))))
		return w.Reply()
	}
	if r := w.Ask(line); r.Code != 334 {
		return r
	}
	w.Send(encodeResponse(t.initial)+"\r\n", fmt.Sprintf("<redacted %d octets>\r\n", wire.EncodedLen(len(t.initial))))
	return w.Reply()
}

// stranger is who has no good token.
func (b *ServerBench) stranger() string {
	if user := b.victim(); user != "" {
		return user
	}
	return b.Nonce() + "@" + b.Domain()
}

// badToken is a token that is none.
func badToken(nonce string) string { return "not-a-token-" + nonce }

func tokenAccepted() Case {
	return Case{
		ID:        "S-XOA-01",
		Title:     "XOAUTH2 succeeds, with and without an initial response",
		Area:      AreaMechanisms,
		Refs:      []Ref{{Document: googleXOAUTH2, Level: LowerMust}, {RFC: 4954, Section: "4", Level: Must}},
		Needs:     []Need{NeedAuth, NeedMechanism("XOAUTH2"), NeedToken},
		Tiers:     []Tier{Login},
		DependsOn: sessionCases(),
		Procedure: "AUTH XOAUTH2 by the account, with the initial response on the line, if the line has at most 512 octets then; in another " +
			"session, behind the 334.",
		Pass:   "235, each time.",
		Mutant: "takes the initial response on the line only",
		Since:  "v0.1.0",
		Server: func(ctx context.Context, b *ServerBench) Verdict {
			for _, onLine := range []bool{true, false} {
				w, v, ok := b.Secure(ctx)
				if !ok {
					return v
				}
				want := "235 to AUTH XOAUTH2 with an initial response"
				if !onLine {
					want = "235 to AUTH XOAUTH2 with the response behind the 334"
				}
				r := w.authAccount(xoauth2Talk(b.run.user, b.run.token), onLine)
				if v := w.judge(Step{Accept: "2yz", Want: want}, r); v.Outcome != Pass {
					return v
				}
				if v := w.Finish(); v.Outcome != Pass {
					return v
				}
			}
			return pass()
		},
	}
}

func tokenRefused() Case {
	return Case{
		ID:        "S-XOA-02",
		Title:     "A bad XOAUTH2 token is refused, and that is the end of it",
		Area:      AreaMechanisms,
		Refs:      []Ref{{Document: googleXOAUTH2, Level: LowerMust}},
		Needs:     []Need{NeedAuth, NeedMechanism("XOAUTH2")},
		Tiers:     []Tier{FailedLogin},
		DependsOn: sessionCases(),
		Budget:    Budget{FailedLogins: 1},
		Procedure: "Control: AUTH XOAUTH2 alone, and then *. Then a bad token; a challenge is answered by an empty line.",
		Pass:      "535, at once or after one challenge; another 5yz and 4yz are warn. The session goes on.",
		Mutant:    "says nothing to the empty line",
		Since:     "v0.1.0",
		Server:    runTokenRefused,
	}
}

func runTokenRefused(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	if v := w.Play(control("AUTH XOAUTH2", "334"), control("*", "5yz")); v.Outcome != Pass {
		return v
	}
	if v, ok := b.failing(ctx); !ok {
		return v
	}
	r := w.challenge(xoauth2Talk(b.stranger(), badToken(b.Nonce())))
	if r.Code == 334 {
		r = w.Ask("")
	}
	b.failed(r)
	v = w.judge(Step{Accept: "535 ~5yz ~4yz", Want: "535 to a bad token, after one challenge at most"}, r)
	switch v.Outcome {
	case Warn:
		w.warn(v)
	case Pass:
	default:
		return v
	}
	if v := w.Barrier(); v.Outcome != Pass {
		return v
	}
	return w.Finish()
}
