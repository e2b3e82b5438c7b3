package conformance

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func noPipelining() Case {
	return Case{
		ID:        "C-PIP-01",
		Title:     "One command at a time unless PIPELINING is offered",
		Area:      AreaExtensions,
		Refs:      []Ref{{RFC: 2920, Section: "3.1", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a server that offers it. Then one that does not, and a message to three recipients.",
		Pass:      "No command is sent before the reply to the one before it has come, and the message is delivered.",
		Mutant:    "sends groups to any server",
		Since:     "v0.1.0",
		Client:    runNoPipelining,
	}
}

// recipients returns several of them.
func recipients(n int) []string {
	var all []string
	for i := range n {
		all = append(all, string(rune('a'+i))+"@example.test")
	}
	return all
}

func runNoPipelining(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.Server.Without = []string{"PIPELINING"}
	scene.To = recipients(3)
	t := b.Try(ctx, scene)
	t.fault = "MAIL"
	for _, violation := range t.violations() {
		if strings.Contains(violation, "PIPELINING is not offered") {
			return t.fail("one command at a time", violation+"; "+t.said())
		}
	}
	switch {
	case len(t.commands("RCPT")) == 0:
		return t.notReached("the recipients")
	case !t.succeeded() && !t.succeededApart():
		return t.fail("a delivery", t.said())
	}
	return pass()
}

func pipelinedReplies() Case {
	return Case{
		ID:    "C-PIP-02",
		Title: "Replies belong to the commands in their order, all of them",
		Area:  AreaExtensions,
		Refs:  []Ref{{RFC: 2920, Section: "3.1", Level: Must}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: one recipient. Then four, of whom the second is refused; all replies about them have the same " +
			"text, and that to the first has three lines. The server offers PIPELINING.",
		Pass: "The message is delivered to the others, and the client says that the second was refused and no other. One " +
			"that gives up all of them, and says so, gets warn; one that does not tell recipients apart is skipped.",
		Mutant: "takes the last recipient for the one who was refused",
		Since:  "v0.1.0",
		Client: runPipelinedReplies,
	}
}

func runPipelinedReplies(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.To = recipients(4)
	answer := func(n int, octets string) mock.Fault { return mock.At("RCPT").Nth(n).Do(mock.Raw([]byte(octets))) }
	scene.Server.Faults = []mock.Fault{
		answer(1, "250-So\r\n250-be\r\n250 it\r\n"), answer(2, "550 it\r\n"), answer(3, "250 it\r\n"), answer(4, "250 it\r\n"),
	}
	t := b.Try(ctx, scene)
	v = judgeRecipients(t, Delivered, Permanent, Delivered, Delivered)
	if v.Outcome == Pass && t.Answer.Recipients == nil {
		return unable("the client does not tell recipients apart")
	}
	return v
}

func contentToNobody() Case {
	return Case{
		ID:        "C-PIP-03",
		Title:     "No content if every recipient was refused, though DATA was not",
		Area:      AreaExtensions,
		Refs:      []Ref{{RFC: 2920, Section: "3.1", Level: LowerMust}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: one recipient. Then two, who are refused by 550, and DATA is answered by 354 all the same.",
		Pass: "A line of one dot is all of the content, and the client reports a failure. If it ends the connection " +
			"instead, the outcome is warn; one that waits before it sends DATA is skipped.",
		Mutant: "sends the content",
		Since:  "v0.1.0",
		Client: runContentToNobody,
	}
}

// someContent is the record of a message that is not empty.
var someContent = regexp.MustCompile(`^<content of [1-9]`)

func runContentToNobody(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.To = recipients(2)
	scene.Server.Faults = []mock.Fault{
		mock.At("RCPT").Do(mock.Reply(550, "5.1.1", "No such user")), mock.At("DATA").Do(mock.Reply(354, "", "Go ahead")),
	}
	t := b.Try(ctx, scene)
	t.fault = "RCPT"
	ends := t.commands("EOD")
	switch {
	case !t.answered("RCPT", 550):
		return t.notReached("the recipients")
	case !t.refused():
		return t.fail("an error, for all recipients were refused", t.said())
	case len(t.commands("DATA")) == 0:
		return unable("the client waits for the replies about recipients before it sends DATA")
	case slices.ContainsFunc(ends, func(c mock.Command) bool { return someContent.MatchString(c.Line) }):
		return t.fail("a line of one dot", ends[0].Line+"; "+t.said())
	case len(ends) == 0:
		return t.warn("a line of one dot", "an end of the connection; "+t.said())
	}
	return pass()
}

func closedBatch() Case {
	return Case{
		ID:        "C-PIP-04",
		Title:     "A refusal counts although the connection ends behind it",
		Area:      AreaExtensions,
		Refs:      []Ref{{RFC: 5321, Section: "3.8", Level: Security}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: nothing is wrong. Then MAIL is answered by 550, and the server closes the connection.",
		Pass:      "The client reports a failure for good, or one that tells the 550.",
		Mutant:    "reports the end of the connection",
		Since:     "v0.1.0",
		Client:    runClosedBatch,
	}
}

func runClosedBatch(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.Server.Faults = []mock.Fault{mock.At("MAIL").Do(mock.Reply(550, "5.7.1", "Not from you"), mock.Drop())}
	t := b.Try(ctx, scene)
	t.fault = "MAIL"
	switch {
	case !t.answered("MAIL", 550):
		return t.notReached("the reply to MAIL")
	case !t.refused(), t.Answer.Status == Temporary, t.Answer.Status == Uncertain,
		t.Answer.Status != Permanent && !tellsNumber(t.Answer.Err, "550"):
		return t.fail("a failure for good, or one that tells the 550", t.said())
	}
	return pass()
}
