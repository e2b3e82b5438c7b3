package conformance

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

func longToken() Case {
	return Case{
		ID:    "C-AUT-03",
		Title: "A token too long for the AUTH line follows it",
		Area:  AreaAuth,
		Refs:  []Ref{{RFC: 4954, Section: "4", Level: MustNot}},
		Needs: []Need{NeedTLS, NeedAuth, NeedMechanism("XOAUTH2")},
		Tiers: []Tier{Passive},
		Procedure: "Control: a token with which the AUTH line has at most 512 octets. " +
			"Then a token of one octet more, and one of 1500 octets.",
		Pass:      "AUTH XOAUTH2 without an initial response, which follows after the 334, and the message is delivered.",
		Mutant:    "puts any initial response on the AUTH line",
		AlsoKills: []string{"C-AUT-07"}, // which rests on this one
		Since:     "v0.1.0",
		Client:    runLongToken,
	}
}

// maxCommandLine is the longest command line, in octets, CRLF included (RFC 5321,
// Section 4.5.3.1.4).
const maxCommandLine = 512

// xoauth2Line is the length of an AUTH line with an initial response, in octets,
// CRLF included.
func xoauth2Line(tokenLen int) int {
	message := len("user=" + username + "\x01auth=Bearer " + "\x01\x01")
	return len("AUTH XOAUTH2 ") + wire.EncodedLen(message+tokenLen) + len("\r\n")
}

func runLongToken(ctx context.Context, b *ClientBench) Verdict {
	fits := 1
	for xoauth2Line(fits+1) <= maxCommandLine {
		fits++
	}
	scene := Scene{Token: b.Secret(fits), Server: mock.Options{Mechanisms: []string{"XOAUTH2"}}}
	if v, ok := b.Control(ctx, scene); !ok {
		return v
	}
	for _, octets := range []int{fits + 1, 1500} {
		scene.Token = b.Secret(octets)
		if v := judgeLongToken(b.Try(ctx, scene), octets); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

func judgeLongToken(t *Trial, octets int) Verdict {
	t.fault = "AUTH"
	if !t.answered("EHLO", 250) {
		return t.notReached("EHLO")
	}
	want := fmt.Sprintf("AUTH XOAUTH2 alone, for with a token of %d octets the line would have %d", octets, xoauth2Line(octets))
	for _, c := range t.commands("AUTH") {
		if len(strings.Fields(c.Line)) > 2 {
			return t.fail(want, fmt.Sprintf("%s, answered by %d", c.Line, c.Code))
		}
	}
	if !t.answered("AUTH/2", 235) || !t.succeeded() {
		return t.fail(want+"; the response after the 334; 235; the message", t.said())
	}
	return pass()
}

func errorChallenge() Case {
	return Case{
		ID:    "C-XOA-01",
		Title: "An XOAUTH2 error challenge is answered and reported",
		Area:  AreaAuth,
		Refs:  []Ref{{Document: googleXOAUTH2, Level: LowerMust}},
		Needs: []Need{NeedTLS, NeedAuth, NeedMechanism("XOAUTH2")},
		Tiers: []Tier{Passive},
		Procedure: "Control: a good token. Then the server refuses the token by a 334 with JSON " +
			"of the status 400, and by 535 when that is answered.",
		Pass: "An empty line answers the 334, and the client reports a failure; its error " +
			"tells the status, or else the outcome is warn.",
		Mutant: "answers the challenge by *",
		Since:  "v0.1.0",
		Client: runErrorChallenge,
	}
}

// challengeStatus is the status in the error challenge.
const challengeStatus = "400"

// A refuser refuses all tokens by an error challenge, and then by 535.
type refuser struct{}

func (refuser) CheckToken(_ context.Context, c mock.TokenCheck) error {
	return &sasl.OAuthError{
		Mechanism: c.Mechanism, Status: challengeStatus, Schemes: "Bearer", Scope: "https://mail.example.test/",
		Err: &mock.ReplyError{Code: 535, Enhanced: "5.7.8", Text: []string{"Credentials refused"}},
	}
}

func runErrorChallenge(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Token: b.Secret(secretLen), Server: mock.Options{Mechanisms: []string{"XOAUTH2"}}}
	if v, ok := b.Control(ctx, scene); !ok {
		return v
	}
	scene.Server.Tokens = refuser{}
	return judgeErrorChallenge(b.Try(ctx, scene))
}

func judgeErrorChallenge(t *Trial) Verdict {
	const want = "an empty line in answer to the 334 that holds the error, and then a report of the 535"
	t.fault = "AUTH"
	if !t.answered("AUTH", 334) {
		return t.notReached("the error challenge")
	}
	answer, ok := lastResponse(t)
	switch {
	case !ok:
		return t.fail(want, "no answer to the challenge; "+t.said())
	case answer.Line != "":
		return t.fail(want, fmt.Sprintf("%s in answer to the challenge, answered by %d", answer.Line, answer.Code))
	case answer.Code != 535:
		return t.notReached("the 535")
	case !t.refused():
		return t.fail("an error, for the sign-in was refused", t.said())
	case !tellsNumber(t.Answer.Err, challengeStatus):
		return t.warn("an error that tells the status "+challengeStatus+" of the challenge", t.said())
	}
	return pass()
}

// lastResponse returns how the client answered the error challenge: by its last
// line within the first AUTH. The challenge is the answer to the initial
// response, wherever that was sent.
func lastResponse(t *Trial) (mock.Command, bool) {
	for _, session := range t.Sessions {
		var last mock.Command
		begun, challenges := false, 0
		for _, c := range session.Commands {
			if c.Verb == "AUTH" && begun {
				break
			}
			begun = begun || c.Verb == "AUTH"
			if !begun || c.Verb != "AUTH" && !strings.HasPrefix(c.Verb, "AUTH/") {
				continue
			}
			if c.Code == 334 {
				challenges++
			}
			last = c
		}
		if begun {
			return last, challenges > 0 && last.Verb != "AUTH" && last.Code != 334
		}
	}
	return mock.Command{}, false
}

// tellsNumber reports whether a person who is shown the error learns that number.
func tellsNumber(err error, number string) bool {
	word := regexp.MustCompile(`\b` + number + `\b`)
	for _, e := range errorTree(err) {
		if word.MatchString(fmt.Sprint(e)) {
			return true
		}
	}
	return false
}
