package conformance

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

func rotatedGrant() Case {
	return Case{
		ID:    "P-TOK-03",
		Title: "A refresh token that is replaced is not used again",
		Area:  AreaTokens,
		Refs:  []Ref{{RFC: 6749, Section: "6", Level: Must}},
		Needs: []Need{NeedVirtualTime, NeedRefreshToken},
		Tiers: []Tier{Passive},
		Procedure: "Refresh tokens are good for one use, which brings the next; a second use ends them all (RFC 9700, " +
			"Section 4.14.2). Control: one token. Then a second and a third, an hour apart. Then the generator is " +
			"made anew with what the Store held when the last token was handed out, and asked two hours later.",
		Pass: "A good token each time. A generator that leaves the Store alone cannot be made anew; the outcome " +
			"is info.",
		Mutant: "keeps using the first refresh token; saves the new one late or never",
		Since:  "v0.1.0",

		Generator: runRotatedGrant,
	}
}

func runRotatedGrant(ctx context.Context, b *GeneratorBench) Verdict {
	t, v, ok := b.Open(ctx, TokenScene{Authority: mock.AuthorityOptions{TTL: tokenLife, RotateRefresh: true}})
	if !ok {
		return v
	}
	store := new(spyStore)
	if err := t.Start(ctx, store); errors.Is(err, errors.ErrUnsupported) {
		return lacking(err)
	}
	const want = "a token, by the refresh token that came last"
	for i := range 3 {
		a := t.Ask(ctx, nil)
		switch {
		case i == 0 && errors.Is(a.Err, errors.ErrUnsupported):
			return lacking(a.Err)
		case i == 0 && (!a.ok() || !t.good(a.Token)):
			return t.notReached("its first token", a)
		case i == 0 && !t.usesRefreshToken():
			return Verdict{Outcome: Skip, Reason: "no-capability: the generator does not send a refresh token"}
		case len(t.TokenCalls()) <= i:
			return t.notReached(fmt.Sprintf("request %d, with a token that expires after an hour", i+1), a)
		case !a.ok() || !t.good(a.Token):
			return t.fail(want, a.said())
		}
		if i == 2 {
			break
		}
		passTime(ctx, tokenLife)
	}
	left := store.copy()
	if left == nil {
		return Verdict{Outcome: Info, Reason: "the generator does not use GeneratorConfig.Store, so the refresh token in its " +
			"configuration is of no use to the next program"}
	}
	if err := t.Start(ctx, left); err != nil {
		return t.fail("a generator that is made anew", err.Error())
	}
	passTime(ctx, 2*tokenLife)
	if a := t.Ask(ctx, nil); !a.ok() || !t.good(a.Token) {
		return t.fail("a token after a new start, by the refresh token that was saved before the last token was handed out", a.said())
	}
	return pass()
}

// A spyStore is a Store that can be copied as it is at a moment.
type spyStore struct {
	providers.MemoryStore

	mu    sync.Mutex
	names []string // that were saved
}

func (s *spyStore) Save(ctx context.Context, name string, data sasl.Secret, old providers.Version) (providers.Version, error) {
	v, err := s.MemoryStore.Save(ctx, name, data, old)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
	return v, err
}

// copy returns a Store with what s holds, nil if nothing was ever saved.
func (s *spyStore) copy() providers.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil {
		return nil
	}
	ctx, other := context.Background(), new(providers.MemoryStore)
	for _, name := range s.names {
		if data, _, err := s.Load(ctx, name); err == nil {
			_, _ = other.Save(ctx, name, data, "") // memory does not fail
		}
	}
	return other
}

func revokedGrant() Case {
	return Case{
		ID:    "P-TOK-04",
		Title: "A consent that has ended is reported, and not tried over and over",
		Area:  AreaTokens,
		Refs:  []Ref{{RFC: 6749, Section: "5.2", Level: LowerMust}},
		Tiers: []Tier{Passive},
		Procedure: "Control: one token. Then, anew, the refresh token is revoked before its first use, so that the " +
			"authority answers invalid_grant; a generator that signs in as itself is answered invalid_client. A token " +
			"is asked for eleven times.",
		Pass: "An error, after one request, or two that differ in how the client authenticates. It does not say that it is temporary; a *providers.Error has the kind " +
			"NeedsUser, for invalid_client Misconfigured. If it tells neither the kind nor the code, or if each further call makes " +
			"another request, the outcome is warn.",
		Mutant: "tries again; calls it temporary",
		Since:  "v0.1.0",

		Generator: runRevokedGrant,
	}
}

func runRevokedGrant(ctx context.Context, b *GeneratorBench) Verdict {
	control, v, ok := b.Control(ctx, TokenScene{})
	if !ok {
		return v
	}
	status, code, kind := 400, "invalid_grant", providers.NeedsUser
	if !control.usesRefreshToken() {
		status, code, kind = 401, "invalid_client", providers.Misconfigured
	}
	t, v, ok := b.Open(ctx, TokenScene{})
	if !ok {
		return v
	}
	t.Authority.RevokeGrant(t.Config.RefreshToken)
	if code == "invalid_client" {
		if err := t.Authority.Inject(mock.AuthorityFault{Status: status, Error: code}); err != nil {
			return Verdict{Outcome: Error, Reason: err.Error()}
		}
	}
	a := t.Ask(ctx, nil)
	n := len(t.TokenCalls())
	switch {
	case !t.answered(status, code):
		return t.notReached("the answer "+code, a)
	case a.Crash != "" || a.Err == nil:
		return t.fail("an error, for the authority has answered "+code, a.said())
	case n > 1 && (n > 2 || t.TokenCalls()[1].repeats(t.TokenCalls()[0])):
		return t.fail("one request, for another would be answered the same", fmt.Sprintf("%d requests", n))
	case saysTemporary(a.Err):
		return t.fail("an error that is not temporary: somebody has to act", a.said())
	}
	var typed *providers.Error
	known := errors.As(a.Err, &typed)
	if known && typed.Kind != kind {
		return t.fail(fmt.Sprintf("an error of the kind %q", kind), fmt.Sprintf("%q: %v", typed.Kind, a.Err))
	}
	for range 10 {
		if a := t.Ask(ctx, nil); a.Crash != "" || a.Err == nil {
			return t.fail("an error, still", a.said())
		}
	}
	switch more := len(t.TokenCalls()) - n; {
	case more > 1:
		return t.warn("no further requests until some time has passed", fmt.Sprintf("%d more for ten more calls", more))
	case !known && !tellsWord(a.Err, code):
		return t.warn("an error that tells "+code, a.said())
	}
	return pass()
}

// saysTemporary reports whether an error says so, as smtp.Classify takes it.
func saysTemporary(err error) bool {
	var temporary interface{ Temporary() bool }
	return errors.As(err, &temporary) && temporary.Temporary()
}

// tellsWord reports whether a person who is shown an error learns a word of it.
func tellsWord(err error, word string) bool {
	whole := regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`)
	for _, e := range errorTree(err) {
		if whole.MatchString(fmt.Sprint(e)) {
			return true
		}
	}
	return false
}
