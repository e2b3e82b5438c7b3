package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badclient"
	"github.com/seed-55a66e92/postern/mock"
)

// What a client may do is no failure. Where it is not what is recommended, there is
// a warning.
func TestClientManners(t *testing.T) {
	const warn, skip = conformance.Warn, conformance.Skip
	type outcomes = map[string]conformance.Outcome // of the cases that do not pass
	tests := []struct {
		manner badclient.Manner
		want   outcomes
	}{
		{badclient.Plain, nil},
		{badclient.LockStep, outcomes{"C-PIP-03": skip}},
		{badclient.Closes, nil},
		{badclient.Quits, nil},
		{badclient.Again, nil},
		{badclient.Chatty, outcomes{"C-PIP-03": skip}},
		{badclient.Chunks, outcomes{"C-PIP-03": skip}},
		{badclient.HelloTwice, nil},
		{badclient.HelloAgain, nil},
		{badclient.OldHello, nil},
		{badclient.NoInitial, nil},
		{badclient.LoginOnly, outcomes{
			"C-AUT-03": skip, "C-AUT-07": skip, "C-AUT-11": skip, "C-AUT-12": skip, "C-AUT-14": skip, "C-OAB-01": skip,
			"C-XOA-01": skip, "C-XOA-02": skip, "C-XOA-03": skip, "C-XOA-04": skip, "C-XOA-05": skip,
		}},
		{badclient.Splits, outcomes{"C-PIP-02": skip, "C-TXN-07": skip, "C-TXN-08": skip}},
		{badclient.FirstRefusal, outcomes{"C-PIP-02": warn, "C-PIP-03": skip, "C-TXN-07": warn, "C-TXN-08": warn}},
		{badclient.LowerCase, nil},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("manner=%s", tt.manner), func(t *testing.T) {
			t.Parallel()
			for _, c := range casesFor("C") {
				want, found := tt.want[c.ID]
				if !found {
					want = conformance.Pass
				}
				s := subject{name: string(tt.manner), make: func() conformance.DriverFunc { return mannered(tt.manner) }}
				if result := judge(t, s, c.ID, mock.InMemory); result.Outcome != want {
					t.Errorf("want %s\n%s", want, result)
				}
			}
		})
	}
}

// A client that tells no more of a sign-in than that it has failed does not say that
// it would fail again.
func TestSignInThatHasFailed(t *testing.T) {
	s := subject{name: "one status", make: func() conformance.DriverFunc {
		return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
			answer := naive(badclient.None)(ctx, cfg, msg)
			var refused *badclient.ReplyError
			if errors.As(answer.Err, &refused) && refused.Verb == "AUTH" {
				answer.Status = conformance.AuthFailed
			}
			return answer
		}
	}}
	for _, id := range []string{"C-AUT-10", "C-REP-13"} {
		if result := judge(t, s, id, mock.InMemory); result.Outcome != conformance.Warn {
			t.Errorf("want warn\n%s", result)
		}
	}
}

// mannered drives a client without defect.
func mannered(m badclient.Manner) conformance.DriverFunc {
	return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		if m == badclient.LoginOnly && (cfg.Token != nil || cfg.Mechanism != "" && cfg.Mechanism != "LOGIN") {
			return conformance.AnswerOf(fmt.Errorf("%w: another mechanism than LOGIN", errors.ErrUnsupported))
		}
		return naiveAs(m, badclient.None)(ctx, cfg, msg)
	}
}

// A client that cannot do what a case asks for is not judged by it, whenever it
// says so.
func TestUnsupportedLater(t *testing.T) {
	for id, cannot := range map[string]func(conformance.ClientConfig, conformance.Message) bool{
		"C-TXN-14": func(_ conformance.ClientConfig, m conformance.Message) bool { return m.From == "" },
		"C-PIP-01": func(_ conformance.ClientConfig, m conformance.Message) bool { return len(m.To) > 1 },
		"C-TXN-07": func(_ conformance.ClientConfig, m conformance.Message) bool { return len(m.To) > 1 },
	} {
		t.Run(id, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				driver := conformance.DriverFunc(func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
					if cannot(cfg, msg) {
						return conformance.AnswerOf(fmt.Errorf("such a message: %w", errors.ErrUnsupported))
					}
					return naive(badclient.None)(ctx, cfg, msg)
				})
				report, err := conformance.Suite{Select: []string{id}}.Run(t.Context(), conformance.ClientTarget{Name: "client", Driver: driver, Network: mock.InMemory})
				if err != nil {
					t.Fatal(err)
				}
				if got := report.Results[0]; got.Outcome != conformance.Skip || got.Skipped != conformance.NoCapability {
					t.Errorf("want a skip for want of a capability\n%s", got)
				}
			})
		})
	}
}
