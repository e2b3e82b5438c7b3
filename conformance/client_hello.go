package conformance

import (
	"context"

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
