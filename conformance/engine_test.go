package conformance_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badclient"
	"github.com/seed-55a66e92/postern/mock"
)

// allPass fails the test unless every case for clients passes; those that need
// virtual time are skipped where it is real.
func allPass(t *testing.T, target conformance.ClientTarget) {
	t.Helper()
	report, err := conformance.Suite{Timeout: time.Minute}.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	skipped := 0
	for _, result := range report.Results {
		if target.Network != mock.InMemory && strings.Contains(result.Reason, "needs virtual time") {
			skipped++
		}
	}
	if n := report.Count(conformance.Pass); n+skipped != len(casesFor("C")) {
		t.Errorf("%d cases pass, want all but %d\n%s", n, skipped, report)
	}
}

func TestEngine(t *testing.T) {
	conformance.RunClientInBubbles(t, synctest.Test, conformance.DriverFunc(engine))
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

// What net/smtp does, as observed. It has no timeouts, takes no context and knows no
// mechanism for tokens: cases that need these are skipped.
func TestStandardClient(t *testing.T) {
	observed := map[conformance.Outcome][]string{
		"pass": {
			"C-AUT-06", "C-AUT-09", "C-AUT-10", "C-AUT-14", "C-AUT-18", "C-GRT-01", "C-GRT-02", "C-GRT-03", "C-GRT-05",
			"C-GRT-06", "C-HEL-01", "C-HEL-03", "C-PIP-01", "C-PIP-04", "C-REP-01", "C-REP-04", "C-TLS-01", "C-TLS-02",
			"C-TLS-03", "C-TLS-06", "C-TLS-07", "C-TLS-08", "C-TLS-09", "C-TLS-14", "C-TMO-02", "C-TMO-06", "C-TXN-02",
			"C-TXN-03", "C-TXN-04", "C-TXN-06", "C-TXN-09", "C-TXN-10", "C-TXN-12", "C-TXN-14",
		},
		"fail": {
			"C-AUT-02", "C-AUT-15", "C-HEL-04", "C-REP-02", "C-REP-03", "C-REP-06", "C-REP-07", "C-REP-08", "C-REP-09",
			"C-REP-10", "C-REP-13", "C-TXN-01", "C-TXN-05", "C-TXN-13",
		},
		"warn": {"C-PIP-02", "C-TXN-07", "C-TXN-08"},
		"skip": {
			"C-AUT-03", "C-AUT-07", "C-AUT-08", "C-AUT-11", "C-AUT-12", "C-LGN-01", "C-OAB-01", "C-PIP-03", "C-TMO-01",
			"C-TMO-04", "C-TMO-07", "C-XOA-01", "C-XOA-02", "C-XOA-03", "C-XOA-04", "C-XOA-05",
		},
	}
	synctest.Test(t, func(t *testing.T) {
		target := conformance.ClientTarget{Name: "net/smtp", Driver: conformance.DriverFunc(standard), Network: mock.InMemory}
		report, err := conformance.Suite{}.Run(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[conformance.Outcome][]string)
		for _, result := range report.Results {
			got[result.Outcome] = append(got[result.Outcome], result.ID)
		}
		if diff := cmp.Diff(observed, got); diff != "" {
			t.Errorf("observed outcomes have changed (-want +got):\n%s\n%s", diff, report)
		}
	})
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
