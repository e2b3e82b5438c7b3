package main

import (
	"context"
	"encoding/json"

	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// A googleClient is an OAuth client as the Google Cloud console saves it.
type googleClient struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// googleToken returns a generator that fetches tokens from Google. It makes no
// request yet.
func (a *app) googleToken(ctx context.Context, c *credentialFlags) (sasl.TokenGenerator, error) {
	file, err := readPrivate(ctx, "--google-client", c.googleClient)
	if err != nil {
		return nil, err
	}
	client, err := readGoogleClient(c.googleClient, file)
	if err != nil {
		return nil, err
	}
	var generator sasl.TokenGenerator
	switch separate := c.given("google-refresh-file"); {
	case client == nil && separate:
		return nil, failf(exitUsage, "--google-refresh-file is for an OAuth client, which %s is not", c.googleClient)
	case client == nil:
		generator, err = google.AuthorizedUserJSON(file, a.google)
	case !separate:
		return nil, failf(exitConfig, "--google-client: %s is an OAuth client and has no refresh token: add --google-refresh-file", c.googleClient)
	default:
		var refresh string
		if refresh, err = readToken(ctx, "--google-refresh-file", c.googleRefresh); err != nil {
			return nil, err
		}
		generator, err = google.RefreshToken(google.Client{ID: client.ID, Secret: sasl.NewSecret(client.Secret)}, sasl.NewSecret(refresh), a.google)
	}
	if err != nil {
		return nil, failf(exitConfig, "--google-client: %s: %w", c.googleClient, err)
	}
	return generator, nil
}

// readGoogleClient returns the client in a file, nil if it describes something
// else. No error holds what the file holds.
func readGoogleClient(name string, file []byte) (*googleClient, error) {
	var f struct{ Installed, Web *googleClient }
	if err := json.Unmarshal(file, &f); err != nil {
		return nil, failf(exitConfig, "--google-client: %s is not JSON as Google saves it", name)
	}
	if f.Installed != nil {
		return f.Installed, nil
	}
	return f.Web, nil
}
