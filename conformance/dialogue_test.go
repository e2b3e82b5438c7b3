package conformance_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badclient"
	"github.com/seed-55a66e92/postern/mock"
)

// refusedByDialogue asks what C-XOA-01 asks, of a server that plays a file. So
// may a case from elsewhere.
func refusedByDialogue() conformance.Case {
	return conformance.Case{
		ID: "X-refused", Title: "An error challenge of a dialogue is answered", Area: conformance.AreaAuth, Tiers: []conformance.Tier{conformance.Passive},
		Client: func(ctx context.Context, b *conformance.ClientBench) conformance.Verdict {
			token := b.Secret(40)
			t := b.Try(ctx, conformance.Scene{TLS: conformance.ImplicitTLS, Token: token, Server: mock.Options{
				Script: mock.DialogueFile("testdata/xoauth2-refused.smtp", mock.Values{"token": token}),
			}})
			if len(t.Sessions) != 1 || t.Answer.Status == conformance.Delivered {
				return conformance.Verdict{Outcome: conformance.Fail, Want: "one connection, and a failure", Got: string(t.Answer.Status)}
			}
			for _, line := range t.Sessions[0].Transcript {
				if line.From == mock.FromServer && line.Text == "535 5.7.8 Credentials refused" {
					return conformance.Verdict{Outcome: conformance.Pass}
				}
			}
			return conformance.Verdict{Outcome: conformance.Fail, Want: "an empty line in answer to the challenge", Got: "something else"}
		},
	}
}

// A dialogue is a server for a case: the client without defect follows it, and the
// one that C-XOA-01 fails does not.
func TestCaseOfADialogue(t *testing.T) {
	for _, test := range []struct {
		defect badclient.Defect
		want   conformance.Outcome
	}{{badclient.None, conformance.Pass}, {badclient.CancelErrorChallenge, conformance.Fail}} {
		synctest.Test(t, func(t *testing.T) {
			suite := conformance.Suite{Select: []string{"X-refused"}}.Add(refusedByDialogue())
			report, err := suite.Run(t.Context(), conformance.ClientTarget{Name: "client", Driver: naive(test.defect), Network: mock.InMemory})
			if err != nil {
				t.Fatal(err)
			}
			if got := report.Results[0]; got.Outcome != test.want {
				t.Errorf("defect %v: want %s\n%s", test.defect, test.want, got)
			}
		})
	}
}
