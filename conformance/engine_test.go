package conformance_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badclient"
	"github.com/seed-55a66e92/postern/mock"
)

// allPass fails the test unless every case of the catalogue passes.
func allPass(t *testing.T, target conformance.Target) {
	t.Helper()
	report, err := conformance.Suite{Timeout: time.Minute}.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if n := report.Count(conformance.Pass); n != len(casesFor("C")) {
		t.Errorf("%d cases pass, want all\n%s", n, report)
	}
}

func TestEngine(t *testing.T) {
	conformance.RunClient(t, conformance.DriverFunc(engine))
}

func TestEnginePassesAll(t *testing.T) {
	t.Run("tcp", func(t *testing.T) {
		allPass(t, conformance.ClientTarget{Driver: conformance.DriverFunc(engine)})
	})
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			allPass(t, conformance.ClientTarget{Driver: conformance.DriverFunc(engine), Network: mock.InMemory})
		})
	})
	t.Run("tcp, address dialled by the client", func(t *testing.T) {
		allPass(t, conformance.ClientTarget{Driver: withoutDial(engine)})
	})
}

// Another client, with what it can do: the cases that need tokens are skipped,
// and the others judge it as they judge ours.
func TestStandardClient(t *testing.T) {
	want := map[string]conformance.Outcome{
		"C-AUT-03": conformance.Skip,
		"C-AUT-18": conformance.Pass,
		"C-TLS-01": conformance.Pass,
		"C-TLS-09": conformance.Pass,
		"C-XOA-01": conformance.Skip,
	}
	suite := conformance.Suite{Select: []string{"C-AUT-*", "C-TLS-*", "C-XOA-*"}}
	report, err := suite.Run(t.Context(), conformance.ClientTarget{Name: "net/smtp", Driver: conformance.DriverFunc(standard)})
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		if result.Outcome != want[result.ID] {
			t.Errorf("want %s\n%s", want[result.ID], result)
		}
	}
	if len(report.Results) != len(want) {
		t.Errorf("%d results, want %d", len(report.Results), len(want))
	}
}

// What a client says without waiting for any reply counts, too, also if it dials
// the address by itself.
func TestTapOverTCP(t *testing.T) {
	rest := blind(conformance.Answer{Status: conformance.AuthFailed, Err: errMade})
	for range 20 {
		suite := conformance.Suite{Select: []string{"C-TLS-01"}, Timeout: time.Minute}
		report, err := suite.Run(t.Context(), conformance.ClientTarget{Driver: withoutDial(fading(naive(badclient.None), rest))})
		if err != nil {
			t.Fatal(err)
		}
		if report.Results[0].Outcome != conformance.Fail {
			t.Fatalf("want fail\n%s", report)
		}
	}
}
