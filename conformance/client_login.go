package conformance

import (
	"context"
	"errors"

	"github.com/seed-55a66e92/postern/sasl"
)

func anyPrompts() Case {
	return Case{
		ID:        "C-LGN-01",
		Title:     "LOGIN answers its two prompts whatever they say",
		Area:      AreaMechanisms,
		Refs:      []Ref{{Document: draftOfLOGIN, Section: "2.1", Level: Should}},
		Needs:     []Need{NeedTLS, NeedAuth, NeedMechanism("LOGIN")},
		Tiers:     []Tier{Passive},
		Procedure: "Control: \"Username:\" and \"Password:\". Then prompts in other words, in another language, and empty ones.",
		Pass:      "The user name and then the password, and the message is delivered.",
		Mutant:    "wants to read \"Password:\"",
		AlsoKills: []string{"C-AUT-08"}, // where another prompt is the long challenge
		Since:     "v0.1.0",
		Client:    runAnyPrompts,
	}
}

func runAnyPrompts(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Mechanism: "LOGIN", Password: b.Secret(secretLen)}
	if v, ok := b.Control(ctx, scene); !ok {
		return v
	}
	for _, prompts := range [][2]string{{"User Name\x00", "Password\x00"}, {"Benutzername", "Kennwort"}, {"", ""}} {
		scene.Server.Registry = prompting(scene.Password, prompts[:]...)
		t := b.Try(ctx, scene)
		t.fault = "AUTH"
		switch {
		case !t.answered("AUTH", 334):
			return t.notReached("the first prompt")
		case !t.succeeded():
			return t.warn("a delivery", t.said())
		}
	}
	return pass()
}

// prompting returns a registry in which LOGIN has other prompts.
func prompting(password string, prompts ...string) *sasl.Registry {
	server := sasl.Mechanism{Name: "LOGIN", NewServer: func(context.Context, *sasl.Conn, sasl.Directory) (sasl.Server, error) {
		return &prompter{prompts: prompts, want: []string{username, password}}, nil
	}}
	return sasl.Default().Without("LOGIN").With(server)
}

// A prompter is a server side of LOGIN with prompts of its own.
type prompter struct {
	prompts, want []string
	begun         bool
}

var (
	_ sasl.Server     = (*prompter)(nil)
	_ sasl.Identifier = (*prompter)(nil)
)

func (p *prompter) Next(response []byte) (challenge []byte, done bool, err error) {
	if p.begun {
		if string(response) != p.want[0] {
			return nil, false, errors.Join(sasl.ErrRejected, errors.New("conformance: another answer to a prompt"))
		}
		p.want = p.want[1:]
	}
	p.begun = true
	if len(p.prompts) == 0 {
		return nil, true, nil
	}
	challenge = []byte(p.prompts[0])
	p.prompts = p.prompts[1:]
	return challenge, false, nil
}

func (p *prompter) Identity() (authn, authz string) { return username, "" }
