package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/sasl"
)

// corp is a mechanism that one company has: the client says USER ":" PASSWORD.
func corp() sasl.Mechanism {
	return sasl.Mechanism{
		Name: "X-CORP",
		Rank: 250,
		NewClient: func(ctx context.Context, _ *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
			password, err := c.FetchPassword(ctx)
			return corpClient{c.Username, password}, err
		},
		NewServer: func(ctx context.Context, _ *sasl.Conn, d sasl.Directory) (sasl.Server, error) {
			return &corpServer{ctx: ctx, directory: d}, nil
		},
	}
}

type corpClient struct {
	user     string
	password sasl.Secret
}

func (c corpClient) Start() (string, []byte, error) {
	return "X-CORP", []byte(c.user + ":" + c.password.Reveal()), nil
}

func (c corpClient) Next([]byte) ([]byte, error) {
	return nil, errors.New("corp: there is one message")
}

type corpServer struct {
	ctx       context.Context
	directory sasl.Directory
	user      string
	over      bool
}

func (s *corpServer) Identity() (authn, authz string) { return s.user, "" }

func (s *corpServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if s.over {
		return nil, false, sasl.ErrProtocol
	}
	if response == nil {
		return []byte{}, false, nil
	}
	s.over = true
	user, password, _ := strings.Cut(string(response), ":")
	account, err := s.directory.Account(s.ctx, user)
	if errors.Is(err, sasl.ErrNoAccount) || err == nil && !account.Password.Equal(sasl.NewSecret(password)) {
		return nil, false, sasl.ErrRejected
	}
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", sasl.ErrTemporary, err)
	}
	s.user = user
	return nil, true, nil
}

// This is a whole test of a mechanism of one's own.
func TestCorp(t *testing.T) {
	conformance.RunMechanism(t, conformance.MechanismTarget{
		Mechanism: corp(),
	})
}

// corp is a literal of sasl.Mechanism. In a test, RunMechanism(t, target) makes a
// subtest of each case.
func ExampleMechanismTarget() {
	target := conformance.MechanismTarget{Mechanism: corp()}
	report, err := conformance.Suite{}.Run(context.Background(), target)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(report)
	// Output:
	// pass          M-GEN-01  The name is well-formed, and always the same
	// pass          M-GEN-02  Every exchange has a state of its own
	// pass          M-GEN-03  No initial response and an empty one are distinct
	// pass          M-GEN-04  A challenge after the end is an error
	// skip          M-GEN-05  No success before the server has proved itself
	//     see:    RFC 4422, Section 3.6 (MUST)
	//     reason: no-capability: the server does not prove itself in this mechanism
	// pass          M-GEN-06  No message of the peer causes a panic or a hang
	// pass          M-GEN-07  Nothing that can be printed holds a secret
	// pass          M-GEN-08  What Traits say is true
	// pass          M-GEN-09  Without TLS, nothing that needs it leaves
	// pass          M-GEN-10  Names with control characters are refused
	// pass          M-GEN-11  The end of the context ends what waits for it
	// pass          M-GEN-12  Client and server agree on who may sign in
	// X-CORP: 11 pass, 1 skip
}
