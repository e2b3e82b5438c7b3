package providers_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A formFetcher is a Fetcher in as few lines as one can be written.
type formFetcher struct {
	http     *http.Client
	tokenURL string
	id       string
	secret   sasl.Secret
}

func newFormFetcher(cfg conformance.GeneratorConfig) *formFetcher {
	return &formFetcher{providers.HTTPClient(cfg.HTTPClient), cfg.TokenURL, cfg.ClientID, cfg.ClientSecret}
}

func (f *formFetcher) Fetch(ctx context.Context, req providers.Request) (providers.Response, error) {
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {req.Grant.Reveal()},
		"client_id": {f.id}, "client_secret": {f.secret.Reveal()},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return providers.Response{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := f.http.Do(r)
	if err != nil {
		var failure *url.Error
		errors.As(err, &failure) // which every error of an http.Client is
		return providers.Response{}, providers.Unreachable("form", failure)
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int64  `json:"expires_in"`
		Error        string
		Description  string `json:"error_description"`
	}
	err = json.NewDecoder(resp.Body).Decode(&answer)
	if err != nil || resp.StatusCode != http.StatusOK || answer.AccessToken == "" {
		secrets := []string{req.Grant.Reveal(), f.secret.Reveal()}
		return providers.Response{}, &providers.Error{
			Kind:        providers.Classify(resp.StatusCode, answer.Error),
			Provider:    "form",
			Code:        providers.Scrub(answer.Error, secrets...),
			Description: providers.Scrub(answer.Description, secrets...),
			Status:      resp.StatusCode,
			RetryAfter:  providers.RetryAfter(resp.Header.Get("Retry-After")),
		}
	}
	token := sasl.Token{Value: sasl.NewSecret(answer.AccessToken)}
	if answer.ExpiresIn > 0 {
		token.Expiry = time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second)
	}
	return providers.Response{Token: token, Grant: sasl.NewSecret(answer.RefreshToken)}, nil
}

// A Cache over any Fetcher stands the cases for token generators.
func TestConformance(t *testing.T) {
	conformance.RunTokenGenerator(t, synctest.Test, conformance.GeneratorTarget{
		Name: "providers.Cache",
		New: func(_ context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
			return providers.NewCache(newFormFetcher(cfg), providers.CacheOptions{
				Grant: cfg.RefreshToken, Store: cfg.Store, Key: "form/" + cfg.Username,
			}), nil
		},
	})
}
