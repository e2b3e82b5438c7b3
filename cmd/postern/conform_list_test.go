package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/conformance"
)

func TestConformList(t *testing.T) {
	all := len(conformance.Catalogue())
	for name, test := range map[string]struct {
		args  []string
		lines int    // 0: at least one
		want  string // one of them
	}{
		"all":       {nil, all, "S-AUT-05  MUST"},
		"pattern":   {[]string{"C-TLS-0[19]"}, 2, "C-TLS-09  MUST NOT  passive  tls  No sign-in over TLS with a bad certificate"},
		"kind":      {[]string{"--kind", "generator"}, 0, "P-TOK-01"},
		"tier":      {[]string{"--tier", "failed-login", "--kind", "server"}, 0, "S-AUT-15"},
		"area":      {[]string{"--area", "tls"}, 0, "S-TLS-01"},
		"level":     {[]string{"--level", "MUST NOT"}, 0, "C-TLS-09"},
		"intersect": {[]string{"--area", "tls", "--kind", "client", "*-01"}, 1, "C-TLS-01"},
	} {
		t.Run(name, func(t *testing.T) {
			got := invoke(t, "", append([]string{"conform", "list"}, test.args...)...)
			n := strings.Count(got.stdout, "\n")
			if got.code != exitOK || test.lines != 0 && n != test.lines || !strings.Contains(got.stdout, test.want) {
				t.Errorf("exit code %d, %d lines, %s%s", got.code, n, got.stdout, got.stderr)
			}
		})
	}
}

func TestConformListJSON(t *testing.T) {
	got := invoke(t, "", "conform", "list", "--json", "S-AUT-*")
	var cases []struct {
		ID, Title, Kind, Area, Procedure, Pass, Since string
		Refs                                          []conformance.Ref
	}
	if err := json.Unmarshal([]byte(got.stdout), &cases); err != nil {
		t.Fatalf("%v: %s%s", err, got.stdout, got.stderr)
	}
	for _, c := range cases {
		if !strings.HasPrefix(c.ID, "S-AUT-") || c.Kind != "server" || c.Title == "" || c.Area == "" || c.Procedure == "" || c.Pass == "" || c.Since == "" || len(c.Refs) == 0 {
			t.Errorf("%+v", c)
		}
	}
}

func TestConformExplain(t *testing.T) {
	got := invoke(t, "", "conform", "explain", "S-AUT-15", "C-TLS-01")
	for _, want := range []string{
		"C-TLS-01  No sign-in without STARTTLS if TLS is required\n\n  for a       client\n",
		"\n  rule        RFC 3207, Section 6 (MUST)\n",
		"\n\nS-AUT-15  A wrong password is refused by 535",
		"\n  procedure   ", "\n  passes if   ", "\n  mutant      ", "\n  tiers       ", "login, failed-login, envelope\n", "\n  costs       ",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q is not in\n%s%s", want, got.stdout, got.stderr)
		}
	}
	for line := range strings.Lines(got.stdout) {
		if len(line) > 81 {
			t.Errorf("a line of %d columns: %s", len(line)-1, line)
		}
	}
}

// A mechanism of ours passes.
func TestConformMechanism(t *testing.T) {
	got := invoke(t, "", "conform", "mechanism", "xoauth2", "--select", "M-GEN-*")
	if got.code != exitOK || !strings.Contains(got.stdout, "XOAUTH2: ") || !strings.Contains(got.stdout, "pass          M-GEN-01") {
		t.Errorf("exit code %d, %s%s", got.code, got.stdout, got.stderr)
	}
}

// Each command of "conform" teaches: what it is for, an example, each flag under one
// heading, no wide lines, and the exit codes.
func TestConformHelp(t *testing.T) {
	conform, _, err := (&app{}).rootCommand().Find([]string{"conform"})
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range append([]*cobra.Command{conform}, conform.Commands()...) {
		t.Run(cmd.Name(), func(t *testing.T) {
			help := invoke(t, "", append(strings.Fields(cmd.CommandPath())[1:], "--help")...).stdout
			if !strings.Contains(help, "\nExamples:\n") {
				t.Error("there are no examples")
			}
			for _, e := range conformCodes {
				if !strings.Contains(help, fmt.Sprintf("\n  %3d  %s\n", e.code, e.meaning)) {
					t.Errorf("exit code %d is not explained", e.code)
				}
			}
			for line := range strings.Lines(help) {
				if len(line) > 96 {
					t.Errorf("a line of %d columns: %s", len(line)-1, line)
				}
			}
			titles := make(map[string]bool)
			for _, s := range sectionsOf(cmd) {
				if titles[s.title] {
					t.Errorf("two headings %q", s.title)
				}
				titles[s.title] = true
			}
		})
	}
}
