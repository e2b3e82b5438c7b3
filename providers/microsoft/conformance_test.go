package microsoft_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// ClientSecret stands the cases for token generators. There is no refresh token,
// so none that could be replaced.
func TestConformance(t *testing.T) {
	generator := func(authority func(conformance.GeneratorConfig) string) conformance.MakeGenerator {
		return func(_ context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			return microsoft.ClientSecret(microsoft.Options{
				Tenant:     cfg.Tenant,
				ClientID:   cfg.ClientID,
				Authority:  authority(cfg),
				HTTPClient: cfg.HTTPClient,
			}, cfg.ClientSecret)
		}
	}
	conformance.RunTokenGenerator(t, synctest.Test, conformance.GeneratorTarget{
		Name:    "microsoft.ClientSecret",
		Dialect: mock.MicrosoftOAuth,
		New:     generator(func(cfg conformance.GeneratorConfig) string { return cfg.BaseURL }),
		Preset:  generator(func(conformance.GeneratorConfig) string { return "" }),
	})
}

// RefreshToken and LoginDevice stand them, too: a web application's user, and one
// who signs in elsewhere.
func TestConformanceOfUsers(t *testing.T) {
	options := func(cfg conformance.GeneratorConfig) microsoft.Options {
		return microsoft.Options{
			Tenant: cfg.Tenant, ClientID: cfg.ClientID, Authority: cfg.BaseURL, HTTPClient: cfg.HTTPClient, Scope: cfg.Scope,
			Cache: providers.CacheOptions{Store: cfg.Store, Key: "microsoft/" + cfg.ClientID},
		}
	}
	conformance.RunTokenGenerator(t, synctest.Test, conformance.GeneratorTarget{
		Name:    "microsoft.RefreshToken",
		Dialect: mock.MicrosoftOAuth,
		New: func(_ context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			o := options(cfg)
			o.Credential = microsoft.Secret(cfg.ClientSecret)
			return microsoft.RefreshToken(o, "", cfg.RefreshToken)
		},
		Device: func(ctx context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			o := options(cfg)
			grant, err := microsoft.LoginDevice(ctx, o, "", func(p microsoft.DevicePrompt) error {
				cfg.Show(p.URI, p.Code)
				return nil
			})
			if err != nil {
				return nil, err
			}
			o.Cache.Grant = grant.Value
			return microsoft.Account(o, "")
		},
	})
}
