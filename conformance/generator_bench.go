package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
)

// A GeneratorBench is where a case tries out a token generator: each trial has an
// authority of its own. It knows the secrets of its trials and keeps them out of
// verdicts.
type GeneratorBench struct {
	target  GeneratorTarget
	of      Case
	timeout time.Duration
	broken  error // the suite could not do its part
	trials  []*GeneratorTrial
	virtual bool

	mu   sync.Mutex
	desk ClientBench // keeps the secrets
}

func newGeneratorBench(t GeneratorTarget, c Case, timeout time.Duration) *GeneratorBench {
	return &GeneratorBench{target: t, of: c, timeout: timeout}
}

// judge runs the case of the bench.
func (b *GeneratorBench) judge(ctx context.Context) (v Verdict) {
	defer func() {
		if r := recover(); r != nil {
			v = Verdict{Outcome: Error, Reason: fmt.Sprintf("the case panicked: %v", r)}
		}
		for _, t := range b.trials {
			t.close()
		}
		if b.virtual {
			passTime(ctx, time.Hour) // of generators that sleep on: a bubble has to be empty at its end
		}
		if b.broken != nil {
			v = Verdict{Outcome: Error, Reason: b.broken.Error()}
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		v = b.desk.redact(v)
	}()
	b.virtual = b.target.Network == mock.InMemory && timeIsVirtual(ctx)
	if lack := b.lack(); lack != "" {
		return Verdict{Outcome: Skip, Reason: "no-capability: " + lack}
	}
	return b.of.Generator(ctx, b)
}

// passTime waits, unless ctx ends. In a bubble that takes no time.
func passTime(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// timeIsVirtual reports whether time is that of a testing/synctest bubble: only
// there does a wait last for exactly as long as it should.
func timeIsVirtual(ctx context.Context) bool {
	const nap = time.Millisecond
	start := time.Now()
	passTime(ctx, nap)
	return time.Since(start) == nap
}

// lack returns what the target lacks of the needs that can be told beforehand.
func (b *GeneratorBench) lack() string {
	for _, n := range b.of.Needs {
		switch {
		case n == NeedVirtualTime && !b.virtual:
			return "the case lasts for hours; run it in a testing/synctest bubble with the network in memory"
		case n == NeedDeviceFlow && b.target.Device == nil:
			return "there is no GeneratorTarget.Device"
		case n == NeedPreset && b.target.Preset == nil:
			return "there is no GeneratorTarget.Preset"
		}
	}
	return ""
}

// Secret returns a new secret, as [ClientBench.Secret] does.
func (b *GeneratorBench) Secret(octets int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.desk.Secret(octets)
}

// learn keeps secrets that others have made out of verdicts.
func (b *GeneratorBench) learn(secrets ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range secrets {
		if s != "" {
			b.desk.secrets.add(s)
		}
	}
}

// leak returns the form in which text holds a secret, "" if it holds none.
func (b *GeneratorBench) leak(text string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.desk.secrets.find(text)
}

// A TokenScene is what a generator meets in a trial. The zero value is an authority
// with which nothing is wrong.
type TokenScene struct {
	// Make makes the generator. Zero means GeneratorTarget.New.
	Make MakeGenerator

	// Authority says how the authority behaves. Open sets its dialect, its network
	// and its clients.
	Authority mock.AuthorityOptions

	// Certificate is the one that the authority shows. Zero means a good one.
	Certificate mock.Certificate

	// Answer answers requests in place of the authority. It returns false for those
	// that it leaves to the authority, and then has written nothing. Nil leaves all.
	Answer func(http.ResponseWriter, *http.Request) bool

	// Redirect is the status by which all requests for a token are sent to another
	// host. Zero means that none is.
	Redirect int

	// Names are further names that the certificate is good for.
	Names []string

	preset bool // the configuration has what GeneratorTarget.Preset is to take
}

// Whose tokens they are.
const (
	generatorUser   = "user@generator.test"
	generatorTenant = "generator.onmicrosoft.test"
)

// clientID is an identifier as the authorities of the dialect give them.
func clientID(d mock.Dialect) string {
	switch d {
	case mock.GoogleOAuth:
		return "123456789012-generator.apps.googleusercontent.com"
	case mock.MicrosoftOAuth:
		return "12345678-1234-1234-1234-123456789012"
	}
	return "generator"
}

// Open makes an authority and a generator that is to use it. If it cannot, it
// returns the verdict. If the generator could not be made, each call of it fails.
// The trial ends with the case.
func (b *GeneratorBench) Open(ctx context.Context, s TokenScene) (*GeneratorTrial, Verdict, bool) {
	t, err := b.newTrial(s)
	if err != nil {
		b.broken = errors.Join(b.broken, err)
		return nil, Verdict{Outcome: Error}, false
	}
	b.trials = append(b.trials, t)
	if t.make = s.Make; t.make == nil {
		t.make = b.target.New
	}
	if err := t.Start(ctx, new(providers.MemoryStore)); errors.Is(err, errors.ErrUnsupported) {
		return t, lacking(err), false
	}
	return t, Verdict{}, true // that it could not be made, it says when it is asked
}

// lacking returns the verdict on a generator that cannot do what the case needs.
func lacking(err error) Verdict {
	return Verdict{Outcome: Skip, Reason: fmt.Sprintf("no-capability: the generator cannot do what the case needs (%v)", err)}
}

// Control opens a scene in which nothing is wrong, and asks for a token, which the
// authority has to know. If that fails, Control returns false and the verdict of
// the case, which is not [Pass]: nothing can be said of what such a generator does
// if something is wrong.
func (b *GeneratorBench) Control(ctx context.Context, s TokenScene) (*GeneratorTrial, Verdict, bool) {
	t, v, ok := b.Open(ctx, s)
	if !ok {
		return t, v, false
	}
	a := t.Ask(ctx, nil)
	problem := ""
	switch {
	case errors.Is(a.Err, errors.ErrUnsupported):
		return t, lacking(a.Err), false
	case a.Err != nil || a.Crash != "":
		problem = a.said()
	case !t.good(a.Token):
		problem = "a token that the authority did not give, or not for this mailbox"
	case len(t.TokenCalls()) == 0:
		problem = "a token without a request for it"
	}
	if problem != "" {
		return t, Verdict{
			Outcome:    Inconclusive,
			Reason:     "the control failed, in which nothing was wrong",
			Want:       "a token that the authority gave",
			Got:        problem,
			Transcript: t.shown(),
		}, false
	}
	t.first = a.Token
	return t, Verdict{}, true
}

// presetURL is where the preset has to ask for tokens.
func (t GeneratorTarget) presetURL() string {
	url := t.PresetTokenURL
	if url == "" {
		switch t.Dialect {
		case mock.GoogleOAuth:
			url = "https://oauth2.googleapis.com/token"
		case mock.MicrosoftOAuth:
			url = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
		}
	}
	return strings.ReplaceAll(url, "{tenant}", generatorTenant)
}

// presetScope is what the preset has to ask for, in a request of that grant.
func (t GeneratorTarget) presetScope(grant string) string {
	switch {
	case t.PresetScope != "":
		return t.PresetScope
	case t.Dialect == mock.GoogleOAuth:
		return "https://mail.google.com/"
	case t.Dialect == mock.MicrosoftOAuth && grant == "client_credentials":
		return "https://outlook.office365.com/.default"
	case t.Dialect == mock.MicrosoftOAuth:
		return "https://outlook.office.com/SMTP.Send"
	}
	return ""
}
