package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/conformance"
)

const conformMergeAbout = `postern conform merge: put reports side by side.

FILE is a report in JSON, of one target or of several. What each target made of each
case is printed, those first on which they differ; --report writes all of it, as one
file.`

const conformMergeExamples = `
  postern conform merge postfix.json exim.json
  postern conform merge *.json --report html=all.html,json=all.json`

func (a *app) conformMergeCommand() *cobra.Command {
	f := new(conformFlags)
	cmd := &cobra.Command{
		Use:                   "merge [flags] FILE ...",
		Short:                 "put reports side by side",
		Long:                  conformMergeAbout,
		Example:               conformMergeExamples,
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.conformMerge(cmd, f, args) },
		DisableFlagsInUseLine: true,
	}
	s := newSection("What comes out")
	s.flags.StringSliceVar(&f.reports, "report", nil, "write reports, each `KIND=FILE`: json, junit, html or badge;\nof one, FILE may be - for the standard output")
	addSections(cmd, s)
	return cmd
}

func (a *app) conformMerge(cmd *cobra.Command, f *conformFlags, files []string) error {
	if len(files) == 0 {
		return refuse(cmd, "no report: name files that --report json=FILE has written")
	}
	if err := f.check(cmd); err != nil {
		return err
	}
	var reports []*conformance.Report
	for _, file := range files {
		read, err := readReports(cmd.Context(), file)
		if err != nil {
			return err
		}
		reports = append(reports, read...)
	}
	var b strings.Builder
	compare(&b, reports)
	if _, err := fmt.Fprint(a.human(f), b.String()); err != nil {
		return err
	}
	return a.writeReports(f.outputs, new(conformance.SecretScan), reports...)
}

// compare prints a line for each case with an outcome for each report.
func compare(b *strings.Builder, reports []*conformance.Report) {
	for i, r := range reports {
		fmt.Fprintf(b, "[%d] %s: core %s, extended %s\n", i+1, oneLine(r.Target), oneLine(string(r.Core.Standing)), oneLine(string(r.Extended.Standing)))
	}
	titles := make(map[string]string)
	var ids []string
	for _, r := range reports {
		for _, result := range r.Results {
			if _, seen := titles[result.ID]; !seen {
				ids = append(ids, result.ID)
				titles[result.ID] = oneLine(result.Title)
			}
		}
	}
	slices.Sort(ids)
	var differ, same []string
	for _, id := range ids {
		outcomes := make([]string, len(reports))
		line := fmt.Sprintf("%-9s", id)
		for i, r := range reports {
			outcomes[i] = "-"
			if result, found := r.Find(id); found {
				outcomes[i] = string(result.Outcome)
			}
			line += fmt.Sprintf("  %-12s", outcomes[i])
		}
		line += "  " + titles[id]
		if slices.Sort(outcomes); outcomes[0] == outcomes[len(outcomes)-1] {
			same = append(same, line)
		} else {
			differ = append(differ, line)
		}
	}
	for _, part := range [][]string{differ, same} {
		if len(part) > 0 {
			fmt.Fprintf(b, "\n%s\n", strings.Join(part, "\n"))
		}
	}
}
