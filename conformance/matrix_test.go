package conformance_test

import (
	"flag"
	"fmt"
	"maps"
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
	waits bool   // it hangs until it is cut off
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
	hangs := func(d badclient.Defect, kills string) subject {
		s := mutant(d, kills)
		s.waits = true
		return s
	}
	right := mutant(badclient.None, "")
	right.name = "without-defect"
	return []subject{
		right,
		mutant(badclient.FirstListed, "C-AUT-02"),
		mutant(badclient.LongInitialResponse, "C-AUT-03"),
		mutant(badclient.IgnoreJunk, "C-AUT-06"),
		mutant(badclient.NeedSpace, "C-AUT-07"),
		mutant(badclient.ShortChallenge, "C-AUT-08"),
		mutant(badclient.RetrySecret, "C-AUT-09"),
		mutant(badclient.AllPermanent, "C-AUT-10"),
		mutant(badclient.OneMechanism, "C-AUT-11"),
		mutant(badclient.BelieveEarlySuccess, "C-AUT-12"),
		mutant(badclient.AnswerAgain, "C-AUT-14"),
		mutant(badclient.StrayCancel, "C-AUT-15"),
		mutant(badclient.LogAUTH, "C-AUT-18"),
		mutant(badclient.TalkFirst, "C-GRT-01"),
		mutant(badclient.FirstLine, "C-GRT-02"),
		mutant(badclient.GreetingStays, "C-GRT-03"),
		mutant(badclient.SilentEOF, "C-GRT-05"),
		mutant(badclient.LooseCodes, "C-GRT-06"),
		mutant(badclient.BadName, "C-HEL-01"),
		mutant(badclient.FallBackToHELO, "C-HEL-03"),
		mutant(badclient.CaseSensitive, "C-HEL-04"),
		mutant(badclient.NeedPasswordPrompt, "C-LGN-01"),
		mutant(badclient.EmptyToBearerError, "C-OAB-01"),
		mutant(badclient.AlwaysPipeline, "C-PIP-01"),
		mutant(badclient.MatchByCode, "C-PIP-02"),
		mutant(badclient.ContentToNobody, "C-PIP-03"),
		mutant(badclient.EOFWins, "C-PIP-04"),
		mutant(badclient.ReadByRead, "C-REP-01"),
		mutant(badclient.NeedText, "C-REP-02"),
		mutant(badclient.ExactCodes, "C-REP-03"),
		mutant(badclient.TextDecides, "C-REP-04"),
		mutant(badclient.LastCodeWins, "C-REP-06"),
		mutant(badclient.UnboundedReply, "C-REP-07"),
		mutant(badclient.UnboundedLine, "C-REP-08"),
		mutant(badclient.IgnoreUnsolicited, "C-REP-09"),
		mutant(badclient.AcceptTruncated, "C-REP-10"),
		mutant(badclient.GoOnAfter421, "C-REP-13"),
		mutant(badclient.ContinueInClear, "C-TLS-01"),
		mutant(badclient.ClearAfterRefusal, "C-TLS-02"),
		mutant(badclient.KeepPlaintext, "C-TLS-03"),
		mutant(badclient.KeepCapabilities, "C-TLS-06"),
		mutant(badclient.TLSWithinTLS, "C-TLS-07"),
		mutant(badclient.PipelineSTARTTLS, "C-TLS-08"),
		mutant(badclient.AcceptAnyCertificate, "C-TLS-09"),
		mutant(badclient.ClearAfterHandshake, "C-TLS-14"),
		mutant(badclient.OneTimer, "C-TMO-01"),
		mutant(badclient.NoTimer, "C-TMO-01"),
		mutant(badclient.ShortTimer, "C-TMO-02"),
		mutant(badclient.TimerPerRead, "C-TMO-04"),
		mutant(badclient.IgnoreCancel, "C-TMO-06"),
		mutant(badclient.NoTLSTimer, "C-TMO-07"),
		mutant(badclient.AnyAddress, "C-TXN-01"),
		mutant(badclient.AlwaysBody, "C-TXN-02"),
		mutant(badclient.ContentAnyway, "C-TXN-03"),
		mutant(badclient.MissBufferEdge, "C-TXN-04"),
		mutant(badclient.BareLineEnds, "C-TXN-05"),
		mutant(badclient.BlankLine, "C-TXN-06"),
		mutant(badclient.RejectedDelivered, "C-TXN-07"),
		mutant(badclient.FewRecipients, "C-TXN-08"),
		mutant(badclient.ResendRefused, "C-TXN-09"),
		mutant(badclient.ResendAfterEOF, "C-TXN-10"),
		mutant(badclient.JustClose, "C-TXN-12"),
		mutant(badclient.Raw8Bit, "C-TXN-13"),
		mutant(badclient.BracketedNull, "C-TXN-14"),
		mutant(badclient.CancelErrorChallenge, "C-XOA-01"),
		hangs(badclient.HangOnErrorChallenge, "C-XOA-01"),
		mutant(badclient.LoopTokens, "C-XOA-02"),
		mutant(badclient.EmptyToken, "C-XOA-03"),
		mutant(badclient.AnyToken, "C-XOA-04"),
		hangs(badclient.WaitForChallenge, "C-XOA-05"),
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
	all := subjects()
	rows := make([][]string, len(all))
	t.Run("subjects", func(t *testing.T) {
		for i, s := range all {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				rows[i] = []string{s.name}
				for j, c := range cases {
					if leftOut(i, j) && s.kills != c.ID {
						continue
					}
					result := judge(t, s, c.ID, mock.InMemory)
					outcome := said(result)
					rows[i] = append(rows[i], cell(s, outcome))
					if problem := wrongOutcome(s, c, outcome); problem != "" {
						t.Errorf("%s\n%s", problem, result)
					}
				}
			})
		}
	})
	left := slices.ContainsFunc(rows, func(row []string) bool { return row == nil })
	if t.Failed() || left || thinned() > 1 { // left by -run
		return
	}
	golden(t, "matrix.txt", summary(cases, rows))
}

// said is the outcome of a case that was run. One that another case keeps from being
// run says nothing.
func said(r conformance.Result) conformance.Outcome {
	if strings.HasPrefix(string(r.Skipped), string(conformance.DependsOn(""))) {
		return conformance.Inconclusive
	}
	return r.Outcome
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
	case s.kills == c.ID && got != killed(c):
		return "the case does not find its own mutant"
	case s.kills != c.ID && !also && got != conformance.Pass:
		return "the case fails a client that is right about it"
	}
	return ""
}

// killed is what a case says of its mutant: a recommendation that is not followed is
// a warning.
func killed(c conformance.Case) conformance.Outcome {
	for _, ref := range c.Refs {
		if ref.Level != conformance.Should {
			return conformance.Fail
		}
	}
	return conformance.Warn
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

// Outcomes do not depend on the network, but on virtual time some do.
func TestMatrixOverTCP(t *testing.T) {
	for i, s := range subjects() {
		if s.idle || s.waits || s.kills != "" && leftOut(i, 0) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for j, c := range casesFor("C") {
				if s.kills != "" && s.kills != c.ID || slices.Contains(c.Needs, "virtual time") {
					continue
				}
				if s.kills == "" && leftOut(i, j) {
					continue
				}
				result := judge(t, s, c.ID, mock.Loopback)
				if problem := wrongOutcome(s, c, result.Outcome); problem != "" {
					t.Errorf("%s\n%s", problem, result)
				}
			}
		})
	}
}

// summary writes what each subject came to: how many cases have each outcome, and
// which they are where they are not most of them.
func summary(cases []conformance.Case, rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "%-24s", row[0])
		ids := make(map[string][]string)
		for i, outcome := range row[1:] {
			ids[outcome] = append(ids[outcome], cases[i].ID)
		}
		for _, outcome := range slices.Sorted(maps.Keys(ids)) {
			if n := len(ids[outcome]); n > len(cases)/2 {
				fmt.Fprintf(&b, "  %s: %d of %d", outcome, n, len(cases))
			} else {
				fmt.Fprintf(&b, "  %s: %s", outcome, strings.Join(ids[outcome], " "))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
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
