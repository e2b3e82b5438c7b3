package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// newGenerator is what a program has: a request for a token, and a cache on top.
func newGenerator(client *http.Client, tokenURL, id, secret string, o providers.CacheOptions) sasl.TokenGenerator {
	client = providers.HTTPClient(client) // which follows no redirect
	return providers.NewCache(providers.FetcherFunc(func(ctx context.Context, req providers.Request) (providers.Response, error) {
		form := url.Values{"client_id": {id}, "client_secret": {secret}, "grant_type": {"refresh_token"}, "refresh_token": {req.Grant.Reveal()}}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, tokenURL, strings.NewReader(form.Encode()))
		if err != nil {
			return providers.Response{}, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := client.Do(r)
		if err != nil {
			return providers.Response{}, fmt.Errorf("asking for a token: %w", err)
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
				Code:       providers.Scrub(answer.Error, secret, req.Grant.Reveal()),
				Status:     resp.StatusCode,
				RetryAfter: providers.RetryAfter(resp.Header.Get("Retry-After")),
			}
		}
		token := sasl.Token{Value: sasl.NewSecret(answer.AccessToken)}
		if answer.ExpiresIn > 0 {
			token.Expiry = time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second)
		}
		return providers.Response{Token: token, Grant: sasl.NewSecret(answer.RefreshToken)}, nil
	}), o)
}

// underTest makes it as the suite wants it.
func underTest(_ context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
	return newGenerator(cfg.HTTPClient, cfg.TokenURL, cfg.ClientID, cfg.ClientSecret.Reveal(), providers.CacheOptions{
		Grant: cfg.RefreshToken, Store: cfg.Store, Key: cfg.Username,
	}), nil
}

// Outside of a test, the cases that take no time can run. In a test, all can:
//
//	conformance.RunTokenGenerator(t, synctest.Test, conformance.GeneratorTarget{New: underTest})
func ExampleGeneratorTarget() {
	suite := conformance.Suite{Select: []string{"P-TOK-04", "P-TOK-0[789]"}}
	report, err := suite.Run(context.Background(), conformance.GeneratorTarget{Name: "mine", New: underTest})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(report)
	// Output:
	// pass          P-TOK-04  A consent that has ended is reported, and not tried over and over
	// pass          P-TOK-07  Secrets go to the authority and to nobody else
	// pass          P-TOK-08  Logs and errors hold no secret
	// pass          P-TOK-09  A token that a server has refused is replaced, once
	// mine: 4 pass
}
