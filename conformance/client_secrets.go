package conformance

import (
	"context"
	"fmt"

	"github.com/seed-55a66e92/postern/mock"
)

func hiddenSecrets() Case {
	return Case{
		ID:    "C-AUT-18",
		Title: "Logs and errors hold no secret",
		Area:  AreaAuth,
		Refs:  []Ref{{Document: goodPractice, Level: Security}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: nothing is wrong. Then the session fails at each step, from the greeting " +
			"to the end of the message. With a password and with a token, as far as the client can, and " +
			"with all the logging that it has.",
		Pass: "The client comes to an end each time. Neither its log nor its errors, however they are printed, " +
			"hold the secret or half of it: not plain, in base64, in hexadecimal or as a list of numbers.",
		Mutant: "logs the AUTH line",
		Since:  "v0.1.0",
		Client: runHiddenSecrets,
	}
}

// A setback is one way for a session to fail.
type setback struct {
	verb string // at whose reply
	code int    // of the reply, 0 for none
	do   []mock.Action
}

func setbacks() []setback {
	refuse := func(verb string, code int, enhanced, text string) setback {
		return setback{verb, code, []mock.Action{mock.Reply(code, enhanced, text)}}
	}
	return []setback{
		refuse("CONNECT", 554, "5.3.2", "No service"),
		refuse("EHLO", 550, "5.7.1", "Go away"),
		refuse("STARTTLS", 454, "4.7.0", "No TLS today"),
		refuse("AUTH", 535, "5.7.8", "Credentials refused"),
		refuse("AUTH", 454, "4.7.0", "Try again later"),
		{"AUTH", 334, []mock.Action{mock.Reply(334, "", "!!! not base64 !!!")}},
		{"AUTH", 0, []mock.Action{mock.Raw([]byte("this is no reply\r\n")), mock.Drop()}},
		{"AUTH", 0, []mock.Action{mock.Drop()}},
		refuse("MAIL", 550, "5.7.1", "Not you"),
		refuse("RCPT", 550, "5.1.1", "No such user"),
		refuse("DATA", 451, "4.3.0", "Not now"),
		refuse("EOD", 554, "5.6.0", "Not this message"),
	}
}

func runHiddenSecrets(ctx context.Context, b *ClientBench) Verdict {
	tested := false
	var lacking Verdict
	for _, scene := range []Scene{{Password: b.Secret(secretLen)}, {Token: b.Secret(secretLen)}} {
		control := b.Try(ctx, scene)
		if control.Answer.unsupported() {
			lacking = b.lacking(control.Answer.Err)
			continue
		}
		if v, ok := control.control(); !ok {
			return v
		}
		if v := b.judgeLeak(control); v.Outcome != Pass {
			return v
		}
		if v := b.runSetbacks(ctx, scene); v.Outcome != Pass {
			return v
		}
		tested = true
	}
	if !tested {
		return lacking
	}
	return pass()
}

// runSetbacks lets a session fail at each step.
func (b *ClientBench) runSetbacks(ctx context.Context, scene Scene) Verdict {
	for _, s := range setbacks() {
		scene.Server.Faults = []mock.Fault{mock.At(s.verb).Do(s.do...)}
		t := b.Try(ctx, scene)
		t.fault = s.verb
		switch {
		case !t.answered(s.verb, s.code):
			return t.notReached("the reply to " + s.verb)
		case t.Crash != "":
			return t.fail("an end", t.said())
		}
		if v := b.judgeLeak(t); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

// judgeLeak looks for secrets in all that the client told.
func (b *ClientBench) judgeLeak(t *Trial) Verdict {
	if form := b.secrets.find(t.Log); form != "" {
		return t.fail("a log without secrets", fmt.Sprintf("a secret, %s, in the log", form))
	}
	if t.Answer.Err == nil {
		return pass()
	}
	for _, text := range errorForms(t.Answer.Err) {
		if form := b.secrets.find(text); form != "" {
			return t.fail("an error without secrets", fmt.Sprintf("a secret, %s, in the error: %s", form, text))
		}
	}
	return pass()
}
