package conformance

import (
	"context"
	"errors"

	"github.com/seed-55a66e92/postern/sasl"
)

func cancelled() Case {
	return Case{
		ID:    "M-GEN-11",
		Title: "The end of the context ends what waits for it",
		Area:  AreaMechanisms,
		Refs:  []Ref{{Document: goodPractice, Level: Security}},
		Needs: []Need{NeedExchange},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Then the source of the password or the token waits until its context ends, and " +
			"so does the directory of the server; the context of the exchange ends while they wait.",
		Pass:      "NewClient, or Next of the server, returns an error; one that is the context's, or else the outcome is warn.",
		Mutant:    "fetches the password under a context of its own",
		Since:     "v0.1.0",
		Mechanism: runCancelled,
	}
}

func runCancelled(ctx context.Context, b *MechanismBench) Verdict {
	x, v, ok := b.control(ctx)
	if !ok {
		return v
	}
	asked := false
	if b.target.Mechanism.NewClient != nil && b.secret != "" {
		waited, v := b.cancelClient(ctx)
		if v.Outcome != Pass {
			return v
		}
		asked = asked || waited
	}
	if b.target.Mechanism.NewServer != nil && b.target.Directory == nil {
		waited, v := b.cancelServer(ctx, x)
		if v.Outcome != Pass {
			return v
		}
		asked = asked || waited
	}
	if !asked {
		return skipped("the mechanism asks for nothing that takes time")
	}
	return pass()
}

// A waitingSource hands out no secret, and no token, until its context ends, or the
// case does.
type waitingSource struct {
	asked chan struct{} // receives once it is
	over  <-chan struct{}
}

func (s waitingSource) password(ctx context.Context) (sasl.Secret, error) {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	select {
	case <-ctx.Done():
	case <-s.over:
	}
	return sasl.Secret{}, cmpErr(ctx.Err(), context.Canceled)
}

// Token implements [sasl.TokenGenerator].
func (s waitingSource) Token(ctx context.Context, _ sasl.TokenRequest) (sasl.Token, error) {
	_, err := s.password(ctx)
	return sasl.Token{}, err
}

func (b *MechanismBench) cancelClient(ctx context.Context) (waited bool, _ Verdict) {
	source := waitingSource{make(chan struct{}, 1), ctx.Done()}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := *b.right
	if c.Password != nil {
		c.Password = source.password
	} else {
		c.Token = source
	}
	calling, stop := context.WithCancel(ctx) // of the exchange; that of the guard lives on
	defer stop()
	go func() {
		select {
		case <-source.asked:
			stop()
		case <-ctx.Done():
		}
	}()
	m := b.target.Mechanism
	err, crashed := guarded(ctx, b, "NewClient, whose context has ended,", func() error {
		_, err := m.NewClient(calling, b.conn, &c)
		return err
	})
	switch {
	case crashed != nil:
		return true, Verdict{}
	case calling.Err() == nil:
		return false, pass()
	}
	return true, b.endedByContext("NewClient", err)
}

func (b *MechanismBench) cancelServer(ctx context.Context, x *meeting) (waited bool, _ Verdict) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	calling, stop := context.WithCancel(ctx)
	defer stop()
	d := b.account()
	d.block, d.asked = true, make(chan struct{}, 1)
	go func() {
		select {
		case <-d.asked:
			stop()
		case <-ctx.Done():
		}
	}()
	s, err := b.newServer(calling, b.target.Mechanism.NewServer, serverSide(b.conn), d)
	if err != nil {
		return false, pass()
	}
	s.ctx = ctx
	for _, message := range append([][]byte{x.start.initial}, x.responses...) {
		r := s.next(message)
		if b.crash() != "" {
			return true, Verdict{}
		}
		if calling.Err() != nil {
			return true, b.afterContext(s, r)
		}
		if r.err != nil || r.done {
			break
		}
	}
	return false, pass()
}

// afterContext judges what a server does whose context has ended: it may tell the
// client of an error first.
func (b *MechanismBench) afterContext(s *serverParty, r step) Verdict {
	for range 2 {
		if r.err == nil && !r.done {
			r = s.next([]byte{})
		}
	}
	switch {
	case r.done:
		return failed(nil, "an error of the server, for its context has ended", "success")
	case r.err == nil:
		return failed(nil, "an error of the server, for its context has ended", "one challenge after the other")
	}
	return pass()
}

func (b *MechanismBench) endedByContext(what string, err error) Verdict {
	if err == nil {
		return failed(nil, "an error of "+what+", for its context has ended", "none")
	}
	if !errors.Is(err, context.Canceled) {
		v := failed(nil, "an error that is the context's", b.text(err))
		v.Outcome = Warn
		return v
	}
	return pass()
}
