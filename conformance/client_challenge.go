package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func junkChallenge() Case {
	return Case{
		ID:    "C-AUT-06",
		Title: "A challenge that is not base64 ends the exchange",
		Area:  AreaAuth,
		Refs:  []Ref{{RFC: 4954, Section: "4", Level: Must}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: an exchange without it. Then AUTH is answered by 334 and \"!!!\", \"=AAA\" or \"AAA=BBB\". " +
			"With a password and with a token, as far as the client can.",
		Pass:   "The next line is \"*\", and the client reports a failure. If it closes the connection instead, the outcome is warn.",
		Mutant: "answers as if there were no challenge",
		Since:  "v0.1.0",
		Client: runJunkChallenge,
	}
}

func runJunkChallenge(ctx context.Context, b *ClientBench) Verdict {
	return b.eachCredential(ctx, Scene{}, func(scene Scene) Verdict {
		for _, challenge := range []string{"!!!", "=AAA", "AAA=BBB"} {
			scene.Server.Faults = []mock.Fault{mock.At("AUTH").Do(mock.Raw([]byte("334 " + challenge + "\r\n")))}
			if v := judgeGivenUp(b.Try(ctx, scene), "AUTH"); v.Outcome != Pass {
				v.Reason = "the challenge was " + challenge
				return v
			}
		}
		return pass()
	})
}

// judgeGivenUp judges how a client gave up an exchange at the 334 that is the last
// answer to verb: by "*" (RFC 4954, Section 4).
func judgeGivenUp(t *Trial, verb string) Verdict {
	const want = `"*" in answer to the 334, and an error`
	t.fault = verb
	if !t.answered(verb, 334) {
		return t.notReached("the challenge")
	}
	closed := false
	for _, session := range t.Sessions {
		for i, c := range session.Commands {
			switch {
			case c.Verb != verb || c.Code != 334:
			case i+1 == len(session.Commands):
				closed = true
			case session.Commands[i+1].Line != "*":
				return t.fail(want, session.Commands[i+1].Line+"; "+t.said())
			}
		}
	}
	switch {
	case !t.refused():
		return t.fail(want, t.said())
	case closed:
		return t.warn(want, "an end of the connection; "+t.said())
	}
	return pass()
}

func extraChallenge() Case {
	return Case{
		ID:        "C-AUT-14",
		Title:     "A challenge that the mechanism does not have ends the exchange",
		Area:      AreaAuth,
		Refs:      []Ref{{RFC: 4954, Section: "4", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth, NeedMechanism("PLAIN")},
		Tiers:     []Tier{Passive},
		Procedure: "Control: PLAIN, whose one message is answered by 235. Then it is answered by another, empty 334.",
		Pass:      "The next line is \"*\", and the client reports a failure. If it closes the connection instead, the outcome is warn.",
		Mutant:    "sends its message again",
		Since:     "v0.1.0",
		Client:    runExtraChallenge,
	}
}

func runExtraChallenge(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Mechanism: "PLAIN", Password: b.Secret(secretLen)}
	control := b.Try(ctx, scene)
	if control.Answer.unsupported() {
		return b.lacking(control.Answer.Err)
	}
	if v, ok := control.control(); !ok {
		return v
	}
	last := "AUTH" // or the response to an empty 334
	if control.answered("AUTH/2", 235) {
		last = "AUTH/2"
	}
	scene.Server.Faults = []mock.Fault{mock.At(last).Do(mock.Reply(334, "", ""))}
	return judgeGivenUp(b.Try(ctx, scene), last)
}

func strayCancel() Case {
	return Case{
		ID:    "C-AUT-15",
		Title: "Nothing answers a final reply to AUTH",
		Area:  AreaAuth,
		Refs:  []Ref{{RFC: 5321, Section: "4.2", Level: Must}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: the right credential. Then one that the server refuses by 535. With a password and with a " +
			"token, as far as the client can.",
		Pass:   "The next line is a command, or nothing.",
		Mutant: "sends \"*\" behind the 535",
		Since:  "v0.1.0",
		Client: runStrayCancel,
	}
}

func runStrayCancel(ctx context.Context, b *ClientBench) Verdict {
	wrong := b.Secret(secretLen)
	return b.eachCredential(ctx, Scene{}, func(scene Scene) Verdict {
		return judgeStrayCancel(b.Try(ctx, refusing(scene, wrong)))
	})
}

func judgeStrayCancel(t *Trial) Verdict {
	t.fault = "AUTH"
	reached := false
	for _, session := range t.Sessions {
		for i, c := range session.Commands {
			if !strings.HasPrefix(c.Verb, "AUTH") || c.Code != 535 {
				continue
			}
			reached = true
			if i+1 < len(session.Commands) && session.Commands[i+1].Verb == "" {
				return t.fail("a command, or nothing", session.Commands[i+1].Line+"; "+t.said())
			}
		}
	}
	if !reached {
		return t.notReached("the 535")
	}
	return pass()
}

func bearerChallenge() Case {
	return Case{
		ID:        "C-OAB-01",
		Title:     "An OAUTHBEARER error challenge is answered by %x01",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 7628, Section: "3.2.3", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth, NeedMechanism("OAUTHBEARER")},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a good token. Then the server refuses the token by a 334 with JSON, and by 535 when that is answered.",
		Pass:      "AQ==, which is %x01, answers the 334, or \"*\" does (RFC 4954, Section 4), and the client reports a failure.",
		Mutant:    "sends an empty line",
		Since:     "v0.1.0",
		Client:    runBearerChallenge,
	}
}

func runBearerChallenge(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Token: b.Secret(secretLen), Mechanism: "OAUTHBEARER"}
	if v, ok := b.Control(ctx, scene); !ok {
		return v
	}
	scene.Server.Tokens = refuser{}
	t := b.Try(ctx, scene)
	t.fault = "AUTH"
	const want = "AQ== in answer to the 334 that holds the error, and then a report of the 535"
	if !t.answered("AUTH", 334) && !t.answered("AUTH/2", 334) {
		return t.notReached("the error challenge")
	}
	answer, ok := lastResponse(t)
	switch {
	case !ok:
		return t.fail(want, "no answer to the challenge; "+t.said())
	case answer.Line != "*" && slices.ContainsFunc(t.violations(), isNoDummy):
		return t.fail(want, fmt.Sprintf("%q in answer to the challenge, answered by %d", answer.Line, answer.Code))
	case !t.refused():
		return t.fail("an error, for the sign-in was refused", t.said())
	}
	return pass()
}

// isNoDummy reports whether that is what the server has to say of a response that
// is not %x01.
func isNoDummy(violation string) bool { return strings.Contains(violation, "RFC 7628, Section 3.2.3") }

// violations returns what clients did against the protocol, of all sessions.
func (t *Trial) violations() []string {
	var all []string
	for _, session := range t.Sessions {
		all = append(all, session.Violations...)
	}
	return all
}
