package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/conformance"
)

const conformListAbout = `postern conform list: list the cases.

PATTERN is an id such as S-AUT-05, or several such as 'S-AUT-*'. Each line has the
id, the strictest level of its rules, what running it does to the target (its tiers),
the area and the title.`

const conformListExamples = `
  postern conform list
  postern conform list --kind server --tier hostile
  postern conform list --level MUST 'C-*'
  postern conform list --json | jq -r '.[].id'`

// conformListOptions are the flags of "postern conform list".
type conformListOptions struct {
	kind, tier, area, level string
	asJSON                  bool
}

func (a *app) conformListCommand() *cobra.Command {
	o := new(conformListOptions)
	cmd := &cobra.Command{
		Use:                   "list [flags] [PATTERN ...]",
		Short:                 "list the cases",
		Long:                  conformListAbout,
		Example:               conformListExamples,
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.conformList(cmd, o, args) },
		DisableFlagsInUseLine: true,
	}
	s := newSection("Only those")
	s.flags.StringVar(&o.kind, "kind", "", "for this `KIND` of target: client, server, mechanism or generator")
	s.flags.StringVar(&o.tier, "tier", "", "that belong to this `TIER`: passive, envelope, login, failed-login,\ndelivery, hostile or slow")
	s.flags.StringVar(&o.area, "area", "", "of this `AREA`, such as auth")
	s.flags.StringVar(&o.level, "level", "", "with a rule of this `LEVEL`: MUST, \"MUST NOT\", SHOULD, \"SHOULD NOT\",\nmust, grammar or security")
	form := newSection("Form")
	form.flags.BoolVar(&o.asJSON, "json", false, "print all there is to know about each, as JSON")
	addSections(cmd, s, form)
	return cmd
}

func (a *app) conformList(cmd *cobra.Command, o *conformListOptions, patterns []string) error {
	cases, err := conformance.Suite{Select: patterns}.Selected()
	if err != nil {
		return notRun(cmd, err)
	}
	cases = slices.DeleteFunc(cases, func(c conformance.Case) bool { return !o.wants(c) })
	if why := o.unknown(); why != "" {
		return refuse(cmd, "%s", why)
	}
	if len(cases) == 0 {
		return refuse(cmd, "no case is like that")
	}
	if o.asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(cases)
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, c := range cases {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", c.ID, strictest(c), joined(c.Tiers), c.Area, c.Title)
	}
	return table.Flush()
}

// unknown says which flag has a value that no case has, "" if none does.
func (o *conformListOptions) unknown() string {
	values := make(map[string][]string)
	add := func(name, value string) {
		if !slices.Contains(values[name], value) {
			values[name] = append(values[name], value)
		}
	}
	for _, c := range conformance.Catalogue() {
		add("kind", strings.TrimPrefix(c.Kind(), "token "))
		add("area", string(c.Area))
		for _, tier := range c.Tiers {
			add("tier", string(tier))
		}
		for _, ref := range c.Refs {
			add("level", string(ref.Level))
		}
	}
	for _, flag := range [][2]string{{"kind", o.kind}, {"tier", o.tier}, {"area", o.area}, {"level", o.level}} {
		name, value := flag[0], flag[1]
		if value != "" && !slices.Contains(values[name], value) && value != "token generator" {
			return fmt.Sprintf("--%s: no case has the %s %q; there are %s", name, name, value, strings.Join(values[name], ", "))
		}
	}
	return ""
}

// wants reports whether a case is like the flags say.
func (o *conformListOptions) wants(c conformance.Case) bool {
	return (o.kind == "" || c.Kind() == o.kind || o.kind == "generator" && c.Kind() == "token generator") &&
		(o.tier == "" || slices.Contains(c.Tiers, conformance.Tier(o.tier))) &&
		(o.area == "" || c.Area == conformance.Area(o.area)) &&
		(o.level == "" || slices.ContainsFunc(c.Refs, func(r conformance.Ref) bool { return r.Level == conformance.Level(o.level) }))
}

// strictest is the level of the strictest rule of a case.
func strictest(c conformance.Case) conformance.Level {
	for _, level := range []conformance.Level{
		conformance.Must, conformance.MustNot, conformance.LowerMust, conformance.Security, conformance.Grammar,
		conformance.Should, conformance.ShouldNot,
	} {
		if slices.ContainsFunc(c.Refs, func(r conformance.Ref) bool { return r.Level == level }) {
			return level
		}
	}
	return "-"
}

func (a *app) conformExplainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain ID ...",
		Short: "explain a case: its rule, what is done, what has to come of it",
		Example: `  postern conform explain S-AUT-05
  postern conform explain 'C-TLS-*'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return refuse(cmd, "no case: name its id, such as S-AUT-05")
			}
			cases, err := conformance.Suite{Select: args}.Selected()
			if err != nil {
				return notRun(cmd, err)
			}
			for i, c := range cases {
				if i > 0 {
					fmt.Fprintln(a.stdout)
				}
				explainCase(a.stdout, c)
			}
			return nil
		},
		DisableFlagsInUseLine: true,
	}
}

// explainCase prints all there is to know about a case.
func explainCase(w io.Writer, c conformance.Case) {
	fmt.Fprintf(w, "%s  %s\n\n", c.ID, c.Title)
	field := func(name, value string) {
		if value == "" {
			return
		}
		for i, line := range wrapTo(value, 66) {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(w, "  %-11s %s\n", name, line)
		}
	}
	field("for a", c.Kind())
	field("area", string(c.Area))
	for i, ref := range c.Refs {
		field([]string{"rule", ""}[min(i, 1)], ref.String())
	}
	field("procedure", c.Procedure)
	field("passes if", c.Pass)
	field("note", c.Note)
	var needs []string
	for _, n := range c.Needs {
		needs = append(needs, string(n))
	}
	field("needs", strings.Join(needs, ", "))
	field("rests on", strings.Join(c.DependsOn, ", "))
	field("tiers", joined(c.Tiers))
	field("costs", costs(c.Budget))
	field("mutant", c.Mutant)
	field("counts as", map[bool]string{true: "core", false: "extended: about what a target may leave out"}[c.Core()])
	if c.Stability == conformance.Provisional {
		field("", "provisional: its outcome makes no run fail")
	}
	field("since", c.Since)
}

// costs is what a case takes of a budget.
func costs(b conformance.Budget) string {
	var parts []string
	if b.FailedLogins > 0 {
		parts = append(parts, plural(b.FailedLogins, "failed sign-in"))
	}
	if b.Messages > 0 {
		parts = append(parts, plural(b.Messages, "message"))
	}
	if b.Time > 0 {
		parts = append(parts, "up to "+b.Time.String())
	}
	return strings.Join(parts, ", ")
}

// wrapTo breaks a text into lines of so many characters, if its words allow it.
func wrapTo(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
