package conformance

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

func externalIdentity() Case {
	return Case{
		ID:        "M-EXT-01",
		Title:     "EXTERNAL says the authorization identity, and nothing if there is none",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 4422, Section: "A.1", Level: Must}},
		Needs:     []Need{NeedMechanism("EXTERNAL"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a sign-in. Then no identity, one outside ASCII, and one with NUL.",
		Pass:      "An initial response that is empty and not nil; the identity; an error.",
		Mutant:    "says the user's name if there is no identity",
		Since:     "v0.1.0",
		Mechanism: runExternalIdentity,
	}
}

func runExternalIdentity(ctx context.Context, b *MechanismBench) Verdict {
	if v, ok := b.Control(ctx); !ok {
		return v
	}
	begin := func(user, authz string) saying {
		c, err := b.newClient(ctx, b.target.Mechanism, b.conn, &sasl.Credentials{Username: user, AuthzID: authz, External: true})
		if err != nil {
			return saying{err: err}
		}
		s := saying{clientParty: c, start: c.start()}
		s.err = s.start.err
		return s
	}
	for _, user := range []string{"", username} {
		s := begin(user, "")
		if v := b.mustSay("the initial response without an identity", "", s.start.initial, s.err); v.Outcome != Pass {
			return v
		}
	}
	s := begin("", "føø@client.test")
	if v := b.mustSay("the initial response", "føø@client.test", s.start.initial, s.err); v.Outcome != Pass {
		return v
	}
	if s := begin("", "a\x00b"); s.err == nil {
		return failed(nil, "an error for an identity with NUL", fmt.Sprintf("%q", s.start.initial))
	}
	return pass()
}

func guestTrace() Case {
	return Case{
		ID:    "M-ANO-01",
		Title: "ANONYMOUS leaves an address or a word, and nothing else",
		Area:  AreaMechanisms,
		Refs: []Ref{
			{RFC: 4505, Section: "2", Level: Must},
			{RFC: 4505, Section: "3", Level: Must},
		},
		Needs: []Need{NeedMechanism("ANONYMOUS"), NeedClientSide},
		Tiers: []Tier{Passive},
		Procedure: "Trace information: none, a word, 255 characters, an address. Then 256 characters, an \"@\" in what is " +
			"no address, NUL, and what is not UTF-8.",
		Pass:      "The first ones are said as they are; the others are errors, and nothing is said.",
		Mutant:    "any trace",
		Since:     "v0.1.0",
		Mechanism: runGuestTrace,
	}
}

func runGuestTrace(ctx context.Context, b *MechanismBench) Verdict {
	if b.target.Trace == nil {
		return skipped("the trace information cannot be chosen: see MechanismTarget.Trace")
	}
	if v, ok := b.Control(ctx); !ok {
		return v
	}
	leave := func(trace string) saying {
		c, err := b.newClient(ctx, b.target.Trace(trace), b.conn, new(sasl.Credentials))
		if err != nil {
			return saying{err: err}
		}
		s := saying{clientParty: c, start: c.start()}
		s.err = s.start.err
		return s
	}
	for _, trace := range []string{"", "sirhc", "gåst", strings.Repeat("é", 255), "sirhc@example.test"} {
		s := leave(trace)
		if v := b.mustSay("the trace information", trace, s.start.initial, s.err); v.Outcome != Pass {
			return v
		}
	}
	for _, trace := range []string{strings.Repeat("a", 256), "a@", "@a", "a b@c@d", "a\x00b", "\xff"} {
		if s := leave(trace); s.err == nil {
			return failed(nil, fmt.Sprintf("an error for the trace information %.40q", trace), "it is said")
		}
	}
	return pass()
}
