package conformance

import (
	"context"
	"fmt"

	"github.com/seed-55a66e92/postern/mock"
)

func strippedSTARTTLS() Case {
	return Case{
		ID:        "C-TLS-01",
		Title:     "No sign-in without STARTTLS if TLS is required",
		Area:      AreaTLS,
		Refs:      []Ref{{RFC: 3207, Section: "6", Level: Must}},
		Needs:     []Need{NeedTLS, NeedAuth},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a server that offers STARTTLS. Then one that does not, and offers AUTH in clear.",
		Pass:      "Neither AUTH nor MAIL is sent, nor anything else that the server could want to know, and the client reports a failure.",
		Mutant:    "goes on in clear",
		Since:     "v0.1.0",
		Client:    runStrippedSTARTTLS,
	}
}

func runStrippedSTARTTLS(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{TLS: STARTTLSRequired})
	if !ok {
		return v
	}
	scene.Server.TLS = mock.NoTLS
	scene.Server.InsecureAuth = true
	return judgeClosed(b.Try(ctx, scene), "EHLO", 250, "STARTTLS")
}

// judgeClosed judges a client that was attacked by the reply to a command and has
// to give up: it may not send anything but harmless commands and those allowed,
// and has to report a failure.
func judgeClosed(t *Trial, verb string, code int, allowed ...string) Verdict {
	t.fault = verb
	allowed = append(allowed, "EHLO", "HELO", "NOOP", "RSET")
	if line, ok := t.beyond(allowed...); ok {
		return t.fail("nothing but QUIT, if anything", line+"; "+t.said())
	}
	if !t.answered(verb, code) {
		return t.notReached("the reply to " + verb)
	}
	if !t.refused() {
		return t.fail("an error", t.said())
	}
	return pass()
}

func badCertificate() Case {
	return Case{
		ID:    "C-TLS-09",
		Title: "No sign-in over TLS with a bad certificate",
		Area:  AreaTLS,
		Refs:  []Ref{{RFC: 4954, Section: "14", Level: MustNot}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: a good certificate. Then one that has expired, one for another name, a " +
			"self-signed one and one of an unknown authority. With STARTTLS and, if the client can, with implicit TLS.",
		Pass:   "The client starts TLS, sends neither AUTH nor MAIL, and reports a failure, each time.",
		Mutant: "does not verify certificates",
		Since:  "v0.1.0",
		Client: runBadCertificate,
	}
}

// badCertificates are those that no client may accept.
func badCertificates() []certificate {
	return []certificate{
		{mock.Expired, "an expired certificate"},
		{mock.WrongName, "a certificate for another name"},
		{mock.SelfSigned, "a self-signed certificate"},
		{mock.UnknownCA, "a certificate of an unknown authority"},
	}
}

type certificate struct {
	kind mock.Certificate
	name string
}

func runBadCertificate(ctx context.Context, b *ClientBench) Verdict {
	return b.eachTLSMode(ctx, func(scene Scene) Verdict {
		for _, bad := range badCertificates() {
			scene.Server.Certificate = bad.kind
			if v := judgeBadCertificate(b.Try(ctx, scene), scene.TLS, bad.name); v.Outcome != Pass {
				return v
			}
		}
		return pass()
	})
}

func judgeBadCertificate(t *Trial, mode TLSMode, name string) Verdict {
	verb, code := "STARTTLS", 220
	if mode == ImplicitTLS {
		verb, code = "CONNECT", 0 // the greeting waits for the handshake
		if len(t.Sessions) > 0 && t.Sessions[0].TLS {
			code = 220
		}
	}
	v := judgeClosed(t, verb, code, "STARTTLS")
	if v.Outcome != Pass {
		v.Reason = fmt.Sprintf("the server showed %s after %s", name, mode)
	}
	return v
}
