package interop

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// begin starts an exchange on a connection of go-smtp's client.
func begin(t *testing.T, a *sasl.Authenticator, c *gosmtp.Client, s *mock.Server) (*sasl.Exchange, error) {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	state, encrypted := c.TLSConnectionState()
	if !encrypted {
		t.Fatal("no TLS")
	}
	_, offered := c.Extension("AUTH")
	return a.Begin(t.Context(), &sasl.Conn{
		Service: "smtp", Host: host, Port: number,
		TLS: &state, Verified: true, Loopback: true,
		Offered: strings.Fields(offered),
	})
}

// signIn runs one exchange on a connection of its own and returns its result.
func signIn(t *testing.T, a *sasl.Authenticator, s *mock.Server) error {
	t.Helper()
	c, err := dialGoSMTP(s, mock.STARTTLS)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Hello("client.example.test"); err != nil {
		t.Fatal(err)
	}
	x, err := begin(t, a, c, s)
	if err != nil {
		return err
	}
	return x.Finish(c.Auth(x))
}

// TestBeginAccepted: an accepted exchange is one, for each mechanism, and the
// client can go on to send.
func TestBeginAccepted(t *testing.T) {
	for _, tt := range signIns {
		t.Run(tt.mechanism, func(t *testing.T) {
			server := startMock(t, mock.STARTTLS, new(accounts))
			c, err := dialGoSMTP(server, mock.STARTTLS)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			a := tt.authenticator()
			a.Policy.Order = []string{tt.mechanism} // the server offers SCRAM too, which comes before PLAIN
			x, err := begin(t, a, c, server)
			if err != nil {
				t.Fatal(err)
			}
			if err := x.Finish(c.Auth(x)); err != nil || x.Mechanism() != tt.mechanism {
				t.Fatalf("%s: %v; want %s and success", x.Mechanism(), err, tt.mechanism)
			}
			l := ownLetters()[0]
			if err := (goSMTP{c}).send(envelope.From, envelope.To, l.data); err != nil {
				t.Fatal(err)
			}
			wantStored(t, server, 1, tt.mechanism, envelope.From, envelope.To, l.data)
		})
	}
}

// refusalKinds are the two ways to refuse a token.
var refusalKinds = []struct {
	name       string
	refusal    error
	challenged bool
}{
	{"error challenge and 535", nil, true},
	{"bare 535", fmt.Errorf("%w: expired", sasl.ErrRejected), false},
}

// TestBeginRefused: a refused token is remembered and replaced, and an accepted
// one stays.
func TestBeginRefused(t *testing.T) {
	for _, tt := range refusalKinds {
		t.Run(tt.name, func(t *testing.T) {
			known := &accounts{refusal: tt.refusal}
			server := startRefusingMock(t, known)
			a, g := oauth("XOAUTH2", stale, token)

			err := signIn(t, a, server)
			wantRefusedExchange(t, err, tt.challenged)
			if !errors.Is(err, sasl.ErrRejected) {
				t.Errorf("%v does not match ErrRejected", err)
			}
			for range 2 {
				if err := signIn(t, a, server); err != nil {
					t.Errorf("with the other token: %v", err)
				}
			}

			wantTokens(t, known, stale, token, token)
			asked := g.asked()
			refused := sasl.Token{Value: sasl.NewSecret(stale)}
			if len(asked) != 3 || asked[0].Rejected != nil || !asked[1].Rejected.Matches(refused) || !asked[2].Rejected.Matches(refused) {
				t.Errorf("the generator was asked %+v; want to be told of the refused token from the second time on", asked)
			}
			wantCodes(t, server, 535, 235, 235)
		})
	}
}

// startRefusingMock is startMock without its strictness: go-smtp's client sends
// "*" after a refusal, when the exchange is over.
func startRefusingMock(t *testing.T, a *accounts) *mock.Server {
	t.Helper()
	return mock.Start(t, mock.Options{Directory: a, RequireTLS: true, RequireAuth: true})
}

// wantRefusedExchange checks that the result of an exchange holds the client's
// error and the challenge.
func wantRefusedExchange(t *testing.T, err error, challenged bool) {
	t.Helper()
	var reply *gosmtp.SMTPError
	if !errors.As(err, &reply) || reply.Code != 535 || reply.EnhancedCode != (gosmtp.EnhancedCode{5, 7, 8}) {
		t.Errorf("got %v, want the client's 535 5.7.8", err)
	}
	var o *sasl.OAuthError
	if errors.As(err, &o) != challenged {
		t.Errorf("got %v; want a challenge: %t", err, challenged)
	}
	if challenged && o != nil && (o.Status != challenge.Status || o.Schemes != challenge.Schemes || o.Scope != challenge.Scope) {
		t.Errorf("challenge %+v, want %+v", o, &challenge)
	}
	if err != nil && strings.Contains(err.Error(), stale) {
		t.Errorf("%v holds the token", err)
	}
}

// wantCodes checks how the AUTH commands ended, in order.
func wantCodes(t *testing.T, s *mock.Server, want ...int) {
	t.Helper()
	var got []int
	for _, auth := range s.Auths() {
		got = append(got, auth.Code)
	}
	if !slices.Equal(got, want) {
		t.Errorf("AUTH ended with %v, want %v", got, want)
	}
}
