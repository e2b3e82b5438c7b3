package badmech

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// X-SUM is a mechanism that nobody else has. The server sends a challenge, and the
// client answers
//
//	USER " " HEX(HMAC-SHA256(PASSWORD, CHALLENGE))

func newSum(o Options) sasl.Mechanism {
	m := sasl.Mechanism{
		Name:   "X-SUM",
		Rank:   250,
		Traits: sasl.Concealed,
		Usable: func(_ *sasl.Conn, c *sasl.Credentials) error {
			if c.Password == nil {
				return errors.New("badmech: no password")
			}
			return nil
		},
		NewServer: func(ctx context.Context, _ *sasl.Conn, d sasl.Directory) (sasl.Server, error) {
			return &sumServer{ctx: ctx, directory: d, defect: o.Defect}, nil
		},
	}
	shared := new(sumClient)
	m.NewClient = func(ctx context.Context, _ *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
		if o.Defect == OwnContext {
			ctx = context.WithoutCancel(ctx)
		}
		password, err := fetch(ctx, c, o.Defect == AnyUser)
		if err != nil {
			return nil, err
		}
		client := &sumClient{defect: o.Defect, user: c.Username, password: password}
		if o.Defect == BareSecret {
			client.bare = password.Reveal()
		}
		if o.Defect == SharedClient {
			*shared = *client
			return shared, nil
		}
		return client, nil
	}
	return m
}

type sumClient struct {
	defect   Defect
	user     string
	password sasl.Secret
	bare     string
	answers  int
}

func (c *sumClient) Start() (string, []byte, error) {
	c.answers = 0
	if c.defect == SmallName {
		return "x-sum", nil, nil
	}
	return "X-SUM", nil, nil
}

func (c *sumClient) Next(challenge []byte) ([]byte, error) {
	allowed := 1
	if c.defect == AnswerAfterEnd {
		allowed = 2
	}
	if c.answers >= allowed {
		return nil, errUnexpected
	}
	if len(challenge) == 0 && c.defect != FirstOctet || len(challenge) > 0 && challenge[0] == '?' {
		if c.defect == SecretInError {
			return nil, fmt.Errorf("%w for %s with %s", errUnexpected, c.user, c.password.Reveal())
		}
		return nil, errUnexpected
	}
	_ = challenge[0]
	c.answers++
	digest := fmt.Sprintf("%x", sum(c.password, challenge))
	if c.defect == CapitalDigest {
		digest = strings.ToUpper(digest)
	}
	return []byte(c.user + " " + digest), nil
}

func sum(password sasl.Secret, challenge []byte) []byte {
	mac := hmac.New(sha256.New, []byte(password.Reveal()))
	mac.Write(challenge)
	return mac.Sum(nil)
}

type sumServer struct {
	ctx       context.Context
	directory sasl.Directory
	defect    Defect
	challenge []byte
	over      bool
	user      string
}

func (s *sumServer) Identity() (authn, authz string) { return s.user, "" }

func (s *sumServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if s.challenge == nil && response == nil && !s.over {
		s.challenge = []byte(rand.Text())
		return s.challenge, false, nil
	}
	user, digest, ok := strings.Cut(string(response), " ")
	if s.over || s.challenge == nil || !ok {
		s.over = true
		return nil, false, sasl.ErrProtocol
	}
	s.over = true
	account, err := s.directory.Account(s.ctx, user)
	switch {
	case errors.Is(err, sasl.ErrNoAccount):
		return nil, false, fmt.Errorf("%w: %w", sasl.ErrRejected, err)
	case err != nil:
		return nil, false, fmt.Errorf("%w: %w", sasl.ErrTemporary, err)
	}
	want := fmt.Sprintf("%x", sum(account.Password, s.challenge))
	if s.defect != AnyPassword && !hmac.Equal([]byte(want), []byte(strings.ToLower(digest))) {
		return nil, false, sasl.ErrRejected
	}
	s.user = user
	return nil, true, nil
}
