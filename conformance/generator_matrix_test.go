package conformance_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badtoken"
	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// A tokenSubject is a generator of the matrix. It is made anew for each case.
type tokenSubject struct {
	name  string
	make  func() conformance.GeneratorTarget
	kills string // the one case that it has to fail; "" for none
	idle  bool   // it proves nothing, so no case may pass
}

func tokenSubjects() []tokenSubject {
	mutant := func(d badtoken.Defect, kills string) tokenSubject {
		return tokenSubject{name: string(d), make: func() conformance.GeneratorTarget { return naiveGenerator(d) }, kills: kills}
	}
	idle := func(name string, f generatorFunc) tokenSubject {
		return tokenSubject{name: name, make: func() conformance.GeneratorTarget { return idleGenerator(f) }, idle: true}
	}
	fades := func(name string, f func(context.Context, sasl.Token) (sasl.Token, error)) tokenSubject {
		return tokenSubject{name: "fades-to-" + name, make: func() conformance.GeneratorTarget { return fadingGenerator(1, f) }, idle: true}
	}
	then := func(f generatorFunc) func(context.Context, sasl.Token) (sasl.Token, error) {
		return func(ctx context.Context, _ sasl.Token) (sasl.Token, error) { return f(ctx, sasl.TokenRequest{}) }
	}
	right := mutant(badtoken.None, "")
	right.name = "without-defect"
	return []tokenSubject{
		right,
		mutant(badtoken.NeverRenew, "P-TOK-01"),
		mutant(badtoken.KeepWithoutExpiry, "P-TOK-01"),
		mutant(badtoken.AskEachTime, "P-TOK-01"),
		mutant(badtoken.AskForEach, "P-TOK-02"),
		mutant(badtoken.FailWithFirst, "P-TOK-02"),
		mutant(badtoken.KeepRefreshToken, "P-TOK-03"),
		mutant(badtoken.NeverSave, "P-TOK-03"),
		mutant(badtoken.SaveLate, "P-TOK-03"),
		mutant(badtoken.RetryRevoked, "P-TOK-04"),
		mutant(badtoken.RevokedIsTemporary, "P-TOK-04"),
		mutant(badtoken.Hammer, "P-TOK-05"),
		mutant(badtoken.BusyIsPermanent, "P-TOK-05"),
		mutant(badtoken.IgnoreSlowDown, "P-TOK-06"),
		mutant(badtoken.IgnoreInterval, "P-TOK-06"),
		mutant(badtoken.PollOnDeclined, "P-TOK-06"),
		mutant(badtoken.AcceptAnyCertificate, "P-TOK-07"),
		mutant(badtoken.FollowRedirects, "P-TOK-07"),
		mutant(badtoken.ErrorHoldsAnswer, "P-TOK-08"),
		mutant(badtoken.LogRequests, "P-TOK-08"),
		mutant(badtoken.SameTokenAgain, "P-TOK-09"),
		mutant(badtoken.WrongScope, "P-TOK-10"),
		mutant(badtoken.WrongTenant, "P-TOK-10"),
		mutant(badtoken.IgnoreCancel, "P-TOK-11"),
		mutant(badtoken.PollOnCancelled, "P-TOK-11"),
		idle("null-no-token", noToken),
		idle("null-error", onlyError),
		idle("null-panic", panicking),
		idle("stuck", waiting),
		idle("constant", sasl.StaticToken("a-token-that-nobody-gave").Token),
		fades("no-token", then(noToken)),
		fades("error", then(onlyError)),
		fades("panic", then(panicking)),
		fades("stuck", then(waiting)),
		fades("constant", func(_ context.Context, last sasl.Token) (sasl.Token, error) { return last, nil }),
		fades("cancelled", then(func(context.Context, sasl.TokenRequest) (sasl.Token, error) {
			return sasl.Token{}, context.Canceled
		})),
		fades("no-other-token", then(func(context.Context, sasl.TokenRequest) (sasl.Token, error) {
			return sasl.Token{}, sasl.ErrNoOtherToken
		})),
	}
}

// judgeToken runs one case against a generator, in no time.
func judgeToken(t *testing.T, s tokenSubject, id string) conformance.Result {
	t.Helper()
	var result conformance.Result
	synctest.Test(t, func(t *testing.T) {
		target := s.make()
		target.Network = mock.InMemory
		report, err := conformance.Suite{Select: []string{id}}.Run(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		result = report.Results[0]
	})
	return result
}

// Every case fails its own mutants and no others, passes the generator without
// defect, and passes none that proves nothing.
func TestGeneratorMatrix(t *testing.T) {
	cases := casesFor("P")
	subjects := tokenSubjects()
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
					result := judgeToken(t, s, c.ID)
					rows[i] = append(rows[i], cell(subject{idle: s.idle}, result.Outcome))
					asClient := subject{kills: s.kills, idle: s.idle}
					if problem := wrongOutcome(asClient, c, result.Outcome); problem != "" {
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
	golden(t, "matrix-generators.txt", matrix(cases, rows))
}

// Every case has a mutant, and says so.
func TestEveryTokenCaseHasAMutant(t *testing.T) {
	killed := make(map[string]bool)
	for _, s := range tokenSubjects() {
		killed[s.kills] = true
	}
	for _, c := range casesFor("P") {
		if !killed[c.ID] {
			t.Errorf("%s: no subject of the matrix is its mutant", c.ID)
		}
		for what, text := range map[string]string{
			"Title": c.Title, "Area": string(c.Area), "Refs": fmt.Sprint(c.Refs), "Tiers": fmt.Sprint(c.Tiers),
			"Procedure": c.Procedure, "Pass": c.Pass, "Mutant": c.Mutant, "Since": c.Since,
		} {
			if text == "" || text == "[]" {
				t.Errorf("%s: no %s", c.ID, what)
			}
		}
	}
}
