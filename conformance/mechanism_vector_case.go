package conformance

import (
	"bytes"
	"context"
	"fmt"

	"github.com/seed-55a66e92/postern/sasl"
)

func targetVectors() Case {
	return Case{
		ID:    "M-VEC-01",
		Title: "Messages are those of the target's vectors",
		Area:  AreaMechanisms,
		Refs:  []Ref{{Document: "the vectors of the target", Level: LowerMust}},
		Needs: []Need{NeedVectors},
		Tiers: []Tier{Passive},
		Procedure: "Each vector of MechanismTarget.Vectors. To a client, the suite says what the server says; to a " +
			"server, what the client says, as long as its challenges are those of the vector.",
		Pass: "What the side under test says is equal, octet for octet, and the exchange ends as the vector has it: " +
			"in success, in a refusal by the server, or in an error of the client.",
		Mutant:    "a digest in capital letters",
		Since:     "v0.1.0",
		Mechanism: runTargetVectors,
	}
}

func runTargetVectors(ctx context.Context, b *MechanismBench) Verdict {
	return b.runVectors(ctx, b.target.Vectors, false)
}

// runVectors runs vectors against both sides of the mechanism. Those in public show
// what was said; of others, a verdict tells only where they differ.
func (b *MechanismBench) runVectors(ctx context.Context, vectors []MechanismVector, public bool) Verdict {
	tried, fixed := 0, 0
	for _, v := range vectors {
		m := b.target.Mechanism
		if v.Nonce != "" {
			if b.target.Nonce == nil {
				fixed++
				continue
			}
			m = b.target.Nonce(v.Nonce)
		}
		if !public {
			b.learn(v.secret())
		}
		if v.Kind != BadClientVector && m.NewClient != nil {
			tried++
			if verdict := b.clientVector(ctx, m, v, public); verdict.Outcome != Pass {
				return verdict
			}
		}
		if v.Kind != BadServerVector && m.NewServer != nil {
			judged, verdict := b.serverVector(ctx, m, v)
			if verdict.Outcome != Pass {
				return verdict
			}
			if judged {
				tried++
			}
		}
	}
	switch {
	case tried > 0:
		return pass()
	case fixed > 0:
		return skipped("the nonce of the client cannot be chosen: see MechanismTarget.Nonce")
	}
	return skipped("no vector is for the sides that the mechanism has")
}

// vectorConn is the connection of a vector.
func (b *MechanismBench) vectorConn(v MechanismVector) *sasl.Conn {
	conn := *b.conn
	if v.Host != "" || v.Port != 0 {
		conn.Host, conn.Port = v.Host, v.Port
	}
	return &conn
}

func (b *MechanismBench) clientVector(ctx context.Context, m sasl.Mechanism, v MechanismVector, public bool) Verdict {
	where := fmt.Sprintf("%q", v.Name)
	c, err := b.newClient(ctx, m, b.vectorConn(v), v.login().credentials(v.takes()))
	if err != nil {
		return failed(nil, "the client's side of "+where, b.text(err))
	}
	begun := c.start()
	if begun.err != nil {
		return failed(nil, "the client's side of "+where, b.text(begun.err))
	}
	said := begun.initial
	for i, s := range v.Steps {
		if s.From == FromClient {
			if said == nil || !bytes.Equal(said, s.octets()) {
				return failed(nil, fmt.Sprintf("step %d of %s: %s", i+1, where, shownMessage(s.octets(), public)),
					b.difference(said, s.octets(), public))
			}
			continue
		}
		if i == 0 && said != nil {
			return failed(nil, fmt.Sprintf("no initial response in %s: the server speaks first", where), shownMessage(said, public))
		}
		last := i == len(v.Steps)-1
		said, err = c.next(s.octets())
		switch {
		case err != nil && last && v.Kind == BadServerVector:
			return pass()
		case err != nil:
			return failed(nil, fmt.Sprintf("an answer to step %d of %s", i+1, where), b.text(err))
		case said == nil:
			said = []byte{}
		}
	}
	err = c.finish(nil)
	switch {
	case v.Kind == BadServerVector && err == nil:
		return failed(nil, "an error in "+where+", in which the server is wrong", "success")
	case v.Kind == GoodVector && err != nil:
		return failed(nil, "success at the end of "+where, b.text(err))
	}
	return pass()
}

// serverVector says what the client of a vector says. It judges nothing more when a
// challenge is not that of the vector, which most servers make up anew.
func (b *MechanismBench) serverVector(ctx context.Context, m sasl.Mechanism, v MechanismVector) (judged bool, _ Verdict) {
	d := b.target.Directory
	if d == nil {
		d = &oneAccount{user: v.Username, acts: v.AuthzID, secret: sasl.NewSecret(v.secret()), guests: true}
	}
	s, err := b.newServer(ctx, m.NewServer, serverSide(b.vectorConn(v)), d)
	if err != nil {
		return true, failed(nil, fmt.Sprintf("the server's side of %q", v.Name), b.text(err))
	}
	steps := v.Steps
	var response []byte
	if steps[0].From == FromClient {
		response, steps = steps[0].octets(), steps[1:]
	}
	for {
		r := s.next(response)
		switch {
		case r.err != nil && v.Kind == BadClientVector:
			return true, pass()
		case r.err != nil:
			return true, failed(nil, fmt.Sprintf("success in %q", v.Name), b.text(r.err))
		case r.done && v.Kind == BadClientVector:
			return true, failed(nil, fmt.Sprintf("a refusal in %q, in which the client is wrong", v.Name), "success")
		case r.done && len(steps) > 0:
			return true, failed(nil, fmt.Sprintf("%d more steps in %q", len(steps), v.Name), "success")
		case r.done:
			return true, pass()
		case len(steps) < 2 || v.Kind == GoodVector && !bytes.Equal(r.challenge, steps[0].octets()):
			return false, pass()
		}
		response, steps = steps[1].octets(), steps[2:]
	}
}

func shownMessage(message []byte, public bool) string {
	switch {
	case message == nil:
		return "no message"
	case public:
		return fmt.Sprintf("%q", message)
	}
	return fmt.Sprintf("%d octets", len(message))
}

// difference says how a message is not the one wanted.
func (b *MechanismBench) difference(got, want []byte, public bool) string {
	if got == nil {
		return "no message"
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	return fmt.Sprintf("%s; the first octet that differs is number %d", shownMessage(got, public), at+1)
}
