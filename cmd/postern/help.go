package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// sectionKey is the annotation of a flag that says under which heading of the
// help it stands.
const sectionKey = "section"

// A section is a group of flags with a heading of its own.
type section struct {
	title string
	flags *pflag.FlagSet
}

func newSection(title string) section {
	flags := pflag.NewFlagSet(title, pflag.ContinueOnError)
	flags.SortFlags = false
	return section{title, flags}
}

// addSections gives cmd the flags of the sections, in that order.
func addSections(cmd *cobra.Command, sections ...section) {
	cmd.Flags().SortFlags = false
	for _, s := range sections {
		s.flags.VisitAll(func(f *pflag.Flag) {
			f.Annotations = map[string][]string{sectionKey: {s.title}}
		})
		cmd.Flags().AddFlagSet(s.flags)
	}
}

// sectionsOf groups the flags of cmd by their headings, in order.
func sectionsOf(cmd *cobra.Command) []section {
	var sections []section
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		title := "Other options"
		if a := f.Annotations[sectionKey]; len(a) > 0 {
			title = a[0]
		}
		if n := len(sections); n == 0 || sections[n-1].title != title {
			sections = append(sections, newSection(title))
		}
		sections[len(sections)-1].flags.AddFlag(f)
	})
	return sections
}

// writeHelp writes the help of cmd: what it is for, how it is called, every
// option, examples, and how it ends.
func writeHelp(cmd *cobra.Command) {
	w := cmd.OutOrStdout()
	about := cmd.Long
	if about == "" {
		about = cmd.CommandPath() + ": " + cmd.Short + "."
	}
	fmt.Fprintln(w, about)
	if cmd.HasAvailableSubCommands() {
		writeCommands(w, cmd)
	} else {
		fmt.Fprintf(w, "\nUsage:\n  %s\n", cmd.UseLine())
	}
	for _, s := range sectionsOf(cmd) {
		fmt.Fprintf(w, "\n%s:\n%s", s.title, s.flags.FlagUsages())
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", strings.Trim(cmd.Example, "\n"))
	}
	switch {
	case !cmd.HasParent() || cmd.Name() == "send":
		writeExitCodes(w, "Exit codes, as in sysexits(3)", exitCodes)
	case strings.Contains(cmd.CommandPath()+" ", " conform "):
		writeExitCodes(w, "Exit codes", conformCodes)
	}
}

func writeCommands(w io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(w, "\nCommands (each explains itself with --help):\n")
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(table, "  %s\t%s\n", sub.Name(), sub.Short)
		}
	}
	table.Flush()
}

func writeExitCodes(w io.Writer, title string, codes []exitMeaning) {
	fmt.Fprintf(w, "\n%s:\n", title)
	for _, e := range codes {
		fmt.Fprintf(w, "  %3d  %s\n", e.code, e.meaning)
	}
}
