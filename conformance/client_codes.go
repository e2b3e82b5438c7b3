package conformance

import (
	"context"
	"fmt"

	"github.com/seed-55a66e92/postern/mock"
)

func bareCodes() Case {
	return Case{
		ID:        "C-REP-02",
		Title:     "A code without a text is a reply",
		Area:      AreaReplies,
		Refs:      []Ref{{RFC: 5321, Section: "4.2", Level: Must}, {RFC: 5321, Section: "4.2.1", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: replies with texts. Then MAIL, RCPT, the end of the message and STARTTLS are each answered by the code alone, with and without a space.",
		Pass:      "The message is delivered.",
		Mutant:    "wants a text",
		Since:     "v0.1.0",
		Client:    runBareCodes,
	}
}

func runBareCodes(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	for _, verb := range []string{"MAIL", "RCPT", "EOD", "STARTTLS"} {
		code := 250
		if verb == "STARTTLS" {
			code = 220
		}
		for _, end := range []string{"\r\n", " \r\n"} {
			scene.Server.Faults = []mock.Fault{mock.At(verb).Do(mock.Raw(fmt.Append(nil, code, end)))}
			t := b.Try(ctx, scene)
			t.fault = verb
			switch {
			case !t.answered(verb, code):
				return t.notReached("the reply to " + verb)
			case !t.succeeded():
				return t.fail(fmt.Sprintf("a delivery, for %s was answered by %d", verb, code), t.said())
			}
		}
	}
	return pass()
}

func unknownCodes() Case {
	return Case{
		ID:        "C-REP-03",
		Title:     "A code that nobody knows means what its first digit says",
		Area:      AreaReplies,
		Refs:      []Ref{{RFC: 5321, Section: "4.2", Level: Must}, {RFC: 5321, Section: "4.3.2", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: codes that are usual. Then 299 to MAIL, and 459 and 599 to RCPT.",
		Pass: "With 299 the message is delivered. With the others the client reports a failure, which is not for good " +
			"with 459 and not temporary with 599, if it tells.",
		Mutant: "knows the usual codes alone",
		Since:  "v0.1.0",
		Client: runUnknownCodes,
	}
}

func runUnknownCodes(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.Server.Faults = []mock.Fault{mock.At("MAIL").Do(mock.Reply(299, "2.1.0", "As you like"))}
	t := b.Try(ctx, scene)
	t.fault = "MAIL"
	switch {
	case !t.answered("MAIL", 299):
		return t.notReached("the reply to MAIL")
	case !t.succeeded():
		return t.fail("a delivery, for 2yz accepts", t.said())
	}
	for _, r := range []codeAndMistake{{459, Permanent}, {599, Temporary}} {
		scene.Server.Faults = []mock.Fault{mock.At("RCPT").Do(mock.Reply(r.code, "", "No"))}
		t := b.Try(ctx, scene)
		t.fault = "RCPT"
		switch {
		case !t.answered("RCPT", r.code):
			return t.notReached("the reply to RCPT")
		case !t.refused(), t.Answer.Status == r.wrong, t.Answer.Recipients[recipient] == r.wrong:
			return t.fail(fmt.Sprintf("a failure of the kind that %d has", r.code), t.said())
		}
	}
	return pass()
}

// A codeAndMistake is a code that refuses, and what it must not be taken for.
type codeAndMistake struct {
	code  int
	wrong Status
}

func misleadingText() Case {
	return Case{
		ID:        "C-REP-04",
		Title:     "The text of a reply decides nothing",
		Area:      AreaReplies,
		Refs:      []Ref{{RFC: 5321, Section: "4.2", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: texts that suit their codes. Then RCPT is answered by \"250 Error: rejected\" and by \"550 Ok: accepted\".",
		Pass:      "The message is delivered with the one, and the client reports a failure with the other.",
		Mutant:    "goes by such words",
		Since:     "v0.1.0",
		Client:    runMisleadingText,
	}
}

func runMisleadingText(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.Server.Faults = []mock.Fault{mock.At("RCPT").Do(mock.Raw([]byte("250 Error: rejected\r\n")))}
	t := b.Try(ctx, scene)
	t.fault = "RCPT"
	switch {
	case !t.answered("RCPT", 250):
		return t.notReached("the reply to RCPT")
	case !t.succeeded():
		return t.fail("a delivery, for the code is 250", t.said())
	}
	scene.Server.Faults = []mock.Fault{mock.At("RCPT").Do(mock.Raw([]byte("550 Ok: accepted\r\n")))}
	t = b.Try(ctx, scene)
	t.fault = "RCPT"
	switch {
	case !t.answered("RCPT", 550):
		return t.notReached("the reply to RCPT")
	case !t.refused():
		return t.fail("an error, for the code is 550", t.said())
	}
	return pass()
}

func shutdown() Case {
	return Case{
		ID:        "C-REP-13",
		Title:     "421 to any command is a temporary failure and the end of the session",
		Area:      AreaReplies,
		Refs:      []Ref{{RFC: 5321, Section: "3.8", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: nothing is wrong. Then EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA and the end of the message are each answered by 421; the connection stays.",
		Pass: "Nothing but QUIT is sent once the 421 has come, and the client reports a failure, which is not one for " +
			"good, if it tells. If it says that the credentials were refused where AUTH is answered by 421, the outcome " +
			"is warn. What goes in one group with the command counts as sent before.",
		Mutant: "goes on with another command",
		Since:  "v0.1.0",
		Client: runShutdown,
	}
}

func runShutdown(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	for _, verb := range []string{"EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "EOD"} {
		scene.Server.Faults = []mock.Fault{mock.At(verb).Do(mock.Reply(421, "4.3.2", "Shutting down"))}
		if v := judgeShutdown(b.Try(ctx, scene), verb); v.Outcome != Pass {
			v.Reason = "421 was the reply to " + verb
			return v
		}
	}
	return pass()
}

func judgeShutdown(t *Trial, verb string) Verdict {
	const want = "an end to the session, and a failure for now"
	t.fault = verb
	if !t.answered(verb, 421) {
		return t.notReached("the reply to " + verb)
	}
	for _, session := range t.Sessions {
		ended := 0 // the round trip that brought the 421
		for _, c := range session.Commands {
			switch {
			case c.Code == 421:
				ended = c.RoundTrip
			case ended > 0 && c.Verb != "QUIT" && (c.RoundTrip == 0 || c.RoundTrip > ended):
				return t.fail(want, c.Line+"; "+t.said())
			}
		}
	}
	switch {
	case !t.refused(), t.Answer.Status == Permanent, t.Answer.Status == AuthFailed && verb != "AUTH":
		return t.fail(want, t.said())
	case t.Answer.Status == AuthFailed:
		return t.warn(want, t.said())
	}
	return pass()
}
