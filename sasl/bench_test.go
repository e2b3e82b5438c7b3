package sasl_test

import (
	"context"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// accepting is a Transport that takes everything.
type accepting struct{}

func (accepting) Auth(context.Context, string, []byte) (sasl.Reply, error) { return sasl.Reply{}, nil }

func (accepting) Respond(context.Context, []byte) (sasl.Reply, error) { return sasl.Reply{}, nil }

func (accepting) Cancel(context.Context) (sasl.Reply, error) { return sasl.Reply{}, nil }

// BenchmarkXOAUTH2 is a whole sign-in: negotiation, token, exchange, verdict.
func BenchmarkXOAUTH2(b *testing.B) {
	a := sasl.OAuth(user, sasl.StaticToken(token))
	c := secure("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), c, accepting{}); err != nil {
			b.Fatal(err)
		}
	}
}
