package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/mock"
)

// conformed returns the arguments that test a server as its user.
func conformed(t *testing.T, s *mock.Server, args ...string) []string {
	t.Helper()
	t.Setenv("CONFORM_PASSWORD", password)
	ca := writeFile(t, "ca.pem", string(s.CAPEM()))
	return append([]string{"conform", "server", s.URL(), "--tls-ca", ca, "--user", testUser, "--password-env", "CONFORM_PASSWORD"}, args...)
}

// startJudged starts a server that may be asked for anything: what breaks the
// protocol is no failure of the test.
func startJudged(t *testing.T, o mock.Options) *mock.Server {
	t.Helper()
	s, err := mock.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// startGood starts a server that does all as it should.
func startGood(t *testing.T, faults ...mock.Fault) *mock.Server {
	t.Helper()
	return startJudged(t, mock.Options{
		Users:       map[string]string{testUser: password},
		Tokens:      mock.UserTokens{testUser: goodToken},
		RequireAuth: true,
		Faults:      faults,
	})
}

// startRelay starts one that takes mail from anybody to anybody.
func startRelay(t *testing.T) *mock.Server {
	t.Helper()
	return startJudged(t, mock.Options{Users: map[string]string{testUser: password}})
}

// serverCases is how many cases there are for a server of the usual profile.
func serverCases() int {
	n := 0
	for _, c := range conformance.Catalogue() {
		if c.Kind() == "server" && (c.Profiles == nil || slices.Contains(c.Profiles, conformance.Submission587)) {
			n++
		}
	}
	return n
}

// readOne returns the report in a file.
func readOne(t *testing.T, file string) *conformance.Report {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := conformance.ReadReports(bytes.NewReader(text))
	if err != nil || len(reports) != 1 {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
	return reports[0]
}

// Our own server passes with the tiers that go without saying, and with all of
// them.
func TestConformServer(t *testing.T) {
	for name, more := range map[string][]string{
		"default tiers": nil,
		"all tiers":     {"--tiers", "all", "--sink", "sink@example.com", "--token-file", writeFile(t, "token", goodToken)},
		"strict":        {"--strict", "--claims", "PIPELINING,AUTH SCRAM-SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := func(name string) string { return filepath.Join(dir, name) }
			reports := "json=" + file("a.json") + ",junit=" + file("a.xml") + ",html=" + file("a.html")
			got := invoke(t, "", conformed(t, startGood(t), append(more, "--report", reports, "--name", "mock")...)...)
			if got.code != exitOK || got.stderr != "" {
				t.Fatalf("exit code %d, %s%s", got.code, got.stdout, got.stderr)
			}
			for _, want := range []string{"mock: " + plural(serverCases(), "case") + "\nloopback, STARTTLS, signed in by ", "pass          S-AUT-03  A sign-in", "core ", "\nall   "} {
				if !strings.Contains(got.stdout, want) {
					t.Errorf("%q is not in\n%s", want, got.stdout)
				}
			}
			if r := readOne(t, file("a.json")); r.Target != "mock" || len(r.Results) != serverCases() || r.Started == "" {
				t.Errorf("%s, %d results, started %q", r.Target, len(r.Results), r.Started)
			}
			for _, name := range []string{"a.json", "a.xml", "a.html"} {
				text, err := os.ReadFile(file(name))
				if err != nil {
					t.Fatal(err)
				}
				checkSecrets(t, string(text), password, goodToken)
			}
			checkSecrets(t, got.stdout, password, goodToken)
		})
	}
}

// A failure is shown in full, and with a command that shows it again.
func TestConformFailure(t *testing.T) {
	relay := startRelay(t)
	got := invoke(t, "", conformed(t, relay)...)
	if got.code != conformFailed || got.stderr != "postern: 1 of "+plural(serverCases(), "case")+" failed: S-SEC-01\n" {
		t.Fatalf("exit code %d, %s", got.code, got.stderr)
	}
	_, story, _ := strings.Cut(got.stdout, "\n\nfail          S-SEC-01  The server is no open relay\n")
	for _, want := range []string{"    see   RFC 5321, Section 3.6.2 (security)\n    want  5yz", "    got   250 2.1.5 Recipient ok\n", "    | C: RCPT TO:<", "\nabuse             .       1"} {
		if !strings.Contains(story, want) {
			t.Errorf("%q is not in\n%s", want, got.stdout)
		}
	}
	_, again, _ := strings.Cut(story, "    again postern ")
	again, _, _ = strings.Cut(again, "\n")
	args, err := splitWords(again)
	if err != nil {
		t.Fatal(err)
	}
	got = invoke(t, "", args...)
	if got.code != conformFailed || got.stderr != "postern: 1 of 1 case failed: S-SEC-01\n" || !strings.Contains(got.stdout, "    connection:\n    S: 220 mock.test ESMTP\n    C: EHLO") {
		t.Errorf("%s: exit code %d, %s%s", again, got.code, got.stdout, got.stderr)
	}
}

func TestConformKnownFailures(t *testing.T) {
	relay := startRelay(t)
	for name, test := range map[string]struct {
		known string
		code  int
		want  string
	}{
		"known":     {`{"S-SEC-01": {"reason": "issue 12", "until": "2026-11-22"}}`, exitOK, ""},
		"expired":   {`{"S-SEC-01": {"reason": "issue 12", "until": "2026-11-21"}}`, conformFailed, "1 of ALL failed: S-SEC-01"},
		"no longer": {`{"S-SEC-01": {"reason": "x", "until": "2026-11-22"}, "S-REP-01": {"reason": "x", "until": "2026-11-22"}}`, conformFailed, "1 of ALL failed: S-REP-01"},
		"unknown":   {`{"S-SEC-99": {"reason": "x", "until": "2026-11-22"}}`, conformUsage, "known failures: there is no case S-SEC-99 (see postern conform server --help)"},
		"no reason": {`{"S-SEC-01": {"until": "2026-11-22"}}`, conformUsage, "--known: FILE: S-SEC-01 has no reason (see postern conform server --help)"},
		"no day":    {`{"S-SEC-01": {"reason": "x", "until": "soon"}}`, conformUsage, `--known: FILE: S-SEC-01: until is "soon", and has to be a day such as 2027-03-31 (see postern conform server --help)`},
		"no JSON":   {`S-SEC-01`, conformUsage, "--known: FILE: invalid character 'S' looking for beginning of value (see postern conform server --help)"},
	} {
		t.Run(name, func(t *testing.T) {
			file := writeFile(t, "known.json", test.known)
			a := &app{now: func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }}
			got := invokeApp(t, t.Context(), a, conformed(t, relay, "--known", file)...)
			want := ""
			if test.want != "" {
				want = "postern: " + strings.NewReplacer("FILE", file, "ALL", plural(serverCases(), "case")).Replace(test.want) + "\n"
			}
			if got.code != test.code {
				t.Errorf("exit code %d, want %d", got.code, test.code)
			}
			if a.stderr.(*bytes.Buffer).String() != want {
				t.Errorf("got  %swant %s", a.stderr, want)
			}
		})
	}
}

// A secret in a form that nobody has thought of ends the run before anything is
// written.
func TestConformLeak(t *testing.T) {
	for name, secret := range map[string]string{
		"hexadecimal": hex.EncodeToString([]byte(password)),
		"half of it":  hex.EncodeToString([]byte(password[:len(password)/2+1])),
	} {
		t.Run(name, func(t *testing.T) {
			srv := startGood(t, mock.At("CONNECT").Do(mock.Reply(220, "", "mock.test ESMTP "+secret)))
			file := filepath.Join(t.TempDir(), "a.json")
			got := invoke(t, "", conformed(t, srv, "--report", "json="+file)...)
			if got.code != conformBroken || !strings.HasPrefix(got.stderr, "postern: a secret has got out: ") || !strings.HasSuffix(got.stderr, "; no report was written\n") {
				t.Errorf("exit code %d, %s", got.code, got.stderr)
			}
			if _, err := os.Stat(file); !os.IsNotExist(err) {
				t.Errorf("there is a report: %v", err)
			}
			checkSecrets(t, got.stderr, password)
		})
	}
}

// A report on the standard output is alone there.
func TestConformReportToStdout(t *testing.T) {
	got := invoke(t, "", conformed(t, startGood(t), "--report", "json=-", "--select", "S-GRT-01")...)
	if got.code != exitOK || !json.Valid([]byte(got.stdout)) || !strings.Contains(got.stderr, "pass          S-GRT-01") {
		t.Errorf("exit code %d, %s%s", got.code, got.stdout, got.stderr)
	}
}

// The same run gives the same report, but for the port and times.
func TestConformIsDeterministic(t *testing.T) {
	var texts []string
	for range 2 {
		srv := startGood(t)
		a := &app{now: func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }}
		got := invokeApp(t, t.Context(), a, conformed(t, srv, "--report", "json=-", "--name", "mock")...)
		if got.code != exitOK {
			t.Fatalf("exit code %d, %s", got.code, a.stderr)
		}
		texts = append(texts, strings.ReplaceAll(got.stdout, srv.Addr(), "ADDRESS"))
	}
	if texts[0] != texts[1] {
		t.Errorf("%s\n%s", texts[0], texts[1])
	}
}

func TestConformReplay(t *testing.T) {
	relay := startRelay(t)
	file := filepath.Join(t.TempDir(), "out.json")
	args := conformed(t, relay, "--report", "json="+file)
	if got := invoke(t, "", args...); got.code != conformFailed {
		t.Fatalf("exit code %d, %s", got.code, got.stderr)
	}
	credentials := args[3:9]
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := writeFile(t, "out.json", strings.ReplaceAll(string(text), relay.Addr(), "mail.example.test:587"))
	for name, test := range map[string]struct {
		what string
		args []string
		code int
		want string // on the standard output, or error
	}{
		"fails again":    {file + "#S-SEC-01", credentials, conformFailed, "then: fail\n"},
		"passes again":   {file + "#S-AUT-03", credentials, exitOK, "then: pass\n"},
		"more allowed":   {file + "#S-AUT-15", append([]string{"--tiers", "+failed-login"}, credentials...), exitOK, "pass          S-AUT-15"},
		"no credentials": {file + "#S-AUT-03", credentials[:2], conformUsage, "postern: nothing was tested: 1 case, all skipped, S-AUT-03 because: no-credential"},
		"elsewhere":      {elsewhere + "#S-AUT-03", credentials, conformUsage, "the credentials would go to mail.example.test: confirm it by --host mail.example.test (see"},
		"another host":   {elsewhere + "#S-AUT-03", append([]string{"--host", "example.test"}, credentials...), conformUsage, "the credentials would go to mail.example.test"},
		"no such case":   {file + "#S-AUT-99", nil, conformUsage, "has no case S-AUT-99"},
		"no id":          {file, nil, conformUsage, "is not REPORT#ID"},
		"no such file":   {"nowhere#S-AUT-03", nil, conformUsage, "postern: open nowhere: no such file or directory\n"},
		"no report":      {writeFile(t, "x", "{}") + "#S-AUT-03", nil, conformUsage, `no report: apiVersion is ""`},
	} {
		t.Run(name, func(t *testing.T) {
			got := invoke(t, "", append([]string{"conform", "replay", test.what}, test.args...)...)
			if got.code != test.code || !strings.Contains(got.stdout+got.stderr, test.want) {
				t.Errorf("exit code %d, want %d; %s%s", got.code, test.code, got.stdout, got.stderr)
			}
		})
	}
}

func TestConformMerge(t *testing.T) {
	dir := t.TempDir()
	good, bad, both, page := filepath.Join(dir, "good.json"), filepath.Join(dir, "bad.json"), filepath.Join(dir, "both.json"), filepath.Join(dir, "both.html")
	invoke(t, "", conformed(t, startGood(t), "--name", "good", "--report", "json="+good)...)
	relay := startRelay(t)
	invoke(t, "", conformed(t, relay, "--name", "bad", "--report", "json="+bad)...)
	got := invoke(t, "", "conform", "merge", good, bad, "--report", "json="+both+",html="+page)
	want := "[1] good: core partial, extended partial\n[2] bad: core failure, extended partial\n\n"
	if got.code != exitOK || !strings.HasPrefix(got.stdout, want) || !strings.Contains(got.stdout, "\nS-SEC-01   pass          fail          The server is no open relay\n") {
		t.Errorf("exit code %d, %s%s", got.code, got.stdout, got.stderr)
	}
	if again := invoke(t, "", "conform", "merge", both); again.code != exitOK || again.stdout != got.stdout {
		t.Errorf("what was merged is read as %s%s", again.stdout, again.stderr)
	}
	text, err := os.ReadFile(page)
	if err != nil || !bytes.Contains(text, []byte("Conformance of good, bad")) {
		t.Errorf("%v: %s", err, text)
	}
}

// A signal ends a run at once, and nothing is written of what is not over.
func TestConformInterrupted(t *testing.T) {
	srv := startGood(t, mock.At("NOOP").Do(mock.Stall()))
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for srv.Connections() < 3 && t.Context().Err() == nil {
			runtime.Gosched()
		}
		cancel(&signalError{os.Interrupt})
	}()
	file := filepath.Join(t.TempDir(), "out.json")
	a := new(app)
	got := invokeApp(t, ctx, a, conformed(t, srv, "--report", "json="+file)...)
	if want := "postern: interrupted: the run is not over, and no report was written\n"; got.code != exitInterrupted || a.stderr.(*bytes.Buffer).String() != want {
		t.Errorf("exit code %d, %s", got.code, a.stderr)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("there is a report: %v", err)
	}
}

// A server that says nothing is nothing that can be tested.
func TestConformSilentServer(t *testing.T) {
	srv := startGood(t, mock.At("CONNECT").Do(mock.Stall()))
	got := invoke(t, "", "conform", "server", srv.URL(), "--timeout", "20ms")
	want := "postern: the server does not get as far as EHLO: the greeting was: no reply in time (if TLS begins at once on this port, as on 465, write smtps://)\n"
	if got.code != conformUnreachable || got.stderr != want {
		t.Errorf("exit code %d, %s", got.code, got.stderr)
	}
}
