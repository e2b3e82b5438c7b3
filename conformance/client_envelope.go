package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func hostileEnvelope() Case {
	return Case{
		ID:    "C-TXN-01",
		Title: "An address with a control character is refused before it is sent",
		Area:  AreaSession,
		Refs:  []Ref{{RFC: 5321, Section: "4.1.2", Level: MustNot}, {RFC: 5321, Section: "2.3.8", Level: MustNot}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: ordinary addresses, before and after. Then a sender, and then a recipient, with a command " +
			"behind CRLF, a bare LF, a bare CR, NUL, ESC and DEL.",
		Pass: "The client reports a failure, and neither the command with the address nor anything behind it is sent, " +
			"not even without the character.",
		Mutant: "puts any address into its command",
		Since:  "v0.1.0",
		Client: runHostileEnvelope,
	}
}

// hostileAddresses are those that no client may put into a command.
func hostileAddresses() []string {
	return []string{
		"a@client.test>\r\nRSET\r\nMAIL FROM:<b@client.test",
		"a@client.test>\nRSET\nMAIL FROM:<b@client.test",
		"a\r@client.test", "a\x00@client.test", "a\x1b[2J@client.test", "a\x7f@client.test",
	}
}

func runHostileEnvelope(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	for _, address := range hostileAddresses() {
		s := scene
		s.From = address
		if v := judgeAddress(b.Try(ctx, s), "sender", address); v.Outcome != Pass {
			return v
		}
		s = scene
		s.To = []string{address}
		if v := judgeAddress(b.Try(ctx, s), "recipient", address, "MAIL"); v.Outcome != Pass {
			return v
		}
	}
	return b.still(ctx, scene)
}

func judgeAddress(t *Trial, who, address string, allowed ...string) (v Verdict) {
	defer func() {
		if v.Outcome != Pass {
			v.Reason = fmt.Sprintf("the %s was %q", who, address)
		}
	}()
	allowed = append(allowed, "EHLO", "HELO", "NOOP", "RSET")
	if line, ok := t.beyond(append(allowed, signIns()...)...); ok {
		return t.fail("nothing of the address", line+"; "+t.said())
	}
	if !t.refused() {
		return t.fail("an error", t.said())
	}
	return pass()
}

func recipientResults() Case {
	return Case{
		ID:        "C-TXN-07",
		Title:     "Each recipient has a result of its own",
		Area:      AreaSession,
		Refs:      []Ref{{RFC: 5321, Section: "3.3", Level: LowerMust}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: one recipient. Then three: the first is accepted, the second refused by 550, the third by 451.",
		Pass: "The message is delivered to the first, and the client says so of each; one that does not tell " +
			"recipients apart reports a failure. If it gives up the first one, too, and says so, the outcome is warn; one " +
			"that sends to each by itself is skipped.",
		Mutant:    "says nothing of those who were refused",
		AlsoKills: []string{"C-PIP-02", "C-TXN-08"}, // which are about several recipients, too
		Since:     "v0.1.0",
		Client:    runRecipientResults,
	}
}

func runRecipientResults(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.To = []string{"first@example.test", "second@example.test", "third@example.test"}
	scene.Server.Faults = []mock.Fault{
		mock.At("RCPT").Nth(2).Do(mock.Reply(550, "5.1.1", "No such user")),
		mock.At("RCPT").Nth(3).Do(mock.Reply(451, "4.3.0", "Try again later")),
	}
	return judgeRecipients(b.Try(ctx, scene), Delivered, Permanent, Temporary)
}

// judgeRecipients judges what a client makes of recipients that were accepted and
// refused; want is what became of each.
func judgeRecipients(t *Trial, want ...Status) Verdict {
	t.fault = "RCPT"
	to, answer := t.message.To, t.Answer
	wants := fmt.Sprintf("%v for %v", want, to)
	if t.apart() {
		return unable("the client sends the message to each recipient by itself")
	}
	if !slices.ContainsFunc(t.commands("RCPT"), func(c mock.Command) bool { return c.Code >= 400 }) {
		return t.notReached("the recipients")
	}
	switch {
	case t.Crash != "", answer.Status == Delivered, answer.Status != Partial && answer.Err == nil:
		return t.fail("an error, or a partial delivery, for some recipients were refused", t.said())
	case len(t.Messages) > 1:
		return t.fail("one message", fmt.Sprintf("%d messages; %s", len(t.Messages), t.said()))
	}
	asked := len(t.commands("RCPT")) // of others, the client knows nothing
	for i, address := range to {
		status, told := answer.Recipients[address]
		if !told {
			continue
		}
		delivered := len(t.Messages) == 1 && want[i] == Delivered
		switch {
		case (status == Delivered) != delivered,
			i < asked && status == Temporary && want[i] == Permanent,
			i < asked && status == Permanent && want[i] == Temporary:
			return t.fail(wants, fmt.Sprintf("%s for %s; %s", status, address, t.said()))
		}
	}
	if len(t.Messages) == 0 {
		return t.warn("a message to the recipient who was accepted", t.said())
	}
	return pass()
}

func tooManyRecipients() Case {
	return Case{
		ID:        "C-TXN-08",
		Title:     "Recipients beyond the server's limit are refused for now",
		Area:      AreaSession,
		Refs:      []Ref{{RFC: 5321, Section: "4.5.3.1.10", Level: Should}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: one recipient. Then four, of whom the third and the fourth are refused by 452 4.5.3.",
		Pass: "The message is delivered to the first two, and the client says that the others were refused for now. If it " +
			"says for good, or gives up all of them, the outcome is warn; one that does not tell recipients apart is skipped.",
		Mutant: "takes it for good",
		Since:  "v0.1.0",
		Client: runTooManyRecipients,
	}
}

func runTooManyRecipients(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.To = recipients(4)
	for _, n := range []int{3, 4} {
		scene.Server.Faults = append(scene.Server.Faults, mock.At("RCPT").Nth(n).Do(mock.Reply(452, "4.5.3", "Too many recipients")))
	}
	t := b.Try(ctx, scene)
	v = judgeRecipients(t, Delivered, Delivered, Failed, Failed)
	switch {
	case v.Outcome != Pass:
	case t.Answer.Recipients == nil:
		return unable("the client does not tell recipients apart")
	case t.Answer.Recipients[scene.To[2]] == Permanent || t.Answer.Recipients[scene.To[3]] == Permanent:
		return t.warn("a failure for now, for recipients who are too many", t.said())
	}
	return v
}

func unofferedParameters() Case {
	return Case{
		ID:        "C-TXN-02",
		Title:     "No parameter is sent that the server does not offer",
		Area:      AreaSession,
		Refs:      []Ref{{RFC: 5321, Section: "4.1.1.11", Level: MustNot}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a server with extensions. Then one that has none but AUTH and STARTTLS.",
		Pass:      "MAIL and RCPT hold an address and nothing else, and the message is delivered.",
		Mutant:    "declares BODY=8BITMIME to any server",
		AlsoKills: []string{"C-TXN-13"}, // where 8BITMIME is missing, too
		Since:     "v0.1.0",
		Client:    runUnofferedParameters,
	}
}

func runUnofferedParameters(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.Server.Without = []string{
		"PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "REQUIRETLS",
	}
	t := b.Try(ctx, scene)
	t.fault = "MAIL"
	commands := append(t.commands("MAIL"), t.commands("RCPT")...)
	if len(commands) == 0 {
		return t.notReached("MAIL")
	}
	for _, c := range commands {
		if !strings.HasSuffix(strings.TrimRight(c.Line, " "), ">") {
			return t.fail("an address and nothing else", c.Line+"; "+t.said())
		}
	}
	if !t.succeeded() {
		return t.fail("a delivery", t.said())
	}
	return pass()
}
