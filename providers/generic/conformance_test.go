package generic_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
)

// underTest is the authority of a case.
func underTest(cfg conformance.GeneratorConfig) generic.Server {
	return generic.Server{TokenURL: cfg.TokenURL, DeviceURL: cfg.DeviceURL, Scopes: []string{cfg.Scope}}
}

func kept(cfg conformance.GeneratorConfig) generic.Options {
	return generic.Options{
		HTTPClient: cfg.HTTPClient,
		Cache:      providers.CacheOptions{Store: cfg.Store, Key: "generic/" + cfg.ClientID},
	}
}

// refreshing makes RefreshToken with an authority.
func refreshing(server func(conformance.GeneratorConfig) generic.Server) conformance.MakeGenerator {
	return func(_ context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
		return generic.RefreshToken(server(cfg), generic.Client{ID: cfg.ClientID, Secret: cfg.ClientSecret}, cfg.RefreshToken, kept(cfg))
	}
}

// signingIn makes what LoginDevice and RefreshToken make together.
func signingIn(ctx context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
	client := generic.Client{ID: cfg.ClientID, Secret: cfg.ClientSecret}
	show := func(_ context.Context, p generic.DevicePrompt) error {
		cfg.Show(p.URI, p.Code)
		return nil
	}
	if _, err := generic.LoginDevice(ctx, underTest(cfg), client, show, kept(cfg)); err != nil {
		return nil, err
	}
	return generic.RefreshToken(underTest(cfg), client, sasl.Secret{}, kept(cfg))
}

// Every flow that asks an authority by itself stands the cases for token
// generators, and the presets lead where they should.
func TestConformance(t *testing.T) {
	targets := []conformance.GeneratorTarget{
		{Name: "generic.RefreshToken", New: refreshing(underTest), Device: signingIn},
		{Name: "generic.ClientCredentials", New: func(_ context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			return generic.ClientCredentials(underTest(cfg), generic.Client{ID: cfg.ClientID, Secret: cfg.ClientSecret}, kept(cfg))
		}},
		{Name: "secrets in the body", New: refreshing(func(cfg conformance.GeneratorConfig) generic.Server {
			s := underTest(cfg)
			s.ClientAuth = generic.ClientSecretPost
			return s
		})},
	}
	for _, preset := range []struct {
		server  generic.Server
		profile *profile.Profile
		url     string
	}{
		{generic.Yahoo(), profile.Yahoo(), "https://api.login.yahoo.com/oauth2/get_token"},
		{generic.AOL(), profile.AOL(), "https://api.login.aol.com/oauth2/get_token"},
		{generic.Fastmail(), profile.Fastmail(), "https://api.fastmail.com/oauth/refresh"},
		{generic.Yandex(), profile.Yandex(), "https://oauth.yandex.com/token"},
	} {
		targets = append(targets, conformance.GeneratorTarget{
			Name: preset.server.Name, New: refreshing(underTest),
			Preset:         refreshing(func(conformance.GeneratorConfig) generic.Server { return preset.server }),
			PresetTokenURL: preset.url, PresetScope: preset.profile.Scopes[0],
		})
	}
	for _, target := range targets {
		t.Run(target.Name, func(t *testing.T) { conformance.RunTokenGenerator(t, synctest.Test, target) })
	}
}
