package conformance

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func refusedSecret() Case {
	return Case{
		ID:    "C-AUT-09",
		Title: "A credential that was refused is not tried again",
		Area:  AreaAuth,
		Refs: []Ref{
			{RFC: 4954, Section: "6", Level: Should},
			{Document: goodPractice, Level: Security}, // failures in a row lock accounts
		},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: the right credential. Then one that the server refuses by 535, and offers two mechanisms " +
			"that take it. With a password and with a token, as far as the client can.",
		Pass: "One sign-in, then nothing but QUIT, and the client reports a failure. If it says that this is a " +
			"temporary one, the outcome is warn.",
		Mutant: "tries the credential again",
		Since:  "v0.1.0",
		Client: runRefusedSecret,
	}
}

func runRefusedSecret(ctx context.Context, b *ClientBench) Verdict {
	wrong := b.Secret(secretLen)
	return b.eachCredential(ctx, Scene{}, func(scene Scene) Verdict {
		return judgeRefusedSecret(b.Try(ctx, refusing(scene, wrong)))
	})
}

// refusing returns the scene with a server that knows another password, and that
// refuses tokens by 535 at once.
func refusing(s Scene, password string) Scene {
	if s.Token != "" {
		s.Server.Tokens = bareRefuser{}
	} else {
		s.Server.Users = map[string]string{username: password}
	}
	return s
}

// signIns are the verbs of a session up to the sign-in.
func signIns() []string { return []string{"STARTTLS", "AUTH", "AUTH/2", "AUTH/3", "AUTH/4"} }

// A bareRefuser refuses all tokens by 535, without an error challenge.
type bareRefuser struct{}

func (bareRefuser) CheckToken(context.Context, mock.TokenCheck) error {
	return &mock.ReplyError{Code: 535, Enhanced: "5.7.3", Text: []string{"Authentication unsuccessful"}}
}

func judgeRefusedSecret(t *Trial) Verdict {
	const want = "one sign-in, and an error"
	t.fault = "AUTH"
	refusals := 0
	for _, session := range t.Sessions {
		for _, auth := range session.Auths {
			if auth.Code == 535 {
				refusals++
			}
		}
	}
	// A "*" that comes too late is what another case is about.
	if v := judgeClosed(t, "EHLO", 250, append(signIns(), "*")...); v.Outcome != Pass {
		return v
	}
	switch {
	case refusals == 0:
		return t.notReached("the 535")
	case refusals > 1:
		return t.fail(want, fmt.Sprintf("%d sign-ins with the credential that the first had shown to be wrong", refusals))
	case t.Answer.Status == Temporary:
		return t.warn("a failure that is for good, until there is another credential", t.said())
	}
	return pass()
}

func authCodes() Case {
	return Case{
		ID:    "C-AUT-10",
		Title: "A sign-in that fails for now is no failure for good",
		Area:  AreaAuth,
		Refs:  []Ref{{RFC: 4954, Section: "6", Level: Should}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: 235. Then AUTH is answered by 454, 432, 534, 538, 530, 504 and 500. With a password and with " +
			"a token, as far as the client can.",
		Pass: "No MAIL, and the client reports a failure: with 454 not one of the credential and not for good, with " +
			"those that begin with 5 not a temporary one, if it tells; else the outcome is warn.",
		Mutant: "takes all of them for good",
		Since:  "v0.1.0",
		Client: runAuthCodes,
	}
}

// authReplies are those of RFC 4954, Section 6, and 500, with which a server may
// answer a line that is too long for it.
func authReplies() []string {
	return []string{
		"454 4.7.0 Temporary authentication failure", "432 4.7.12 A password transition is needed",
		"534 5.7.9 Authentication mechanism is too weak", "538 5.7.11 Encryption required for requested authentication mechanism",
		"530 5.7.0 Authentication required", "504 5.5.4 Unrecognized authentication type", "500 5.5.6 Authentication Exchange line is too long",
	}
}

func runAuthCodes(ctx context.Context, b *ClientBench) Verdict {
	return b.eachCredential(ctx, Scene{}, func(scene Scene) Verdict {
		for _, reply := range authReplies() {
			scene.Server.Faults = []mock.Fault{mock.At("AUTH").Do(mock.Raw([]byte(reply + "\r\n")))}
			if v := judgeAuthCode(b.Try(ctx, scene), reply); v.Outcome != Pass {
				v.Reason = "AUTH was answered by " + reply
				return v
			}
		}
		return pass()
	})
}

func judgeAuthCode(t *Trial, reply string) Verdict {
	code, _ := strconv.Atoi(reply[:3]) // it is one of ours
	if v := judgeClosed(t, "AUTH", code, append(signIns(), "*")...); v.Outcome != Pass {
		return v
	}
	status := t.Answer.Status
	switch {
	case strings.HasPrefix(reply, "454") && (status == Permanent || status == AuthFailed),
		code >= 500 && status == Temporary:
		return t.warn("a failure of the kind that the code has", t.said())
	}
	return pass()
}

func bareRefusal() Case {
	return Case{
		ID:        "C-XOA-05",
		Title:     "A token is refused by 535 alone",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 4954, Section: "4", Level: Must}, {Document: microsoftXOAUTH2, Level: LowerMust}},
		Needs:     []Need{NeedTLS, NeedAuth, NeedMechanism("XOAUTH2")},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a good token. Then the server refuses it by 535 5.7.3, without an error challenge before.",
		Pass:      "Nothing but QUIT follows, and the client reports a failure.",
		Mutant:    "waits for a challenge",
		AlsoKills: []string{"C-AUT-09", "C-AUT-18", "C-XOA-02"}, // which hang at a 535, too
		Since:     "v0.1.0",
		Client:    runBareRefusal,
	}
}

func runBareRefusal(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Token: b.Secret(secretLen), Mechanism: "XOAUTH2"}
	if v, ok := b.Control(ctx, scene); !ok {
		return v
	}
	scene.Server.Tokens = bareRefuser{}
	t := b.Try(ctx, scene)
	if !t.answered("AUTH", 535) && !t.answered("AUTH/2", 535) {
		return t.notReached("the 535")
	}
	return judgeClosed(t, "EHLO", 250, append(signIns(), "*")...)
}
