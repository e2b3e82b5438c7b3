package conformance_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badmech"
	"github.com/seed-55a66e92/postern/sasl"
)

// A mechanismSubject is a mechanism of the matrix. It is made anew for each case.
type mechanismSubject struct {
	name  string
	make  func() conformance.MechanismTarget
	kills string // the one case that it has to fail; "" for none
	idle  bool   // it proves nothing, so no case may pass
	fades bool   // it is right in one exchange alone, so no case with a control may pass
}

// naiveMechanism is a mechanism of badmech as a target.
func naiveMechanism(name string, d badmech.Defect) conformance.MechanismTarget {
	target := conformance.MechanismTarget{Mechanism: badmech.New(name, badmech.Options{Defect: d, Trace: "trace"})}
	switch {
	case name == "X-SUM":
		target.Vectors = sumVectors()
	case name == "ANONYMOUS":
		target.Trace = func(trace string) sasl.Mechanism {
			return badmech.New(name, badmech.Options{Defect: d, Trace: trace})
		}
	case name == "CRAM-MD5" && d == badmech.CapitalMD5:
		target.Server = target.Mechanism.NewServer // which takes it
	case strings.HasPrefix(name, "SCRAM-"):
		target.Plus = true
		target.Nonce = func(nonce string) sasl.Mechanism {
			return badmech.New(name, badmech.Options{Defect: d, Nonce: nonce})
		}
	}
	return target
}

// naiveNames are the mechanisms of badmech.
var naiveNames = []string{
	"X-SUM", "EXTERNAL", "ANONYMOUS", "PLAIN", "LOGIN", "CRAM-MD5",
	"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "XOAUTH2", "OAUTHBEARER",
}

func sumVectors() []conformance.MechanismVector {
	const challenge, digest = "<1@mail.example.test>", "faca1ef148a38197cc44d9582cf0d85f745c568439d7945064ec00e334b5063e"
	return []conformance.MechanismVector{{
		Name: "one sum", Kind: conformance.GoodVector, Username: "tim", Password: "tanstaaftanstaaf",
		Steps: []conformance.VectorStep{
			{From: conformance.FromServer, Text: challenge},
			{From: conformance.FromClient, Text: "tim " + digest},
		},
	}, {
		Name: "no challenge", Kind: conformance.BadServerVector, Username: "tim", Password: "tanstaaftanstaaf",
		Steps: []conformance.VectorStep{{From: conformance.FromServer, Text: "?"}},
	}, {
		Name: "no digest", Kind: conformance.BadClientVector, Username: "tim", Password: "tanstaaftanstaaf",
		Steps: []conformance.VectorStep{
			{From: conformance.FromServer, Text: challenge},
			{From: conformance.FromClient, Text: "tim"},
		},
	}}
}

func mechanismSubjects() []mechanismSubject {
	var subjects []mechanismSubject
	for _, name := range naiveNames {
		subjects = append(subjects, mechanismSubject{
			name: name + " without-defect", make: func() conformance.MechanismTarget { return naiveMechanism(name, badmech.None) },
		})
		for _, m := range mutantsOf[name] {
			subjects = append(subjects, mechanismSubject{
				name: name + " " + string(m.defect), kills: m.kills,
				make: func() conformance.MechanismTarget { return naiveMechanism(name, m.defect) },
			})
		}
	}
	return slices.Concat(subjects, idleMechanisms(), fadingMechanisms())
}

type mechanismMutant struct {
	defect badmech.Defect
	kills  string
}

var mutantsOf = map[string][]mechanismMutant{
	"X-SUM": {
		{badmech.SmallName, "M-GEN-01"},
		{badmech.SharedClient, "M-GEN-02"},
		{badmech.AnswerAfterEnd, "M-GEN-04"},
		{badmech.FirstOctet, "M-GEN-06"},
		{badmech.BareSecret, "M-GEN-07"},
		{badmech.SecretInError, "M-GEN-07"},
		{badmech.AnyUser, "M-GEN-10"},
		{badmech.OwnContext, "M-GEN-11"},
		{badmech.AnyPassword, "M-GEN-12"},
		{badmech.CapitalDigest, "M-VEC-01"},
	},
	"EXTERNAL": {
		{badmech.NilForEmpty, "M-GEN-03"},
		{badmech.UserForIdentity, "M-EXT-01"},
	},
	"ANONYMOUS": {{badmech.AnyTrace, "M-ANO-01"}},
	"PLAIN": {
		{badmech.ClaimConcealed, "M-GEN-08"},
		{badmech.FetchInUsable, "M-GEN-09"},
		{badmech.SwapIdentities, "M-PLN-01"},
		{badmech.EmptyUser, "M-PLN-02"},
		{badmech.Latin1, "M-PLN-03"},
		{badmech.SayTwice, "M-PLN-04"},
	},
	"LOGIN": {
		{badmech.ReadPrompts, "M-LGN-01"},
		{badmech.InitialUser, "M-LGN-02"},
	},
	"CRAM-MD5": {
		{badmech.CapitalMD5, "M-CRM-01"},
		{badmech.CutPassword, "M-CRM-02"},
		{badmech.AnswerToNothing, "M-CRM-03"},
	},
	"SCRAM-SHA-256": {
		{badmech.EarlySuccess, "M-GEN-05"},
		{badmech.ExtraAttribute, "M-SCR-01"},
		{badmech.AnyNonce, "M-SCR-02"},
		{badmech.AnySignature, "M-SCR-03"},
		{badmech.ErrorIsSuccess, "M-SCR-04"},
		{badmech.IgnoreMandatory, "M-SCR-05"},
		{badmech.AnyIterations, "M-SCR-06"},
		{badmech.RawNames, "M-SCR-07"},
		{badmech.CountingNonce, "M-SCR-08"},
		{badmech.AlwaysN, "M-SCR-09"},
		{badmech.HeaderWithout, "M-SCR-11"},
		{badmech.AnyOrder, "M-SCR-12"},
		{badmech.RawPassword, "M-SCR-13"},
	},
	"SCRAM-SHA-256-PLUS": {{badmech.NoContext, "M-SCR-10"}},
	"XOAUTH2": {
		{badmech.SmallScheme, "M-XOA-01"},
		{badmech.GiveUp, "M-XOA-02"},
		{badmech.AskAgain, "M-XOA-03"},
	},
	"OAUTHBEARER": {
		{badmech.FixedPort, "M-OAB-01"},
		{badmech.RawIdentity, "M-OAB-02"},
		{badmech.NoDummy, "M-OAB-03"},
		{badmech.ReadableOnly, "M-OAB-04"},
		{badmech.AnyCharacters, "M-OAB-05"},
	},
}

// judgeMechanism runs one case against a subject, in no time. The outcome is none if
// the case is for others.
func judgeMechanism(t *testing.T, s mechanismSubject, id string) conformance.Result {
	t.Helper()
	var result conformance.Result
	synctest.Test(t, func(t *testing.T) {
		report, err := conformance.Suite{Select: []string{id}}.Run(t.Context(), s.make())
		switch {
		case errors.Is(err, conformance.ErrNoMatch):
		case err != nil:
			t.Fatal(err)
		default:
			result = report.Results[0]
		}
	})
	return result
}

// Every case fails its own mutant and no other, passes mechanisms without defect, and
// passes nobody who proves nothing.
func TestMechanismKillMatrix(t *testing.T) {
	cases := casesFor("M")
	subjects := mechanismSubjects()
	rows := make([][]string, len(subjects))
	t.Run("subjects", func(t *testing.T) {
		for i, s := range subjects {
			rows[i] = []string{s.name}
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				for j, c := range cases {
					if leftOut(i, j) && s.kills != c.ID {
						continue
					}
					result := judgeMechanism(t, s, c.ID)
					rows[i] = append(rows[i], mechanismCell(s, result.Outcome))
					if problem := wrongMechanismOutcome(s, c, result.Outcome); problem != "" {
						t.Errorf("%s\n%s", problem, result)
					}
				}
			})
		}
	})
	left := slices.ContainsFunc(rows, func(row []string) bool { return len(row) == 1 })
	if t.Failed() || left || thinned() > 1 { // left by -run
		return
	}
	golden(t, "matrix-mechanisms.txt", mechanismMatrix(cases, rows))
}

// thinned is how many pairs of a subject and a case there are for one that is tried.
// All are tried where there is time for them.
func thinned() int {
	switch {
	case testing.Short():
		return 11
	case raceDetector:
		return 7
	}
	return 1
}

// leftOut reports whether a pair is not tried, unless the subject is the mutant of
// the case. The cases take turns at the subjects.
func leftOut(subject, at int) bool { return (subject+at)%thinned() != 0 }

func mechanismCell(s mechanismSubject, o conformance.Outcome) string {
	switch {
	case o == "":
		return "-"
	case (s.idle || s.fades) && o != conformance.Pass && o != conformance.Warn:
		return "no"
	}
	return string(o)
}

// wrongMechanismOutcome says why the outcome is not what it should be.
func wrongMechanismOutcome(s mechanismSubject, c conformance.Case, got conformance.Outcome) string {
	also := s.kills != "" && slices.Contains(byID(s.kills).AlsoKills, c.ID)
	kill := conformance.Fail
	if c.Refs[0].Level == conformance.Should {
		kill = conformance.Warn
	}
	switch {
	case s.fades && !strings.HasPrefix(c.Procedure, "Control:"):
	case (s.idle || s.fades) && (got == conformance.Pass || got == conformance.Warn):
		return "a mechanism that proves nothing does well"
	case s.idle || s.fades:
	case s.kills == c.ID && got != kill:
		return "the case does not find its own mutant"
	case s.kills != c.ID && !also && got != conformance.Pass && got != conformance.Skip && got != "":
		return "the case fails a mechanism that is right about it"
	case also && got != kill:
		return "the mutant does not fail this case, which the case of its own lists"
	}
	return ""
}

// Every case for mechanisms has a mutant, passes somebody, and says what it does.
func TestEveryMechanismCaseHasAMutant(t *testing.T) {
	killed := make(map[string]bool)
	for _, s := range mechanismSubjects() {
		killed[s.kills] = true
	}
	for _, c := range casesFor("M") {
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
		for _, id := range c.AlsoKills {
			if byID(id).ID == "" {
				t.Errorf("%s: AlsoKills has %s, which is no case", c.ID, id)
			}
		}
	}
}

// mechanismMatrix writes the rows as a table, with a line for each case.
func mechanismMatrix(cases []conformance.Case, rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		by := make(map[string][]string)
		var order []string
		for i, cell := range row[1:] {
			if cell == "-" {
				continue
			}
			if by[cell] == nil {
				order = append(order, cell)
			}
			by[cell] = append(by[cell], cases[i].ID)
		}
		fmt.Fprintf(&b, "%s\n", row[0])
		slices.Sort(order)
		for _, cell := range order {
			fmt.Fprintf(&b, "    %-5s %s\n", cell, strings.Join(by[cell], " "))
		}
	}
	return b.String()
}
