package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
)

func silentSecrets() Case {
	return Case{
		ID:    "M-GEN-07",
		Title: "Nothing that can be printed holds a secret",
		Area:  AreaMechanisms,
		Refs:  []Ref{{Document: goodPractice, Level: Security}},
		Needs: []Need{NeedExchange},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Client, server and all of their errors are printed by every verb of fmt, by " +
			"package slog and as JSON: at each step, after a refusal, after a challenge that makes no sense, and after one " +
			"that repeats what the client has said.",
		Pass:      "No secret, nor half of one, in any common encoding.",
		Mutant:    "a client that fmt can look into",
		Since:     "v0.1.0",
		Mechanism: runSilentSecrets,
	}
}

func runSilentSecrets(ctx context.Context, b *MechanismBench) Verdict {
	switch {
	case b.secret == "" && len(b.target.Secrets) == 0:
		return skipped("the mechanism has no secret")
	case b.opaque:
		return Verdict{Outcome: Inconclusive, Reason: "a secret of fewer than 16 octets cannot be told from other text"}
	}
	x, v, ok := b.control(ctx)
	if !ok {
		return v
	}
	if v := b.scanSides(ctx, x, "at the end"); v.Outcome != Pass {
		return v
	}
	if b.target.Mechanism.NewClient != nil {
		for answered := range len(x.challenges) + 1 {
			if v := b.scanClient(ctx, answered); v.Outcome != Pass {
				return v
			}
		}
	}
	if b.wrong == nil {
		return pass()
	}
	client, server := b.target.Mechanism, b.target.Mechanism.NewServer
	if client.NewClient == nil {
		client, _ = b.reference.Lookup(client.Name)
	}
	if server == nil {
		server = b.server()
	}
	refused := b.signIn(ctx, client, server, pairing{credentials: b.wrong})
	return b.scanSides(ctx, refused, "after a refusal")
}

// scanClient looks at a client that has answered that many challenges, and at what
// it says of nonsense.
func (b *MechanismBench) scanClient(ctx context.Context, answered int) Verdict {
	for what, challenge := range inOrder(map[string]func(*meeting) []byte{
		"a challenge that makes no sense": func(*meeting) []byte { return []byte("?makes,no=sense?") },
		"a challenge that repeats what it said": func(x *meeting) []byte {
			if len(x.c.sent) == 0 {
				return []byte("?")
			}
			return []byte(x.c.sent[len(x.c.sent)-1])
		},
	}) {
		x, ok := b.upTo(ctx, answered)
		if !ok {
			return Verdict{Outcome: Inconclusive, Reason: "a second exchange did not get as far as the first one"}
		}
		when := fmt.Sprintf("after %d challenges and %s", answered, what)
		if v := b.scan(ctx, x, when, x.c.client); v.Outcome != Pass {
			return v
		}
		_, err := x.c.next(challenge(x))
		for _, printed := range []any{err, x.c.finish(errRefused), x.c.finish(nil), x.c.client} {
			if v := b.scan(ctx, x, when, printed); v.Outcome != Pass {
				return v
			}
		}
	}
	return pass()
}

// scanSides looks at both sides of an exchange and what they have said, as far as
// they are under test.
func (b *MechanismBench) scanSides(ctx context.Context, x *meeting, when string) Verdict {
	var all []any
	if b.target.Mechanism.NewClient != nil {
		all = append(all, x.client, x.result)
		if x.c != nil {
			all = append(all, x.c.client)
		}
	}
	if b.target.Mechanism.NewServer != nil && x.s != nil {
		all = append(all, x.server, x.s.server)
	}
	for _, printed := range all {
		if v := b.scan(ctx, x, when, printed); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

// scan prints a value in all ways, and looks for secrets.
func (b *MechanismBench) scan(ctx context.Context, x *meeting, when string, value any) Verdict {
	if value == nil {
		return pass()
	}
	values := []any{value}
	if err, ok := value.(error); ok {
		values = nil
		for _, e := range errorTree(err) {
			values = append(values, e)
		}
	}
	for _, v := range values {
		forms, err := guarded(ctx, b, "printing", func() []printedForm { return printedForms(v) })
		if err != nil {
			return Verdict{}
		}
		for _, form := range forms {
			if encoding := b.secrets.find(form.text); encoding != "" {
				return failed(x, "no secret in what is printed", fmt.Sprintf("a secret, %s, in a %T printed by %s, %s", encoding, v, form.how, when))
			}
		}
	}
	return pass()
}

// A printedForm is a text, and how it was made.
type printedForm struct{ how, text string }

// printedForms returns a value as programs print it.
func printedForms(v any) []printedForm {
	var forms []printedForm
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		forms = append(forms, printedForm{verb, fmt.Sprintf(verb, v)}) // fmt survives methods that panic
	}
	var text, object bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", "value", v)
	slog.New(slog.NewJSONHandler(&object, nil)).Info("m", "value", v)
	forms = append(forms, printedForm{"slog, as text", text.String()}, printedForm{"slog, as JSON", object.String()})
	if octets, err := json.Marshal(v); err == nil {
		forms = append(forms, printedForm{"encoding/json", string(octets)})
	}
	return forms
}
