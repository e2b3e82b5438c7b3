package conformance

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func dotStuffing() Case {
	return Case{
		ID:    "C-TXN-04",
		Title: "Dots at the starts of lines arrive as they were",
		Area:  AreaData,
		Refs:  []Ref{{RFC: 5321, Section: "4.5.2", Level: LowerMust}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: a message without such lines. Then one whose lines are dots and more, and four of 68 KiB in " +
			"which each line begins with a dot, so that in one of them each octet of an edge of any buffer is at each " +
			"place of a line.",
		Pass:   "The server has each message octet for octet, behind the header.",
		Mutant: "doubles no dot that begins a buffer",
		Since:  "v0.1.0",
		Client: runDotStuffing,
	}
}

func runDotStuffing(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	bodies := []string{".\r\n..\r\n...\r\n.a\r\n. \r\n\r\n.\r\n\r\n..a.\r\n.\r\n"}
	const line = ".a\r\n"
	for shift := range line {
		bodies = append(bodies, strings.Repeat("x", shift)+"\r\n"+strings.Repeat(line, 17<<10))
	}
	for i, body := range bodies {
		scene.Body = body
		if v := judgeBody(b.Try(ctx, scene), body); v.Outcome != Pass {
			v.Reason = fmt.Sprintf("message %d of %d", i+1, len(bodies))
			return v
		}
	}
	return pass()
}

// judgeBody judges a message by what arrived behind its header.
func judgeBody(t *Trial, body string) Verdict {
	t.fault = "EOD"
	want := fmt.Sprintf("a message with a body of %d octets", len(body))
	switch {
	case len(t.commands("DATA")) == 0:
		return t.notReached("the content")
	case !t.succeeded():
		return t.fail(want, fmt.Sprintf("%d messages; %s", len(t.Messages), t.said()))
	}
	_, got, _ := bytes.Cut(t.Messages[0].Data, []byte("\r\n\r\n"))
	if string(got) != body {
		return t.fail(want, fmt.Sprintf("%d octets, different from octet %d on", len(got), commonPrefix(string(got), body)))
	}
	return pass()
}

// commonPrefix is how many octets two texts have in common at the beginning.
func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func bareLineEnds() Case {
	return Case{
		ID:    "C-TXN-05",
		Title: "No bare CR or LF is sent in content",
		Area:  AreaData,
		Refs:  []Ref{{RFC: 5321, Section: "2.3.8", Level: MustNot}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: a message with CRLF alone, before and after. Then messages with a bare LF, a bare CR, two " +
			"CR before an LF, and dots between them that a server might take for the end.",
		Pass: "Either a failure, or one message in which each CR has an LF behind it and each LF a CR before it.",
		Note: "Many clients leave line endings to whoever wrote the message, and their documentation says so. Servers that " +
			"take a bare LF for the end of a line make a command of what follows.",
		Mutant: "sends them as they are",
		Since:  "v0.1.0",
		Client: runBareLineEnds,
	}
}

func runBareLineEnds(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	for _, end := range []string{"\n", "\r", "\r\r\n", "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r"} {
		s := scene
		s.Body = "before" + end + "after\r\n"
		if v := judgeBareLineEnds(b.Try(ctx, s)); v.Outcome != Pass {
			v.Reason = fmt.Sprintf("%q was in the message", end)
			return v
		}
	}
	return b.still(ctx, scene)
}

func judgeBareLineEnds(t *Trial) Verdict {
	t.fault = "DATA"
	for _, m := range t.Messages {
		if rest := bytes.ReplaceAll(m.Data, []byte("\r\n"), nil); bytes.ContainsAny(rest, "\r\n") {
			return t.fail("CRLF alone, or no message", "a message with a bare CR or LF; "+t.said())
		}
	}
	for _, session := range t.Sessions {
		for _, violation := range session.Violations {
			if strings.HasPrefix(violation, "bare CR or LF") {
				return t.fail("CRLF alone, or no message", violation+"; "+t.said())
			}
		}
	}
	switch {
	case t.refused() && len(t.Messages) == 0:
		return pass()
	case !t.succeeded():
		return t.fail("one message, or an error and none", fmt.Sprintf("%d messages; %s", len(t.Messages), t.said()))
	case !bytes.Contains(t.Messages[0].Data, []byte("before")) || !bytes.Contains(t.Messages[0].Data, []byte("after")):
		return t.fail("all of the text, or no message", "a message without all of the text")
	}
	return pass()
}

func earlyContent() Case {
	return Case{
		ID:        "C-TXN-03",
		Title:     "No content unless the server asks for it",
		Area:      AreaData,
		Refs:      []Ref{{RFC: 5321, Section: "3.3", Level: MustNot}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: 354 to DATA. Then 250, 299, 451 and 550.",
		Pass:      "No content is sent, and the client reports a failure. If it says that 451 is for good or 550 for now, the outcome is warn.",
		Mutant:    "sends the content if DATA was not refused",
		Since:     "v0.1.0",
		Client:    runEarlyContent,
	}
}

func runEarlyContent(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	for _, answer := range []string{"250 2.0.0 Ok", "299 2.0.0 Ok", "451 4.3.0 Try again later", "550 5.7.1 Not from you"} {
		scene.Server.Faults = []mock.Fault{mock.At("DATA").Do(unheeded(answer)...)}
		t := b.Try(ctx, scene)
		v := judgeClosed(t, "DATA", 0, append(signIns(), "VRFY", "MAIL", "RCPT", "DATA")...)
		switch {
		case v.Outcome != Pass:
		case answer[0] == '4' && t.Answer.Status == Permanent, answer[0] == '5' && t.Answer.Status == Temporary:
			v = t.warn("a failure of the kind that the code has", t.said())
		}
		if v.Outcome != Pass {
			v.Reason = "DATA was answered by " + answer
			return v
		}
	}
	return pass()
}
