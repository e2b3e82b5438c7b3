package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/conformance"
)

// asPostern is the variable that makes the binary of the tests be the program.
const asPostern = "POSTERN_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asPostern) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Our own "send" is a client that passes all that it claims, through its exit codes.
func TestConformClient(t *testing.T) {
	needProgram(t, "env")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	send := "env " + asPostern + "=1 " + quoted(self) + " send --server {scheme}://{addr} --tls-ca {ca} --from {from} --to {to} --user {user} {message} "
	file := filepath.Join(t.TempDir(), "out.json")
	got := invoke(t, "", "conform", "client", "--name", "postern send", "--report", "json="+file,
		"--select", "C-AUT-03,C-AUT-18,C-REP-06,C-TLS-01,C-TLS-09,C-XOA-01", "--map", "67=partial,74=uncertain",
		"--driver", send+"--password-file {password-file}", "--driver", send+"--token-file {token-file}")
	if got.code != exitOK || got.stderr != "" {
		t.Fatalf("exit code %d, %s%s", got.code, got.stdout, got.stderr)
	}
	for _, result := range readOne(t, file).Results {
		if result.Outcome != conformance.Pass {
			t.Errorf("%s", result)
		}
	}
	again := invoke(t, "", "conform", "replay", file+"#C-TLS-01", "--driver", send+"--password-file {password-file}")
	if again.code != exitOK || !strings.Contains(again.stdout, "then: pass") || !strings.Contains(again.stdout, "    C: EHLO ") {
		t.Errorf("exit code %d, %s%s", again.code, again.stdout, again.stderr)
	}
}

// What a command is given, and what its exit status means.
func TestCommandDriver(t *testing.T) {
	needProgram(t, "sh")
	token := func(context.Context) (string, error) { return goodToken, nil }
	password := conformance.ClientConfig{Addr: "127.0.0.1:25", CAPEM: []byte("CA"), Username: "me", Password: "the password"}
	bearer := password
	bearer.Password, bearer.Token = "", token
	implicit := password
	implicit.TLS = conformance.ImplicitTLS
	named := password
	named.Mechanism = "PLAIN"
	const byPassword = "{port} {password-file}"
	for name, test := range map[string]struct {
		drivers []string // after sh -c
		cfg     conformance.ClientConfig
		status  conformance.Status
		want    string // the error
	}{
		"delivered":        {[]string{"'exit 0' " + byPassword}, password, conformance.Delivered, ""},
		"try again":        {[]string{"'echo a; echo busy >&2; exit 75' " + byPassword}, password, conformance.Temporary, "exit status 75: busy"},
		"sign-in refused":  {[]string{"'exit 77' " + byPassword}, password, conformance.AuthFailed, "exit status 77"},
		"for good":         {[]string{"'exit 69' " + byPassword}, password, conformance.Permanent, "exit status 69"},
		"who knows":        {[]string{"'exit 1' " + byPassword}, password, conformance.Failed, "exit status 1"},
		"partly":           {[]string{"'exit 68' " + byPassword}, password, conformance.Partial, "exit status 68"},
		"mapped":           {[]string{"'exit 67' " + byPassword}, password, conformance.AuthFailed, "exit status 67"},
		"killed":           {[]string{"'kill -9 $$' " + byPassword}, password, conformance.Failed, "signal: killed"},
		"terminal codes":   {[]string{`'printf "\033[2Jx\n\n" && exit 1' ` + byPassword}, password, conformance.Failed, "exit status 1: .[2Jx"},
		"placeholders":     {[]string{`'echo "$@"; exit 1' {addr} {host} {port} {scheme} {starttls} {user} {password} {from} {to}`}, password, conformance.Failed, "exit status 1: 127.0.0.1 25 smtp on me the password a@b c@d"},
		"files":            {[]string{`'cat "$@" | tr "\n\r" ".."; exit 1' {port} {ca} {password-file} {message}`}, password, conformance.Failed, "exit status 1: CAthe password.Hello..."},
		"standard input":   {[]string{`'cat; exit 1' ` + byPassword}, password, conformance.Failed, "exit status 1: Hello."},
		"token":            {[]string{"'exit 3' " + byPassword, `'tr -d a <$0; exit 1' {token-file} {port}`}, bearer, conformance.Failed, "exit status 1: " + strings.ReplaceAll(goodToken, "a", "")},
		"no token":         {[]string{"'exit 0' " + byPassword}, bearer, conformance.Failed, "there is no command with STARTTLS and a {token}: unsupported operation"},
		"no implicit TLS":  {[]string{"'exit 0' " + byPassword}, implicit, conformance.Failed, "there is no command with implicit TLS and a {password}: unsupported operation"},
		"implicit TLS":     {[]string{`'echo "$@"; exit 1' {port} {scheme} {starttls} {password}`}, implicit, conformance.Failed, "exit status 1: smtps off the password"},
		"mechanism":        {[]string{"'exit 3' " + byPassword, `'echo $1; exit 1' {port} {mechanism} {password}`}, named, conformance.Failed, "exit status 1: PLAIN"},
		"no mechanism":     {[]string{"'exit 0' " + byPassword}, named, conformance.Failed, "there is no command with STARTTLS and a {password} and a {mechanism}: unsupported operation"},
		"any mechanism":    {[]string{"'exit 3' {mechanism} " + byPassword, "'exit 0' " + byPassword}, password, conformance.Delivered, ""},
		"quotes stay away": {[]string{`'echo "$@"; exit 1' {port} x "{password}"`}, password, conformance.Failed, "exit status 1: x the password"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &conformClientOptions{statuses: []string{"67=auth", "68=partial"}}
			for _, d := range test.drivers {
				o.drivers = append(o.drivers, "sh -c "+d)
			}
			driver, err := o.driver()
			if err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			test.cfg.Log = &log
			got := driver.Send(t.Context(), test.cfg, conformance.Message{From: "a@b", To: []string{"c@d"}, Data: []byte("Hello.\r\n")})
			text := ""
			if got.Err != nil {
				text = got.Err.Error()
			}
			if got.Status != test.status || text != test.want {
				t.Errorf("%s: %s; log %q", got.Status, text, log.String())
			}
			if unsupported := errors.Is(got.Err, errors.ErrUnsupported); unsupported != strings.HasPrefix(name, "no ") {
				t.Errorf("unsupported: %v", unsupported)
			}
		})
	}
}

// Each recipient has a word of its own, and an option of its own.
func TestDriverRecipients(t *testing.T) {
	for line, want := range map[string][]string{
		"send {addr} --rcpt {to} --x": {"send", "{addr}", "--rcpt", "a@x", "--rcpt", "b@x", "--x"},
		"send {port} {to}":            {"send", "{port}", "a@x", "b@x"},
		"send --port={port} {to}":     {"send", "--port={port}", "a@x", "b@x"},
		"send {addr} --to={to}":       {"send", "{addr}", "--to=a@x", "--to=b@x"},
	} {
		argv, err := splitWords(line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, driverCommand(argv).to([]string{"a@x", "b@x"})); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

// A screen does with text what a terminal does, as far as a progress goes.
func screen(text string) []string {
	lines := []string{""}
	for len(text) > 0 {
		switch {
		case strings.HasPrefix(text, lineUp):
			lines, text = lines[:len(lines)-1], text[len(lineUp):]
		case strings.HasPrefix(text, eraseLine):
			lines[len(lines)-1], text = "", text[len(eraseLine):]
		case strings.HasPrefix(text, noWrap):
			text = text[len(noWrap):]
		case strings.HasPrefix(text, wrap):
			text = text[len(wrap):]
		case text[0] == '\n':
			lines, text = append(lines, ""), text[1:]
		default:
			lines[len(lines)-1] += text[:1]
			text = text[1:]
		}
	}
	return lines
}

// On a terminal there is a line for each area and one for the case that runs;
// failures stay above.
func TestLiveProgress(t *testing.T) {
	var text strings.Builder
	p := &progress{w: &text, live: true, again: func(id string) string { return "postern again " + id }}
	one := conformance.Case{ID: "S-TLS-01", Title: "One\x1b[2J", Area: conformance.AreaTLS}
	two := conformance.Case{ID: "S-AUT-05", Title: "Two", Area: conformance.AreaAuth}
	p.tell(conformance.Event{Kind: conformance.TargetKnown, Report: &conformance.Report{Target: "it"}, Total: 2})
	p.tell(conformance.Event{Kind: conformance.CaseBegins, Case: one, Index: 1, Total: 2, Attempt: 1})
	want := []string{"it: 2 cases", "", "tls         ", "1/2  S-TLS-01  One.[2J", ""}
	if diff := cmp.Diff(want, screen(text.String())); diff != "" {
		t.Error(diff)
	}
	p.tell(conformance.Event{Kind: conformance.CaseEnded, Result: conformance.Result{ID: one.ID, Area: one.Area, Outcome: conformance.Pass}})
	p.tell(conformance.Event{Kind: conformance.CaseBegins, Case: two, Index: 2, Total: 2, Attempt: 1})
	want = []string{"it: 2 cases", "", "tls         1 pass", "auth        ", "2/2  S-AUT-05  Two", ""}
	if diff := cmp.Diff(want, screen(text.String())); diff != "" {
		t.Error(diff)
	}
	failed := conformance.Result{
		ID: two.ID, Title: two.Title, Area: two.Area, Outcome: conformance.Fail, Want: "503", Got: "250 ok\x1b]0;x",
		Refs:       []conformance.Ref{{RFC: 4954, Section: "4", Level: conformance.Must}},
		Transcript: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "S: 250 ok"},
	}
	p.tell(conformance.Event{Kind: conformance.CaseEnded, Result: failed})
	want = []string{
		"it: 2 cases", "", "fail          S-AUT-05  Two", "    see   RFC 4954, Section 4 (MUST)", "    want  503", "    got   250 ok.]0;x",
		"    | 2", "    | 3", "    | 4", "    | 5", "    | 6", "    | 7", "    | 8", "    | S: 250 ok", "    again postern again S-AUT-05", "",
		"tls         1 pass", "auth        1 fail", "", "",
	}
	if diff := cmp.Diff(want, screen(text.String())); diff != "" {
		t.Error(diff)
	}
	p.end()
	if diff := cmp.Diff(append(want[:16:16], ""), screen(text.String())); diff != "" {
		t.Error(diff)
	}
}
