package conformance_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badserver"
	"github.com/seed-55a66e92/postern/mock"
)

// A run does what its tiers say, and nothing else.
func TestTiersAreHonest(t *testing.T) {
	const (
		passive, envelope, login = conformance.Passive, conformance.Envelope, conformance.Login
		failed, delivery         = conformance.FailedLogin, conformance.Delivery
	)
	tests := []struct {
		name  string
		tiers []conformance.Tier
		never []string // what no command is, as verb and code
	}{
		{"none named", nil, []string{"EOD 250", "AUTH 535", "AUTH 501 PLAIN"}},
		{"passive", []conformance.Tier{passive}, []string{"MAIL 250", "RCPT 250", "DATA 354", "AUTH 235", "AUTH 535"}},
		{"envelope", []conformance.Tier{passive, envelope}, []string{"DATA 354", "EOD 250", "AUTH 235", "AUTH 535"}},
		{"login", []conformance.Tier{passive, envelope, login}, []string{"DATA 354", "EOD 250", "AUTH 535"}},
		{"failed logins", []conformance.Tier{passive, envelope, login, failed}, []string{"DATA 354", "EOD 250"}},
		{"delivery", []conformance.Tier{passive, envelope, login, delivery}, []string{"AUTH 535"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, strictServer(mock.InMemory))
				target := targetOf(s)
				target.Tiers = tt.tiers
				if _, err := (conformance.Suite{}).Run(t.Context(), target); err != nil {
					t.Fatal(err)
				}
				for _, session := range s.Sessions() {
					for _, c := range session.Commands {
						if did := fmt.Sprintf("%.4s %d", c.Verb, c.Code); slices.Contains(tt.never, did) {
							t.Errorf("it did: %s, %s", did, c.Line)
						}
					}
					for _, v := range session.Violations {
						if !strings.HasPrefix(v, "refused: ") { // what is refused was meant to be
							t.Errorf("it broke the protocol: %s", v)
						}
					}
				}
			})
		})
	}
}

// Cases cost what they say, and belong to the tiers that their costs are of.
func TestBudgets(t *testing.T) {
	for _, c := range casesFor("S") {
		t.Run(c.ID, func(t *testing.T) {
			if (c.Budget.FailedLogins > 0) != slices.Contains(c.Tiers, conformance.FailedLogin) ||
				(c.Budget.Messages > 0) != slices.Contains(c.Tiers, conformance.Delivery) {
				t.Errorf("budget %+v does not suit the tiers %v", c.Budget, c.Tiers)
			}
			c.DependsOn = nil
			_, target := newMutant(t, badserver.None)
			report := runServer(t, conformance.Suite{Cases: []conformance.Case{c}}, target)
			if cost := report.Server; cost.FailedLogins > c.Budget.FailedLogins || cost.Messages > c.Budget.Messages {
				t.Errorf("%d failed logins and %d messages, budget %+v", cost.FailedLogins, cost.Messages, c.Budget)
			}
		})
	}
}

// Each case says all there is to say of it.
func TestServerCaseTexts(t *testing.T) {
	for _, c := range casesFor("S") {
		for what, text := range map[string]string{
			"Title": c.Title, "Area": string(c.Area), "Procedure": c.Procedure, "Pass": c.Pass, "Mutant": c.Mutant, "Since": c.Since,
		} {
			if text == "" {
				t.Errorf("%s: no %s", c.ID, what)
			}
		}
		if len(c.Refs) == 0 || len(c.Tiers) == 0 {
			t.Errorf("%s: no Refs or no Tiers", c.ID)
		}
		for _, id := range append(c.DependsOn, c.AlsoKills...) {
			if byID(id).ID == "" {
				t.Errorf("%s: there is no case %s", c.ID, id)
			}
		}
	}
}

// What was allowed for one network is not for another, to which a name may lead
// next.
func TestServerMoves(t *testing.T) {
	s, target := newMutant(t, badserver.None)
	var n atomic.Int32
	dial := badserver.Dialer(s.Serve)
	target.Addr = "192.168.1.5:587"
	target.InsecureUnverifiedTLS = true
	target.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if n.Add(1) == 1 {
			return elsewhere{conn, "192.168.1.5"}, err
		}
		return elsewhere{conn, "203.0.113.5"}, err
	}
	report := runServer(t, conformance.Suite{Select: []string{"S-CRL-01"}, Retries: -1}, target)
	if got := report.Results[0]; got.Outcome.Good() && got.Outcome != conformance.Skip {
		t.Errorf("it was run against another network\n%s", got)
	}
	if n.Load() < 2 {
		t.Error("there was one connection only")
	}
}
