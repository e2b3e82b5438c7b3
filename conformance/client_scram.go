package conformance

import (
	"context"
	"fmt"

	"github.com/seed-55a66e92/postern/mock"
)

func earlySuccess() Case {
	return Case{
		ID:    "C-AUT-12",
		Title: "SCRAM is no success until the server has proved itself",
		Area:  AreaMechanisms,
		Refs:  []Ref{{RFC: 5802, Section: "5", Level: Must}, {RFC: 7677, Section: "4", Level: Security}},
		Needs: []Need{NeedTLS, NeedAuth, NeedMechanism("SCRAM-SHA-256")},
		Tiers: []Tier{Passive},
		Procedure: "Control: a whole exchange. Then the server, which does not know the password, says 235 at once, " +
			"and then in answer to the client's proof, without a proof of its own.",
		Pass:   "No MAIL, and the client reports a failure, each time.",
		Mutant: "believes the 235",
		Since:  "v0.1.0",
		Client: runEarlySuccess,
	}
}

func runEarlySuccess(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Mechanism: "SCRAM-SHA-256", Password: b.Secret(secretLen)}
	control := b.Try(ctx, scene)
	if control.Answer.unsupported() {
		return b.lacking(control.Answer.Err)
	}
	if v, ok := control.control(); !ok {
		return v
	}
	proof := answerToProof(control)
	if proof == "" {
		return control.notReached("the proof of the server")
	}
	for _, point := range []string{"AUTH", proof} {
		scene.Server.Faults = []mock.Fault{mock.At(point).Do(mock.Reply(235, "2.7.0", "Welcome"))}
		if v := judgeClosed(b.Try(ctx, scene), point, 235, signIns()...); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

// answerToProof returns the point at which the server answers the client's proof:
// the response before the last, for the last one is the empty line that takes the
// server's proof. Whether the first message was on the AUTH line changes the count.
func answerToProof(t *Trial) string {
	last := 0
	for _, session := range t.Sessions {
		for _, c := range session.Commands {
			n := 0
			if _, err := fmt.Sscanf(c.Verb, "AUTH/%d", &n); err == nil && c.Code == 235 {
				last = n
			}
		}
	}
	if last < 3 {
		return ""
	}
	return fmt.Sprintf("AUTH/%d", last-1)
}
