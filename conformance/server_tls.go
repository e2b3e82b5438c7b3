package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
)

func startTLS() Case {
	return Case{
		ID:        "S-TLS-01",
		Title:     "STARTTLS leads to TLS",
		Area:      AreaTLS,
		Refs:      []Ref{{RFC: 3207, Section: "4", Level: Must}, {RFC: 8996, Section: "5", Level: MustNot}},
		Needs:     []Need{NeedClear, NeedExtension("STARTTLS")},
		Tiers:     []Tier{Passive},
		DependsOn: []string{"S-HEL-01"},
		Procedure: "STARTTLS, a handshake with whatever certificate, EHLO.",
		Pass:      "220, TLS 1.2 or later, and 250 to EHLO.",
		Mutant:    "goes on in clear after the 220",
		Since:     "v0.1.0",
		Server:    runStartTLS,
	}
}

func runStartTLS(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Hello(ctx)
	if !ok {
		return v
	}
	r := w.Ask("STARTTLS")
	switch {
	case r.Code == 454: // RFC 3207, Section 4: temporary
		return w.inconclusive("220 to STARTTLS", r.String())
	case r.Code != 220:
		return w.judge(command("STARTTLS", "220"), r)
	}
	if err := w.handshake(); err != nil {
		return w.unanswered("TLS after STARTTLS", Reply{Err: err})
	}
	if w.tls.Version < tls.VersionTLS12 {
		v := w.fail("TLS 1.2 or later", tls.VersionName(w.tls.Version))
		v.Usable = true
		return v
	}
	if v := w.Play(command(b.ehlo(), "250")); v.Outcome != Pass {
		return v
	}
	return w.Finish()
}

func startTLSInjection() Case {
	return Case{
		ID:        "S-TLS-03",
		Title:     "Octets behind STARTTLS are not run under TLS",
		Area:      AreaTLS,
		Refs:      []Ref{{RFC: 3207, Section: "4.2", Level: Must}, {RFC: 3207, Section: "6", Level: Security}},
		Needs:     []Need{NeedClear, NeedExtension("STARTTLS")},
		Tiers:     []Tier{Hostile},
		DependsOn: []string{"S-TLS-01"},
		Procedure: "Control: STARTTLS alone. Then STARTTLS and EHLO in one write, a handshake, NOOP and QUIT.",
		Pass:      "Under TLS, one reply to NOOP and one to QUIT. A refusal by 5yz is right, too, and so is the end of the connection, if the control succeeds after it.",
		Mutant:    "keeps what it has read before TLS",
		Since:     "v0.1.0",
		Server:    runStartTLSInjection,
	}
}

func runStartTLSInjection(ctx context.Context, b *ServerBench) Verdict {
	if v := b.tlsControl(ctx); v.Outcome != Pass {
		return v
	}
	w, v, ok := b.Hello(ctx)
	if !ok {
		return v
	}
	w.Send("STARTTLS\r\nEHLO injected."+b.Nonce()+".test\r\n", "")
	r := w.Reply()
	if r.Code/100 == 5 {
		return b.tlsControl(ctx) // it has refused, whatever became of EHLO
	}
	if r.Code != 220 {
		return w.judge(Step{Accept: "220 5yz", Want: "220 or a refusal of STARTTLS"}, r)
	}
	if err := w.handshake(); err != nil {
		return w.brokenHandshake(ctx, err)
	}
	if v := w.Barrier(); v.Outcome != Pass {
		return v
	}
	more, last := w.quit()
	switch {
	case len(more) > 0:
		return w.fail("what came before TLS to be forgotten", fmt.Sprintf("%d more replies under TLS than commands", len(more)))
	case last.Code != 221:
		return w.inconclusive("221 to QUIT", last.String())
	}
	return pass()
}

// brokenHandshake judges a server that was sent more than STARTTLS and did not go
// on with TLS: it may have closed, but not have run what came.
func (w *Wire) brokenHandshake(ctx context.Context, err error) Verdict {
	var header tls.RecordHeaderError
	if errors.As(err, &header) {
		return w.fail("TLS, or the end of the connection", fmt.Sprintf("%q in clear", header.RecordHeader[:]))
	}
	if !isClosed(err) {
		return w.inconclusive("TLS, or the end of the connection", err.Error())
	}
	return w.bench.tlsControl(ctx)
}

// tlsControl makes sure that STARTTLS works where nothing is wrong.
func (b *ServerBench) tlsControl(ctx context.Context) Verdict {
	w, v, ok := b.Hello(ctx)
	if !ok {
		return v
	}
	if v, ok := w.StartTLS(); !ok {
		return v
	}
	return w.Finish()
}

func startTLSForgets() Case {
	return Case{
		ID:        "S-TLS-05",
		Title:     "A transaction from before TLS is forgotten",
		Area:      AreaTLS,
		Refs:      []Ref{{RFC: 3207, Section: "4.2", Level: Must}},
		Needs:     []Need{NeedClear, NeedExtension("STARTTLS")},
		Tiers:     []Tier{Envelope},
		DependsOn: []string{"S-TLS-01"},
		Procedure: "Control: MAIL and RCPT without TLS. Then, in another session, MAIL, STARTTLS, EHLO and RCPT. A server that wants TLS or a " +
			"sign-in before MAIL has nothing to forget, and gets info.",
		Pass:   "503 to RCPT; another 5yz is warn if the control's RCPT was accepted, and else nothing can be said.",
		Mutant: "keeps the transaction",
		Since:  "v0.1.0",
		Server: runStartTLSForgets,
	}
}

func runStartTLSForgets(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Hello(ctx)
	if !ok {
		return v
	}
	if r := w.Ask(b.mail()); r.Code/100 != 2 {
		if v := w.judge(Step{Accept: "4yz 5yz"}, r); v.Outcome != Pass {
			return v
		}
		return w.nothingToTest("no transaction can begin before TLS", r)
	}
	accepted := w.Ask(b.rcpt()).Code/100 == 2
	if v := w.Finish(); v.Outcome != Pass {
		return v
	}
	if w, v, ok = b.Hello(ctx); !ok {
		return v
	}
	if v := w.Play(control(b.mail(), "2yz")); v.Outcome != Pass {
		return v
	}
	if v, ok := w.StartTLS(); !ok {
		return v
	}
	r := w.Ask(b.rcpt())
	v = w.judge(command(b.rcpt(), "503 ~5yz"), r)
	switch {
	case v.Outcome == Warn && !accepted:
		return w.inconclusive("503 to RCPT", r.String())
	case v.Outcome == Warn:
		w.warn(v)
	case v.Outcome != Pass:
		return v
	}
	return w.Finish()
}

func passwordsInClear() Case {
	return Case{
		ID:    "S-TLS-10",
		Title: "No mechanism that tells a secret is offered without TLS",
		Area:  AreaTLS,
		Refs: []Ref{
			{RFC: 4954, Section: "4", Level: ShouldNot},
			{RFC: 4954, Section: "9", Level: ShouldNot},
			{RFC: 4616, Section: "1", Level: ShouldNot},
		},
		Needs:     []Need{NeedClear, NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		DependsOn: sessionCases(),
		Procedure: "EHLO without TLS. Control: EHLO under TLS, which has to offer AUTH.",
		Pass:      "Without TLS, neither PLAIN, LOGIN, XOAUTH2 nor OAUTHBEARER; one of them is warn.",
		Mutant:    "offers PLAIN without TLS (warn)",
		Since:     "v0.1.0",
		Server:    runPasswordsInClear,
	}
}

func runPasswordsInClear(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Hello(ctx)
	if !ok {
		return v
	}
	offered, _ := State{Lines: w.lines}.offers("AUTH")
	telling := slices.DeleteFunc(slices.Clone(offered), func(mechanism string) bool {
		return !slices.Contains([]string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}, strings.ToUpper(mechanism))
	})
	if len(telling) > 0 {
		w.warn(w.warned("no PLAIN, LOGIN, XOAUTH2 and OAUTHBEARER before STARTTLS", "AUTH "+strings.Join(telling, " ")))
	}
	if v, ok := w.StartTLS(); !ok {
		return v
	}
	if !w.Offers("AUTH") {
		return w.inconclusive("AUTH under TLS", "none")
	}
	return w.Finish()
}
