package interop

import (
	"context"
	"fmt"
	"testing"

	"github.com/xdg-go/scram"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/sasl"
)

// theirMechanism is SCRAM of another library, as somebody would make a mechanism of
// it. An empty nonce is a new one each time.
func theirMechanism(name, nonce string) sasl.Mechanism {
	return sasl.Mechanism{
		Name:   name,
		Rank:   sasl.RankSCRAMSHA256,
		Traits: sasl.Concealed | sasl.Mutual,
		NewClient: func(ctx context.Context, _ *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
			password, err := c.FetchPassword(ctx)
			if err != nil {
				return nil, err
			}
			client, err := scramHashes[name].theirs.NewClient(c.Username, password.Reveal(), c.AuthzID)
			if err != nil {
				return nil, err
			}
			if nonce != "" {
				client = client.WithNonceGenerator(func() string { return nonce })
			}
			return &theirScramClient{name, client.NewConversation()}, nil
		},
	}
}

type theirScramClient struct {
	name         string
	conversation *scram.ClientConversation
}

func (c *theirScramClient) Start() (string, []byte, error) {
	message, err := c.conversation.Step("")
	return c.name, []byte(message), err
}

func (c *theirScramClient) Next(challenge []byte) ([]byte, error) {
	if c.conversation.Done() {
		return nil, fmt.Errorf("%w: challenge after the end", sasl.ErrProtocol)
	}
	message, err := c.conversation.Step(string(challenge))
	return []byte(message), err
}

func (c *theirScramClient) Finish(verdict error) error {
	if verdict == nil && !c.conversation.Valid() {
		return sasl.ErrServerUnverified
	}
	return verdict
}

// The cases that are not about what a client tolerates of a server judge this client
// as they judge ours: the RFC's examples, computed by somebody else, are among them.
func TestTheirMechanisms(t *testing.T) {
	suite := conformance.Suite{Select: []string{
		"M-GEN-*", "M-SCR-01", "M-SCR-03", "M-SCR-04", "M-SCR-07", "M-SCR-08", "M-SCR-09", "M-SCR-11", "M-SCR-13",
	}}
	for name := range scramHashes {
		t.Run(name, func(t *testing.T) {
			conformance.RunSuite(t, suite, conformance.MechanismTarget{
				Mechanism: theirMechanism(name, ""),
				Nonce:     func(nonce string) sasl.Mechanism { return theirMechanism(name, nonce) },
			})
		})
	}
}
