package sasl_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/seed-55a66e92/postern/sasl"
)

// X-HMAC is a mechanism of our own with both its sides: the server sends a random
// challenge and the client answers "USER " and HMAC-SHA-256 of it under the
// password.
func xHMAC() sasl.Mechanism {
	return sasl.Mechanism{
		Name:   "X-HMAC",
		Rank:   400,
		Traits: sasl.Concealed, // who listens learns no secret, so it may run without TLS
		Usable: func(_ *sasl.Conn, c *sasl.Credentials) error {
			if c.Password == nil {
				return errors.New("it takes a password") // what Explain tells the user
			}
			return nil
		},
		NewClient: func(ctx context.Context, _ *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
			password, err := c.FetchPassword(ctx)
			return hmacClient{c.Username, password}, err
		},
		NewServer: func(ctx context.Context, _ *sasl.Conn, d sasl.Directory) (sasl.Server, error) {
			return &hmacServer{ctx: ctx, directory: d}, nil
		},
	}
}

type hmacClient struct {
	user     string
	password sasl.Secret
}

func (c hmacClient) Start() (string, []byte, error) { return "X-HMAC", nil, nil } // nil: the server speaks first

func (c hmacClient) Next(challenge []byte) ([]byte, error) {
	return []byte(c.user + " " + hmacOf(c.password, challenge)), nil
}

func hmacOf(password sasl.Secret, challenge []byte) string {
	mac := hmac.New(sha256.New, []byte(password.Reveal()))
	mac.Write(challenge)
	return string(mac.Sum(nil))
}

type hmacServer struct {
	ctx       context.Context
	directory sasl.Directory
	challenge []byte
	user      string
}

// Next sends the challenge and then checks the answer to it. It returns no data
// together with done.
func (s *hmacServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if s.challenge == nil {
		s.challenge = []byte(rand.Text())
		return s.challenge, false, nil
	}
	if len(response) < sha256.Size+2 {
		return nil, false, sasl.ErrProtocol
	}
	space := len(response) - sha256.Size - 1
	user, answer := string(response[:space]), string(response[space+1:])
	account, err := s.directory.Account(s.ctx, user)
	good := hmac.Equal([]byte(answer), []byte(hmacOf(account.Password, s.challenge)))
	if err != nil || account.Password.IsZero() || !good { // an account may have no password
		return nil, false, sasl.ErrRejected
	}
	s.user = user
	return nil, true, nil
}

// Identity tells the host who has signed in.
func (s *hmacServer) Identity() (authn, authz string) { return s.user, "" }

// inProcess is the shortest Transport there is: the server is at the other end of
// a call. That of package smtp has a network in between.
type inProcess struct{ server sasl.Server }

func (p inProcess) Auth(ctx context.Context, _ string, initial []byte) (sasl.Reply, error) {
	return p.Respond(ctx, initial)
}

func (p inProcess) Respond(_ context.Context, response []byte) (sasl.Reply, error) {
	challenge, done, err := p.server.Next(response)
	return sasl.Reply{More: !done && err == nil, Challenge: challenge, Verdict: err}, nil
}

func (p inProcess) Cancel(context.Context) (sasl.Reply, error) {
	return sasl.Reply{Verdict: sasl.ErrProtocol}, nil
}

// A mechanism with a server side works in servers as well, such as that of
// package mock.
func ExampleMechanism() {
	ctx := context.Background()
	registry := sasl.Default().With(xHMAC())
	conn := &sasl.Conn{Host: "mail.example.com", Offered: []string{"X-HMAC", "PLAIN"}}
	directory := accounts{"alice": {Password: sasl.NewSecret("correct horse")}}

	for _, password := range []string{"correct horse", "wrong"} {
		mechanism, _ := registry.Lookup("X-HMAC")
		server, err := mechanism.NewServer(ctx, conn, directory)
		if err != nil {
			fmt.Println(err)
			return
		}
		a := sasl.Password("alice", password)
		a.Registry = registry
		fmt.Println(a.Authenticate(ctx, conn, inProcess{server}))
	}
	// Output:
	// X-HMAC <nil>
	// X-HMAC sasl: credentials refused
}
