package conformance

import (
	"context"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func unknownMechanisms() Case {
	return Case{
		ID:        "C-AUT-02",
		Title:     "A mechanism that nobody knows is not used",
		Area:      AreaAuth,
		Refs:      []Ref{{RFC: 4422, Section: "3.1", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: mechanisms that the client has. Then a name that is none, and an unknown one.",
		Pass:      "No AUTH is sent, and the client reports a failure.",
		Mutant:    "uses the first that is listed",
		AlsoKills: []string{"C-AUT-11"}, // for it does not look further
		Since:     "v0.1.0",
		Client:    runUnknownMechanisms,
	}
}

func runUnknownMechanisms(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	scene.Server.Faults = scene.answerEHLO("", "250-mock.test\r\n250 AUTH FOO_BAR! XYZZY\r\n")
	t := b.Try(ctx, scene)
	if v := judgeClosed(t, "STARTTLS", 220, "STARTTLS"); v.Outcome != Pass {
		return v
	}
	if len(t.commands("EHLO")) < scene.firstWithin() {
		return t.notReached("EHLO within TLS")
	}
	return pass()
}

func bareChallenge() Case {
	return Case{
		ID:        "C-AUT-07",
		Title:     "334 is the empty challenge with and without a space",
		Area:      AreaAuth,
		Refs:      []Ref{{RFC: 4954, Section: "4", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth, NeedMechanism("XOAUTH2")},
		DependsOn: []string{"C-AUT-03"}, // which finds out whether such a token follows the AUTH line
		Tiers:     []Tier{Passive},
		Procedure: "Control: a token that is too long for the AUTH line, so that AUTH stands alone and is answered by \"334 \". Then it is answered by \"334\".",
		Pass:      "The token follows, and the message is delivered.",
		Mutant:    "wants the space",
		Since:     "v0.1.0",
		Client:    runBareChallenge,
	}
}

func runBareChallenge(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Token: b.Secret(1500), Mechanism: "XOAUTH2"}
	if v, ok := b.Control(ctx, scene); !ok {
		return v
	}
	scene.Server.Faults = []mock.Fault{mock.At("AUTH").Do(mock.Raw([]byte("334\r\n")))}
	t := b.Try(ctx, scene)
	t.fault = "AUTH"
	switch {
	case !t.answered("AUTH", 334):
		return t.notReached("the challenge")
	case !t.succeeded():
		return t.fail("a delivery", t.said())
	}
	return pass()
}

func longChallenge() Case {
	return Case{
		ID:        "C-AUT-08",
		Title:     "A challenge may be long",
		Area:      AreaAuth,
		Refs:      []Ref{{RFC: 4954, Section: "4", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth, NeedMechanism("LOGIN")},
		Tiers:     []Tier{Passive},
		Procedure: "Control: LOGIN with its usual prompts. Then a prompt that has 12288 octets in base64, which is the length that RFC 4954, Section 4 calls sufficient.",
		Pass:      "The message is delivered.",
		Mutant:    "takes challenges of 512 octets at most",
		Since:     "v0.1.0",
		Client:    runLongChallenge,
	}
}

func runLongChallenge(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Mechanism: "LOGIN", Password: b.Secret(secretLen)}
	if v, ok := b.Control(ctx, scene); !ok {
		return v
	}
	const longest = 12288 / 4 * 3
	scene.Server.Registry = prompting(scene.Password, "Username:"+strings.Repeat(" ", longest-len("Username:")), "Password:")
	t := b.Try(ctx, scene)
	t.fault = "AUTH"
	switch {
	case !t.answered("AUTH", 334):
		return t.notReached("the challenge")
	case !t.succeeded():
		return t.fail("a delivery", t.said())
	}
	return pass()
}

func nextMechanism() Case {
	return Case{
		ID:    "C-AUT-11",
		Title: "A mechanism that the server refuses leaves another that is as strong",
		Area:  AreaAuth,
		Refs:  []Ref{{RFC: 4954, Section: "6", Level: Should}},
		Needs: []Need{NeedTLS, NeedAuth, NeedMechanism("SCRAM-SHA-256"), NeedMechanism("SCRAM-SHA-1")},
		Tiers: []Tier{Passive},
		Procedure: "Control: SCRAM-SHA-256, and SCRAM-SHA-1, each alone; neither shows the password. Then both are offered, and " +
			"the first AUTH is answered by 504, and by 534.",
		Pass:   "The other one is used, and the message is delivered; else the outcome is warn.",
		Mutant: "gives up",
		Since:  "v0.1.0",
		Client: runNextMechanism,
	}
}

func runNextMechanism(ctx context.Context, b *ClientBench) Verdict {
	both := []string{"SCRAM-SHA-256", "SCRAM-SHA-1"}
	scene := Scene{Password: b.Secret(secretLen)}
	for _, scene.Mechanism = range both {
		if v, ok := b.Control(ctx, scene); !ok {
			return v
		}
	}
	scene.Mechanism = ""
	scene.Server.Mechanisms = both
	for _, reply := range []string{"504 5.5.4 Unrecognized authentication type", "534 5.7.9 Authentication mechanism is too weak"} {
		scene.Server.Faults = []mock.Fault{mock.At("AUTH").Nth(1).Do(mock.Raw([]byte(reply + "\r\n")))}
		t := b.Try(ctx, scene)
		t.fault = "AUTH"
		switch {
		case len(t.commands("AUTH")) == 0:
			return t.notReached("AUTH")
		case t.succeeded():
		case !t.refused():
			return t.fail("a delivery, or an error", t.said())
		default:
			return t.warn("the other mechanism, and a delivery", t.said())
		}
	}
	return b.still(ctx, scene)
}
