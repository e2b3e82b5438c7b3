package conformance

import (
	"context"

	"github.com/seed-55a66e92/postern/mock"
)

func mixedReply() Case {
	return Case{
		ID:    "C-REP-06",
		Title: "A reply of several codes is not believed",
		Area:  AreaReplies,
		// The RFC orders servers to send one code. That a client does not believe
		// one that breaks this order is prudence: the lines may be of two replies.
		Refs:  []Ref{{RFC: 5321, Section: "4.2.1", Level: Security}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: a proper reply to EHLO. Then one whose lines have the codes 250, 500 and 250; " +
			"the last one offers STARTTLS.",
		Pass: "The client reports a failure and sends nothing that rests on the reply: neither STARTTLS, " +
			"AUTH nor MAIL. If it goes on as if EHLO had been refused, the outcome is warn.",
		Note: "The RFC binds servers here, and many clients take the last line for the whole reply. The case says what is " +
			"prudent, not what the RFC orders of clients.",
		Mutant: "goes by the last line",
		Since:  "v0.1.0",
		Client: runMixedReply,
	}
}

func runMixedReply(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	mixed := mock.Raw([]byte("250-mock.test\r\n500-5.5.1 Command unrecognized\r\n250 STARTTLS\r\n"))
	scene.Server.Faults = []mock.Fault{mock.At("EHLO").Do(mixed)}
	t := b.Try(ctx, scene)
	v = judgeClosed(t, "EHLO", 250)
	if v.Outcome == Pass && len(t.commands("HELO")) > 0 {
		v = t.warn("an end to the session", "HELO, as after a refusal")
	}
	return v
}
