package conformance

import (
	"context"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func heloFallback() Case {
	return Case{
		ID:    "C-HEL-03",
		Title: "No HELO in place of EHLO if TLS or a sign-in is required",
		Area:  AreaGreeting,
		// RFC 5321, Section 3.2 has clients fall back to HELO, which offers neither.
		Refs:  []Ref{{RFC: 3207, Section: "6", Level: Security}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: a server that knows EHLO. Then one that answers it by 500 and by 502, and HELO by 250. " +
			"With STARTTLS and, if the client can, with implicit TLS.",
		Pass:   "Neither AUTH nor MAIL is sent, and the client reports a failure. HELO by itself does no harm.",
		Mutant: "goes on as HELO lets it",
		Since:  "v0.1.0",
		Client: runHELOFallback,
	}
}

func runHELOFallback(ctx context.Context, b *ClientBench) Verdict {
	return b.eachTLSMode(ctx, func(scene Scene) Verdict {
		scene.Server.InsecureAuth = true
		for _, code := range []int{500, 502} {
			scene.Server.Faults = []mock.Fault{mock.At("EHLO").Do(mock.Reply(code, "5.5.1", "Command not recognized"))}
			if v := judgeClosed(b.Try(ctx, scene), "EHLO", code, "STARTTLS"); v.Outcome != Pass {
				return v
			}
		}
		return pass()
	})
}

func keywords() Case {
	return Case{
		ID:    "C-HEL-04",
		Title: "Keywords of EHLO count in any case and order, and unknown ones do not",
		Area:  AreaGreeting,
		Refs:  []Ref{{RFC: 5321, Section: "2.4", Level: Must}, {RFC: 5321, Section: "4.1.1.1", Level: Must}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: keywords in capitals. Then in lower case, in mixed case, among unknown ones in another " +
			"order, and with AUTH twice, once in the old form \"AUTH=\".",
		Pass:   "The message is delivered.",
		Mutant: "knows them in capitals alone",
		Since:  "v0.1.0",
		Client: runKeywords,
	}
}

func runKeywords(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	mechanisms := strings.Join(scene.mechanisms(), " ")
	for _, lines := range [][2]string{
		{"250-size 1000000\r\n250 starttls\r\n", "250-size 1000000\r\n250 auth " + mechanisms + "\r\n"},
		{"250-StartTls\r\n250 Size 1000000\r\n", "250-Auth " + mechanisms + "\r\n250 Size 1000000\r\n"},
		{"250-X-JUNK\r\n250-STARTTLS\r\n250 XYZZY a=b c\r\n", "250-XYZZY a=b c\r\n250-AUTH " + mechanisms + "\r\n250 X-JUNK\r\n"},
		{"250-AUTH=LOGIN\r\n250 STARTTLS\r\n", "250-AUTH " + mechanisms + "\r\n250 AUTH=" + mechanisms + "\r\n"},
	} {
		scene.Server.Faults = scene.answerEHLO("250-mock.test\r\n"+lines[0], "250-mock.test\r\n"+lines[1])
		t := b.Try(ctx, scene)
		t.fault = "EHLO"
		switch {
		case !t.answered("EHLO", 250):
			return t.notReached("the reply to EHLO")
		case !t.succeeded():
			return t.fail("a delivery", t.said())
		}
	}
	return pass()
}
