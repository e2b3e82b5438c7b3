package conformance_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/conformance"
)

// hostile is what a peer may want to get into a report.
const hostile = "550 </td></script><script>alert(1)</script>]]>&\"'\x00\x1b[2J\xff\u202e{{.}}"

// exampleReport has one case of each outcome, and is out of order.
func exampleReport() *conformance.Report {
	must := conformance.Ref{RFC: 4954, Section: "4", Level: conformance.Must}
	should := conformance.Ref{RFC: 5321, Section: "4.2", Level: conformance.Should}
	secure := conformance.Ref{Document: "good practice", Level: conformance.Security}
	result := func(id string, area conformance.Area, o conformance.Outcome, refs ...conformance.Ref) conformance.Result {
		return conformance.Result{
			ID: id, Title: "Title of " + id, Area: area, Refs: refs, Core: true, Outcome: o,
			Tiers: []conformance.Tier{conformance.Passive}, Attempts: 1, Milliseconds: 1203,
		}
	}
	failed := result("S-AUT-05", conformance.AreaAuth, conformance.Fail, must, secure)
	failed.Want, failed.Got = "503", hostile
	failed.Transcript = []string{"C: AUTH PLAIN [redacted]", "S: " + hostile}
	skipped := result("S-REP-01", conformance.AreaReplies, conformance.Skip, should)
	skipped.Skipped, skipped.Reason, skipped.Attempts = conformance.TierOff, "tier-off: the tier hostile is not among those of the run", 0
	warned := result("S-TLS-01", conformance.AreaTLS, conformance.Warn, should)
	warned.Reason = "TLS 1.2 is what it has"
	open := result("S-SEQ-03", conformance.AreaSession, conformance.Inconclusive, must)
	open.Reason, open.Attempts = "the server answers nobody", 3
	broken := result("S-DAT-01", conformance.AreaData, conformance.Error)
	broken.Reason = "the case panicked: oh"
	known := result("S-SEC-01", conformance.AreaAbuse, conformance.XFail, secure)
	known.Reason = "known until 2027-03-31: issue 12"
	cured := result("S-AUT-06", conformance.AreaAuth, conformance.XPass, must)
	cured.Reason = "it is a known failure no more"
	young := result("S-HEL-04", conformance.AreaGreeting, conformance.Fail, must)
	young.Provisional, young.Got = true, "250"
	late := result("S-SCR-01", conformance.AreaMechanisms, conformance.Pass, must)
	late.Flaky, late.Attempts = true, 2
	return &conformance.Report{
		APIVersion: conformance.APIVersion, Version: "v0.1.0", Catalogue: "0123456789abcdef",
		Target: "smtp://mail.example.test", Kind: "server", Profile: conformance.Submission587, Started: "2026-11-22T10:00:00Z",
		Settings: &conformance.Settings{Sink: "sink@example.test", Timeout: "5s"},
		Server: &conformance.ServerFacts{
			Addr: "mail.example.test:587", Network: "loopback", TLS: "STARTTLS", Greeting: "220 mail.example.test ESMTP",
			Tiers: []conformance.Tier{conformance.Passive, conformance.Envelope}, SignedIn: "SCRAM-SHA-256",
			States: [4]conformance.State{
				{Name: "clear", Reached: true, Lines: []string{"PIPELINING", "STARTTLS"}},
				{Name: "tls", Reached: true, Lines: []string{"PIPELINING", "AUTH PLAIN SCRAM-SHA-256"}},
				{Name: "clear+auth", Why: "AUTH is not offered without TLS"},
				{Name: "tls+auth", Reached: true, Lines: []string{"PIPELINING"}},
			},
			Claims:    []conformance.Claim{{Claim: "PIPELINING", Proof: conformance.Proven, Cases: []string{"S-PIP-01"}}},
			Unclaimed: []string{"AUTH PLAIN"},
		},
		Core:     conformance.Tally{Standing: conformance.Failure, Counts: map[conformance.Outcome]int{conformance.Pass: 1, conformance.Fail: 1}},
		Extended: conformance.Tally{Standing: conformance.Nothing},
		Results: []conformance.Result{
			failed, cured, result("S-GRT-01", conformance.AreaGreeting, conformance.Pass, must, should), young, skipped, warned,
			open, broken, known, late, result("S-LIN-02", conformance.AreaLines, conformance.Info, must),
		},
	}
}

// otherReport is of a server that does better, and was asked less.
func otherReport() *conformance.Report {
	r := exampleReport()
	r.Target, r.Server, r.Settings, r.Started = "smtps://other.example.test", nil, nil, ""
	r.Results = r.Results[:3]
	for i := range r.Results {
		r.Results[i].Outcome, r.Results[i].Reason, r.Results[i].Want, r.Results[i].Got, r.Results[i].Transcript = conformance.Pass, "", "", "", nil
	}
	return r
}

// Reports are the same each time, octet for octet.
func TestGoldenReports(t *testing.T) {
	for name, write := range map[string]func(io.Writer) error{
		"written.json":       func(w io.Writer) error { return conformance.WriteJSON(w, exampleReport()) },
		"written-two.json":   func(w io.Writer) error { return conformance.WriteJSON(w, exampleReport(), otherReport()) },
		"written.xml":        func(w io.Writer) error { return conformance.WriteJUnit(w, exampleReport()) },
		"written.html":       func(w io.Writer) error { return conformance.WriteHTML(w, exampleReport()) },
		"written-badge.json": func(w io.Writer) error { return conformance.WriteBadge(w, exampleReport()) },
		"written-two.html":   func(w io.Writer) error { return conformance.WriteHTML(w, exampleReport(), otherReport()) },
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			golden(t, name, got.String())
		})
	}
}

// A report that was read is the one that was written.
func TestReadReports(t *testing.T) {
	clean := exampleReport()
	for i := range clean.Results { // JSON is Unicode, and text of reports is printable
		clean.Results[i].Got = strings.ToValidUTF8(clean.Results[i].Got, "\ufffd")
		for j, line := range clean.Results[i].Transcript {
			clean.Results[i].Transcript[j] = strings.ToValidUTF8(line, "\ufffd")
		}
	}
	for name, reports := range map[string][]*conformance.Report{
		"one": {clean}, "two": {clean, otherReport()}, "the same twice": {otherReport(), otherReport()},
	} {
		t.Run(name, func(t *testing.T) {
			var first, second bytes.Buffer
			if err := conformance.WriteJSON(&first, reports...); err != nil {
				t.Fatal(err)
			}
			read, err := conformance.ReadReports(bytes.NewReader(first.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if len(read) != len(reports) {
				t.Fatalf("%d reports, want %d", len(read), len(reports))
			}
			if err := conformance.WriteJSON(&second, read...); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first.String(), second.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadReportsRefuses(t *testing.T) {
	const head = `{"apiVersion":"conform/v1","target":"a","kind":"server"`
	for name, test := range map[string]struct{ text, want string }{
		"nothing":         {"", "unexpected end"},
		"no JSON":         {"<html>", "invalid character"},
		"a list":          {"[]", "cannot unmarshal"},
		"null":            {"null", "apiVersion"},
		"two documents":   {head + `,"results":[]}{}`, "after top-level value"},
		"another version": {`{"apiVersion":"conform/v9"}`, `apiVersion is "conform/v9"`},
		"no target":       {`{"apiVersion":"conform/v1","results":[]}`, "it has no target"},
		"no results":      {head + `}`, "it has no results"},
		"no id":           {head + `,"results":[{"id":"../x","outcome":"pass"}]}`, `"../x" is no id`},
		"twice":           {head + `,"results":[{"id":"S-AUT-05","outcome":"pass"},{"id":"S-AUT-05","outcome":"fail"}]}`, "S-AUT-05 is there twice"},
		"no outcome":      {head + `,"results":[{"id":"S-AUT-05","outcome":"good"}]}`, `S-AUT-05 has the outcome "good"`},
		"empty":           {`{"apiVersion":"conform/v1","reports":[]}`, "there is none"},
		"null within":     {`{"apiVersion":"conform/v1","reports":[null]}`, "null"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := conformance.ReadReports(strings.NewReader(test.text))
			if !errors.Is(err, conformance.ErrReport) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got the error %v, want one with %q", err, test.want)
			}
		})
	}
}

// The XML is well-formed whatever a peer has said, counts add up, and outcomes are
// what CI systems take them for.
func TestJUnit(t *testing.T) {
	var text bytes.Buffer
	if err := conformance.WriteJUnit(&text, exampleReport(), otherReport()); err != nil {
		t.Fatal(err)
	}
	elements := make(map[string]int)
	d := xml.NewDecoder(&text)
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			elements[start.Name.Local]++
		}
	}
	want := map[string]int{"testcase": 14, "failure": 2, "error": 1, "skipped": 4} // the young one, the known one, the open one, and skip
	for name, n := range want {
		if elements[name] != n {
			t.Errorf("%d elements %s, want %d", elements[name], name, n)
		}
	}
}

// The page loads nothing, runs nothing, and shows what a peer said as text.
func TestHTML(t *testing.T) {
	var page bytes.Buffer
	if err := conformance.WriteHTML(&page, exampleReport(), otherReport()); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "http:", "https:", " src=", " href=", " onclick=", "url(", "@import", "\x1b", "\u202e"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, good := range []string{"550 &lt;/td&gt;&lt;/script&gt;", `\x1b[2J`, `\u202e`, `id="S-AUT-05"`, "not there"} {
		if !strings.Contains(page.String(), good) {
			t.Errorf("the page does not hold %q", good)
		}
	}
}

// What a run was told is in its report, and enough to run a case again.
func TestAgain(t *testing.T) {
	target := conformance.ServerTarget{
		Addr: "smtps://mail.example.test", Sink: "sink@example.test", Domain: "example.test", From: "me@example.test", LocalName: "me.example.test",
		Tiers: []conformance.Tier{conformance.Passive}, Profile: conformance.Submissions465,
	}
	r := exampleReport()
	r.Server.TLS, r.Server.Tiers, r.Server.Addr, r.Profile, r.Target = "implicit TLS", target.Tiers, "mail.example.test:465", target.Profile, target.Addr
	r.Settings = &conformance.Settings{Sink: target.Sink, Domain: target.Domain, From: target.From, LocalName: target.LocalName, Timeout: "5s"}
	target.Name, target.Addr, target.TLS, target.Claims = target.Addr, "mail.example.test:465", conformance.ImplicitTLS, []string{"PIPELINING"}
	if diff := cmp.Diff(target, r.ServerTarget()); diff != "" {
		t.Error(diff)
	}
	want := conformance.Suite{Select: []string{"S-AUT-05"}, Timeout: 5 * time.Second}
	if diff := cmp.Diff(want, r.Again("S-AUT-05")); diff != "" {
		t.Error(diff)
	}
	report := runOf(t, conformance.Suite{Timeout: time.Second, Exclude: []string{"X-2"}}, answering("X-1", conformance.Verdict{Outcome: conformance.Pass}), answering("X-2", conformance.Verdict{}))
	if diff := cmp.Diff(&conformance.Settings{Timeout: "1s", Exclude: []string{"X-2"}}, report.Settings); diff != "" {
		t.Error(diff)
	}
}
