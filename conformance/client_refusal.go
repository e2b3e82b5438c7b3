package conformance

import (
	"context"
	"fmt"

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
		scene.Server.Users = map[string]string{username: wrong}
		if scene.Token != "" {
			scene.Server.Users, scene.Server.Tokens = nil, bareRefuser{}
		}
		return judgeRefusedSecret(b.Try(ctx, scene))
	})
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
