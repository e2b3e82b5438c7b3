package conformance_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badclient"
	"github.com/seed-55a66e92/postern/mock"
)

var update = flag.Bool("update", false, "write the golden files")

// A subject is a client of the matrix. It is made anew for each case.
type subject struct {
	name  string
	make  func() conformance.DriverFunc
	kills string // the one case that it has to fail; "" for none
	idle  bool   // it proves nothing, so no case may pass
}

func subjects() []subject {
	delivered := conformance.Answer{Status: conformance.Delivered}
	refused := conformance.Answer{Status: conformance.AuthFailed, Err: errMade}
	mutant := func(d badclient.Defect, kills string) subject {
		return subject{name: string(d), make: func() conformance.DriverFunc { return naive(d) }, kills: kills}
	}
	idle := func(name string, d conformance.DriverFunc) subject {
		return subject{name: name, make: func() conformance.DriverFunc { return d }, idle: true}
	}
	fades := func(name string, rest conformance.DriverFunc) subject {
		return subject{name: name, make: func() conformance.DriverFunc { return fading(naive(badclient.None), rest) }, idle: true}
	}
	right := mutant(badclient.None, "")
	right.name = "without-defect"
	return []subject{
		right,
		mutant(badclient.LongInitialResponse, "C-AUT-03"),
		mutant(badclient.LogAUTH, "C-AUT-18"),
		mutant(badclient.LastCodeWins, "C-REP-06"),
		mutant(badclient.ContinueInClear, "C-TLS-01"),
		mutant(badclient.AcceptAnyCertificate, "C-TLS-09"),
		mutant(badclient.CancelErrorChallenge, "C-XOA-01"),
		mutant(badclient.HangOnErrorChallenge, "C-XOA-01"),
		idle("null-delivered", silent(delivered)),
		idle("null-refused", silent(refused)),
		idle("null-nothing", silent(conformance.Answer{})),
		idle("stuck", stuck),
		idle("greeted", greeted),
		idle("blind-delivered", blind(delivered)),
		idle("blind-refused", blind(refused)),
		fades("fades-to-null", silent(refused)),
		fades("fades-to-delivered", silent(delivered)),
		fades("fades-to-greeted", greeted),
		fades("fades-to-blind", blind(refused)),
	}
}

// judge runs one case against a subject, in memory and in no time.
func judge(t *testing.T, s subject, id string, network mock.Network) conformance.Result {
	t.Helper()
	var result conformance.Result
	run := func(t *testing.T) {
		suite := conformance.Suite{Select: []string{id}}
		if network != mock.InMemory {
			suite.Timeout = time.Minute // of a busy machine
		}
		target := conformance.ClientTarget{Name: s.name, Driver: s.make(), Network: network}
		report, err := suite.Run(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		result = report.Results[0]
	}
	if network == mock.InMemory {
		synctest.Test(t, run)
	} else {
		run(t)
	}
	return result
}

// Every case fails its own mutant and no other, passes the client without
// defect, and passes nobody who proves nothing.
func TestKillMatrix(t *testing.T) {
	cases := casesFor("C")
	rows := make([][]string, 0, len(cases))
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			row := []string{s.name}
			for _, c := range cases {
				result := judge(t, s, c.ID, mock.InMemory)
				row = append(row, cell(s, result.Outcome))
				if problem := wrongOutcome(s, c, result.Outcome); problem != "" {
					t.Errorf("%s\n%s", problem, result)
				}
			}
			rows = append(rows, row)
		})
	}
	if t.Failed() {
		return
	}
	golden(t, "matrix.txt", matrix(cases, rows))
}

// cell is what the matrix shows. Of a client that proves nothing, it shows only
// whether it passes: how far one that does not listen gets is a matter of luck.
func cell(s subject, o conformance.Outcome) string {
	if s.idle && !o.Good() {
		return "no pass"
	}
	return string(o)
}

// wrongOutcome says why the outcome is not what it should be.
func wrongOutcome(s subject, c conformance.Case, got conformance.Outcome) string {
	also := s.kills != "" && slices.Contains(byID(s.kills).AlsoKills, c.ID)
	switch {
	case s.idle && got.Good():
		return "a client that proves nothing does well"
	case s.idle:
	case s.kills == c.ID && got != conformance.Fail:
		return "the case does not find its own mutant"
	case s.kills != c.ID && !also && got != conformance.Pass:
		return "the case fails a client that is right about it"
	}
	return ""
}

func byID(id string) conformance.Case {
	for _, c := range conformance.Catalogue() {
		if c.ID == id {
			return c
		}
	}
	return conformance.Case{}
}

// Every case has a mutant, and says so.
func TestEveryCaseHasAMutant(t *testing.T) {
	killed := make(map[string]bool)
	for _, s := range subjects() {
		killed[s.kills] = true
	}
	for _, c := range casesFor("C") {
		if !killed[c.ID] {
			t.Errorf("%s: no subject of the matrix is its mutant", c.ID)
		}
		for what, text := range map[string]string{
			"Title": c.Title, "Area": string(c.Area), "Tiers": fmt.Sprint(c.Tiers), "Procedure": c.Procedure,
			"Pass": c.Pass, "Mutant": c.Mutant, "Since": c.Since,
		} {
			if text == "" {
				t.Errorf("%s: no %s", c.ID, what)
			}
		}
		if len(c.Refs) == 0 || len(c.Needs) == 0 {
			t.Errorf("%s: no Refs or no Needs", c.ID)
		}
	}
}

// Outcomes do not depend on the network.
func TestMatrixOverTCP(t *testing.T) {
	for _, s := range subjects() {
		if s.idle || s.kills == "C-XOA-01" { // these may wait in real time
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range casesFor("C") {
				result := judge(t, s, c.ID, mock.Loopback)
				if problem := wrongOutcome(s, c, result.Outcome); problem != "" {
					t.Errorf("%s\n%s", problem, result)
				}
			}
		})
	}
}

// matrix writes the rows as a table.
func matrix(cases []conformance.Case, rows [][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s", "")
	for _, c := range cases {
		fmt.Fprintf(&b, "  %-12s", c.ID)
	}
	b.WriteString("\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "%-24s", row[0])
		for _, outcome := range row[1:] {
			fmt.Fprintf(&b, "  %-12s", outcome)
		}
		b.WriteString("\n")
	}
	var trimmed strings.Builder
	for line := range strings.Lines(b.String()) {
		trimmed.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return trimmed.String()
}

// golden compares got with a file of testdata; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); run with -update if it should be so:\n%s", path, diff)
	}
}
