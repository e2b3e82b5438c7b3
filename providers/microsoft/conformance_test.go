package microsoft_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/mock"
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
