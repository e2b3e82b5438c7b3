package conformance

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"math"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

func scramEscapes() Case {
	return scramCase(Case{
		ID:        "M-SCR-07",
		Title:     "Comma and equals sign are escaped, once",
		Refs:      []Ref{{RFC: 5802, Section: "5.1", Level: LowerMust}},
		Procedure: "The user and the authorization identity a,b=c.",
		Pass:      "n=a=2Cb=3Dc and a=a=2Cb=3Dc.",
		Mutant:    "the names as they are",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			if _, v, ok := b.scramControl(ctx); !ok {
				return v
			}
			s := b.begin(ctx, login{"a,b=c", "a,b=c", b.Secret(secretLen)})
			if s.err != nil {
				return failed(nil, "a message", b.text(s.err))
			}
			_, names, _ := strings.Cut(string(s.start.initial), ",")
			names, _, _ = strings.Cut(names, ",r=")
			return b.mustSay("the names", "a=a=2Cb=3Dc,n=a=2Cb=3Dc", []byte(names), nil)
		},
	})
}

func scramNonces() Case {
	return scramCase(Case{
		ID:        "M-SCR-08",
		Title:     "Nonces are new each time, and nobody can guess them",
		Refs:      []Ref{{RFC: 5802, Section: "5.1", Level: LowerMust}, {RFC: 5802, Section: "9", Level: Security}},
		Procedure: "The nonces of 1000 exchanges. How random they are is estimated by how many characters there are in each place.",
		Pass:      "All differ, of printable ASCII without a comma, with at least 64 bits; with fewer than 120 the outcome is warn.",
		Mutant:    "counts",
		Mechanism: runScramNonces,
	})
}

func runScramNonces(ctx context.Context, b *MechanismBench) Verdict {
	l, v, ok := b.scramControl(ctx)
	if !ok {
		return v
	}
	seen := make(map[string]bool)
	var places []map[byte]bool
	for range 1000 {
		t, err := b.talk(ctx, b.conn, l)
		if err != nil {
			return failed(nil, "a client", b.text(err))
		}
		switch {
		case seen[t.nonce]:
			return failed(nil, "1000 nonces", "one that came twice")
		case strings.ContainsFunc(t.nonce, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' }):
			return failed(nil, "a nonce of printable ASCII without a comma", fmt.Sprintf("%q", t.nonce))
		}
		seen[t.nonce] = true
		for i := range len(t.nonce) {
			if i == len(places) {
				places = append(places, make(map[byte]bool))
			}
			places[i][t.nonce[i]] = true
		}
	}
	bits := 0.0
	for _, characters := range places {
		bits += math.Log2(float64(len(characters)))
	}
	v = failed(nil, "nonces of at least 120 bits", "fewer")
	switch {
	case bits < 64:
		return v
	case bits < 120:
		return asWarning(v)
	}
	return pass()
}

func scramFlag() Case {
	return scramCase(Case{
		ID:    "M-SCR-09",
		Title: "The flag of channel binding says what is true",
		Refs:  []Ref{{RFC: 5802, Section: "6", Level: Must}},
		Procedure: "Exchanges with and without TLS, on servers that offer the mechanism with -PLUS and that do not. Whether " +
			"a client without -PLUS could bind, MechanismTarget.Plus tells.",
		Pass: "p under the name with -PLUS, which does not run without TLS. Under the other name: y if the client can " +
			"bind and the server does not offer to, and n otherwise; y where it cannot bind is a warn.",
		Mutant:    "n, always",
		Mechanism: runScramFlag,
	})
}

func runScramFlag(ctx context.Context, b *MechanismBench) Verdict {
	l, v, ok := b.scramControl(ctx)
	if !ok {
		return v
	}
	bare, plus := strings.CutSuffix(b.target.Mechanism.Name, plusSuffix)
	if plus {
		return b.plusFlag(ctx, l)
	}
	var warning Verdict
	for _, secure := range []bool{false, true} {
		for _, offered := range []bool{false, true} {
			conn := *b.conn
			if !secure {
				conn = *b.clearConn()
			}
			conn.Offered = []string{bare}
			if offered {
				conn.Offered = append(conn.Offered, bare+plusSuffix)
			}
			t, err := b.talk(ctx, &conn, l)
			if err != nil {
				return failed(nil, "a message", b.text(err))
			}
			want := "n"
			if b.target.Plus && secure && !offered {
				want = "y"
			}
			situation := fmt.Sprintf("the flag %s (TLS: %t, -PLUS offered: %t, the client can bind: %t)", want, secure, offered, b.target.Plus)
			switch {
			case t.flag == want:
			case t.flag == "y" && !offered: // it claims more than it can
				warning = asWarning(failed(nil, situation, "y"))
			default:
				return failed(nil, situation, fmt.Sprintf("%.20q", t.flag))
			}
		}
	}
	if warning.Outcome != "" {
		return warning
	}
	return pass()
}

// plusFlag judges a mechanism with -PLUS.
func (b *MechanismBench) plusFlag(ctx context.Context, l login) Verdict {
	t, err := b.talk(ctx, b.conn, l)
	if err != nil {
		return failed(nil, "a message", b.text(err))
	}
	if !strings.HasPrefix(t.flag, "p=") || t.flag == "p=" {
		return failed(nil, "the flag p and the name of a channel binding", fmt.Sprintf("%.20q", t.flag))
	}
	if t, err := b.talk(ctx, b.clearConn(), l); err == nil {
		return failed(nil, "an error without TLS", fmt.Sprintf("the flag %.20q", t.flag))
	}
	return pass()
}

func scramBinding() Case {
	return scramCase(Case{
		ID:    "M-SCR-10",
		Title: "The binding is that of the TLS connection",
		Refs: []Ref{
			{RFC: 9266, Section: "2", Level: Must},
			{RFC: 5929, Section: "3", Level: Must},
			{RFC: 7677, Section: "4", Level: Must},
		},
		Procedure: "TLS 1.3 and TLS 1.2 with extended master secret, of handshakes in memory. The suite takes the data of the " +
			"binding that the client names from the other side.",
		Pass: "c= holds exactly that data, and with TLS 1.3 it is not tls-unique; with TLS 1.2 the client may refuse to " +
			"run.",
		Mutant:    "exports without a context, which is not an empty one in TLS 1.2",
		Mechanism: runScramBinding,
	})
}

func runScramBinding(ctx context.Context, b *MechanismBench) Verdict {
	if !strings.HasSuffix(b.target.Mechanism.Name, plusSuffix) {
		return skipped("no-capability: the mechanism is without -PLUS")
	}
	l, v, ok := b.scramControl(ctx)
	if !ok {
		return v
	}
	for _, version := range []uint16{tls.VersionTLS13, tls.VersionTLS12} {
		state, err := handshake(ctx, version)
		if err != nil {
			return Verdict{Outcome: Error, Reason: err.Error()}
		}
		conn := b.secureConn(state)
		t, err := b.talk(ctx, conn, l)
		if err != nil && version == tls.VersionTLS12 {
			continue
		}
		if err != nil {
			return failed(nil, "a message", b.text(err))
		}
		if t.flag == "p=tls-unique" && version == tls.VersionTLS13 {
			return failed(nil, "another binding than tls-unique, which TLS 1.3 does not have", t.flag)
		}
		if err := b.signedIn(ctx, conn, l, "", ""); err != nil {
			return failed(nil, fmt.Sprintf("the data of %.40q in %s", t.flag, tls.VersionName(version)), b.text(err))
		}
	}
	return pass()
}

func scramHeader() Case {
	return scramCase(Case{
		ID:    "M-SCR-11",
		Title: "c= repeats the header of the first message, whatever it was",
		Refs: []Ref{
			{RFC: 5802, Section: "5.1", Level: Must},
			{RFC: 5802, Section: "7", Level: Must},
		},
		Procedure: "Exchanges with and without an authorization identity, with and without TLS.",
		Pass:      "c= is the GS2 header as it was sent, with the data of the channel binding behind it, in base64.",
		Mutant:    "the header without the authorization identity",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			l, v, ok := b.scramControl(ctx)
			if !ok {
				return v
			}
			conns := []*sasl.Conn{b.conn}
			if !b.target.Mechanism.Traits.Has(sasl.Binds) {
				conns = append(conns, b.clearConn())
			}
			for _, conn := range conns {
				for _, authz := range []string{"", "other@client.test"} {
					l.authz = authz
					if _, _, err := b.proved(ctx, conn, l, ""); err != nil {
						return failed(nil, fmt.Sprintf("the header as it was sent (authorization identity: %q)", authz), b.text(err))
					}
				}
			}
			return pass()
		},
	})
}

func scramMalformed() Case {
	return scramCase(Case{
		ID:    "M-SCR-12",
		Title: "A malformed first message of the server is an error",
		Refs:  []Ref{{RFC: 5802, Section: "7", Level: Must}},
		Procedure: "Control: a sign-in. Then server-first-message without one of its attributes, in another order, with a " +
			"salt that is empty or no base64, with a space in the nonce, and pieces of it.",
		Pass: "An error, and no proof. For an empty salt and for a space in the nonce, the outcome is warn otherwise.",

		Mutant:    "takes the attributes in any order",
		Mechanism: runScramMalformed,
	})
}

func runScramMalformed(ctx context.Context, b *MechanismBench) Verdict {
	l, v, ok := b.scramControl(ctx)
	if !ok {
		return v
	}
	for _, form := range []string{
		"s={s},i=4096", "r={r},i=4096", "r={r},s={s}", "s={s},r={r},i=4096", "r={r},i=4096,s={s}", "i=4096,s={s},r={r}",
		"r={r},s=%%%%,i=4096", "r={r},s=A,i=4096", "r={r}", "r={r},", "r={r},,", "r={r},s={s},", ",", "",
		"{r},{s},4096", "r={r};s={s};i=4096", "R={r},S={s},I=4096",
	} {
		if v := b.malformed(ctx, l, form); v.Outcome != Pass {
			return v
		}
	}
	for _, form := range []string{"r={r},s=,i=4096", "r={r} r,s={s},i=4096"} {
		if v := b.malformed(ctx, l, form); v.Outcome != Pass {
			return asWarning(v)
		}
	}
	return pass()
}

// malformed gives the client a server-first-message of that form, in which {r} and {s}
// stand for the nonce and the salt.
func (b *MechanismBench) malformed(ctx context.Context, l login, form string) Verdict {
	t, err := b.talk(ctx, b.conn, l)
	if err != nil {
		return failed(nil, "a client", b.text(err))
	}
	salt := base64.StdEncoding.EncodeToString(scramSalt)
	message := strings.NewReplacer("{r}", t.nonce+"server", "{s}", salt).Replace(form)
	if answer, err := t.hear(message); err == nil && strings.Contains(answer, "p=") {
		return failed(nil, fmt.Sprintf("an error for %q", form), "a proof")
	}
	return pass()
}

func scramPrepared() Case {
	return scramCase(Case{
		ID:    "M-SCR-13",
		Title: "Names and passwords are prepared by SASLprep",
		Refs: []Ref{
			{RFC: 5802, Section: "2.2", Level: Must},
			{RFC: 4013, Section: "3", Level: Must},
		},
		Procedure: "Control: a sign-in. Then passwords that SASLprep changes: with U+00AD, which it drops, and with U+2168, " +
			"which it spells out, as in the examples of RFC 4013.",
		Pass: "The proof is that of the prepared password, or nothing is sent: a client may be for ASCII alone. What " +
			"SASLprep does not allow is not judged.",
		Mutant:    "computes with the octets as they are",
		Mechanism: runScramPrepared,
	})
}

func runScramPrepared(ctx context.Context, b *MechanismBench) Verdict {
	l, v, ok := b.scramControl(ctx)
	if !ok {
		return v
	}
	secret := b.Secret(secretLen)
	for given, prepared := range inOrder(map[string]string{"I\u00adX": "IX", "\u2168": "IX", "\u00aa": "a"}) {
		l.secret = given + secret
		t, err := b.talk(ctx, b.conn, l)
		if err != nil {
			continue // for ASCII alone
		}
		t.password = prepared + secret
		final, err := t.hear(t.first(""))
		if err != nil {
			continue
		}
		data, err := t.data(b.conn)
		if err != nil {
			return Verdict{Outcome: Error, Reason: err.Error()}
		}
		if _, err := t.check(final, data); err != nil {
			return failed(nil, fmt.Sprintf("the proof of the password %+q as SASLprep has it", given), b.text(err))
		}
	}
	return pass()
}
