package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/conformance"
)

// conformFlags are the flags that all runs have.
type conformFlags struct {
	selected, excluded []string
	known              string
	strict             bool
	timeout            time.Duration
	name               string
	reports            []string
	verbose            bool
	maxOpen            int
	allowFlaky         bool

	outputs []output
}

func (f *conformFlags) caseFlags() section {
	s := newSection("The cases")
	s.flags.StringSliceVar(&f.selected, "select", nil, "run the cases that match these `IDS` only, such as S-AUT-*")
	s.flags.StringSliceVar(&f.excluded, "exclude", nil, "skip those that match these `IDS`")
	s.flags.StringVar(&f.known, "known", "", "put up with the failures in this JSON `FILE`:\n{\"S-AUT-07\": {\"reason\": \"issue 12\", \"until\": \"2027-03-31\"}}")
	s.flags.BoolVar(&f.strict, "strict", false, "count recommendations as requirements")
	s.flags.DurationVar(&f.timeout, "timeout", 0, "wait this `TIME` for one reply of a server, or one message of\na client; else 10s")
	return s
}

func (f *conformFlags) outputFlags() section {
	s := newSection("What comes out")
	s.flags.StringSliceVar(&f.reports, "report", nil, "write reports, each `KIND=FILE`: json, junit, html or badge;\nof one, FILE may be - for the standard output")
	s.flags.StringVar(&f.name, "name", "", "call the target `NAME` in reports")
	s.flags.BoolVarP(&f.verbose, "verbose", "v", false, "show all that is said on each connection, without secrets")
	s.flags.IntVar(&f.maxOpen, "max-inconclusive", 0, "exit code 0 although up to `N` cases were inconclusive")
	s.flags.BoolVar(&f.allowFlaky, "allow-flaky", false, "exit code 0 although a case took several attempts")
	return s
}

// check returns what is wrong with the flags as such.
func (f *conformFlags) check(cmd *cobra.Command) error {
	switch {
	case f.timeout < 0:
		return refuse(cmd, "--timeout is negative")
	case f.maxOpen < 0:
		return refuse(cmd, "--max-inconclusive is negative")
	}
	var err error
	if f.outputs, err = parseOutputs(f.reports); err != nil {
		return refuse(cmd, "--report: %v", err)
	}
	return nil
}

// suite returns the suite that the flags describe.
func (f *conformFlags) suite(ctx context.Context, cmd *cobra.Command, now func() time.Time) (conformance.Suite, error) {
	s := conformance.Suite{Select: f.selected, Exclude: f.excluded, Strict: f.strict, Timeout: f.timeout, Clock: now}
	if f.known == "" {
		return s, nil
	}
	file, err := openContext(ctx, f.known)
	if err != nil {
		return s, failf(conformUsage, "--known: %s", err)
	}
	defer file.Close()
	if s.Known, err = conformance.ReadKnownFailures(file); err != nil {
		return s, refuse(cmd, "--known: %s: %s", f.known, strings.TrimPrefix(err.Error(), conformance.ErrKnownFailures.Error()+": "))
	}
	return s, nil
}

// human is where the story of a run goes: not where a report does.
func (a *app) human(f *conformFlags) io.Writer {
	if slices.ContainsFunc(f.outputs, func(o output) bool { return o.file == "-" }) {
		return a.stderr
	}
	return a.stdout
}

// conform runs a suite against a target, tells about it, and writes the reports.
func (a *app) conform(cmd *cobra.Command, f *conformFlags, s conformance.Suite, target conformance.Target, scan *conformance.SecretScan) error {
	ctx := cmd.Context()
	show := newProgress(a.human(f), f.verbose, reproduction(cmd))
	s.Progress = show.tell
	show.begin()
	report, err := s.Run(ctx, target)
	show.end()
	if signal := new(signalError); ctx.Err() != nil && errors.As(context.Cause(ctx), &signal) {
		return failf(signal.exitCode(), "%s: the run is not over, and no report was written", signal.Error())
	}
	if err != nil {
		return notRun(cmd, err)
	}
	leak := scan.Report(report)
	if leak == nil {
		show.summary(report)
		leak = a.writeReports(f.outputs, scan, report)
	}
	if leak != nil {
		return leaked(leak)
	}
	return f.verdict(report)
}

// leaked returns the failure of a report that was not written.
func leaked(err error) error {
	if errors.Is(err, conformance.ErrLeak) {
		return failf(conformBroken, "%s; no report was written", byFlags(err.Error()))
	}
	return err
}

// verdict returns the failure that a report is.
func (f *conformFlags) verdict(r *conformance.Report) error {
	by := make(map[conformance.Outcome][]string)
	var flaky, absent []string
	for _, result := range r.Results {
		if result.Provisional {
			continue
		}
		by[result.Outcome] = append(by[result.Outcome], result.ID)
		if result.Flaky {
			flaky = append(flaky, result.ID)
		}
	}
	if r.Server != nil {
		for _, claim := range r.Server.Claims {
			if claim.Proof == conformance.Absent {
				absent = append(absent, claim.Claim)
			}
		}
	}
	failed := append(by[conformance.Fail], by[conformance.XPass]...)
	slices.Sort(failed)
	open := by[conformance.Inconclusive]
	silent := untestable(r)
	of := "of " + plural(len(r.Results), "case")
	switch {
	case silent != "":
		return failf(conformUnreachable, "%s", silent)
	case len(by[conformance.Error]) > 0:
		return failf(conformBroken, "the suite itself failed in %d %s: %s", len(by[conformance.Error]), of, strings.Join(by[conformance.Error], ", "))
	case len(failed) > 0:
		return failf(conformFailed, "%d %s failed: %s", len(failed), of, strings.Join(failed, ", "))
	case len(absent) > 0:
		return failf(conformFailed, "what is claimed is not offered: %s", strings.Join(absent, ", "))
	case len(open) > f.maxOpen:
		return failf(conformOpen, "%d %s are inconclusive: %s", len(open), of, strings.Join(open, ", "))
	case len(flaky) > 0 && !f.allowFlaky:
		return failf(conformOpen, "%d %s took several attempts: %s", len(flaky), of, strings.Join(flaky, ", "))
	case r.Count(conformance.Skip) == len(r.Results):
		return failf(conformUsage, "nothing was tested: %s", byFlags(firstReason(r)))
	}
	return nil
}

// untestable says why nothing can be said of the target at all, "" if something can.
func untestable(r *conformance.Report) string {
	if r.Server != nil {
		reached := slices.ContainsFunc(r.Server.States[:], func(s conformance.State) bool { return s.Reached })
		if !reached {
			return noHello(r.Server)
		}
		return ""
	}
	open, skipped := r.Count(conformance.Inconclusive), r.Count(conformance.Skip)
	if open == 0 || open+skipped < len(r.Results) {
		return ""
	}
	i := slices.IndexFunc(r.Results, func(result conformance.Result) bool { return result.Outcome == conformance.Inconclusive })
	return fmt.Sprintf("nothing can be said of the %s: %s: %s", r.Kind, oneLine(r.Results[i].Reason), oneLine(r.Results[i].Got))
}

// noHello says why a server did not get as far as EHLO.
func noHello(s *conformance.ServerFacts) string {
	const early = "the connection begins with TLS"
	line := "the server does not get as far as EHLO"
	for _, state := range s.States {
		if state.Why != "" && state.Why != early {
			line += ": " + oneLine(state.Why)
			break
		}
	}
	if s.Greeting == noReply && s.TLS != conformance.ImplicitTLS.String() {
		line += " (if TLS begins at once on this port, as on 465, write smtps://)"
	}
	return line
}

// noReply is what a report has in place of a greeting that did not come.
const noReply = "no reply in time"

// firstReason is why the first case was skipped.
func firstReason(r *conformance.Report) string {
	if len(r.Results) == 0 {
		return "there are no cases"
	}
	return fmt.Sprintf("%s, all skipped, %s because: %s", plural(len(r.Results), "case"), r.Results[0].ID, oneLine(r.Results[0].Reason))
}
