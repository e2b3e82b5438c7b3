package conformance

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func endlessReply() Case {
	return Case{
		ID:    "C-REP-07",
		Title: "A reply without a last line comes to an end",
		Area:  AreaReplies,
		Refs:  []Ref{{RFC: 5321, Section: "7.8", Level: Security}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: an ordinary reply to EHLO. Then one of 65536 lines of 512 octets, the last of which " +
			"offers STARTTLS.",
		Pass:   "The client takes no more than 1 MiB of it and reports a failure.",
		Mutant: "reads replies of any size",
		Since:  "v0.1.0",
		Client: runEndlessReply,
	}
}

const (
	endlessSize  = 32 << 20 // octets
	maxTaken     = 1 << 20  // octets that a client may take of it
	socketBuffer = 16 << 20 // octets that TCP may hold at both ends; in memory it holds none
)

func runEndlessReply(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	line := "250-" + strings.Repeat("x", maxCommandLine-len("250-\r\n"))
	scene.Server.Faults = []mock.Fault{
		mock.At("EHLO").Nth(1).Do(mock.Endless(line, endlessSize), mock.Raw([]byte("250 STARTTLS\r\n"))),
	}
	return judgeEndless(b.Try(ctx, scene), b.mostTaken())
}

func endlessLine() Case {
	return Case{
		ID:        "C-REP-08",
		Title:     "A line without an end comes to an end",
		Area:      AreaReplies,
		Refs:      []Ref{{RFC: 5321, Section: "4.5.3.1.5", Level: Security}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: an ordinary reply to EHLO. Then \"250 \" and 32 MiB without CRLF, and the end of the connection.",
		Pass:      "The client takes no more than 1 MiB of it and reports a failure.",
		Mutant:    "reads lines of any length",
		Since:     "v0.1.0",
		Client:    runEndlessLine,
	}
}

func runEndlessLine(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.Server.Faults = []mock.Fault{
		mock.At("EHLO").Nth(1).Do(mock.Raw([]byte("25")), mock.Raw([]byte("0 ")), mock.Flood(endlessSize), mock.Drop()),
	}
	return judgeEndless(b.Try(ctx, scene), b.mostTaken())
}

// mostTaken is how many octets of something endless a client may take.
func (b *ClientBench) mostTaken() int64 {
	if b.target.Network == mock.InMemory {
		return maxTaken
	}
	return maxTaken + socketBuffer
}

func judgeEndless(t *Trial, allowed int64) Verdict {
	const want = "an error after 1 MiB at most"
	t.fault = "EHLO"
	taken := sum(t.taken)
	switch {
	case len(t.commands("EHLO")) == 0, taken < 2*maxCommandLine:
		return t.notReached("the reply to EHLO")
	case taken > allowed:
		return t.fail(want, fmt.Sprintf("%d octets were taken; %s", taken, t.said()))
	case !t.refused():
		return t.fail(want, t.said())
	}
	return pass()
}

func unsolicitedReply() Case {
	return Case{
		ID:    "C-REP-09",
		Title: "A reply that nothing asked for does not stand for another",
		Area:  AreaReplies,
		// Who goes on by a reply that belongs to nothing takes each of the following
		// for that to another command.
		Refs:  []Ref{{RFC: 5321, Section: "4.2", Level: Security}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: a refusal of the only recipient. Then the same with one more 250 behind that to MAIL, in " +
			"the same write, and with the three replies that would follow if all went well.",
		Pass: "The client reports a failure, and says of no recipient that it was accepted.",
		Note: "Many clients read replies one by one and do not look whether one came too early. No RFC orders them to; " +
			"what it leads to is that a refusal is taken for a success.",
		Mutant: "keeps replies for the commands to come",
		Since:  "v0.1.0",
		Client: runUnsolicitedReply,
	}
}

func runUnsolicitedReply(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	refuse := mock.At("RCPT").Do(mock.Reply(550, "5.1.1", "No such user"))
	for _, replies := range [][]string{
		nil, {"250 2.1.0 Ok"}, {"250 2.1.5 Ok", "354 Go ahead", "250 2.0.0 Queued"},
	} {
		scene.Server.Faults = []mock.Fault{refuse}
		if len(replies) > 0 {
			scene.Server.Faults = append(scene.Server.Faults, mock.At("MAIL").Do(mock.Extra(replies...)))
		}
		t := b.Try(ctx, scene)
		t.fault = "MAIL"
		switch {
		case !t.answered("MAIL", 250), len(replies) == 0 && !t.answered("RCPT", 550):
			return t.notReached("the recipient")
		case !t.refused(), t.Answer.Recipients[recipient] == Delivered, t.Answer.Status == Partial:
			return t.fail("an error, for the only recipient was refused", t.said())
		}
	}
	return pass()
}

func truncatedReply() Case {
	return Case{
		ID:    "C-REP-10",
		Title: "A final reply that breaks off is no success",
		Area:  AreaReplies,
		Refs:  []Ref{{RFC: 5321, Section: "3.8", Level: Should}, {RFC: 5321, Section: "4.2", Level: Security}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: 250 to the end of the message. Then \"250 o\", \"250\", \"25\" or a first line alone, and " +
			"the end of the connection.",
		Pass: "The client reports a failure, and does not send the message again by itself, for it may have been " +
			"delivered. If it says that the failure is for good, the outcome is warn.",
		Mutant: "goes by the code alone",
		Since:  "v0.1.0",
		Client: runTruncatedReply,
	}
}

func runTruncatedReply(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	for _, octets := range []string{"250 o", "250", "25", "250-2.0.0 Queued\r\n"} {
		scene.Server.Faults = []mock.Fault{mock.At("EOD").Do(mock.Raw([]byte(octets)), mock.Drop())}
		if v := judgeUncertain(b.Try(ctx, scene)); v.Outcome != Pass {
			v.Reason = fmt.Sprintf("the reply was %q and then the end of the connection", octets)
			return v
		}
	}
	return pass()
}

// judgeUncertain judges a client that cannot know what became of its message.
func judgeUncertain(t *Trial) Verdict {
	const want = "an error, and nothing more"
	t.fault = "EOD"
	switch sent := len(t.commands("EOD")); {
	case sent == 0:
		return t.notReached("the end of the message")
	case sent > 1:
		return t.fail(want, fmt.Sprintf("the message was sent %d times; %s", sent, t.said()))
	case !t.refused():
		return t.fail(want, t.said())
	case t.Answer.Status == Permanent, t.Answer.Status == AuthFailed:
		return t.warn("a failure that leaves open whether the message was delivered", t.said())
	}
	return pass()
}

func missingReply() Case {
	return Case{
		ID:    "C-TXN-10",
		Title: "A message without a final reply is not sent again",
		Area:  AreaSession,
		Refs:  []Ref{{RFC: 5321, Section: "4.5.3.2.6", Level: Security}, {RFC: 5321, Section: "3.8", Level: Should}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: 250 to the end of the message. Then the server closes the connection instead, and resets it. " +
			"(Whether it has stored the message, the client cannot know.)",
		Pass: "The client reports a failure, and does not send the message again by itself: that would deliver it " +
			"twice. If it says that the failure is for good, the outcome is warn.",
		Mutant: "tries once more",
		Since:  "v0.1.0",
		Client: runMissingReply,
	}
}

func runMissingReply(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	for _, end := range []mock.Action{mock.Drop(), mock.Reset()} {
		scene.Server.Faults = []mock.Fault{mock.At("EOD").Do(end)}
		if v := judgeUncertain(b.Try(ctx, scene)); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}
