package conformance

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-55a66e92/postern/sasl"
)

// Probe says messages to the mechanism that it does not expect, one after the other,
// in place of each message of a right exchange: to its client side as challenges, to
// its server side as responses. The error says what it does that it must not, however
// strange the messages are: a panic, a call that does not return within 10 s, a secret
// in an error or in what fmt, slog or encoding/json print of it, and, if its Traits
// have Mutual, success. It is the property of a fuzz test:
//
//	func FuzzMechanism(f *testing.F) {
//		f.Add([]byte("r=x,s=,i=0"))
//		f.Fuzz(func(t *testing.T, message []byte) {
//			if err := target.Probe(t.Context(), message); err != nil {
//				t.Fatal(err)
//			}
//		})
//	}
//
// A mechanism that cannot sign in to begin with is an error, too.
func (t MechanismTarget) Probe(ctx context.Context, messages ...[]byte) error {
	if err := t.check(); err != nil {
		return err
	}
	c := Case{ID: "X-probe", Needs: []Need{NeedExchange}, Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
		return b.probe(ctx, messages)
	}}
	v := newMechanismBench(t, c, defaultTimeout).judge(ctx)
	switch v.Outcome {
	case Pass:
		return nil
	case Fail:
		return fmt.Errorf("conformance: %s: want %s, got %s", t.name(), v.Want, v.Got)
	}
	return fmt.Errorf("conformance: %s: %s: %s", t.name(), v.Reason, v.Got)
}

func (b *MechanismBench) probe(ctx context.Context, messages [][]byte) Verdict {
	x, v, ok := b.signInRight(ctx)
	if !ok {
		if v.Outcome == Skip {
			v.Outcome = Inconclusive
		}
		return v
	}
	if b.target.Mechanism.NewClient != nil {
		for answered := range len(x.challenges) + 1 {
			if v := b.probeClient(ctx, answered, answered < len(x.challenges), messages); v.Outcome != Pass {
				return v
			}
		}
	}
	if b.target.Mechanism.NewServer == nil {
		return pass()
	}
	right := append([][]byte{x.start.initial}, x.responses...)
	for heard := range right {
		if v := b.probeServer(ctx, right[:heard], messages); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

// probeClient says messages to a client that has answered that many challenges. Early
// means that a right server has not said everything by then.
func (b *MechanismBench) probeClient(ctx context.Context, answered int, early bool, messages [][]byte) Verdict {
	x, ok := b.upTo(ctx, answered)
	if !ok {
		return Verdict{Outcome: Inconclusive, Reason: "a second exchange did not get as far as the first one"}
	}
	when := fmt.Sprintf("after %d challenges", answered)
	var said error
	for _, message := range messages {
		_, err := x.c.next(message)
		if v := b.scanAll(ctx, x, when, err, x.c.client); v.Outcome != Pass {
			return v
		}
		said = cmpErr(said, err)
	}
	refused := x.c.finish(errRefused)
	if refused == nil {
		return failed(x, "an error for a refusal", "success "+when)
	}
	if v := b.scanAll(ctx, x, when, refused); v.Outcome != Pass {
		return v
	}
	if early && said == nil && b.target.Mechanism.Traits.Has(sasl.Mutual) {
		return b.probeFinish(ctx, answered, messages)
	}
	return pass()
}

// probeFinish reports success to a client that has not seen the server prove itself.
func (b *MechanismBench) probeFinish(ctx context.Context, answered int, messages [][]byte) Verdict {
	x, ok := b.upTo(ctx, answered)
	if !ok {
		return Verdict{Outcome: Inconclusive, Reason: "a second exchange did not get as far as the first one"}
	}
	for _, message := range messages {
		if _, err := x.c.next(message); err != nil {
			return pass()
		}
	}
	if x.c.finish(nil) == nil {
		return failed(x, "no success without the proof of the server", fmt.Sprintf("success after %d right challenges", answered))
	}
	return pass()
}

func (b *MechanismBench) probeServer(ctx context.Context, before, messages [][]byte) Verdict {
	s, err := b.newServer(ctx, b.target.Mechanism.NewServer, serverSide(b.conn), b.directory())
	if err != nil {
		return Verdict{Outcome: Inconclusive, Reason: "there is no second server: " + b.text(err)}
	}
	for _, message := range before {
		if r := s.next(message); r.err != nil || r.done {
			return pass() // it expects something else this time
		}
	}
	for _, message := range messages {
		r := s.next(message)
		if v := b.scanAll(ctx, nil, fmt.Sprintf("after %d responses", len(before)), r.err, s.server); v.Outcome != Pass {
			return v
		}
		if r.err != nil || r.done {
			break
		}
	}
	return pass()
}

// scanAll looks for secrets in each value. A crash is found by judge.
func (b *MechanismBench) scanAll(ctx context.Context, x *meeting, when string, values ...any) Verdict {
	if b.opaque {
		return Verdict{Outcome: Inconclusive, Reason: "a secret of fewer than 16 octets cannot be told from other text"}
	}
	for _, value := range values {
		if err, ok := value.(error); ok && errors.Is(err, errCrash) {
			return Verdict{}
		}
		if v := b.scan(ctx, x, when, value); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}
