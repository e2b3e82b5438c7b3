package conformance

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func helloArgument() Case {
	return Case{
		ID:        "C-HEL-01",
		Title:     "EHLO comes first, with a domain or an address",
		Area:      AreaGreeting,
		Refs:      []Ref{{RFC: 5321, Section: "4.1.1.1", Level: Must}, {RFC: 5321, Section: "4.1.4", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "An ordinary session.",
		Pass:      "EHLO is the first command, in clear and within TLS, and its argument is a domain of letters, digits and hyphens or an address in brackets.",
		Mutant:    "has an underscore in its name",
		Since:     "v0.1.0",
		Client:    runHelloArgument,
	}
}

// helloOfClient is EHLO with a domain or an address literal (RFC 5321, Section 4.1.2).
var helloOfClient = regexp.MustCompile(`(?i)^EHLO ([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9.]+\]|\[IPv6:[0-9a-f:.]+\])$`)

func runHelloArgument(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	t := b.Try(ctx, scene)
	if v, ok := t.control(); !ok {
		return v
	}
	for _, session := range t.Sessions {
		for i, c := range session.Commands {
			first := i > 0 && slices.Contains([]string{"CONNECT", "STARTTLS"}, session.Commands[i-1].Verb)
			switch {
			case first && c.Verb != "EHLO":
				return t.fail("EHLO first", c.Line)
			case c.Verb == "EHLO" && !helloOfClient.MatchString(c.Line):
				return t.fail("EHLO with a domain or an address in brackets", c.Line)
			}
		}
	}
	return pass()
}

func lastLine() Case {
	return Case{
		ID:        "C-TXN-06",
		Title:     "The end of the message adds nothing to it",
		Area:      AreaData,
		Refs:      []Ref{{RFC: 5321, Section: "4.1.1.4", Level: MustNot}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: an ordinary message. Then bodies that end in CRLF, in an empty line and without CRLF.",
		Pass:      "The server has each body as it was; the one without CRLF at its end has that added.",
		Mutant:    "sends CRLF before the dot in any case",
		AlsoKills: []string{"C-TXN-04"}, // which compares whole messages
		Since:     "v0.1.0",
		Client:    runLastLine,
	}
}

func runLastLine(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	for _, body := range []string{"one\r\n", "one\r\n\r\n", "one\r\ntwo"} {
		scene.Body = body
		if v := judgeBody(b.Try(ctx, scene), strings.TrimSuffix(body, "\r\n")+"\r\n"); v.Outcome != Pass {
			v.Reason = fmt.Sprintf("the body was %q", body)
			return v
		}
	}
	return pass()
}

func refusedMessage() Case {
	return Case{
		ID:        "C-TXN-09",
		Title:     "A message that was refused at its end is not sent again",
		Area:      AreaSession,
		Refs:      []Ref{{RFC: 5321, Section: "4.2.5", Level: MustNot}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: 250 to the end of the message. Then 554, and 451.",
		Pass: "The message is sent once, and the client reports a failure: not a temporary one with 554, and not one for " +
			"good with 451, if it tells.",
		Mutant: "tries once more",
		Since:  "v0.1.0",
		Client: runRefusedMessage,
	}
}

func runRefusedMessage(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	for _, r := range []codeAndMistake{{554, Temporary}, {451, Permanent}} {
		scene.Server.Faults = []mock.Fault{mock.At("EOD").Do(mock.Reply(r.code, "", "Not this message"))}
		t := b.Try(ctx, scene)
		t.fault = "EOD"
		switch sent := len(t.commands("EOD")); {
		case !t.answered("EOD", r.code):
			return t.notReached("the end of the message")
		case sent > 1:
			return t.fail("one attempt", fmt.Sprintf("%d; %s", sent, t.said()))
		case !t.refused(), t.Answer.Status == r.wrong:
			return t.fail(fmt.Sprintf("a failure of the kind that %d has", r.code), t.said())
		}
	}
	return pass()
}

func goodbye() Case {
	return Case{
		ID:        "C-TXN-12",
		Title:     "QUIT ends the session, and does not decide about the message",
		Area:      AreaSession,
		Refs:      []Ref{{RFC: 5321, Section: "4.1.1.10", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: an ordinary session. Then the server closes the connection instead of an answer to QUIT.",
		Pass:      "QUIT is sent, and the client says that the message was delivered, each time.",
		Mutant:    "closes the connection without a word",
		Since:     "v0.1.0",
		Client:    runGoodbye,
	}
}

func runGoodbye(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	for _, faults := range [][]mock.Fault{nil, {mock.At("QUIT").Do(mock.Drop())}} {
		scene.Server.Faults = faults
		t := b.Try(ctx, scene)
		switch {
		case !t.answered("EOD", 250):
			return t.notReached("the end of the message")
		case len(t.commands("QUIT")) == 0:
			return t.fail("QUIT", "an end of the connection; "+t.said())
		case !t.succeeded():
			return t.fail("a delivery, for the message was accepted", t.said())
		}
	}
	return pass()
}

func eightBit() Case {
	return Case{
		ID:        "C-TXN-13",
		Title:     "No octet above 127 goes to a server without 8BITMIME",
		Area:      AreaData,
		Refs:      []Ref{{RFC: 5321, Section: "2.4", Level: MustNot}, {RFC: 6152, Section: "3", Level: MustNot}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a message in ASCII, before and after. Then one with UTF-8 in its body; the server does not offer 8BITMIME.",
		Pass:      "Either a failure, or a message without such octets, for it was encoded.",
		Note:      "Many clients leave the encoding to whoever wrote the message. Most servers in use offer 8BITMIME.",
		Mutant:    "sends it as it is",
		Since:     "v0.1.0",
		Client:    runEightBit,
	}
}

func runEightBit(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{Server: mock.Options{Without: []string{"8BITMIME", "SMTPUTF8"}}})
	if !ok {
		return v
	}
	s := scene
	s.Body = "Gr\u00fc\u00dfe\r\n"
	t := b.Try(ctx, s)
	t.fault = "MAIL"
	above := func(r rune) bool { return r > 127 }
	for _, m := range t.Messages {
		if bytes.ContainsFunc(m.Data, above) {
			return t.fail("an error, or an encoded message", "octets above 127; "+t.said())
		}
	}
	for _, violation := range t.violations() {
		if strings.HasPrefix(violation, "octets above 127") {
			return t.fail("an error, or an encoded message", violation+"; "+t.said())
		}
	}
	if !t.refused() && !t.succeeded() {
		return t.fail("an error, or an encoded message", t.said())
	}
	return b.still(ctx, scene)
}

func nullSender() Case {
	return Case{
		ID:        "C-TXN-14",
		Title:     "The null sender is <>",
		Area:      AreaSession,
		Refs:      []Ref{{RFC: 5321, Section: "3.6.3", Level: Must}, {RFC: 5321, Section: "4.5.5", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a sender. Then none: Message.From is empty.",
		Pass:      "MAIL FROM:<>, and the message is delivered.",
		Mutant:    "puts brackets around it",
		Since:     "v0.1.0",
		Client:    runNullSender,
	}
}

func runNullSender(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	scene.nullSender = true
	t := b.Try(ctx, scene)
	t.fault = "MAIL"
	mails := t.commands("MAIL")
	switch {
	case len(mails) == 0:
		return t.notReached("MAIL")
	case !strings.HasPrefix(strings.ToUpper(mails[0].Line), "MAIL FROM:<>"):
		return t.fail("MAIL FROM:<>", mails[0].Line+"; "+t.said())
	case !t.succeeded():
		return t.fail("a delivery", t.said())
	}
	return pass()
}
