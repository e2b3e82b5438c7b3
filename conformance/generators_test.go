package conformance_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badtoken"
	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// naiveGenerator is a target with a defect. It can do all that there are cases for.
func naiveGenerator(d badtoken.Defect) conformance.GeneratorTarget {
	generator := func(device, preset bool) conformance.MakeGenerator {
		return func(_ context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			config := badtoken.Config{
				TokenURL:     cfg.TokenURL,
				DeviceURL:    cfg.DeviceURL,
				HTTPClient:   cfg.HTTPClient,
				ClientID:     cfg.ClientID,
				ClientSecret: cfg.ClientSecret.Reveal(),
				RefreshToken: cfg.RefreshToken.Reveal(),
				Scope:        cfg.Scope,
				Device:       device,
				Store:        cfg.Store,
				Show:         cfg.Show,
				Log:          cfg.Log,
			}
			if preset {
				config.Preset(d, cfg.Tenant)
			}
			return badtoken.New(d, config), nil
		}
	}
	return conformance.GeneratorTarget{
		Name: "naive", Dialect: mock.MicrosoftOAuth,
		New: generator(false, false), Device: generator(true, false), Preset: generator(false, true),
	}
}

// generatorFunc is a function that is a generator.
type generatorFunc func(context.Context, sasl.TokenRequest) (sasl.Token, error)

func (f generatorFunc) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	return f(ctx, req)
}

// idleGenerator is a target that proves nothing: each of its generators does what
// f does.
func idleGenerator(f generatorFunc) conformance.GeneratorTarget {
	generator := func(context.Context, conformance.GeneratorConfig) (sasl.TokenGenerator, error) { return f, nil }
	return conformance.GeneratorTarget{
		Name: "idle", Dialect: mock.MicrosoftOAuth, New: generator, Device: generator, Preset: generator,
	}
}

// fadingGenerator does what is right for some calls, and then only what f does,
// given the last token.
func fadingGenerator(calls int32, f func(context.Context, sasl.Token) (sasl.Token, error)) conformance.GeneratorTarget {
	right := naiveGenerator(badtoken.None)
	var n atomic.Int32
	var last atomic.Pointer[sasl.Token]
	fades := func(then conformance.MakeGenerator) conformance.MakeGenerator {
		return func(ctx context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			g, err := then(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return generatorFunc(func(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
				if n.Add(1) <= calls {
					token, err := g.Token(ctx, req)
					last.Store(&token)
					return token, err
				}
				return f(ctx, *last.Load())
			}), nil
		}
	}
	right.New, right.Device, right.Preset = fades(right.New), fades(right.Device), fades(right.Preset)
	return right
}

// What generators do that prove nothing.
func noToken(context.Context, sasl.TokenRequest) (sasl.Token, error) { return sasl.Token{}, nil }

func onlyError(context.Context, sasl.TokenRequest) (sasl.Token, error) { return sasl.Token{}, errMade }

func panicking(context.Context, sasl.TokenRequest) (sasl.Token, error) { panic("made up") }

func waiting(ctx context.Context, _ sasl.TokenRequest) (sasl.Token, error) {
	<-ctx.Done()
	return sasl.Token{}, ctx.Err()
}

// askAs asks for a token once, with the client's secret in the form or by Basic.
func askAs(ctx context.Context, client *http.Client, cfg conformance.GeneratorConfig, fields map[string]string, basic bool) (providers.Response, error) {
	form := make(url.Values)
	for name, value := range fields {
		form.Set(name, value)
	}
	if !basic {
		form.Set("client_id", cfg.ClientID)
		form.Set("client_secret", cfg.ClientSecret.Reveal())
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, cfg.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return providers.Response{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		r.SetBasicAuth(url.QueryEscape(cfg.ClientID), url.QueryEscape(cfg.ClientSecret.Reveal()))
	}
	resp, err := client.Do(r)
	if err != nil {
		return providers.Response{}, err
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int    `json:"expires_in"`
		Error        string `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		return providers.Response{}, &providers.Error{
			Kind:       providers.Classify(resp.StatusCode, answer.Error),
			Code:       providers.Scrub(answer.Error, cfg.ClientSecret.Reveal(), fields["refresh_token"]),
			Status:     resp.StatusCode,
			RetryAfter: providers.RetryAfter(resp.Header.Get("Retry-After")),
		}
	}
	token := sasl.Token{Value: sasl.NewSecret(answer.AccessToken)}
	if answer.ExpiresIn > 0 {
		token.Expiry = time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second)
	}
	return providers.Response{Token: token, Grant: sasl.NewSecret(answer.RefreshToken)}, nil
}
