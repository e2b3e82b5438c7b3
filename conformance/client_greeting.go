package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

func lateGreeting() Case {
	return Case{
		ID:        "C-GRT-01",
		Title:     "Nothing is sent before the greeting",
		Area:      AreaGreeting,
		Refs:      []Ref{{RFC: 5321, Section: "4.3.1", Level: Should}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a greeting at once. Then one after a second, on a connection that begins in clear.",
		Pass:      "No octet is sent before the greeting has come, and the message is delivered. Octets that came too early are a warn.",
		Mutant:    "sends EHLO at once",
		AlsoKills: []string{"C-GRT-06"}, // where there is no greeting
		Since:     "v0.1.0",
		Client:    runLateGreeting,
	}
}

// shortDelay is long enough to show what comes too early, and short enough for real
// time.
const shortDelay = time.Second

func runLateGreeting(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	scene.Server.Faults = []mock.Fault{mock.At("CONNECT").Before().Do(mock.Delay(shortDelay))}
	t := b.Try(ctx, scene)
	t.fault = "CONNECT"
	switch {
	case !t.answered("CONNECT", 220):
		return t.notReached("the greeting")
	case !t.succeeded():
		return t.fail("a delivery, a second later", t.said())
	case t.early:
		return t.warn("silence until the greeting", "octets before it; "+t.said())
	}
	return pass()
}

func longGreeting() Case {
	return Case{
		ID:        "C-GRT-02",
		Title:     "A greeting of several lines is one greeting",
		Area:      AreaGreeting,
		Refs:      []Ref{{RFC: 5321, Section: "4.2.1", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a greeting of one line. Then one of three lines.",
		Pass:      "The message is delivered.",
		Mutant:    "goes on behind the first line",
		Since:     "v0.1.0",
		Client:    runLongGreeting,
	}
}

func runLongGreeting(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	greeting := mock.Raw([]byte("220-mock.test ESMTP\r\n220-No unsolicited mail\r\n220 Good day\r\n"))
	scene.Server.Faults = []mock.Fault{mock.At("CONNECT").Do(greeting)}
	t := b.Try(ctx, scene)
	t.fault = "CONNECT"
	switch {
	case !t.answered("CONNECT", 220):
		return t.notReached("the greeting")
	case !t.succeeded():
		return t.fail("a delivery", t.said())
	}
	return pass()
}

func refusingGreeting() Case {
	return Case{
		ID:        "C-GRT-03",
		Title:     "A greeting that refuses is for good with 554 and for now with 421",
		Area:      AreaGreeting,
		Refs:      []Ref{{RFC: 5321, Section: "3.1", Level: Must}, {RFC: 5321, Section: "3.8", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: 220, before and after. Then 554, and 421.",
		Pass: "Nothing that rests on the greeting is sent, and the client reports a failure: not a temporary one with " +
			"554, and no other than that with 421, if it tells.",
		Mutant: "takes both for good",
		Since:  "v0.1.0",
		Client: runRefusingGreeting,
	}
}

func runRefusingGreeting(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	for _, r := range []codeAndMistake{{554, Temporary}, {421, Permanent}} {
		scene.Server.Faults = []mock.Fault{mock.At("CONNECT").Do(mock.Reply(r.code, "", "No service here"))}
		t := b.Try(ctx, scene)
		if v := judgeClosed(t, "CONNECT", r.code); v.Outcome != Pass {
			return v
		}
		if t.Answer.Status == r.wrong {
			return t.fail(fmt.Sprintf("a failure of the kind that %d has", r.code), t.said())
		}
	}
	return b.still(ctx, scene)
}

func noGreeting() Case {
	return Case{
		ID:        "C-GRT-05",
		Title:     "A connection that ends before the greeting is a temporary failure",
		Area:      AreaGreeting,
		Refs:      []Ref{{RFC: 5321, Section: "3.8", Level: Should}, {Document: goodPractice, Level: Security}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a greeting, before and after. Then the server closes the connection instead, and resets it.",
		Pass:      "The client reports a failure. If it says that it is for good, the outcome is warn.",
		Mutant:    "reports nothing",
		Since:     "v0.1.0",
		Client:    runNoGreeting,
	}
}

func runNoGreeting(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	for _, end := range []mock.Action{mock.Drop(), mock.Reset()} {
		scene.Server.Faults = []mock.Fault{mock.At("CONNECT").Do(end)}
		t := b.Try(ctx, scene)
		if v := judgeClosed(t, "CONNECT", 0); v.Outcome != Pass {
			return v
		}
		if t.Answer.Status == Permanent || t.Answer.Status == AuthFailed {
			return t.warn("a failure for now", t.said())
		}
	}
	return b.still(ctx, scene)
}

func malformedGreeting() Case {
	return Case{
		ID:    "C-GRT-06",
		Title: "What is no reply is not taken for one",
		Area:  AreaGreeting,
		Refs:  []Ref{{RFC: 5321, Section: "4.2", Level: Must}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: a greeting, before and after. Then, in its place, a code of four digits, one of two, a line without a code, " +
			"a page of HTTP and an alert of TLS; the connection ends behind each.",
		Pass:   "Nothing but QUIT is sent, and the client reports a failure.",
		Mutant: "takes the first three digits of four",
		Since:  "v0.1.0",
		Client: runMalformedGreeting,
	}
}

func runMalformedGreeting(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	for _, octets := range []string{
		"2200 mock.test ESMTP\r\n", "22 mock.test ESMTP\r\n", "mock.test ESMTP\r\n",
		"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x46",
	} {
		scene.Server.Faults = []mock.Fault{mock.At("CONNECT").Do(mock.Raw([]byte(octets)), mock.Drop())}
		t := b.Try(ctx, scene)
		t.fault = "CONNECT"
		v := pass()
		line, sent := t.beyond()
		switch {
		case sent:
			v = t.fail("nothing but QUIT, if anything", line+"; "+t.said())
		case len(t.commands("CONNECT")) == 0 || sum(t.taken) == 0:
			v = t.notReached("the greeting")
		case !t.refused():
			v = t.fail("an error", t.said())
		}
		if v.Outcome != Pass {
			v.Reason = fmt.Sprintf("instead of a greeting there was %q", octets)
			return v
		}
	}
	return b.still(ctx, scene)
}

// sum returns the sum of numbers.
func sum(numbers []int64) int64 {
	total := int64(0)
	for _, n := range numbers {
		total += n
	}
	return total
}
