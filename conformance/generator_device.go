package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
)

func deviceFlow() Case {
	return Case{
		ID:    "P-TOK-06",
		Title: "The device flow waits as it is told, and stops",
		Area:  AreaTokens,
		Refs:  []Ref{{RFC: 8628, Section: "3.5", Level: Must}, {RFC: 8628, Section: "3.2", Level: Must}},
		Needs: []Need{NeedVirtualTime, NeedDeviceFlow},
		Tiers: []Tier{Passive},
		Procedure: "Control: the user confirms while the generator asks for the third time. Then, anew each time: the authority says " +
			"slow_down once; it names no interval; the user declines (access_denied); the code expires " +
			"(expired_token). Five minutes pass after each end.",
		Pass: "The user is told the URL and the code. Between two polls the interval passes: the one that the authority " +
			"names, or else 5 seconds, and 5 seconds more after each slow_down. A token when the user has confirmed. An error " +
			"that is not temporary, and no further poll, when the user has declined or the code has expired.",
		Mutant: "ignores slow_down; goes on when the user has declined",
		Since:  "v0.1.0",

		Generator: runDeviceFlow,
	}
}

// Of the device authorization response (RFC 8628, Section 3.2).
const (
	deviceGrant     = "urn:ietf:params:oauth:grant-type:device_code"
	verificationURI = "https://authority.test/device"
	userCode        = "WDJB-MJHT"
	slowDown        = 5 * time.Second
)

// devicePath is where the authorities of the dialect have the device authorization
// endpoint.
func devicePath(d mock.Dialect) string {
	switch d {
	case mock.GoogleOAuth:
		return "/device/code"
	case mock.MicrosoftOAuth:
		return "/" + generatorTenant + "/oauth2/v2.0/devicecode"
	}
	return "/device_authorization"
}

// A deviceScript is an authority with the device flow: how it answers the polls,
// one after the other. An empty answer is a token. The last one stays.
type deviceScript struct {
	trial    *GeneratorTrial
	code     string
	interval int // in seconds; 0: it does not say
	answers  []string

	mu    sync.Mutex
	polls []devicePoll
}

// A devicePoll is when the generator asked, and what it was answered.
type devicePoll struct {
	at     time.Time
	answer string
}

func (s *deviceScript) answer(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.URL.Path == devicePath(s.trial.bench.target.Dialect):
		fields := map[string]any{
			"device_code": s.code, "user_code": userCode, "verification_uri": verificationURI, "expires_in": 1800,
		}
		if s.interval > 0 {
			fields["interval"] = s.interval
		}
		answerJSON(w, http.StatusOK, fields)
		return true
	case r.FormValue("grant_type") != deviceGrant && r.FormValue("grant_type") != "device_code": // as MSAL has it
		return false
	case r.FormValue("device_code") != s.code:
		answerJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return true
	}
	if answer := s.poll(); answer != "" {
		answerJSON(w, http.StatusBadRequest, map[string]any{"error": answer})
		return true
	}
	token := s.trial.Authority.Issue(generatorUser, tokenLife)
	answerJSON(w, http.StatusOK, map[string]any{
		"access_token": token.Value.Reveal(), "token_type": "Bearer", "expires_in": int(tokenLife / time.Second),
		"refresh_token": s.trial.Authority.Grant(generatorUser).Reveal(), "scope": s.trial.Config.Scope,
	})
	return true
}

// poll notes a poll and returns its answer.
func (s *deviceScript) poll() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.answers[min(len(s.polls), len(s.answers)-1)]
	s.polls = append(s.polls, devicePoll{time.Now(), answer})
	return answer
}

func (s *deviceScript) polled() []devicePoll {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]devicePoll(nil), s.polls...)
}

// sign runs a device flow against a script. It makes the generator and asks it, for
// either may be what polls; ctx bounds both.
func (b *GeneratorBench) sign(ctx context.Context, s *deviceScript) (*GeneratorTrial, TokenAnswer) {
	s.code = b.Secret(secretLen)
	answers := make(chan TokenAnswer, 1)
	t, err := b.newTrial(TokenScene{Answer: s.answer})
	if err != nil {
		b.broken = errors.Join(b.broken, err)
		return nil, TokenAnswer{Crash: "there was no authority"}
	}
	b.trials = append(b.trials, t)
	s.trial, t.make = t, b.target.Device // nobody asks before that
	go func() {
		_ = t.Start(ctx, new(providers.MemoryStore)) // its error is that of a call
		answers <- t.AskWithin(ctx, longWait, nil)
	}()
	select {
	case a := <-answers:
		return t, a
	case <-ctx.Done():
	}
	select {
	case a := <-answers:
		return t, a
	case <-time.After(leaveWait):
		return t, TokenAnswer{Crash: "the generator had not returned a second after its context ended"}
	}
}

func runDeviceFlow(ctx context.Context, b *GeneratorBench) Verdict {
	const pending = "authorization_pending"
	limited, cancel := context.WithTimeout(ctx, 10*longWait)
	defer cancel()
	control := &deviceScript{interval: 5, answers: []string{pending, pending, ""}}
	t, a := b.sign(limited, control)
	switch {
	case t == nil:
		return Verdict{Outcome: Error}
	case errors.Is(a.Err, errors.ErrUnsupported):
		return lacking(a.Err)
	case !a.ok() || !t.good(a.Token) || len(control.polled()) == 0:
		return t.notReached("a token of the device flow, with nothing wrong", a)
	case !t.prompts.has(verificationURI, userCode):
		return t.fail("that the user is told the URL and the code, by GeneratorConfig.Show", "something else, or nothing")
	}
	if v := t.judgePace(control); v.Outcome != Pass {
		return v
	}
	for _, s := range []*deviceScript{
		{interval: 5, answers: []string{pending, "slow_down", pending, pending, ""}},
		{interval: 5, answers: []string{"slow_down", "slow_down", pending, ""}},
		{interval: 12, answers: []string{pending, pending, ""}},
		{answers: []string{pending, pending, ""}},
		{interval: 5, answers: []string{pending, "access_denied"}},
		{interval: 5, answers: []string{pending, "expired_token"}},
	} {
		t, a := b.sign(limited, s)
		if t == nil {
			return Verdict{Outcome: Error}
		}
		if v := t.judgeFlow(ctx, s, a); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

// judgeFlow judges a device flow that has ended.
func (t *GeneratorTrial) judgeFlow(ctx context.Context, s *deviceScript, a TokenAnswer) Verdict {
	n := len(s.answers)
	if len(s.polled()) < n {
		return t.notReached(fmt.Sprintf("poll %d", n), a)
	}
	if v := t.judgePace(s); v.Outcome != Pass {
		return v
	}
	last := s.answers[n-1]
	switch {
	case last == "" && (!a.ok() || !t.good(a.Token)):
		return t.fail("a token, for the user has confirmed", a.said())
	case last != "" && (a.Crash != "" || a.Err == nil):
		return t.fail("an error, for the authority has answered "+last, a.said())
	case last != "" && saysTemporary(a.Err):
		return t.fail("an error that is not temporary, for the authority has answered "+last, a.said())
	}
	passTime(ctx, 5*time.Minute)
	if more := len(s.polled()) - n; more > 0 {
		return t.fail("no poll after the end", fmt.Sprintf("%d polls after the answer %q", more, last))
	}
	return pass()
}

// judgePace looks at the time between polls.
func (t *GeneratorTrial) judgePace(s *deviceScript) Verdict {
	interval := 5 * time.Second
	if s.interval > 0 {
		interval = time.Duration(s.interval) * time.Second
	}
	polls := s.polled()
	for i := 1; i < len(polls); i++ {
		if polls[i-1].answer == "slow_down" {
			interval += slowDown
		}
		if pause := polls[i].at.Sub(polls[i-1].at); pause < interval {
			return t.fail(fmt.Sprintf("%v before poll %d", interval, i+1), fmt.Sprint(pause))
		}
	}
	return pass()
}

// prompts are what the user was told in a device flow.
type prompts struct {
	mu    sync.Mutex
	shown []string
}

func (p *prompts) show(verificationURI, userCode string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = append(p.shown, verificationURI+" "+userCode)
}

// has reports whether the user was told both.
func (p *prompts) has(verificationURI, userCode string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.shown, func(s string) bool {
		return strings.HasPrefix(s, verificationURI) && strings.Contains(s, userCode)
	})
}
