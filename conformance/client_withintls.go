package conformance

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func forgottenCapabilities() Case {
	return Case{
		ID:    "C-TLS-06",
		Title: "What was offered before TLS is forgotten within",
		Area:  AreaTLS,
		Refs:  []Ref{{RFC: 3207, Section: "4.2", Level: Must}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: AUTH is offered within TLS. Then it is offered before TLS alone, together with STARTTLS, and " +
			"nothing is offered within.",
		Pass:   "EHLO is the first command within TLS, no AUTH follows, and the client reports a failure.",
		Mutant: "adds what is offered to what was",
		Since:  "v0.1.0",
		Client: runForgottenCapabilities,
	}
}

func runForgottenCapabilities(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	before := fmt.Sprintf("250-mock.test\r\n250-STARTTLS\r\n250 AUTH %s\r\n", strings.Join(scene.mechanisms(), " "))
	scene.Server.Faults = scene.answerEHLO(before, "250 mock.test\r\n")
	t := b.Try(ctx, scene)
	// Who goes on without a sign-in has forgotten what was offered.
	v = judgeClosed(t, "STARTTLS", 220, "STARTTLS", "VRFY", "MAIL", "RCPT", "DATA")
	if v.Outcome == Fail {
		v.Want = "no AUTH, which is not offered within TLS, and an error"
	}
	if v.Outcome == Pass && len(t.commands("EHLO")) < scene.firstWithin() {
		return t.notReached("EHLO within TLS")
	}
	return v
}

func nestedSTARTTLS() Case {
	return Case{
		ID:        "C-TLS-07",
		Title:     "No STARTTLS within TLS",
		Area:      AreaTLS,
		Refs:      []Ref{{RFC: 3207, Section: "4.2", Level: MustNot}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: it is not offered there. Then it is. With STARTTLS and, if the client can, with implicit TLS.",
		Pass:      "It is not sent within TLS, and the message is delivered.",
		Mutant:    "sends it wherever it is offered",
		Since:     "v0.1.0",
		Client:    runNestedSTARTTLS,
	}
}

func runNestedSTARTTLS(ctx context.Context, b *ClientBench) Verdict {
	return b.eachTLSMode(ctx, func(scene Scene) Verdict {
		upgrades := 1
		if scene.TLS == ImplicitTLS {
			upgrades = 0
		}
		offer := fmt.Sprintf("250-mock.test\r\n250-STARTTLS\r\n250 AUTH %s\r\n", strings.Join(scene.mechanisms(), " "))
		scene.Server.Faults = scene.answerEHLO("", offer)
		t := b.Try(ctx, scene)
		t.fault = "EHLO"
		switch {
		case len(t.commands("EHLO")) < scene.firstWithin():
			return t.notReached("EHLO within TLS")
		case len(t.commands("STARTTLS")) != upgrades:
			return t.fail("no STARTTLS within TLS", "STARTTLS; "+t.said())
		case !t.succeeded():
			return t.fail("a delivery", t.said())
		}
		return pass()
	})
}

func nothingBehindSTARTTLS() Case {
	return Case{
		ID:        "C-TLS-08",
		Title:     "Nothing is sent between STARTTLS and the handshake",
		Area:      AreaTLS,
		Refs:      []Ref{{RFC: 3207, Section: "4", Level: Must}, {RFC: 3207, Section: "4.1", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: nothing is wrong. Then the same again, with a reply to STARTTLS that takes a second.",
		Pass:      "The octet behind the line of STARTTLS is the first one of a handshake, and it comes behind the 220; the message is delivered.",
		Mutant:    "sends EHLO in one group with STARTTLS",
		AlsoKills: []string{"C-TLS-14"}, // where nobody reads it
		Since:     "v0.1.0",
		Client:    runNothingBehindSTARTTLS,
	}
}

func runNothingBehindSTARTTLS(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	scene.Server.Faults = []mock.Fault{mock.At("STARTTLS").Before().Do(mock.Delay(shortDelay))}
	t := b.Try(ctx, scene)
	t.fault = "STARTTLS"
	if !t.answered("STARTTLS", 220) {
		return t.notReached("the reply to STARTTLS")
	}
	for _, octets := range t.octets {
		line := bytes.Index(bytes.ToUpper(octets), []byte("STARTTLS\r\n"))
		if line < 0 {
			continue
		}
		next := octets[line+len("STARTTLS\r\n"):]
		if len(next) > 0 && next[0] != tlsHandshake {
			behind, _, _ := bytes.Cut(next, []byte("\r\n"))
			return t.fail("a handshake", t.legible(string(behind))+"; "+t.said())
		}
	}
	for _, violation := range t.violations() {
		if strings.Contains(violation, "behind STARTTLS") {
			return t.fail("a handshake behind the 220", violation+"; "+t.said())
		}
	}
	if !t.succeeded() {
		return t.fail("a delivery", t.said())
	}
	return pass()
}
