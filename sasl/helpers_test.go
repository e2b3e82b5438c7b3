package sasl_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/sasl"
)

const (
	user     = "alice@example.com"
	token    = "ya29.First-Token_0123456789"
	renewed  = "ya29.Second-Token_abcdefghij"
	password = "correct horse battery staple"
)

// xoauth2 is what the client sends for a token.
func xoauth2(token string) string {
	return "AUTH XOAUTH2 user=" + user + "\x01auth=Bearer " + token + "\x01\x01"
}

// secure is a connection with verified TLS.
func secure(offered ...string) *sasl.Conn {
	return &sasl.Conn{
		Service:  "smtp",
		Host:     "smtp.example.com",
		Port:     587,
		TLS:      &tls.ConnectionState{HandshakeComplete: true},
		Verified: true,
		Offered:  offered,
	}
}

// A step is what a scripted server answers: a reply, or the end of the
// connection.
type step struct {
	reply sasl.Reply
	err   error
}

func challenge(s string) step       { return step{reply: sasl.Reply{More: true, Challenge: []byte(s)}} }
func final(verdict error) step      { return step{reply: sasl.Reply{Verdict: verdict}} }
func broken(err error) step         { return step{err: err} }
func final235() step                { return final(nil) }
func finalCode(code replyCode) step { return final(code) }

var malformedChallenge = step{reply: sasl.Reply{More: true, Malformed: true}}

// A replyCode is the verdict of an SMTP reply.
type replyCode int

func (c replyCode) Error() string        { return fmt.Sprintf("server replied %d", int(c)) }
func (c replyCode) Is(target error) bool { return target == sasl.ReplyKind(int(c)) }

// exempted is a 535 that no other token would lift.
type exempted struct{ replyCode }

func (e exempted) Is(target error) bool {
	return target == sasl.ErrRejected || target == sasl.ErrNotPermitted
}

var errScriptOver = errors.New("test: nothing more in the script")

// A script is a Transport that plays a server and records the client. Messages
// are recorded as they are before base64: "AUTH MECH message", "AUTH MECH =" for
// an empty initial response, "> response", "*".
type script struct {
	steps  []step
	sent   []string
	before func(line string) // called before each line is recorded
}

func play(steps ...step) *script { return &script{steps: steps} }

func (s *script) Auth(_ context.Context, mechanism string, initial []byte) (sasl.Reply, error) {
	line := "AUTH " + mechanism
	switch {
	case initial == nil:
	case len(initial) == 0:
		line += " ="
	default:
		line += " " + string(initial)
	}
	return s.line(line)
}

func (s *script) Respond(_ context.Context, response []byte) (sasl.Reply, error) {
	if response == nil {
		return sasl.Reply{}, errors.New("test: nil response")
	}
	return s.line("> " + string(response))
}

func (s *script) Cancel(context.Context) (sasl.Reply, error) { return s.line("*") }

func (s *script) line(line string) (sasl.Reply, error) {
	if s.before != nil {
		s.before(line)
	}
	s.sent = append(s.sent, line)
	if len(s.steps) == 0 {
		return sasl.Reply{}, errScriptOver
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step.reply, step.err
}

// wantSent fails the test unless exactly those lines were sent and the whole
// script was played.
func (s *script) wantSent(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, slices.Clone(s.sent)); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if len(s.steps) > 0 {
		t.Errorf("%d steps of the script were not played", len(s.steps))
	}
}

// A generator hands out its tokens one after the other and the last one for
// ever, and records what it was asked.
type generator struct {
	tokens   []string
	err      error // instead of a token, once the tokens are used up
	requests []sasl.TokenRequest
}

func (g *generator) Token(_ context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	n := len(g.requests)
	g.requests = append(g.requests, req)
	switch {
	case n < len(g.tokens):
		return bearer(g.tokens[n]), nil
	case g.err != nil:
		return sasl.Token{}, g.err
	}
	return bearer(g.tokens[len(g.tokens)-1]), nil
}

func bearer(value string) sasl.Token { return sasl.Token{Value: sasl.NewSecret(value)} }

func (g *generator) wantCalls(t *testing.T, want int) {
	t.Helper()
	if len(g.requests) != want {
		t.Errorf("generator called %d times, want %d", len(g.requests), want)
	}
}

// wantErrors fails the test unless err matches all of targets.
func wantErrors(t *testing.T, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("error %v, want one that matches %v", err, target)
		}
	}
}

// accounts is a Directory.
type accounts map[string]sasl.Account

func (a accounts) Account(_ context.Context, username string) (sasl.Account, error) {
	account, ok := a[username]
	if !ok {
		return sasl.Account{}, sasl.ErrNoAccount
	}
	return account, nil
}

// takes returns the Token field of an account with one good token; refusal is
// what every other one gets.
func takes(token string, refusal error) func(context.Context, sasl.Secret) error {
	return func(_ context.Context, s sasl.Secret) error {
		if s.Reveal() == token {
			return nil
		}
		return refusal
	}
}

// custom is a mechanism that sends a word and takes any challenge. If it is mutual,
// it takes the server's word for its proof.
func custom(name string, rank int, traits sasl.Traits) sasl.Mechanism {
	return sasl.Mechanism{
		Name: name, Rank: rank, Traits: traits,
		NewClient: func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
			p := puppet{name: name, initial: []byte("hello")}
			if traits.Has(sasl.Mutual) {
				return &prover{puppet: p, proved: true}, nil
			}
			return &p, nil
		},
	}
}

// A puppet is a Client that does as it is told.
type puppet struct {
	name     string
	initial  []byte
	startErr error
	next     func(challenge []byte) ([]byte, error) // nil: a nil response
}

func (p *puppet) Start() (string, []byte, error) { return p.name, p.initial, p.startErr }

func (p *puppet) Next(challenge []byte) ([]byte, error) {
	if p.next == nil {
		return nil, nil
	}
	return p.next(challenge)
}
