package conformance_test

import (
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badserver"
)

// What a server may do is no failure. Where it is not what is recommended, there is
// a warning.
func TestServerManners(t *testing.T) {
	const warn, skip, info, open = conformance.Warn, conformance.Skip, conformance.Info, conformance.Inconclusive
	type outcomes = map[string]conformance.Outcome // of the cases that do not pass
	all := outcomes{}
	for _, c := range casesFor("S") {
		all[c.ID] = skip
	}
	all["S-GRT-01"] = open
	tests := []struct {
		manner badserver.Manner
		want   outcomes
	}{
		{badserver.Plain, nil},
		{badserver.ClosesOnInjection, nil},
		{badserver.RefusesInjection, nil},
		{badserver.LongLine421, nil},
		{badserver.LongLine554, outcomes{"S-LIN-02": warn}},
		{badserver.LongLineTaken, nil},
		{badserver.BareLF521, nil},
		{badserver.BareLFCloses, outcomes{"S-CRL-01": warn}},
		{badserver.BareLFTaken, outcomes{"S-CRL-01": warn}},
		{badserver.OldAuth, outcomes{"S-HEL-01": warn}},
		{badserver.KeywordTwice, outcomes{"S-HEL-01": warn}},
		{badserver.RefusesAtOnce, outcomes{"S-OAB-02": info}},
		{badserver.DataAnyway, outcomes{"S-REP-07": warn}},
		{badserver.WantsAuth, outcomes{"S-AUT-05": info, "S-TLS-05": info}},
		{badserver.Content550, nil},
		{badserver.Old502, outcomes{
			"S-AUT-05": conformance.Fail, "S-REP-07": conformance.Fail, // 503 is what the RFCs require there
			"S-HEL-04": warn, "S-SEQ-03": warn, "S-TLS-05": warn,
		}},
		{badserver.NoBye, all}, // nobody knows what else it had to say
		{badserver.OtherCodes, outcomes{"S-AUT-03": warn, "S-AUT-07": warn, "S-AUT-15": warn}},
	}
	for _, tt := range tests {
		t.Run(string(tt.manner), func(t *testing.T) {
			s, target := newMutant(t, badserver.None)
			s.Manner = tt.manner
			report := runServer(t, conformance.Suite{Cases: casesFor("S")}, target)
			for _, result := range report.Results {
				want, found := tt.want[result.ID]
				if !found {
					want = conformance.Pass
				}
				if result.Outcome != want {
					t.Errorf("want %s\n%s", want, result)
				}
			}
		})
	}
}

// Who may not sign in is not judged by what only an account may do.
func TestServerWithoutAccount(t *testing.T) {
	s, target := newMutant(t, badserver.None)
	s.Manner = badserver.WantsAuth
	target.Account = conformance.Account{}
	report := runServer(t, conformance.Suite{Cases: casesFor("S")}, target)
	for _, result := range report.Results {
		if !slices.Contains([]conformance.Outcome{conformance.Pass, conformance.Skip, conformance.Info}, result.Outcome) {
			t.Errorf("neither pass nor skip\n%s", result)
		}
	}
	for _, id := range []string{"S-HEL-04", "S-SEQ-03", "S-CRL-03"} {
		if got := find(report, id); got.Skipped != conformance.NoCredential {
			t.Errorf("want a skip for want of a credential\n%s", got)
		}
	}
}

// Where nobody has said who takes mail, that a guess is wrong is no failure.
func TestServerWithoutSink(t *testing.T) {
	_, target := newMutant(t, badserver.None)
	target.Account, target.Sink, target.Tiers, target.Domain = conformance.Account{}, "", nil, "elsewhere.test"
	report := runServer(t, conformance.Suite{Cases: casesFor("S")}, target)
	if got := find(report, "S-SEQ-03"); got.Skipped != conformance.NoSink {
		t.Errorf("want a skip for want of a sink\n%s", got)
	}
	if n := report.Count(conformance.Fail) + report.Count(conformance.Inconclusive); n > 0 {
		t.Errorf("neither pass nor skip\n%s", report)
	}
}

// find returns the result of a case.
func find(r *conformance.Report, id string) conformance.Result {
	for _, result := range r.Results {
		if result.ID == id {
			return result
		}
	}
	return conformance.Result{}
}

// A server elsewhere that lets nobody in any more is left alone.
func TestServerTurnsAway(t *testing.T) {
	s, target := newMutant(t, badserver.None)
	target.Tiers, target.IOwn = nil, badserver.Domain
	var n atomic.Int32
	target.Dial = badserver.Dialer(func(c net.Conn) {
		if n.Add(1) <= 8 {
			s.Serve(c)
			return
		}
		answeringLines(c, "421 4.7.0 Too many connections\r\n", func(string) string { return "" })
	})
	target = leadingTo("203.0.113.5", target)
	report := runServer(t, conformance.Suite{Cases: casesFor("S")}, target)
	if got := n.Load(); got > 8+6 {
		t.Errorf("%d connections after the first that was turned away\n%s", got-8, report)
	}
	if got := find(report, "S-SEQ-03"); got.Outcome != conformance.Inconclusive || !strings.Contains(got.Got, "421 4.7.0 Too many connections") {
		t.Errorf("want inconclusive, with the reply\n%s", got)
	}
}
