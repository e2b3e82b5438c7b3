package conformance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

func defaultTimeouts() Case {
	return Case{
		ID:    "C-TMO-02",
		Title: "By itself, a client waits as long as servers may take",
		Area:  AreaTimeouts,
		Refs:  []Ref{{RFC: 5321, Section: "4.5.3.2", Level: Should}},
		Needs: []Need{NeedVirtualTime, NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: a server that answers at once. Then one that takes a second less than the least timeout that " +
			"RFC 5321, Section 4.5.3.2 has for what it has to do: to greet, 5 min; to answer MAIL and RCPT, 5 min each; " +
			"DATA, 2 min; the end of the message, 10 min. The client is given no timeout.",
		Pass:   "The message is delivered, each time; else the outcome is warn.",
		Mutant: "waits for 30 s",
		Since:  "v0.1.0",
		Client: runDefaultTimeouts,
	}
}

func runDefaultTimeouts(ctx context.Context, b *ClientBench) Verdict {
	if v, ok := b.virtual(ctx); !ok {
		return v
	}
	scene, v, ok := b.SignIn(ctx, Scene{patience: time.Hour})
	if !ok {
		return v
	}
	for _, wait := range []struct {
		verb  string
		least time.Duration
	}{{"CONNECT", 5 * time.Minute}, {"MAIL", 5 * time.Minute}, {"RCPT", 5 * time.Minute}, {"DATA", 2 * time.Minute}, {"EOD", 10 * time.Minute}} {
		delay := wait.least - time.Second
		scene.Server.Faults = []mock.Fault{mock.At(wait.verb).Before().Do(mock.Delay(delay))}
		t := b.Try(ctx, scene)
		t.fault = wait.verb
		switch {
		case len(t.commands(wait.verb)) == 0:
			return t.notReached(wait.verb)
		case !t.succeeded():
			v := t.warn(fmt.Sprintf("a delivery, %v later", delay), t.said())
			v.Reason = fmt.Sprintf("the server took %v at %s", delay, wait.verb)
			if still := b.still(ctx, scene); still.Outcome != Pass {
				return still
			}
			return v
		}
	}
	return pass()
}

func drippedReply() Case {
	return Case{
		ID:        "C-TMO-04",
		Title:     "A reply that drips ends in time",
		Area:      AreaTimeouts,
		Refs:      []Ref{{RFC: 5321, Section: "4.5.3.2", Level: Security}},
		Needs:     []Need{NeedVirtualTime, NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: replies in one piece, with a timeout of 7 s. Then the reply to MAIL comes octet by octet, 6 s apart.",
		Pass:      "The client reports a failure after 7 s, or twice that if it waits for an answer to QUIT, too.",
		Mutant:    "waits anew for each octet",
		Since:     "v0.1.0",
		Client:    runDrippedReply,
	}
}

func runDrippedReply(ctx context.Context, b *ClientBench) Verdict {
	if v, ok := b.virtual(ctx); !ok {
		return v
	}
	scene, v, ok := b.SignIn(ctx, Scene{Timeout: stepTimeout, patience: patience})
	if !ok {
		return v
	}
	scene.Server.Faults = []mock.Fault{mock.At("MAIL").Do(mock.Drip(1, stepTimeout-time.Second))}
	return judgeTimeout(b.Try(ctx, scene), stall{verb: "MAIL", times: 1})
}

func stalledTransport() Case {
	return Case{
		ID:        "C-TMO-07",
		Title:     "A handshake and a write that get nowhere end in time",
		Area:      AreaTimeouts,
		Refs:      []Ref{{RFC: 5321, Section: "4.5.3.2", Level: Must}},
		Needs:     []Need{NeedVirtualTime, NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: nothing is wrong, with a timeout of 7 s. Then the server begins no handshake, and reads nothing of 1 MiB of content.",
		Pass: "The client reports a failure after 7 s, or twice that if it waits for an answer to QUIT, too; its " +
			"error is a timeout, or else the outcome is warn.",
		Mutant: "has no timeout for the handshake",
		Since:  "v0.1.0",
		Client: runStalledTransport,
	}
}

func runStalledTransport(ctx context.Context, b *ClientBench) Verdict {
	if v, ok := b.virtual(ctx); !ok {
		return v
	}
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired, Timeout: stepTimeout, patience: patience})
	if !ok {
		return v
	}
	for _, s := range transportStalls() {
		scene.Server.Faults = []mock.Fault{s.fault}
		scene.Body = bigBody()
		if v := judgeTimeout(b.Try(ctx, scene), s); v.Outcome != Pass {
			v.Reason = "the server did not " + s.name
			return v
		}
	}
	return pass()
}

// transportStalls are points where a server falls silent below SMTP.
func transportStalls() []stall {
	return []stall{
		{"begin TLS", "STARTTLS", 1, mock.At("TLS").Do(mock.Stall())},
		{"read the content", "DATA", 1, mock.At("DATA").After().Do(mock.Stall())},
	}
}

// bigBody is more than any buffers on the way hold.
func bigBody() string { return strings.Repeat(strings.Repeat("x", 62)+"\r\n", 1<<14) }
