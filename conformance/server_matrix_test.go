package conformance_test

import (
	"bytes"
	"context"
	"net"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badserver"
)

// A serverMutant is a server with one defect, and the case that has to find it.
type serverMutant struct {
	defect badserver.Defect
	kills  string
}

func serverMutants() []serverMutant {
	return []serverMutant{
		{badserver.None, ""},
		{badserver.Answers250ToAuth, "S-AUT-03"},
		{badserver.AuthInTransaction, "S-AUT-05"},
		{badserver.Answers535ToCancel, "S-AUT-06"},
		{badserver.Answers454ToBase64, "S-AUT-07"},
		{badserver.ChallengeNoSpace, "S-AUT-11"},
		{badserver.Answers454ToPassword, "S-AUT-15"},
		{badserver.RefusedIsSignedIn, "S-AUT-15"},
		{badserver.LFEndsCommands, "S-CRL-01"},
		{badserver.LFEndsData, "S-CRL-03"},
		{badserver.LFEndsDiscards, "S-CRL-03"},
		{badserver.CREndsData, "S-CRL-07"},
		{badserver.KeepsDots, "S-DAT-01"},
		{badserver.GreetingLF, "S-GRT-01"},
		{badserver.KeywordUnderscore, "S-HEL-01"},
		{badserver.EHLOKeeps, "S-HEL-04"},
		{badserver.SplitsLines, "S-LIN-02"},
		{badserver.SplitsLongLines, "S-LIN-02"},
		{badserver.ClosesOnEmptyAnswer, "S-OAB-02"},
		{badserver.Reorders, "S-PIP-01"},
		{badserver.IgnoresAuthzid, "S-PLN-01"},
		{badserver.HelpTwice, "S-REP-01"},
		{badserver.Answers502ToRcpt, "S-REP-07"},
		{badserver.RcptForgetsEHLO, "S-REP-07"},
		{badserver.NoServerProof, "S-SCR-01"},
		{badserver.WrongServerProof, "S-SCR-01"},
		{badserver.OpenRelay, "S-SEC-01"},
		{badserver.RSETKeeps, "S-SEQ-03"},
		{badserver.NoHandshake, "S-TLS-01"},
		{badserver.KeepsBuffer, "S-TLS-03"},
		{badserver.RunsAhead, "S-TLS-03"},
		{badserver.TLSKeeps, "S-TLS-05"},
		{badserver.PlainInClear, "S-TLS-10"},
		{badserver.XOAUTH2OnLineOnly, "S-XOA-01"},
		{badserver.HangsOnEmptyAnswer, "S-XOA-02"},
	}
}

// wantOf is what a case has to say of its mutant: a recommendation that is not
// followed is a warning.
func wantOf(c conformance.Case) conformance.Outcome {
	for _, ref := range c.Refs {
		if ref.Level != conformance.ShouldNot {
			return conformance.Fail
		}
	}
	return conformance.Warn
}

// newMutant returns a server with a defect, and what reaches it.
func newMutant(t *testing.T, defect badserver.Defect) (*badserver.Server, conformance.ServerTarget) {
	t.Helper()
	s, err := badserver.New(defect)
	if err != nil {
		t.Fatal(err)
	}
	return s, conformance.ServerTarget{
		Addr: badserver.Domain + ":587", RootCAs: s.RootCAs(), Dial: badserver.Dialer(s.Serve),
		Account: conformance.Account{
			User: conformance.Fixed(s.User), Password: conformance.Fixed(s.Password), Token: conformance.Fixed(s.Token),
		},
		Sink: "sink@" + badserver.Domain, Tiers: conformance.AllTiers(),
		Observer: conformance.ObserverFunc(func(_ context.Context, mark string) ([][]byte, error) {
			return slices.DeleteFunc(s.Messages(), func(m []byte) bool { return !bytes.Contains(m, []byte(mark)) }), nil
		}),
	}
}

// runServer runs a suite in memory and in no time.
func runServer(t *testing.T, s conformance.Suite, target conformance.ServerTarget) (report *conformance.Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if report, err = s.Run(t.Context(), target); err != nil {
			t.Fatal(err)
		}
	})
	return report
}

// Every case fails its own mutant and no other but those that it lists, and passes
// the server without defect.
func TestServerKillMatrix(t *testing.T) {
	cases := casesFor("S")
	rows := make([][]string, 0, len(cases))
	killed := make(map[string]bool)
	for _, m := range serverMutants() {
		t.Run(string(m.defect), func(t *testing.T) {
			_, target := newMutant(t, m.defect)
			report := runServer(t, conformance.Suite{Cases: cases}, target)
			name := string(m.defect)
			if m.defect == badserver.None {
				name = "without-defect"
			}
			row := []string{name}
			for i, result := range report.Results {
				row = append(row, string(result.Outcome))
				if problem := wrongServerOutcome(m, cases[i], result); problem != "" {
					t.Errorf("%s\n%s", problem, result)
				}
			}
			rows = append(rows, row)
			killed[m.kills] = true
		})
	}
	for _, c := range cases {
		if !killed[c.ID] {
			t.Errorf("%s: no server of the matrix is its mutant", c.ID)
		}
	}
	if !t.Failed() {
		golden(t, "matrix-servers.txt", matrix(cases, rows))
	}
}

// wrongServerOutcome says why the outcome is not what it should be.
func wrongServerOutcome(m serverMutant, c conformance.Case, got conformance.Result) string {
	also := m.kills != "" && slices.Contains(byID(m.kills).AlsoKills, c.ID)
	switch {
	case m.kills == c.ID && got.Outcome != wantOf(c):
		return "the case does not find its own mutant"
	case m.kills == c.ID || also && got.Outcome == conformance.Fail:
	case got.Outcome == conformance.Skip && got.Skipped == conformance.DependsOn(m.kills):
	case got.Outcome != conformance.Pass:
		return "the case fails a server that is right about it"
	}
	return ""
}

// Outcomes do not depend on the cases that were run before: of the server without
// defect none does, and of each mutant not that of its case.
func TestServerOrder(t *testing.T) {
	for _, m := range serverMutants() {
		t.Run(string(m.defect), func(t *testing.T) {
			for _, c := range slices.Backward(casesFor("S")) {
				if m.kills != "" && m.kills != c.ID {
					continue
				}
				_, target := newMutant(t, m.defect)
				report := runServer(t, conformance.Suite{Cases: casesFor("S"), Select: []string{c.ID}}, target)
				if problem := wrongServerOutcome(m, c, report.Results[0]); problem != "" {
					t.Errorf("%s\n%s", problem, report)
				}
			}
		})
	}
}

// listening returns the target over TCP.
func listening(t *testing.T, s *badserver.Server, target conformance.ServerTarget) conformance.ServerTarget {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				s.Serve(conn)
			}()
		}
	}()
	target.Addr, target.Dial = l.Addr().String(), nil
	return target
}

func TestServerMatrixOverTCP(t *testing.T) {
	for _, m := range serverMutants() {
		if m.defect == badserver.HangsOnEmptyAnswer || m.defect == badserver.NoHandshake { // these wait in real time
			continue
		}
		t.Run(string(m.defect), func(t *testing.T) {
			t.Parallel()
			s, target := newMutant(t, m.defect)
			suite := conformance.Suite{Cases: casesFor("S")}
			if m.kills != "" {
				suite.Select = []string{m.kills}
			}
			report, err := suite.Run(t.Context(), listening(t, s, target))
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range report.Results {
				if problem := wrongServerOutcome(m, byID(result.ID), result); problem != "" {
					t.Errorf("%s\n%s", problem, result)
				}
			}
		})
	}
}
