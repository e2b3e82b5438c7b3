package conformance_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badserver"
)

// A report on a server has all that there is to say of it, and loses nothing on its
// way through JSON.
func TestServerReportForms(t *testing.T) {
	_, target := newMutant(t, badserver.Answers454ToBase64)
	target.Name, target.Claims = "my server", []string{"PIPELINING", "AUTH PLAIN", "DSN"}
	target.Tiers = []conformance.Tier{conformance.Passive, conformance.Envelope, conformance.Login}
	now := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	report := runServer(t, conformance.Suite{
		Cases:   casesFor("S"),
		Select:  []string{"S-AUT-0?", "S-PIP-01", "S-CRL-01"},
		Exclude: []string{"S-AUT-06"},
		Clock:   func() time.Time { return now },
	}, target)
	octets, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report-server.json", string(octets)+"\n")
	golden(t, "report-server.txt", report.String())
	var again conformance.Report
	if err := json.Unmarshal(octets, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, &again); diff != "" {
		t.Errorf("JSON loses something (-report +again):\n%s", diff)
	}
	if err := report.Err(); err == nil || err.Error() != "conformance: 1 of 6 cases did not pass: S-AUT-07 fail" {
		t.Errorf("Err is %v", err)
	}
}

// A claim that is wrong makes a run fail, even if all cases pass.
func TestAbsentClaim(t *testing.T) {
	_, target := newMutant(t, badserver.None)
	target.Claims = []string{"DSN"}
	report := runServer(t, conformance.Suite{Select: []string{"S-GRT-01"}}, target)
	if err := report.Err(); err == nil || err.Error() != "conformance: the target does not offer what is claimed: DSN" {
		t.Errorf("Err is %v", err)
	}
}

// A server with a defect fails the one subtest that is about it.
func TestRunFailsAServer(t *testing.T) {
	_, target := newMutant(t, badserver.GreetingLF)
	synctest.Test(t, func(t *testing.T) {
		var notes []string
		suite := conformance.Suite{Select: []string{"S-GRT-01", "S-HEL-01", "S-SEQ-03", "S-TLS-01"}}
		conformance.RunSuite(recorder{t.Context(), "", &notes}, suite, target)
		want := []string{"S-GRT-01", "S-GRT-01 error: S-GRT-01 fail: The greeting is well formed", "S-HEL-01", "S-SEQ-03", "S-TLS-01"}
		if !slices.Equal(notes, want) {
			t.Errorf("got  %q\nwant %q", notes, want)
		}
	})
}
