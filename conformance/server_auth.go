package conformance

import (
	"context"
	"fmt"
)

func signsIn() Case {
	return Case{
		ID:        "S-AUT-03",
		Title:     "A sign-in that succeeds is answered by 235, and counts",
		Area:      AreaAuth,
		Refs:      []Ref{{RFC: 4954, Section: "4", Level: LowerMust}, {RFC: 4954, Section: "6", Level: LowerMust}},
		Needs:     []Need{NeedAuth},
		Tiers:     []Tier{Login},
		DependsOn: sessionCases(),
		Procedure: "AUTH by the account, with PLAIN if it goes; then MAIL.",
		Pass:      "235, and 2yz to MAIL. Where enhanced status codes are offered, another one than 2.7.0 is warn.",
		Mutant:    "answers 250",
		Since:     "v0.1.0",
		Server:    runSignsIn,
	}
}

func runSignsIn(ctx context.Context, b *ServerBench) Verdict {
	if v := b.mayNotSignIn(); v.Outcome == Skip {
		return v
	}
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	r, mechanism := w.signIn(ctx)
	if mechanism == "" {
		return skip(NoCapability, "the server offers no mechanism that the suite can use with the account")
	}
	v = w.judge(Step{Send: "AUTH " + mechanism, Accept: "235"}, r)
	if v.Outcome != Pass {
		v.Usable = r.Code/100 == 2
		return v
	}
	if w.Offers("ENHANCEDSTATUSCODES") && r.Enhanced() != "2.7.0" {
		w.warn(w.warned("2.7.0 with 235 (RFC 4954, Section 6)", r.String()))
	}
	switch r := w.Ask(b.mail()); {
	case r.Code == 530:
		return w.fail("MAIL to be accepted after the sign-in", r.String())
	case r.Code/100 != 2:
		v := w.inconclusive("2yz to MAIL after the sign-in", r.String())
		v.Usable = true
		return v
	}
	if v := w.Play(command("RSET", "250")); v.Outcome != Pass {
		return v
	}
	return w.Finish()
}

// mayNotSignIn returns the verdict on a case that has to sign in and cannot; its
// outcome is zero if it can.
func (b *ServerBench) mayNotSignIn() Verdict {
	if b.run.user == "" {
		return skip(NoCredential, "there is no ServerTarget.Account")
	}
	return b.run.mayNotSignIn()
}

func authInTransaction() Case {
	return Case{
		ID:        "S-AUT-05",
		Title:     "AUTH within a transaction is refused",
		Area:      AreaAuth,
		Refs:      []Ref{{RFC: 4954, Section: "4", Level: Must}},
		Needs:     []Need{NeedAuth},
		Tiers:     []Tier{Login, Envelope},
		DependsOn: append(sessionCases(), "S-AUT-03"),
		Procedure: "Control: AUTH outside of a transaction. Then, in another session, MAIL, AUTH by the account, RCPT. A server that wants a " +
			"sign-in before MAIL gets info.",
		Pass:   "503 to AUTH, and the transaction goes on: RCPT is answered as it is without the AUTH.",
		Mutant: "accepts it",
		Since:  "v0.1.0",
		Server: runAuthInTransaction,
	}
}

func runAuthInTransaction(ctx context.Context, b *ServerBench) Verdict {
	if v := b.mayNotSignIn(); v.Outcome == Skip {
		return v
	}
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	if r := w.Ask(b.mail()); r.Code/100 != 2 {
		if v := w.judge(Step{Accept: "4yz 5yz"}, r); v.Outcome != Pass {
			return v
		}
		return w.nothingToTest("no transaction can begin before a sign-in", r)
	}
	alone := w.Ask(b.rcpt())
	v = w.Play(control("RSET", "250"))
	if v.Outcome != Pass {
		return v
	}
	if r, mechanism := w.signIn(ctx); r.Code/100 != 2 {
		return w.inconclusive("235 to AUTH "+mechanism, r.String())
	}
	if v := w.Finish(); v.Outcome != Pass {
		return v
	}
	if w, v, ok = b.Secure(ctx); !ok {
		return v
	}
	if v := w.Play(control(b.mail(), "2yz")); v.Outcome != Pass {
		return v
	}
	t, _ := b.talk()
	r := w.auth(t, true)
	if v := w.judge(Step{Send: "AUTH " + t.mechanism, Accept: "503", Want: "503 to AUTH within a transaction"}, r); v.Outcome != Pass {
		return v
	}
	v = w.Play(Step{
		Send: b.rcpt() + "\r\n", Accept: Accept(fmt.Sprint(alone.Code)),
		Want: fmt.Sprintf("the transaction to go on: %d to RCPT, as without AUTH", alone.Code),
	})
	if v.Outcome != Pass {
		return v
	}
	return w.Finish()
}

func authCancel() Case {
	return Case{
		ID:        "S-AUT-06",
		Title:     "An exchange can be given up",
		Area:      AreaAuth,
		Refs:      []Ref{{RFC: 4954, Section: "4", Level: Must}},
		Needs:     []Need{NeedAuth, NeedMechanism("PLAIN")},
		Tiers:     []Tier{Passive},
		DependsOn: sessionCases(),
		Procedure: "AUTH PLAIN without an initial response, which is the control; *; and both once more.",
		Pass:      "501 to *, and 334 to the AUTH that follows.",
		Mutant:    "answers 535",
		Since:     "v0.1.0",
		Server: func(ctx context.Context, b *ServerBench) Verdict {
			w, v, ok := b.Secure(ctx)
			if !ok {
				return v
			}
			v = w.Play(
				control("AUTH PLAIN", "334"), command("*", "501"),
				command("AUTH PLAIN", "334"), command("*", "501"))
			if v.Outcome != Pass {
				return v
			}
			return w.Finish()
		},
	}
}

func authBase64() Case {
	return Case{
		ID:        "S-AUT-07",
		Title:     "An initial response that is not base64 is refused as such",
		Area:      AreaAuth,
		Refs:      []Ref{{RFC: 4954, Section: "4", Level: Must}},
		Needs:     []Need{NeedAuth, NeedMechanism("PLAIN")},
		Tiers:     []Tier{Passive},
		DependsOn: sessionCases(),
		Procedure: "Control: AUTH PLAIN alone, and then *. Then AUTH PLAIN with the initial response !!!!.",
		Pass:      "501. Where enhanced status codes are offered, another one than 5.5.2 is warn.",
		Mutant:    "answers 454",
		Since:     "v0.1.0",
		Server: func(ctx context.Context, b *ServerBench) Verdict {
			w, v, ok := b.Secure(ctx)
			if !ok {
				return v
			}
			attack := command("AUTH PLAIN !!!!", "501")
			attack.Check = func(r Reply) Verdict {
				if w.Offers("ENHANCEDSTATUSCODES") && r.Enhanced() != "5.5.2" {
					return w.warned("5.5.2 with 501", r.String())
				}
				return pass()
			}
			v = w.Play(control("AUTH PLAIN", "334"), control("*", "5yz"), attack)
			if v.Outcome != Pass {
				return v
			}
			return w.Finish()
		},
	}
}

func emptyChallenge() Case {
	return Case{
		ID:        "S-AUT-11",
		Title:     "The challenge of a mechanism that begins with the client is empty",
		Area:      AreaAuth,
		Refs:      []Ref{{RFC: 4954, Section: "4", Level: Must}},
		Needs:     []Need{NeedAuth, NeedMechanism("PLAIN")},
		Tiers:     []Tier{Passive},
		DependsOn: sessionCases(),
		Procedure: "AUTH PLAIN without an initial response; then *.",
		Pass:      "334, a space and CRLF, and nothing else.",
		Mutant:    "leaves the space out",
		Since:     "v0.1.0",
		Server: func(ctx context.Context, b *ServerBench) Verdict {
			w, v, ok := b.Secure(ctx)
			if !ok {
				return v
			}
			begin := command("AUTH PLAIN", "334")
			begin.Check = func(r Reply) Verdict {
				if r.Raw != "334 \r\n" {
					return w.fail(`"334 \r\n"`, fmt.Sprintf("%.80q", r.Raw))
				}
				return pass()
			}
			if v := w.Play(begin, control("*", "5yz")); v.Outcome != Pass {
				return v
			}
			return w.Finish()
		},
	}
}
