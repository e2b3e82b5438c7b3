package google_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// RefreshToken stands the cases for token generators.
func TestConformance(t *testing.T) {
	generator := func(tokenURL func(conformance.GeneratorConfig) string) conformance.MakeGenerator {
		return func(_ context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			return google.RefreshToken(google.Client{ID: cfg.ClientID, Secret: cfg.ClientSecret}, cfg.RefreshToken, google.Options{
				HTTPClient: cfg.HTTPClient, TokenURL: tokenURL(cfg),
				Cache: providers.CacheOptions{Store: cfg.Store, Key: "google/" + cfg.ClientID},
			})
		}
	}
	conformance.RunTokenGenerator(t, synctest.Test, conformance.GeneratorTarget{
		Name:    "google.RefreshToken",
		Dialect: mock.GoogleOAuth,
		New:     generator(func(cfg conformance.GeneratorConfig) string { return cfg.TokenURL }),
		Preset:  generator(func(conformance.GeneratorConfig) string { return "" }),
	})
}
