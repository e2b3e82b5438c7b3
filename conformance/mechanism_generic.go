package conformance

import (
	"context"
	"fmt"
	"regexp"
	"sync"
)

func mechanismName() Case {
	return Case{
		ID:        "M-GEN-01",
		Title:     "The name is well-formed, and always the same",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 4422, Section: "3.1", Level: Must}},
		Needs:     []Need{NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Two exchanges are started.",
		Pass:      "Start returns Mechanism.Name, which is 1 to 20 of A-Z, 0-9, hyphen and underscore.",
		Mutant:    "starts under its name in small letters",
		Since:     "v0.1.0",
		Mechanism: runMechanismName,
	}
}

var nameForm = regexp.MustCompile(`^[A-Z0-9_-]{1,20}$`)

func runMechanismName(ctx context.Context, b *MechanismBench) Verdict {
	name := b.target.Mechanism.Name
	if !nameForm.MatchString(name) {
		return failed(nil, "1 to 20 of A-Z, 0-9, hyphen and underscore", fmt.Sprintf("%.40q", name))
	}
	for range 2 {
		c, err := b.newClient(ctx, b.target.Mechanism, b.conn, b.right)
		if err != nil {
			return Verdict{Outcome: Inconclusive, Reason: "no exchange could be started: " + b.text(err)}
		}
		switch begun := c.start(); {
		case begun.err != nil:
			return Verdict{Outcome: Inconclusive, Reason: "no exchange could be started: " + b.text(begun.err)}
		case begun.name != name:
			return failed(nil, fmt.Sprintf("Start returns the name %q", name), b.words(fmt.Sprintf("%.40q", begun.name), "another name"))
		}
	}
	return pass()
}

func freshExchanges() Case {
	return Case{
		ID:    "M-GEN-02",
		Title: "Every exchange has a state of its own",
		Area:  AreaMechanisms,
		Refs:  []Ref{{RFC: 4422, Section: "3", Level: LowerMust}},
		Needs: []Need{NeedClientSide},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Then two exchanges, message by message in turn, and if both succeed, eight of " +
			"them at once: run it under the race detector.",
		Pass:      "All of them succeed.",
		Mutant:    "one client for all exchanges",
		Since:     "v0.1.0",
		Mechanism: runFreshExchanges,
	}
}

func runFreshExchanges(ctx context.Context, b *MechanismBench) Verdict {
	if v, ok := b.Control(ctx); !ok {
		return v
	}
	var pair [2]*meeting
	for i := range pair {
		x, err := b.meet(ctx, b.target.Mechanism, b.server(), pairing{})
		if err != nil {
			return failed(x, "two exchanges at a time", b.text(err))
		}
		pair[i] = x
	}
	for _, x := range pair {
		x.open()
	}
	for pair[0].running() || pair[1].running() {
		for _, x := range pair {
			if x.running() {
				x.step()
			}
		}
	}
	for i, x := range pair {
		if !x.ok() {
			return failed(x, "success of two exchanges that take turns", fmt.Sprintf("number %d: %s", i+1, b.text(x.trouble())))
		}
	}
	results := make([]*meeting, 8)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = b.signIn(ctx, b.target.Mechanism, b.server(), pairing{}) })
	}
	wg.Wait()
	for _, x := range results {
		if !x.ok() {
			return failed(x, "success of eight exchanges at once", b.text(x.trouble()))
		}
	}
	return pass()
}

func initialResponse() Case {
	return Case{
		ID:    "M-GEN-03",
		Title: "No initial response and an empty one are distinct",
		Area:  AreaMechanisms,
		Refs: []Ref{
			{RFC: 4954, Section: "4", Level: Must},
			{RFC: 4422, Section: "5", Level: Must},
		},
		Needs: []Need{NeedClientSide},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Then the server is asked without an initial response whether it speaks first: " +
			"an empty challenge says that it does not.",
		Pass: "Start returns nil if the server speaks first, and otherwise what is not nil: an initial response that " +
			"is empty is sent as \"=\", and none is not.",
		Mutant:    "nil for an empty initial response",
		AlsoKills: []string{"M-EXT-01"},
		Since:     "v0.1.0",
		Mechanism: runInitialResponse,
	}
}

func runInitialResponse(ctx context.Context, b *MechanismBench) Verdict {
	x, v, ok := b.control(ctx)
	if !ok {
		return v
	}
	s, err := b.newServer(ctx, b.server(), serverSide(b.conn), b.directory())
	if err != nil {
		return Verdict{Outcome: Inconclusive, Reason: "no second server: " + b.text(err)}
	}
	asked := s.next(nil)
	switch {
	case asked.err != nil || asked.done:
		return Verdict{Outcome: Inconclusive, Reason: "the server does not tell who speaks first: " + b.text(asked.err)}
	case len(asked.challenge) > 0 && x.start.initial != nil:
		return failed(x, "nil from Start: the server speaks first, and has to refuse an initial response",
			fmt.Sprintf("an initial response of %d octets", len(x.start.initial)))
	case len(asked.challenge) == 0 && x.start.initial == nil:
		return failed(x, "an initial response that is not nil: the client speaks first", "nil")
	}
	return pass()
}

func afterTheEnd() Case {
	return Case{
		ID:    "M-GEN-04",
		Title: "A challenge after the end is an error",
		Area:  AreaMechanisms,
		Refs:  []Ref{{RFC: 4422, Section: "3.5", Level: LowerMust}},
		Tiers: []Tier{Passive},
		Needs: []Need{NeedExchange},
		Procedure: "Control: a sign-in. Then the client gets challenges, and the server responses, as if it had not " +
			"ended.",
		Pass: "An error, at the third one at the latest, with nothing said before it that tells a secret or that was " +
			"said before; the server reports no second success.",
		Mutant:    "answers once more",
		Since:     "v0.1.0",
		Mechanism: runAfterTheEnd,
	}
}

func runAfterTheEnd(ctx context.Context, b *MechanismBench) Verdict {
	x, v, ok := b.control(ctx)
	if !ok {
		return v
	}
	if b.target.Mechanism.NewServer != nil {
		if v := b.serverAfterTheEnd(ctx, x); v.Outcome != Pass {
			return v
		}
	}
	if b.target.Mechanism.NewClient == nil {
		return pass()
	}
	said := make(map[string]bool)
	for _, message := range x.c.sent {
		said[message] = true
	}
	challenge := []byte("more")
	if len(x.challenges) > 0 {
		challenge = x.challenges[0]
	}
	for range 3 {
		response, err := x.c.next(challenge)
		switch {
		case len(response) > 0 && (said[string(response)] || b.secrets.find(string(response)) != ""):
			return failed(x, "no secret, and no message again, after the end", fmt.Sprintf("a response of %d octets that was said before, or holds a secret", len(response)))
		case err != nil:
			return pass()
		}
		challenge = []byte("more")
	}
	return failed(x, "an error for a challenge after the end", "an answer to each of three")
}

// serverAfterTheEnd goes on with the server of a sign-in.
func (b *MechanismBench) serverAfterTheEnd(ctx context.Context, x *meeting) Verdict {
	client := b.target.Mechanism
	if client.NewClient == nil {
		client, _ = b.reference.Lookup(client.Name)
	}
	own := b.signIn(ctx, client, b.target.Mechanism.NewServer, pairing{})
	if !own.ok() {
		return Verdict{Outcome: Inconclusive, Reason: "the server of the mechanism does not sign in its client: " + b.text(own.trouble())}
	}
	again := own.start.initial
	if n := len(own.responses); n > 0 {
		again = own.responses[n-1]
	}
	for _, response := range [][]byte{again, []byte("more")} {
		if r := own.s.next(response); r.err == nil {
			return failed(x, "an error of the server for a response after the end", "none")
		}
	}
	return pass()
}
