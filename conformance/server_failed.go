package conformance

import (
	"context"
	"fmt"
)

func wrongPassword() Case {
	return Case{
		ID:        "S-AUT-15",
		Title:     "A wrong password is refused by 535, and nothing else happens",
		Area:      AreaAuth,
		Refs:      []Ref{{RFC: 4954, Section: "4", Level: Should}, {RFC: 4954, Section: "6", Level: Should}},
		Needs:     []Need{NeedAuth, NeedPassword},
		Tiers:     []Tier{Login, FailedLogin, Envelope},
		DependsOn: append(sessionCases(), "S-AUT-03"),
		Budget:    Budget{FailedLogins: 1},
		Procedure: "MAIL and RSET. Then, in another session, AUTH with a password that is wrong; MAIL and RSET; AUTH by the account, which is the control.",
		Pass: "535, and another 5yz is warn; MAIL is answered as it was before; and 235 to the account. A 4yz is a failure if the account is " +
			"let in: it tells a client to try again. Where enhanced status codes are offered, another one than 5.7.8 is warn.",
		Mutant: "answers 454; signs in whoever has a wrong password",
		Since:  "v0.1.0",
		Server: runWrongPassword,
	}
}

func runWrongPassword(ctx context.Context, b *ServerBench) Verdict {
	t, ok := b.talkOf(b.victim(), "wrong-"+b.Nonce())
	if !ok {
		return skip(NoCapability, "the server offers no mechanism that the suite can use with a password")
	}
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	before := w.Ask(b.mail())
	if v := w.Play(control("RSET", "250")); v.Outcome != Pass {
		return v
	}
	if v := w.Finish(); v.Outcome != Pass {
		return v
	}
	if w, v, ok = b.Secure(ctx); !ok {
		return v
	}
	if v, ok := b.failing(ctx); !ok {
		return v
	}
	refusal := w.auth(t, true)
	if refusal.Code/100 == 2 {
		return w.fail("535 to a wrong password", refusal.String())
	}
	if v := w.judge(Step{Accept: "535 ~5yz ~4yz", Want: "535 to a wrong password"}, refusal); v.Outcome == Warn {
		w.warn(v)
	} else if v.Outcome != Pass {
		b.failed(refusal)
		return v
	} else if w.Offers("ENHANCEDSTATUSCODES") && refusal.Enhanced() != "5.7.8" {
		w.warn(w.warned("5.7.8 with 535 (RFC 4954, Section 6)", refusal.String()))
	}
	if after := w.Ask(b.mail()); after.Code != before.Code {
		return w.fail(fmt.Sprintf("%d to MAIL, as before the sign-in that failed", before.Code), after.String())
	}
	if v := w.Play(control("RSET", "250")); v.Outcome != Pass {
		return v
	}
	if r, mechanism := w.signIn(ctx); r.Code/100 != 2 {
		b.failed(refusal)
		if refusal.Code/100 == 4 {
			return w.inconclusive("235 to AUTH "+mechanism+" by the account", r.String())
		}
		return w.judge(Step{Accept: "235", Want: "235 to the account, after a password that was wrong"}, r)
	}
	if refusal.Code/100 == 4 {
		return w.fail("535 to a wrong password", refusal.String())
	}
	return w.Finish()
}

// victim is whose logins fail.
func (b *ServerBench) victim() string {
	if b.run.throwAway != "" {
		return b.run.throwAway
	}
	return b.run.user
}

func foreignIdentity() Case {
	return Case{
		ID:        "S-PLN-01",
		Title:     "PLAIN does not let one account act as another",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 4616, Section: "2", Level: Security}, {RFC: 4422, Section: "3.4.1", Level: Security}},
		Needs:     []Need{NeedAuth, NeedMechanism("PLAIN"), NeedPassword},
		Tiers:     []Tier{Login, FailedLogin},
		DependsOn: append(sessionCases(), "S-AUT-03"),
		Budget:    Budget{FailedLogins: 1},
		Procedure: "Control: AUTH PLAIN by the account without an authorization identity. Then with one of somebody who is not there, or of the " +
			"throw-away account.",
		Pass:   "5yz; 4yz is warn.",
		Mutant: "does not look at the authorization identity",
		Since:  "v0.1.0",
		Server: runForeignIdentity,
	}
}

func runForeignIdentity(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	if r := w.authAccount(plainTalk("", b.run.user, b.run.password), true); r.Code/100 != 2 {
		return w.inconclusive("235 to AUTH PLAIN by the account", r.String())
	}
	if v := w.Finish(); v.Outcome != Pass {
		return v
	}
	other := b.run.throwAway
	if other == "" || other == b.run.user {
		other = b.Nonce() + "@" + b.Domain()
	}
	if w, v, ok = b.Secure(ctx); !ok {
		return v
	}
	if v, ok := b.failing(ctx); !ok {
		return v
	}
	r := w.auth(plainTalk(other, b.run.user, b.run.password), true)
	b.failed(r)
	v = w.judge(Step{Accept: "5yz ~4yz", Want: "5yz to AUTH PLAIN with the authorization identity of somebody else"}, r)
	switch v.Outcome {
	case Warn:
		w.warn(v)
	case Pass:
	default:
		return v
	}
	return w.Finish()
}

func scramProof() Case {
	return Case{
		ID:        "S-SCR-01",
		Title:     "SCRAM-SHA-256 succeeds, and the server proves that it knows the password",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 5802, Section: "3", Level: Must}, {RFC: 4954, Section: "4", Level: Must}},
		Needs:     []Need{NeedAuth, NeedMechanism("SCRAM-SHA-256"), NeedPassword},
		Tiers:     []Tier{Login},
		DependsOn: sessionCases(),
		Procedure: "AUTH SCRAM-SHA-256 by the account.",
		Pass: "A challenge whose nonce goes on from the client's, another one with the right signature, and 235 to an empty response. Fewer than " +
			"4096 iterations are warn.",
		Mutant: "answers 235 in place of the signature",
		Since:  "v0.1.0",
		Server: runScramProof,
	}
}

func runScramProof(ctx context.Context, b *ServerBench) Verdict {
	if !isASCII(b.run.user + b.run.password) {
		return skip(NoCredential, "the account's name or password is outside ASCII")
	}
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	const minIterations = 4096 // RFC 7677, Section 4
	s := newScram(b.run.user, b.run.password)
	r := w.authAccount(s.talk(), true)
	switch {
	case s.err != nil:
		return w.fail("the messages of RFC 5802, Section 7", s.err.Error())
	case r.Code/100 == 2 && !s.proved:
		return w.fail("the server's signature before 235", r.String())
	case r.Code == 535 && !s.proved:
		v := w.inconclusive("235 to AUTH SCRAM-SHA-256", r.String())
		v.Reason = "the account may have no SCRAM secret"
		return v
	}
	if v := w.judge(Step{Accept: "2yz", Want: "235 to AUTH SCRAM-SHA-256"}, r); v.Outcome != Pass {
		return v
	}
	if s.iterations < minIterations {
		w.warn(w.warned("4096 iterations or more (RFC 7677, Section 4)", fmt.Sprint(s.iterations)))
	}
	return w.Finish()
}
