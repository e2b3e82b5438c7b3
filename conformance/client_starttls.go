package conformance

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func refusedSTARTTLS() Case {
	return Case{
		ID:    "C-TLS-02",
		Title: "No sign-in if STARTTLS is answered by anything but 220",
		Area:  AreaTLS,
		Refs:  []Ref{{RFC: 3207, Section: "4", Level: Must}, {RFC: 3207, Section: "6", Level: Must}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: 220. Then 454, 502, 250 and 354, by a server that stays in clear and offers AUTH there. " +
			"(RFC 3207, Section 4 has 220, 501 and 454.)",
		Pass: "Neither AUTH nor MAIL is sent, nor anything else that the server could want to know, and the client " +
			"reports a failure. If it says that 454 is for good, the outcome is warn.",
		Mutant: "goes on in clear",
		Since:  "v0.1.0",
		Client: runRefusedSTARTTLS,
	}
}

func runRefusedSTARTTLS(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	scene.Server.InsecureAuth = true
	for _, answer := range []string{
		"454 4.7.0 TLS not available due to temporary reason", "502 5.5.1 Command not implemented", "250 2.0.0 Ok", "354 Go ahead",
	} {
		scene.Server.Faults = []mock.Fault{mock.At("STARTTLS").Do(unheeded(answer)...)}
		t := b.Try(ctx, scene)
		v := judgeClosed(t, "STARTTLS", 0, "STARTTLS")
		if v.Outcome == Pass && strings.HasPrefix(answer, "4") && t.Answer.Status == Permanent {
			v = t.warn("a failure for now, for the code is "+answer[:3], t.said())
		}
		if v.Outcome != Pass {
			v.Reason = "STARTTLS was answered by " + answer
			return v
		}
	}
	return pass()
}

// unheeded returns the actions that say a line and do nothing else: a positive
// reply in one piece would have the server do what was asked for. The record then
// has the code 0.
func unheeded(line string) []mock.Action {
	return []mock.Action{mock.Raw([]byte(line[:2])), mock.Raw([]byte(line[2:] + "\r\n"))}
}

func brokenHandshake() Case {
	return Case{
		ID:        "C-TLS-14",
		Title:     "A handshake that fails is not followed by a session in clear",
		Area:      AreaTLS,
		Refs:      []Ref{{RFC: 3207, Section: "4", Level: Should}, {RFC: 3207, Section: "6", Level: Security}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: 220 and a handshake. Then the server closes the connection behind the 220, and breaks off the handshake; it offers AUTH in clear.",
		Pass:      "Neither AUTH nor MAIL is sent, on that connection or another, and the client reports a failure. If it says that it is for good, the outcome is warn.",
		Mutant:    "connects again and does without TLS",
		Since:     "v0.1.0",
		Client:    runBrokenHandshake,
	}
}

func runBrokenHandshake(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	scene.Server.InsecureAuth = true
	for _, end := range []mock.Action{mock.Drop(), mock.FailHandshake()} {
		scene.Server.Faults = []mock.Fault{mock.At("TLS").Do(end)}
		t := b.Try(ctx, scene)
		if v := judgeClosed(t, "STARTTLS", 220, "STARTTLS"); v.Outcome != Pass {
			return v
		}
		if t.Answer.Status == Permanent || t.Answer.Status == AuthFailed {
			return t.warn("a failure for now", t.said())
		}
	}
	return pass()
}

func injectedReply() Case {
	return Case{
		ID:    "C-TLS-03",
		Title: "Replies in clear behind the 220 of STARTTLS are not believed",
		Area:  AreaTLS,
		Refs:  []Ref{{RFC: 3207, Section: "4.2", Level: Must}, {RFC: 3207, Section: "6", Level: Security}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: 220 and nothing else. Then, in the same write as the 220, a reply as to EHLO that " +
			"offers AUTH; the handshake follows.",
		Pass: "Either the client gives up and reports a failure before AUTH and MAIL, or the message is delivered as " +
			"if the octets had not been there.",
		Mutant: "reads what it had received in clear as the first reply within TLS",
		Since:  "v0.1.0",
		Client: runInjectedReply,
	}
}

func runInjectedReply(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	injected := fmt.Sprintf("250-mock.test\r\n250-X-INJECTED\r\n250 AUTH %s\r\n", strings.Join(scene.mechanisms(), " "))
	scene.Server.Faults = []mock.Fault{mock.At("STARTTLS").Do(mock.InjectAfter220([]byte(injected)))}
	return judgeInjected(b.Try(ctx, scene))
}

func judgeInjected(t *Trial) Verdict {
	t.fault = "STARTTLS"
	if t.answered("STARTTLS", 220) && t.succeeded() {
		return pass()
	}
	v := judgeClosed(t, "STARTTLS", 220, "STARTTLS")
	if v.Outcome == Fail {
		v.Want = "an end before AUTH, or a message as if nothing had been injected"
	}
	return v
}
