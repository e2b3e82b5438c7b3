package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/seed-55a66e92/postern/mock"
)

func replacedToken() Case {
	return Case{
		ID:    "C-XOA-02",
		Title: "A token that was refused is replaced once, and never sent again",
		Area:  AreaMechanisms,
		Refs:  []Ref{{RFC: 7628, Section: "5", Level: Security}},
		Needs: []Need{NeedTLS, NeedAuth, NeedMechanism("XOAUTH2")},
		Tiers: []Tier{Passive},
		Procedure: "Control: a good token. Then one that is refused, while each further call of ClientConfig.Token returns " +
			"another one: once the second is good, once none is.",
		Pass: "Two sign-ins at most, each with a token of its own; nothing but QUIT behind the last one that is refused, " +
			"and then the client reports a failure. A client that does not ask for another token reports one at once.",
		Mutant: "goes on as long as there are tokens",
		Since:  "v0.1.0",
		Client: runReplacedToken,
	}
}

// A counter refuses tokens by 535, but for the good one, and counts them.
type counter struct {
	good string

	mu   sync.Mutex
	seen map[string]int
}

func (c *counter) CheckToken(_ context.Context, check mock.TokenCheck) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	token := check.Token.Reveal()
	c.seen[token]++
	if token == c.good {
		return nil
	}
	return bareRefuser{}.CheckToken(context.Background(), check)
}

// most returns how many tokens there were, and how often one of them at most.
func (c *counter) most() (tokens, times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.seen {
		tokens, times = tokens+1, max(times, n)
	}
	return tokens, times
}

func runReplacedToken(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Token: b.Secret(secretLen), Mechanism: "XOAUTH2"}
	if v, ok := b.Control(ctx, scene); !ok {
		return v
	}
	for _, secondIsGood := range []bool{true, false} {
		var supply []string
		for range 8 {
			supply = append(supply, b.Secret(secretLen))
		}
		checker := &counter{seen: make(map[string]int)}
		if secondIsGood {
			checker.good = supply[1]
		}
		var calls atomic.Int32
		scene.tokens = func() (string, error) { return supply[min(int(calls.Add(1)), len(supply))-1], nil }
		scene.Server.Tokens = checker
		if v := judgeReplacedToken(b.Try(ctx, scene), checker); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

func judgeReplacedToken(t *Trial, c *counter) Verdict {
	const want = "two sign-ins at most, each with a token of its own"
	t.fault = "AUTH"
	tokens, times := c.most()
	switch {
	case tokens == 0:
		return t.notReached("the refusal")
	case tokens > 2 || times > 1:
		return t.fail(want, fmt.Sprintf("%d tokens, one of them %d times; %s", tokens, times, t.said()))
	case t.succeeded():
		return pass()
	}
	return judgeClosed(t, "EHLO", 250, append(signIns(), "*")...)
}

func failingToken() Case {
	return Case{
		ID:        "C-XOA-03",
		Title:     "Without a token there is no sign-in",
		Area:      AreaMechanisms,
		Refs:      []Ref{{Document: goodPractice, Level: Security}},
		Needs:     []Need{NeedTLS, NeedAuth, NeedMechanism("XOAUTH2")},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a good token. Then ClientConfig.Token returns an error.",
		Pass:      "No AUTH is sent, and the client reports a failure; its error wraps the one of Token, or else the outcome is warn.",
		Mutant:    "sends an empty token",
		Since:     "v0.1.0",
		Client:    runFailingToken,
	}
}

// errNoToken is what Token returns if there is none.
var errNoToken = errors.New("conformance: there is no token")

func runFailingToken(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Token: b.Secret(secretLen), Mechanism: "XOAUTH2"}
	if v, ok := b.Control(ctx, scene); !ok {
		return v
	}
	return b.judgeUnsent(ctx, scene, "", errNoToken)
}

// judgeUnsent has Token return something that leaves nothing to send.
func (b *ClientBench) judgeUnsent(ctx context.Context, scene Scene, token string, err error) Verdict {
	var asked atomic.Bool
	scene.tokens = func() (string, error) {
		asked.Store(true)
		return token, err
	}
	t := b.Try(ctx, scene)
	t.fault = "AUTH"
	if line, ok := t.beyond("EHLO", "HELO", "NOOP", "RSET", "STARTTLS"); ok {
		return t.fail("no AUTH, and nothing else but QUIT", line+"; "+t.said())
	}
	switch {
	case !asked.Load():
		return t.notReached("the token")
	case !t.refused():
		return t.fail("an error", t.said())
	case err != nil && !errors.Is(t.Answer.Err, err):
		return t.warn("an error that wraps the one of ClientConfig.Token", t.said())
	}
	return pass()
}

func hostileToken() Case {
	return Case{
		ID:    "C-XOA-04",
		Title: "A token that could be more than a token is not sent",
		Area:  AreaMechanisms,
		Refs:  []Ref{{RFC: 7628, Section: "3.1", Level: Security}},
		Needs: []Need{NeedTLS, NeedAuth, NeedMechanism("XOAUTH2")},
		Tiers: []Tier{Passive},
		Procedure: "Control: a good token. Then tokens with %x01, which begins another field, with CRLF, with an LF " +
			"and with NUL in them.",
		Pass:   "No AUTH is sent, and the client reports a failure.",
		Mutant: "sends any token",
		Since:  "v0.1.0",
		Client: runHostileToken,
	}
}

func runHostileToken(ctx context.Context, b *ClientBench) Verdict {
	scene := Scene{Token: b.Secret(secretLen), Mechanism: "XOAUTH2"}
	if v, ok := b.Control(ctx, scene); !ok {
		return v
	}
	for _, junk := range []string{"\x01host=mock.test", "\r\nRSET", "\n", "\x00"} {
		token := scene.Token[:secretLen/2] + junk + scene.Token[secretLen/2:]
		if v := b.judgeUnsent(ctx, scene, token, nil); v.Outcome != Pass {
			v.Reason = fmt.Sprintf("%q was in the token", junk)
			return v
		}
	}
	return pass()
}
