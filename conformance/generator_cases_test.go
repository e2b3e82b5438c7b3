package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badtoken"
	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

func TestRunTokenGenerator(t *testing.T) {
	conformance.RunTokenGenerator(t, synctest.Test, conformance.GeneratorTarget{New: underTest})
}

// tokenOutcomes runs cases in a bubble, and returns what came of them by id.
func tokenOutcomes(t *testing.T, target conformance.GeneratorTarget, ids ...string) map[string]conformance.Result {
	t.Helper()
	results := make(map[string]conformance.Result)
	for _, c := range casesFor("P") {
		if len(ids) > 0 && !slices.Contains(ids, c.ID) {
			continue
		}
		results[c.ID] = judgeToken(t, tokenSubject{make: func() conformance.GeneratorTarget { return target }}, c.ID)
	}
	return results
}

// withRetries is a generator that tries again by itself, as it is told to.
func withRetries(then conformance.MakeGenerator) conformance.MakeGenerator {
	return func(ctx context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
		g, err := then(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return generatorFunc(func(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
			for pause := 2 * time.Second; ; pause *= 2 {
				token, err := g.Token(ctx, req)
				var refusal *badtoken.Error
				if !errors.As(err, &refusal) || !refusal.Temporary() {
					return token, err
				}
				select {
				case <-time.After(max(min(pause, 20*time.Second), refusal.RetryAfter)):
				case <-ctx.Done():
					return sasl.Token{}, err
				}
			}
		}), nil
	}
}

// asking is a generator over providers.Cache that asks in a way of its own.
func asking(form func(conformance.GeneratorConfig, providers.Request) (fields map[string]string, basic bool)) conformance.MakeGenerator {
	return func(_ context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
		client := providers.HTTPClient(cfg.HTTPClient)
		return providers.NewCache(providers.FetcherFunc(func(ctx context.Context, req providers.Request) (providers.Response, error) {
			fields, basic := form(cfg, req)
			return askAs(ctx, client, cfg, fields, basic)
		}), providers.CacheOptions{Grant: cfg.RefreshToken}), nil
	}
}

// presetFor is a generator as it is for one provider.
func presetFor(tokenURL, scope string) conformance.MakeGenerator {
	return func(ctx context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
		cfg.TokenURL, cfg.Scope = tokenURL, scope
		return naiveGenerator(badtoken.None).New(ctx, cfg)
	}
}

// Generators that do the same in another way do as well.
func TestOtherGenerators(t *testing.T) {
	naive := naiveGenerator(badtoken.None)
	retrying := naive
	retrying.New = withRetries(naive.New)
	for _, test := range []struct {
		name   string
		target conformance.GeneratorTarget
		want   map[string]conformance.Outcome // where it is not pass
	}{
		{"tries again by itself", retrying, nil},
		{"a preset of another provider", conformance.GeneratorTarget{
			New: naive.New, Device: naive.Device, Preset: presetFor("https://login.example.test/oauth2/get_token", "send"),
			PresetTokenURL: "https://login.example.test/oauth2/get_token", PresetScope: "send",
		}, nil},
		{"a preset for another host", conformance.GeneratorTarget{
			New: naive.New, Device: naive.Device, Preset: presetFor("https://login.example.com/oauth2/get_token", "send"),
			PresetTokenURL: "https://login.example.test/oauth2/get_token", PresetScope: "send",
		}, map[string]conformance.Outcome{"P-TOK-10": conformance.Fail}},
		{"Google's dialect, no device flow", conformance.GeneratorTarget{Dialect: mock.GoogleOAuth, New: naive.New}, map[string]conformance.Outcome{
			"P-TOK-06": conformance.Skip, "P-TOK-10": conformance.Skip,
		}},
		{"no Store, Basic", conformance.GeneratorTarget{New: asking(
			func(_ conformance.GeneratorConfig, req providers.Request) (map[string]string, bool) {
				return map[string]string{"grant_type": "refresh_token", "refresh_token": req.Grant.Reveal()}, true
			},
		)}, map[string]conformance.Outcome{
			"P-TOK-03": conformance.Info, "P-TOK-06": conformance.Skip, "P-TOK-10": conformance.Skip,
		}},
		{"client credentials", conformance.GeneratorTarget{New: asking(
			func(cfg conformance.GeneratorConfig, _ providers.Request) (map[string]string, bool) {
				return map[string]string{"grant_type": "client_credentials", "scope": cfg.Scope}, false
			},
		)}, map[string]conformance.Outcome{
			"P-TOK-03": conformance.Skip, "P-TOK-06": conformance.Skip, "P-TOK-10": conformance.Skip,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for id, result := range tokenOutcomes(t, test.target) {
				want := test.want[id]
				if want == "" {
					want = conformance.Pass
				}
				if result.Outcome != want {
					t.Errorf("want %s\n%s", want, result)
				}
			}
		})
	}
}

// A function that gets a token each time, and nothing else, learns what it lacks.
func TestTokenString(t *testing.T) {
	target := conformance.GeneratorTarget{New: func(ctx context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
		return sasl.TokenString(func(ctx context.Context) (string, error) {
			response, err := askAs(ctx, cfg.HTTPClient, cfg, map[string]string{
				"grant_type": "refresh_token", "refresh_token": cfg.RefreshToken.Reveal(),
			}, false)
			return response.Token.Value.Reveal(), err
		}), nil
	}}
	results := tokenOutcomes(t, target)
	for id, want := range map[string]conformance.Outcome{
		"P-TOK-01": conformance.Fail, // no cache
		"P-TOK-02": conformance.Fail,
		"P-TOK-03": conformance.Fail, // it does not read the new one
		"P-TOK-04": conformance.Warn, // it asks each time
		"P-TOK-05": conformance.Pass, // its errors say when
		"P-TOK-07": conformance.Fail, // the client follows redirects
		"P-TOK-08": conformance.Pass,
		"P-TOK-09": conformance.Pass,
		"P-TOK-11": conformance.Pass,
	} {
		if got := results[id]; got.Outcome != want {
			t.Errorf("want %s\n%s", want, got)
		}
	}
}

// Over TCP, without a bubble, the cases that take no time find their mutants as
// well, and the others say why they are skipped.
func TestGeneratorOverTCP(t *testing.T) {
	for _, s := range tokenSubjects() {
		if s.idle || slices.Contains(byID(s.kills).Needs, conformance.NeedVirtualTime) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			report, err := conformance.Suite{Select: []string{"P-TOK-*"}, Timeout: time.Minute}.Run(t.Context(), s.make())
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range report.Results {
				want := conformance.Pass
				switch {
				case slices.Contains(byID(result.ID).Needs, conformance.NeedVirtualTime):
					want = conformance.Skip
				case result.ID == s.kills:
					want = conformance.Fail
				}
				if result.Outcome != want || want == conformance.Skip && !strings.Contains(result.Reason, "bubble") {
					t.Errorf("want %s\n%s", want, result)
				}
			}
		})
	}
}

// A verdict on a generator that tells secrets does not tell them.
func TestGeneratorReportHoldsNoSecret(t *testing.T) {
	for _, d := range []badtoken.Defect{badtoken.ErrorHoldsAnswer, badtoken.LogRequests, badtoken.FollowRedirects} {
		target := naiveGenerator(d)
		var mu sync.Mutex
		var secrets []string
		then := target.New
		target.New = func(ctx context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			mu.Lock()
			defer mu.Unlock()
			secrets = append(secrets, cfg.ClientSecret.Reveal(), cfg.RefreshToken.Reveal())
			return then(ctx, cfg)
		}
		report, err := conformance.Suite{Select: []string{"P-TOK-0[78]"}}.Run(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if report.Count(conformance.Fail) != 1 {
			t.Errorf("%s: want one failure\n%s", d, report)
		}
		octets, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if half := secret[:len(secret)/2]; strings.Contains(string(octets)+report.String(), half) {
				t.Errorf("%s: a secret in the report: %s", d, report)
			}
		}
	}
}

func TestGeneratorTargetRefuses(t *testing.T) {
	generator := naiveGenerator(badtoken.None).New
	for _, test := range []struct {
		name   string
		target conformance.GeneratorTarget
		want   string
	}{
		{"nothing", conformance.GeneratorTarget{}, "no New"},
		{"a preset of nobody", conformance.GeneratorTarget{New: generator, Preset: generator}, "PresetTokenURL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := conformance.Suite{}.Run(t.Context(), test.target)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// What New does not give is the answer of every call.
func TestUnmadeGenerator(t *testing.T) {
	for _, test := range []struct {
		name string
		make conformance.MakeGenerator
		want conformance.Outcome
		text string
	}{
		{"cannot", func(context.Context, conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			return nil, fmt.Errorf("only at night: %w", errors.ErrUnsupported)
		}, conformance.Skip, "only at night"},
		{"will not", func(context.Context, conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			return nil, errMade
		}, conformance.Inconclusive, errMade.Error()},
		{"panics", func(context.Context, conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			panic("oh")
		}, conformance.Inconclusive, "panicked: oh"},
		{"nothing", func(context.Context, conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			return nil, nil
		}, conformance.Inconclusive, "neither a generator nor an error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := conformance.GeneratorTarget{Dialect: mock.MicrosoftOAuth, New: test.make, Device: test.make, Preset: test.make}
			for _, result := range tokenOutcomes(t, target) {
				if result.Outcome != test.want || !strings.Contains(result.String(), test.text) {
					t.Errorf("want %s, with %q\n%s", test.want, test.text, result)
				}
			}
		})
	}
}

// A generator that is deaf to its context does not hold up a run.
func TestDeafGenerator(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	target := idleGenerator(func(context.Context, sasl.TokenRequest) (sasl.Token, error) {
		<-release
		return sasl.Token{}, errMade
	})
	report, err := conformance.Suite{Select: []string{"P-TOK-09"}, Timeout: time.Millisecond}.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if r := report.Results[0]; r.Outcome != conformance.Inconclusive || !strings.Contains(r.Got, "had not returned") {
		t.Errorf("got %s", r)
	}
}

// A case from elsewhere has the same bench.
func TestAddedTokenCase(t *testing.T) {
	extra := conformance.Case{
		ID: "X-slow", Title: "An answer that takes a moment is awaited", Area: conformance.AreaTokens, Tiers: []conformance.Tier{conformance.Passive},
		Generator: func(ctx context.Context, b *conformance.GeneratorBench) conformance.Verdict {
			if _, v, ok := b.Control(ctx, conformance.TokenScene{}); !ok {
				return v
			}
			trial, v, ok := b.Open(ctx, conformance.TokenScene{Answer: func(_ http.ResponseWriter, r *http.Request) bool {
				time.Sleep(time.Second)
				return false
			}})
			if !ok {
				return v
			}
			a := trial.Ask(ctx, nil)
			if a.Err != nil || a.Took != time.Second || len(trial.TokenCalls()) != 1 {
				return conformance.Verdict{Outcome: conformance.Fail, Got: fmt.Sprint(a.Err, a.Took, len(trial.TokenCalls()))}
			}
			return conformance.Verdict{Outcome: conformance.Pass}
		},
	}
	synctest.Test(t, func(t *testing.T) {
		target := naiveGenerator(badtoken.None)
		target.Network = mock.InMemory
		report, err := conformance.Suite{Select: []string{"X-slow"}}.Add(extra).Run(t.Context(), target)
		if err != nil || report.Err() != nil {
			t.Errorf("%v\n%s", err, report)
		}
	})
}

// Each case has a bubble of its own; without one, virtual time is missing.
func TestGeneratorSubtests(t *testing.T) {
	target := conformance.GeneratorTarget{New: func(context.Context, conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
		return nil, errMade
	}}
	var notes, bubbles []string
	bubble := func(r recorder, f func(recorder)) {
		bubbles = append(bubbles, r.name)
		if r.name != "P-TOK-04" {
			f(r)
		}
	}
	conformance.RunTokenGenerator(recorder{t.Context(), "", &notes}, bubble, target)
	var ids []string
	for _, c := range casesFor("P") {
		ids = append(ids, c.ID)
	}
	if !slices.Equal(bubbles, ids) {
		t.Errorf("bubbles %q", bubbles)
	}
	for _, want := range []string{
		"P-TOK-01 skip: P-TOK-01 skip: A token is kept until shortly before its expiry", // that was no bubble
		"P-TOK-04 error: P-TOK-04 error: A consent that has ended is reported, and not tried over and over",
		"P-TOK-09 error: P-TOK-09 inconclusive: A token that a server has refused is replaced, once",
	} {
		if !slices.Contains(notes, want) {
			t.Errorf("no note %q in %q", want, notes)
		}
	}
	notes = nil
	conformance.RunTokenGenerator(recorder{t.Context(), "", &notes}, nil, target)
	if !slices.Contains(notes, "P-TOK-01 skip: P-TOK-01 skip: A token is kept until shortly before its expiry") {
		t.Errorf("without a bubble: %q", notes)
	}
}
