package google

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

const (
	// grantAssertion is the grant type of RFC 7523, Section 2.1.
	grantAssertion = "urn:ietf:params:oauth:grant-type:jwt-bearer"

	// Google takes an assertion that lasts an hour at most and has begun. It
	// begins a minute ago, for clocks differ.
	assertionLife = time.Hour
	clockSkew     = time.Minute
)

// A signer makes a JWT of claims, which are JSON, in the name of a service
// account.
type signer func(ctx context.Context, claims []byte) (sasl.Secret, error)

// claims returns those of an assertion (RFC 7523, Section 3). A subject that is
// empty means the service account itself.
func claims(account, subject, scope, audience string, now time.Time) []byte {
	issued := now.Add(-clockSkew)
	text, _ := json.Marshal(struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub,omitempty"`
		Scope    string `json:"scope"`
		Audience string `json:"aud"`
		Issued   int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{account, subject, scope, audience, issued.Unix(), issued.Add(assertionLife).Unix()}) // strings and numbers can be encoded
	return text
}

// An asserter exchanges assertions for tokens.
type asserter struct {
	tokenURL string
	audience string // Google's name for the token endpoint, wherever that is
	http     *http.Client
}

// token returns the access token for an assertion. It is x/oauth2 that asks, by
// its client credentials: its package jwt neither reads what a refusal says nor
// heeds the context.
func (a *asserter) token(ctx context.Context, assertion sasl.Secret, q *question) (sasl.Token, error) {
	config := clientcredentials.Config{
		TokenURL:  a.tokenURL,
		AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{
			"grant_type": {grantAssertion},
			"assertion":  {assertion.Reveal()},
		},
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, a.http))
	if err != nil {
		about := *q
		about.secrets = append(about.secrets[:len(about.secrets):len(about.secrets)], assertion)
		return sasl.Token{}, about.failure(err)
	}
	return saslToken(token), nil
}

// keySigner returns a signer with an RSA key in PEM (RS256; RFC 7518, Section
// 3.3). The key is held where nothing prints it.
func keySigner(keyPEM, keyID string) (signer, error) {
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, err
	}
	header, _ := json.Marshal(struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
		KeyID     string `json:"kid,omitempty"`
	}{"RS256", "JWT", keyID}) // strings can be encoded
	return func(_ context.Context, claims []byte) (sasl.Secret, error) {
		text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
		digest := sha256.Sum256([]byte(text))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		if err != nil {
			return sasl.Secret{}, &providers.Error{Kind: providers.Misconfigured, Provider: provider, Description: "the private key cannot sign", Err: err}
		}
		return sasl.NewSecret(text + "." + base64.RawURLEncoding.EncodeToString(signature)), nil
	}, nil
}

// parseKey reads a key as Google writes it (PKCS #8), or as OpenSSL did (PKCS #1).
func parseKey(text string) (*rsa.PrivateKey, error) {
	bad := misconfigured("private_key is not an RSA key in PEM: download the key file anew")
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, bad
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, bad
	}
	key, ok := any.(*rsa.PrivateKey)
	if !ok {
		return nil, bad
	}
	return key, nil
}
