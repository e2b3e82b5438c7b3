package conformance

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
)

func xoauth2Vector() Case {
	return Case{
		ID:        "M-XOA-01",
		Title:     "XOAUTH2 says what the example says",
		Area:      AreaMechanisms,
		Refs:      []Ref{{Document: googleXOAUTH2, Level: LowerMust}},
		Needs:     []Need{NeedMechanism("XOAUTH2"), NeedEither},
		Tiers:     []Tier{Passive},
		Procedure: "The example of the document.",
		Pass:      "The message is equal, octet for octet, and a server takes it.",
		Mutant:    "the scheme in small letters",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			const token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
			return b.runVectors(ctx, []MechanismVector{{
				Name: googleXOAUTH2, Kind: GoodVector, Username: "someuser@example.com", Token: token,
				Steps: []VectorStep{{From: FromClient, Text: "user=someuser@example.com\x01auth=Bearer " + token + "\x01\x01"}},
			}}, true)
		},
	}
}

func xoauth2Challenge() Case {
	return Case{
		ID:    "M-XOA-02",
		Title: "XOAUTH2 answers an error challenge by nothing, and keeps what it says",
		Area:  AreaMechanisms,
		Refs:  []Ref{{Document: googleXOAUTH2, Level: LowerMust}},
		Needs: []Need{NeedMechanism("XOAUTH2"), NeedClientSide},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Then JSON with the status 400 or 401, with a line feed behind it, and then the " +
			"refusal, or a success that cannot be.",
		Pass: "An empty response, and an error in the end, also for success; the error tells the status, or else the " +
			"outcome is warn.",
		Mutant:    "gives up at the challenge",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict { return b.errorChallenges(ctx, "") },
	}
}

// errorChallenges gives a client error challenges, which it has to answer by the
// dummy response.
func (b *MechanismBench) errorChallenges(ctx context.Context, dummy string) Verdict {
	if v, ok := b.Control(ctx); !ok {
		return v
	}
	var warning Verdict
	for _, status := range []string{"400", "401", "invalid_token"} {
		for _, end := range []string{"", "\n", "\r\n"} {
			challenge := `{"status":"` + status + `","schemes":"bearer","scope":"https://mail.example.test/",` +
				`"openid-configuration":"https://example.test/.well-known/openid-configuration"}` + end
			v := b.errorChallenge(ctx, challenge, dummy, status)
			if v.Outcome == Warn && warning.Outcome == "" {
				warning = v
				continue
			}
			if v.Outcome != Pass && v.Outcome != Warn {
				return v
			}
		}
	}
	if warning.Outcome != "" {
		return warning
	}
	return pass()
}

// errorChallenge gives a client one error challenge. An empty status means that
// nobody can read it.
func (b *MechanismBench) errorChallenge(ctx context.Context, challenge, dummy, status string) Verdict {
	shown := challenge[:min(len(challenge), 60)]
	want := fmt.Sprintf("the response %q to %q", dummy, shown)
	for _, verdict := range []error{errRefused, nil} {
		s := b.begin(ctx, login{username, "", b.Secret(secretLen)})
		if s.err != nil {
			return failed(nil, "a client", b.text(s.err))
		}
		response, err := s.next([]byte(challenge))
		switch {
		case err != nil:
			return failed(nil, want, b.text(err))
		case response == nil || string(response) != dummy:
			return failed(nil, want, shownMessage(response, false))
		}
		err = s.finish(verdict)
		switch {
		case err == nil && verdict == nil:
			return asWarning(failed(nil, "an error for success after an error challenge", "success"))
		case err == nil:
			return failed(nil, "an error for a refusal", "success")
		case verdict != nil && status != "" && !b.keepsStatus(err, status):
			return asWarning(failed(nil, "an error that tells the status "+status, b.text(err)))
		}
	}
	return pass()
}

// keepsStatus reports whether an error has what the challenge said: in the fields of
// a sasl.OAuthError, or else in its text.
func (b *MechanismBench) keepsStatus(err error, status string) bool {
	if challenged, ok := oauthFields(err); ok {
		return challenged.Status == status && challenged.Scope == "https://mail.example.test/" &&
			strings.HasSuffix(challenged.OpenIDConfiguration, "/openid-configuration")
	}
	return tells(err, status)
}

// containsWord reports whether a text has that word.
func containsWord(text, word string) bool {
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`).MatchString(text)
}

func xoauth2Source() Case {
	return Case{
		ID:    "M-XOA-03",
		Title: "XOAUTH2 asks for a token once an exchange",
		Area:  AreaMechanisms,
		Refs:  []Ref{{Document: "package sasl, Credentials", Level: LowerMust}},
		Needs: []Need{NeedMechanism("XOAUTH2"), NeedClientSide},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Then two exchanges with an error challenge each, and a source of tokens that counts how often it is " +
			"asked.",
		Pass:      "Once in each of them: a mechanism keeps no token.",
		Mutant:    "asks again at the challenge",
		Since:     "v0.1.0",
		Mechanism: runXOAUTH2Source,
	}
}

func runXOAUTH2Source(ctx context.Context, b *MechanismBench) Verdict {
	if v, ok := b.Control(ctx); !ok {
		return v
	}
	var asked atomic.Int32
	c := countFetches(login{username, "", b.Secret(secretLen)}.credentials(takesToken), &asked)
	for i := range 2 {
		client, err := b.newClient(ctx, b.target.Mechanism, b.conn, c)
		if err != nil {
			return failed(nil, "a client", b.text(err))
		}
		if begun := client.start(); begun.err != nil || len(begun.initial) == 0 {
			return Verdict{Outcome: Inconclusive, Reason: "there is no message: " + b.text(begun.err)}
		}
		_, _ = client.next([]byte(`{"status":"401"}`)) // M-XOA-02 judges it
		_ = client.finish(errRefused)
		if n := int(asked.Load()); n != i+1 {
			return failed(nil, fmt.Sprintf("one token for each of %d exchanges", i+1), fmt.Sprintf("%d", n))
		}
	}
	return pass()
}

func bearerVectors() Case {
	return Case{
		ID:        "M-OAB-01",
		Title:     "OAUTHBEARER says what the examples of the RFC say",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 7628, Section: "4.1", Level: Must}},
		Needs:     []Need{NeedMechanism("OAUTHBEARER"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "The examples: port 143 of IMAP and port 587 of SMTP.",
		Pass:      "The message is equal, octet for octet; host and port may be missing.",
		Mutant:    "port 587, wherever it is",
		Since:     "v0.1.0",
		Mechanism: runBearerVectors,
	}
}

func runBearerVectors(ctx context.Context, b *MechanismBench) Verdict {
	const token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
	for _, port := range []int{143, 587} {
		conn := *b.conn
		conn.Host, conn.Port = "server.example.com", port
		s := b.beginOn(ctx, &conn, login{"user@example.com", "", token})
		const header, auth = "n,a=user@example.com,\x01", "auth=Bearer " + token + "\x01\x01"
		if s.err == nil && string(s.start.initial) == header+auth {
			continue
		}
		want := fmt.Sprintf("%shost=server.example.com\x01port=%d\x01%s", header, port, auth)
		if v := b.mustSay("the message", want, s.start.initial, s.err); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

func bearerEscapes() Case {
	return Case{
		ID:    "M-OAB-02",
		Title: "OAUTHBEARER escapes the identity",
		Area:  AreaMechanisms,
		Refs: []Ref{
			{RFC: 5801, Section: "4", Level: Must},
			{RFC: 7628, Section: "3.1", Level: Must},
		},
		Needs:     []Need{NeedMechanism("OAUTHBEARER"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "The user a,b=c@x.",
		Pass:      "The message begins with n,a=a=2Cb=3Dc@x, and %x01.",
		Mutant:    "the identity as it is",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			s := b.begin(ctx, login{"a,b=c@x", "", b.Secret(secretLen)})
			header, _, _ := strings.Cut(string(s.start.initial), "\x01")
			return b.mustSay("the GS2 header", "n,a=a=2Cb=3Dc@x,", []byte(header), s.err)
		},
	}
}

func bearerErrors() Case {
	return Case{
		ID:    "M-OAB-03",
		Title: "OAUTHBEARER answers an error challenge by %x01, and keeps what it says",
		Area:  AreaMechanisms,
		Refs: []Ref{
			{RFC: 7628, Section: "3.2.2", Level: Must},
			{RFC: 7628, Section: "3.2.3", Level: Must},
		},
		Needs: []Need{NeedMechanism("OAUTHBEARER"), NeedClientSide},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Then JSON with status, scope and openid-configuration, and then the refusal, or " +
			"a success that cannot be.",
		Pass: "The response %x01, and an error in the end, also for success; the error has the fields, or else the " +
			"outcome is warn.",
		Mutant:    "no response",
		AlsoKills: []string{"M-OAB-04"},
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict { return b.errorChallenges(ctx, "\x01") },
	}
}

func bearerNonsense() Case {
	return Case{
		ID:        "M-OAB-04",
		Title:     "OAUTHBEARER comes to an end with an error challenge that nobody can read",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 7628, Section: "3.2.3", Level: Security}},
		Needs:     []Need{NeedMechanism("OAUTHBEARER"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a sign-in. Then challenges that are no JSON, JSON of another form, or 1 MiB long.",
		Pass:      "The response %x01, and an error in the end.",
		Mutant:    "gives up, for it cannot read it",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			if v, ok := b.Control(ctx); !ok {
				return v
			}
			for _, challenge := range []string{
				"{", "no JSON", `{"status":401}`, `[]`, "\xff", strings.Repeat(`{"status":"x"}`, 1<<20/14),
			} {
				if v := b.errorChallenge(ctx, challenge, "\x01", ""); v.Outcome == Fail {
					return v
				}
			}
			return pass()
		},
	}
}

func bearerCharacters() Case {
	return Case{
		ID:    "M-OAB-05",
		Title: "OAUTHBEARER refuses what is no token",
		Area:  AreaMechanisms,
		Refs: []Ref{
			{RFC: 7628, Section: "3.1", Level: Must},
			{RFC: 6750, Section: "2.1", Level: Must},
		},
		Needs:     []Need{NeedMechanism("OAUTHBEARER"), NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a sign-in. Then tokens that hold a space, %x01, CR or LF, and an empty one.",
		Pass:      "An error, and no message.",
		Mutant:    "any token",
		Since:     "v0.1.0",
		Mechanism: func(ctx context.Context, b *MechanismBench) Verdict {
			if v, ok := b.Control(ctx); !ok {
				return v
			}
			secret := b.Secret(secretLen)
			for what, token := range inOrder(map[string]string{
				"a space":  secret + " " + secret,
				"%x01":     secret + "\x01host=other.test\x01" + secret,
				"CR":       secret + "\r" + secret,
				"LF":       secret + "\n" + secret,
				"no octet": "",
			}) {
				if v := b.mustRefuse(ctx, "a token with "+what, login{username, "", token}); v.Outcome != Pass {
					return v
				}
			}
			return pass()
		},
	}
}
