package conformance

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
)

// scramCase fills in what the cases for SCRAM share.
func scramCase(c Case) Case {
	c.Area, c.Tiers, c.Since = AreaMechanisms, []Tier{Passive}, "v0.1.0"
	c.Needs = []Need{NeedMechanism("SCRAM-*"), NeedClientSide}
	return c
}

func scramVectors() Case {
	return scramCase(Case{
		ID:    "M-SCR-01",
		Title: "SCRAM says what the examples of the RFCs say",
		Refs: []Ref{
			{RFC: 5802, Section: "5", Level: Must},
			{RFC: 7677, Section: "3", Level: Must},
		},
		Procedure: "The examples, with their nonces; for SHA-512 one with the inputs of RFC 7677.",
		Pass:      "Both messages are equal, octet for octet, and the signature of the server is taken.",
		Mutant:    "an attribute of its own in the first message",
		Mechanism: runScramVectors,
	})
}

func runScramVectors(ctx context.Context, b *MechanismBench) Verdict {
	const (
		nonce1   = "fyko+d2lbbFgONRv9qkxdawL"
		nonce256 = "rOprNGfwEbeRWgbNEkqO"
		both1    = nonce1 + "3rfcNHYJY1ZVvWVs7j"
		both256  = nonce256 + "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
		salt256  = "W22ZaJ0SNY7soEsUEjb6gQ=="
	)
	vector := func(name, nonce, both, salt, proof, signature string) MechanismVector {
		return MechanismVector{
			Name: name, Kind: GoodVector, Username: "user", Password: "pencil", Nonce: nonce,
			Steps: []VectorStep{
				{From: FromClient, Text: "n,,n=user,r=" + nonce},
				{From: FromServer, Text: "r=" + both + ",s=" + salt + ",i=4096"},
				{From: FromClient, Text: "c=biws,r=" + both + ",p=" + proof},
				{From: FromServer, Text: "v=" + signature},
				{From: FromClient},
			},
		}
	}
	vectors := map[string]MechanismVector{
		"SCRAM-SHA-1": vector("RFC 5802, Section 5", nonce1, both1, "QSXCR+Q6sek8bf92",
			"v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ="),
		"SCRAM-SHA-256": vector("RFC 7677, Section 3", nonce256, both256, salt256,
			"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
		"SCRAM-SHA-512": vector("RFC 7677, Section 3, with SHA-512", nonce256, both256, salt256,
			"gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
			"ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="),
	}
	v, ok := vectors[b.target.Mechanism.Name]
	if !ok {
		return skipped("there is no example of " + b.target.Mechanism.Name)
	}
	b.conn = b.clearConn() // the examples are of clients without channel binding
	return b.runVectors(ctx, []MechanismVector{v}, true)
}

func scramNonce() Case {
	return scramCase(Case{
		ID:    "M-SCR-02",
		Title: "The nonce of the server has to continue the client's",
		Refs:  []Ref{{RFC: 5802, Section: "5.1", Level: Must}},
		Procedure: "Control: a sign-in. Then server-first-message with another nonce, with that of the client alone, with " +
			"less of it, with more in front of it, and with none.",
		Pass:      "An error, and no proof.",
		Mutant:    "does not compare it",
		Mechanism: runScramNonce,
	})
}

func runScramNonce(ctx context.Context, b *MechanismBench) Verdict {
	l, v, ok := b.scramControl(ctx)
	if !ok {
		return v
	}
	salt := base64.StdEncoding.EncodeToString(scramSalt)
	for what, nonce := range inOrder(map[string]func(string) string{
		"another nonce":        func(n string) string { return strings.Repeat("x", len(n)) + "server" },
		"the client's alone":   func(n string) string { return n },
		"less of the client's": func(n string) string { return n[:len(n)-1] },
		"more in front":        func(n string) string { return "x" + n },
		"no nonce":             func(string) string { return "" },
		"one in another case":  swapCase,
		"one that is like it":  func(n string) string { return n[:len(n)-1] + "~server" },
	}) {
		t, err := b.talk(ctx, b.conn, l)
		if err != nil {
			return failed(nil, "a client", b.text(err))
		}
		answer, err := t.hear(t.firstOf(nonce(t.nonce), salt, "4096", ""))
		if err == nil || strings.Contains(answer, "p=") {
			return failed(nil, "an error for "+what, "a proof")
		}
	}
	return pass()
}

// swapCase returns the nonce with the case of its letters changed, and something
// that is none of it if it has none.
func swapCase(n string) string {
	swapped := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, n)
	if swapped == n {
		return "x" + n
	}
	return swapped + "server"
}

func scramSignature() Case {
	return scramCase(Case{
		ID:    "M-SCR-03",
		Title: "No success without the right signature of the server",
		Refs:  []Ref{{RFC: 5802, Section: "5", Level: Must}},
		Procedure: "Control: a sign-in. Then the signature with one bit changed, cut off, of another length, in other " +
			"base64, empty; no server-final-message at all; and after each the protocol reports success.",
		Pass:      "An error.",
		Mutant:    "does not compare it",
		Mechanism: runScramSignature,
	})
}

func runScramSignature(ctx context.Context, b *MechanismBench) Verdict {
	l, v, ok := b.scramControl(ctx)
	if !ok {
		return v
	}
	flipped := func(v string) string {
		octets, _ := base64.StdEncoding.DecodeString(v)
		octets[0] ^= 1
		return base64.StdEncoding.EncodeToString(octets)
	}
	short := func(v string) string {
		octets, _ := base64.StdEncoding.DecodeString(v)
		return base64.StdEncoding.EncodeToString(octets[:8])
	}
	for what, final := range inOrder(map[string]func(string) string{
		"a signature with another bit": func(v string) string { return "v=" + flipped(v) },
		"a piece of the signature":     func(v string) string { return "v=" + short(v) },
		"half of the base64":           func(v string) string { return "v=" + v[:len(v)/2] },
		"an empty signature":           func(string) string { return "v=" },
		"an empty message":             func(string) string { return "" },
		"another attribute":            func(v string) string { return "x=" + v },
		"the signature alone":          func(v string) string { return v },
	}) {
		t, signature, err := b.proved(ctx, b.conn, l, "")
		if err != nil {
			return failed(nil, "a proof", b.text(err))
		}
		if _, err := t.next([]byte(final(signature))); err == nil && t.finish(nil) == nil {
			return failed(nil, "an error for "+what, "success")
		}
	}
	t, _, err := b.proved(ctx, b.conn, l, "")
	if err != nil {
		return failed(nil, "a proof", b.text(err))
	}
	if t.finish(nil) == nil {
		return failed(nil, "an error for success without server-final-message", "success")
	}
	return pass()
}

func scramErrors() Case {
	return scramCase(Case{
		ID:    "M-SCR-04",
		Title: "An error that the server names is one, and is told",
		Refs:  []Ref{{RFC: 5802, Section: "5.1", Level: LowerMust}, {RFC: 5802, Section: "7", Level: LowerMust}},
		Procedure: "Control: a sign-in. Then e= with each value of the RFC and with an unknown one, in place of either " +
			"message of the server; then a refusal, or a success that cannot be.",
		Pass: "An error in the end. In place of the last message, its text has the value, or else the outcome is " +
			"warn.",
		Mutant:    "takes it for a signature that is right",
		Mechanism: runScramErrors,
	})
}

func runScramErrors(ctx context.Context, b *MechanismBench) Verdict {
	l, v, ok := b.scramControl(ctx)
	if !ok {
		return v
	}
	var warning Verdict
	for _, value := range []string{
		"invalid-encoding", "extensions-not-supported", "invalid-proof", "channel-bindings-dont-match",
		"server-does-support-channel-binding", "channel-binding-not-supported", "unsupported-channel-binding-type",
		"unknown-user", "invalid-username-encoding", "no-resources", "other-error", "out-of-the-ordinary",
	} {
		for _, early := range []bool{false, true} {
			for _, verdict := range []error{errRefused, nil} {
				err := b.serverError(ctx, l, value, early, verdict)
				switch {
				case err == nil:
					return failed(nil, "an error after e="+value, "success")
				case verdict != nil && !early && !tells(err, value) && warning.Outcome == "":
					warning = asWarning(failed(nil, "an error that tells "+value, b.text(err)))
				}
			}
		}
	}
	if warning.Outcome != "" {
		return warning
	}
	return pass()
}

// serverError has the server name an error, and returns what the client makes of it.
func (b *MechanismBench) serverError(ctx context.Context, l login, value string, early bool, verdict error) error {
	t, err := b.talk(ctx, b.conn, l)
	if err != nil {
		return err
	}
	if !early {
		if _, err := t.hear(t.first("")); err != nil {
			return err
		}
	}
	if _, err := t.next([]byte("e=" + value)); err != nil {
		return err
	}
	return t.finish(verdict)
}

func scramExtensions() Case {
	return scramCase(Case{
		ID:        "M-SCR-05",
		Title:     "What has to be understood is refused, what has not is ignored",
		Refs:      []Ref{{RFC: 5802, Section: "5.1", Level: Must}},
		Procedure: "Control: a sign-in. Then m= in each place where it may stand, and unknown attributes behind both messages of the server.",
		Pass:      "An error for m=; success with the others, which count in the proof and in the signature.",
		Mutant:    "ignores m=, too",
		Mechanism: runScramExtensions,
	})
}

func runScramExtensions(ctx context.Context, b *MechanismBench) Verdict {
	l, v, ok := b.scramControl(ctx)
	if !ok {
		return v
	}
	if err := b.signedIn(ctx, b.conn, l, ",x=unknown,Y=zz", ",x=unknown"); err != nil {
		return failed(nil, "success with unknown attributes", b.text(err))
	}
	for what, message := range inOrder(map[string]func(*scramTalk) string{
		"m= in front of the nonce":       func(t *scramTalk) string { return "m=must," + t.first("") },
		"m= behind server-first-message": func(t *scramTalk) string { return t.first(",m=must") },
	}) {
		t, err := b.talk(ctx, b.conn, l)
		if err != nil {
			return failed(nil, "a client", b.text(err))
		}
		if answer, err := t.hear(message(t)); err == nil || strings.Contains(answer, "p=") {
			return failed(nil, "an error for "+what, "a proof")
		}
	}
	t, signature, err := b.proved(ctx, b.conn, l, "")
	if err != nil {
		return failed(nil, "a proof", b.text(err))
	}
	if _, err := t.next([]byte("v=" + signature + ",m=must")); err == nil && t.finish(nil) == nil {
		return failed(nil, "an error for m= behind the signature", "success")
	}
	return pass()
}

func scramIterations() Case {
	return scramCase(Case{
		ID:    "M-SCR-06",
		Title: "The server does not decide how long the client computes",
		Refs: []Ref{
			{RFC: 5802, Section: "9", Level: Security},
			{RFC: 7677, Section: "4", Level: Security},
		},
		Procedure: "Control: a sign-in with 4096 iterations. Then 0, -1, 4096x, none, 30,000,000, which is most of a minute, and more " +
			"than fit into 64 bits; then 1 and 4095.",
		Pass: "An error, at once. For 1 and 4095, which are fewer than the RFCs want of a server, the outcome is warn " +
			"otherwise.",
		Mutant:    "computes for as long as it takes",
		Mechanism: runScramIterations,
	})
}

func runScramIterations(ctx context.Context, b *MechanismBench) Verdict {
	l, v, ok := b.scramControl(ctx)
	if !ok {
		return v
	}
	ctx, cancel := context.WithCancel(ctx) // so that who goes on computing may stop
	defer cancel()
	salt := base64.StdEncoding.EncodeToString(scramSalt)
	for _, iterations := range []string{"0", "-1", "4096x", "", "30000000", "99999999999999999999", "4095", "1"} {
		t, err := b.talk(ctx, b.conn, l)
		if err != nil {
			return failed(nil, "a client", b.text(err))
		}
		if _, err := t.hear(t.firstOf(t.nonce+"server", salt, iterations, "")); err == nil {
			v := failed(nil, fmt.Sprintf("an error for i=%s", iterations), "a proof")
			if iterations == "4095" || iterations == "1" {
				v.Outcome = Warn
			}
			return v
		}
		if b.crash() != "" {
			return Verdict{}
		}
	}
	return pass()
}
