package google

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

const iamURL = "https://iamcredentials.googleapis.com"

// An iam talks to the IAM Service Account Credentials interface, which signs in
// the name of service accounts.
type iam struct {
	root string
	http *http.Client
}

func newIAM(o Options) (*iam, error) {
	root, err := endpoint("IAMURL", o.IAMURL, iamURL)
	if err != nil {
		return nil, err
	}
	return &iam{strings.TrimSuffix(root, "/"), providers.HTTPClient(o.HTTPClient)}, nil
}

// signJWT returns the JWT of claims that Google signs with a key of account.
func (i *iam) signJWT(ctx context.Context, base Base, account string, delegates []string, claims []byte) (sasl.Secret, error) {
	var out struct {
		SignedJWT string `json:"signedJwt"`
	}
	in := map[string]any{"payload": string(claims)}
	if err := i.call(ctx, base, account, "signJwt", delegates, in, &out); err != nil {
		return sasl.Secret{}, err
	}
	if out.SignedJWT == "" {
		return sasl.Secret{}, notGoogle()
	}
	return sasl.NewSecret(out.SignedJWT), nil
}

// generateAccessToken returns a token of account.
func (i *iam) generateAccessToken(ctx context.Context, base Base, account string, delegates []string) (providers.Response, error) {
	var out struct {
		AccessToken string    `json:"accessToken"`
		ExpireTime  time.Time `json:"expireTime"`
	}
	in := map[string]any{"lifetime": "3600s", "scope": []string{cloudScope}}
	if err := i.call(ctx, base, account, "generateAccessToken", delegates, in, &out); err != nil {
		return providers.Response{}, err
	}
	if out.AccessToken == "" {
		return providers.Response{}, notGoogle()
	}
	return providers.Response{Token: sasl.Token{Value: sasl.NewSecret(out.AccessToken), Expiry: out.ExpireTime}}, nil
}

// call calls a method with a token of base, and with another if that is refused.
func (i *iam) call(ctx context.Context, base Base, account, method string, delegates []string, in map[string]any, out any) error {
	if len(delegates) > 0 {
		var names []string
		for _, d := range delegates {
			names = append(names, "projects/-/serviceAccounts/"+d)
		}
		in["delegates"] = names
	}
	body, err := json.Marshal(in)
	if err != nil {
		return misconfigured("the request cannot be encoded")
	}
	token, err := base.cloudToken(ctx, nil)
	if err != nil {
		return err
	}
	failure := i.post(ctx, token, base.quotaProject(), account, method, body, out)
	var refused *providers.Error
	if !errors.As(failure, &refused) || refused.Status != http.StatusUnauthorized {
		return failure
	}
	token, err = base.cloudToken(ctx, sasl.NewRejection(failure, token))
	switch {
	case errors.Is(err, sasl.ErrNoOtherToken):
		return failure
	case err != nil:
		return err
	}
	return i.post(ctx, token, base.quotaProject(), account, method, body, out)
}

// post makes one request.
func (i *iam) post(ctx context.Context, token sasl.Token, project, account, method string, body []byte, out any) error {
	target := i.root + "/v1/projects/-/serviceAccounts/" + url.PathEscape(account) + ":" + method
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return misconfigured("Options.IAMURL is not a URL such as https://host/path")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token.Value.Reveal())
	if project != "" {
		r.Header.Set("X-Goog-User-Project", project)
	}
	q := &question{
		rows: signRefusals(), names: []string{"ACCOUNT", shown(account)},
		secrets: []sasl.Secret{token.Value}, option: "IAMURL",
	}
	reply, err := i.http.Do(r)
	if err != nil {
		return q.failure(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return unreadable(err)
	}
	if reply.StatusCode != http.StatusOK {
		a := parseAnswer(text)
		a.status, a.header = reply.StatusCode, reply.Header
		return q.refusal(a)
	}
	// The decoder's error would quote what it read.
	if json.Unmarshal(text, out) != nil {
		return notGoogle()
	}
	return nil
}

// unreadable is the error for an answer that broke off.
func unreadable(err error) error {
	return providers.Unreachable(provider, &url.Error{Op: "read", Err: err})
}
