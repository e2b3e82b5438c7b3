package badmech

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

func newOAuth(m sasl.Mechanism, o Options) sasl.Mechanism {
	m.NewClient = func(ctx context.Context, conn *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
		token, err := fetchToken(ctx, conn, c, o.Defect == AnyCharacters)
		if err != nil {
			return nil, err
		}
		client := &oauthClient{name: m.Name, defect: o.Defect}
		client.again = func() { _, _ = c.BearerToken(ctx, conn) }
		scheme := "Bearer "
		if o.Defect == SmallScheme {
			scheme = "bearer "
		}
		auth := "auth=" + scheme + token + "\x01\x01"
		if m.Name == "XOAUTH2" {
			client.message = sasl.NewSecret("user=" + c.Username + "\x01" + auth)
			return client, nil
		}
		identity := cmp.Or(c.AuthzID, c.Username)
		if o.Defect != RawIdentity {
			identity = strings.NewReplacer("=", "=3D", ",", "=2C").Replace(identity)
		}
		port := conn.Port
		if o.Defect == FixedPort {
			port = 587
		}
		client.dummy = "\x01"
		client.message = sasl.NewSecret("n,a=" + identity + ",\x01host=" + conn.Host + "\x01port=" + strconv.Itoa(port) + "\x01" + auth)
		return client, nil
	}
	return m
}

func fetchToken(ctx context.Context, conn *sasl.Conn, c *sasl.Credentials, unchecked bool) (string, error) {
	if !unchecked {
		token, err := c.BearerToken(ctx, conn)
		return token.Value.Reveal(), err
	}
	if c.Token == nil || c.Username == "" || strings.ContainsAny(c.Username+c.AuthzID, "\x00\x01\r\n") {
		return "", errors.New("badmech: no token, or a bad user name")
	}
	token, err := c.Token.Token(ctx, sasl.TokenRequest{})
	return token.Value.Reveal(), err
}

type oauthClient struct {
	name    string
	defect  Defect
	message sasl.Secret
	dummy   string
	again   func()
	refused *sasl.OAuthError
}

func (c *oauthClient) Start() (string, []byte, error) {
	return c.name, []byte(c.message.Reveal()), nil
}

func (c *oauthClient) Next(challenge []byte) ([]byte, error) {
	if c.refused != nil {
		return nil, errUnexpected
	}
	var fields struct {
		Status, Scope string
		Configuration string `json:"openid-configuration"`
	}
	err := json.Unmarshal(challenge, &fields)
	if err != nil && c.defect == ReadableOnly {
		return nil, errors.New("badmech: the error challenge is no JSON")
	}
	if token := c.message.Reveal(); strings.Contains(token, fields.Status) {
		fields.Status = "repeated"
	}
	c.refused = &sasl.OAuthError{
		Mechanism: c.name, Status: fields.Status, Scope: fields.Scope, OpenIDConfiguration: fields.Configuration,
	}
	switch c.defect {
	case GiveUp:
		return nil, c.refused
	case AskAgain:
		c.again()
	case NoDummy:
		return nil, nil
	}
	return []byte(c.dummy), nil
}

func (c *oauthClient) Finish(verdict error) error {
	switch {
	case c.refused == nil:
		return verdict
	case verdict == nil:
		return fmt.Errorf("%w: success after an error challenge", sasl.ErrProtocol)
	}
	c.refused.Err = verdict
	return c.refused
}
