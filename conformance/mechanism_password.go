package conformance

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"fmt"
	"strings"
)

func plainVectors() Case {
	return Case{
		ID:    "M-PLN-01",
		Title: "PLAIN says what the examples of the RFCs say",
		Area:  AreaMechanisms,
		Refs: []Ref{
			{RFC: 4616, Section: "4", Level: Must},
			{RFC: 4954, Section: "4.1", Level: Must},
		},
		Needs:     []Need{NeedMechanism("PLAIN"), NeedEither},
		Tiers:     []Tier{Passive},
		Procedure: "The three examples, with and without an authorization identity.",
		Pass:      "The message is equal, octet for octet, and a server takes it.",
		Mutant:    "swaps user name and authorization identity",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			vector := func(name, authz, user, password string) MechanismVector {
				return MechanismVector{
					Name: name, Kind: GoodVector, Username: user, AuthzID: authz, Password: password,
					Steps: []VectorStep{{From: FromClient, Text: authz + "\x00" + user + "\x00" + password}},
				}
			}
			return b.runVectors(ctx, []MechanismVector{
				vector("RFC 4616, Section 4, first example", "", "tim", "tanstaaftanstaaf"),
				vector("RFC 4616, Section 4, third example", "Ursel", "Kurt", "xipj3plmq"),
				vector("RFC 4954, Section 4.1", "test", "test", "1234"),
			}, true)
		},
	}
}

func plainFields() Case {
	return Case{
		ID:        "M-PLN-02",
		Title:     "PLAIN refuses NUL, and empty names and passwords",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 4616, Section: "2", Level: Must}},
		Needs:     []Need{NeedMechanism("PLAIN"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a sign-in. Then NUL in each of the three fields, and no user name or no password.",
		Pass:      "An error, and no message.",
		Mutant:    "sends an empty user name",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			if v, ok := b.Control(ctx); !ok {
				return v
			}
			secret := b.Secret(secretLen)
			for what, l := range inOrder(map[string]login{
				"NUL in the user name":              {"a\x00b", "", secret},
				"NUL in the authorization identity": {"a", "b\x00c", secret},
				"NUL in the password":               {"a", "", secret + "\x00" + secret},
				"an empty user name":                {"", "", secret},
				"an empty password":                 {"a", "", ""},
			}) {
				if v := b.mustRefuse(ctx, what, l); v.Outcome != Pass {
					return v
				}
			}
			return pass()
		},
	}
}

func plainUnicode() Case {
	return Case{
		ID:        "M-PLN-03",
		Title:     "PLAIN is UTF-8, of any length up to 255 octets a field",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 4616, Section: "2", Level: Must}},
		Needs:     []Need{NeedMechanism("PLAIN"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "A name and a password outside ASCII, fields of 255 octets, and a name that is not UTF-8.",
		Pass:      "The first two are sent as they are, the last one is an error.",
		Mutant:    "sends ISO 8859-1",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			secret := b.Secret(secretLen)
			long := strings.Repeat("a", 255)
			for what, l := range inOrder(map[string]login{
				"UTF-8":                {"føø", "", "pæss" + secret},
				"kana":                 {"テスト", "", secret},
				"fields of 255 octets": {long, long, b.Secret(255)},
			}) {
				s := b.begin(ctx, l)
				if v := b.mustSay(what, l.authz+"\x00"+l.user+"\x00"+l.secret, s.start.initial, s.err); v.Outcome != Pass {
					return v
				}
			}
			return b.mustRefuse(ctx, "a user name that is not UTF-8", login{"\xff", "", secret})
		},
	}
}

func plainOnce() Case {
	return Case{
		ID:        "M-PLN-04",
		Title:     "PLAIN has one message",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 4616, Section: "2", Level: LowerMust}},
		Needs:     []Need{NeedMechanism("PLAIN"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a sign-in. Then a challenge that is not empty, in answer to the message.",
		Pass:      "An error, and no second message.",
		Mutant:    "says it again",
		AlsoKills: []string{"M-GEN-04"},
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			if v, ok := b.Control(ctx); !ok {
				return v
			}
			s := b.begin(ctx, login{username, "", b.Secret(secretLen)})
			if s.err != nil || s.start.initial == nil {
				return Verdict{Outcome: Inconclusive, Reason: "there is no first message: " + b.text(s.err)}
			}
			if messages, err := s.all("more?"); err == nil || len(messages) > 1 {
				return failed(nil, "an error for a challenge after the message", fmt.Sprintf("%d messages, %s", len(messages), b.text(err)))
			}
			return pass()
		},
	}
}

func loginPrompts() Case {
	return Case{
		ID:        "M-LGN-01",
		Title:     "LOGIN does not read the prompts",
		Area:      AreaMechanisms,
		Refs:      []Ref{{Document: loginDraft, Section: "2.1", Level: Should}},
		Needs:     []Need{NeedMechanism("LOGIN"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a sign-in. Then prompts in other words, in other languages, twice the same, empty.",
		Pass:      "The user name, then the password, whatever the prompts are; the outcome is warn otherwise.",
		Mutant:    "answers to two words that it knows",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			if v, ok := b.Control(ctx); !ok {
				return v
			}
			secret := b.Secret(secretLen)
			for _, prompts := range [][2]string{
				{"Username:", "Password:"},
				{"User Name\x00", "Password\x00"},
				{"username:", "password:"},
				{"", ""},
				{"Username:", "Username:"},
				{"Benutzer?", "\xff\xfe"},
			} {
				s := b.begin(ctx, login{username, "", secret})
				messages, err := s.all(prompts[0], prompts[1])
				if err != nil || len(messages) != 2 || messages[0] != username || messages[1] != secret {
					return asWarning(failed(nil, fmt.Sprintf("the user name, then the password, to the prompts %q and %q", prompts[0], prompts[1]),
						fmt.Sprintf("%d messages, %s", len(messages), b.text(err))))
				}
			}
			return pass()
		},
	}
}

const loginDraft = "draft-murchison-sasl-login-00"

func loginOrder() Case {
	return Case{
		ID:        "M-LGN-02",
		Title:     "LOGIN lets the server speak first, and answers twice",
		Area:      AreaMechanisms,
		Refs:      []Ref{{Document: loginDraft, Section: "2.1", Level: LowerMust}},
		Needs:     []Need{NeedMechanism("LOGIN"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a sign-in. Then three prompts.",
		Pass:      "No initial response, two responses, an error.",
		Mutant:    "an initial response with the user name",
		AlsoKills: []string{"M-GEN-03", "M-LGN-01"},
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			if v, ok := b.Control(ctx); !ok {
				return v
			}
			s := b.begin(ctx, login{username, "", b.Secret(secretLen)})
			switch {
			case s.err != nil:
				return Verdict{Outcome: Inconclusive, Reason: "there is no exchange: " + b.text(s.err)}
			case s.start.initial != nil:
				return failed(nil, "no initial response", fmt.Sprintf("one of %d octets", len(s.start.initial)))
			}
			for _, prompt := range []string{"Username:", "Password:"} {
				if response, err := s.next([]byte(prompt)); err != nil || len(response) == 0 {
					return failed(nil, "a response to each of two prompts", b.text(err))
				}
			}
			if _, err := s.next([]byte("?")); err == nil {
				return failed(nil, "an error for the third prompt", "none")
			}
			return pass()
		},
	}
}

func cramVectors() Case {
	return Case{
		ID:    "M-CRM-01",
		Title: "CRAM-MD5 says what the examples of the RFCs say",
		Area:  AreaMechanisms,
		Refs: []Ref{
			{RFC: 2195, Section: "2", Level: Must},
			{RFC: 4954, Section: "4.1", Level: Must},
		},
		Needs:     []Need{NeedMechanism("CRAM-MD5"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "The challenges of the two examples.",
		Pass:      "The answers of the examples, with the digest in small letters.",
		Mutant:    "a digest in capital letters",
		AlsoKills: []string{"M-CRM-02", "M-GEN-12"},
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			vector := func(name, user, password, challenge, digest string) MechanismVector {
				return MechanismVector{
					Name: name, Kind: GoodVector, Username: user, Password: password,
					Steps: []VectorStep{{From: FromServer, Text: challenge}, {From: FromClient, Text: user + " " + digest}},
				}
			}
			return b.runVectors(ctx, []MechanismVector{
				vector("RFC 2195, Section 2", "tim", "tanstaaftanstaaf",
					"<1896.697170952@postoffice.reston.mci.net>", "b913a602c7eda7a495b4e6e7334d3890"),
				vector("RFC 4954, Section 4.1", "rjs3", "1234",
					"<4192942341.12828472@sourcefour.andrew.cmu.edu>", "ec3a59fed395aba1ec6367c4f4b41ac0"),
			}, true)
		},
	}
}

func cramLongSecret() Case {
	return Case{
		ID:        "M-CRM-02",
		Title:     "CRAM-MD5 hashes a password of more than 64 octets first",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 2195, Section: "2", Level: LowerMust}, {RFC: 2104, Section: "2", Level: LowerMust}},
		Needs:     []Need{NeedMechanism("CRAM-MD5"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Passwords of 63, 64, 65 and 200 octets.",
		Pass:      "The digest is HMAC-MD5.",
		Mutant:    "cuts the password to 64 octets",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			const challenge = "<1896.697170952@postoffice.reston.mci.net>"
			for _, octets := range []int{63, 64, 65, 200} {
				secret := b.Secret(octets)
				mac := hmac.New(md5.New, []byte(secret))
				mac.Write([]byte(challenge))
				s := b.begin(ctx, login{"tim", "", secret})
				if s.err != nil {
					return failed(nil, "a client", b.text(s.err))
				}
				response, err := s.next([]byte(challenge))
				what := fmt.Sprintf("the answer with a password of %d octets", octets)
				if v := b.mustSay(what, fmt.Sprintf("tim %x", mac.Sum(nil)), response, err); v.Outcome != Pass {
					return v
				}
			}
			return pass()
		},
	}
}

func cramEmptyChallenge() Case {
	return Case{
		ID:        "M-CRM-03",
		Title:     "CRAM-MD5 refuses an empty challenge",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 2195, Section: "2", Level: Security}},
		Needs:     []Need{NeedMechanism("CRAM-MD5"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a sign-in. Then a challenge without octets, the answer to which is the same each time.",
		Pass:      "An error, and no answer.",
		Mutant:    "a digest of nothing",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			if v, ok := b.Control(ctx); !ok {
				return v
			}
			return b.mustRefuse(ctx, "an empty challenge", login{username, "", b.Secret(secretLen)}, "")
		},
	}
}
