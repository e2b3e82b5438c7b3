package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/conformance"
)

const conformReplayAbout = `postern conform replay: run a case of a report again, as it was run then, and show
all that is said.

The report says who the target was and what the run was told, but no secret and no
command: give credentials, --tls-ca and, for a client, --driver once more. Something
that only the owner of a server may do has to be confirmed again, by --i-own; and so has
the host, by --host, if credentials are to go there and it is not this machine: the
address is what the report says, whoever wrote it.

The exit code is that of the new run.`

const conformReplayExamples = `
  postern conform replay conformance.json#S-AUT-05 --host mail.example.com \
      --user-env MAIL_USER --password-env MAIL_PASSWORD

  postern conform replay client.json#C-TLS-09 \
      --driver './mysend --smtp {addr} --ca {ca} --user {user} --password-file {password-file}'`

// conformReplayOptions are the flags of "postern conform replay".
type conformReplayOptions struct {
	server conformServerOptions
	client conformClientOptions
	host   string
}

func (a *app) conformReplayCommand() *cobra.Command {
	o := new(conformReplayOptions)
	cmd := &cobra.Command{
		Use:                   "replay [flags] REPORT#ID",
		Short:                 "run a case of a report again",
		Long:                  conformReplayAbout,
		Example:               conformReplayExamples,
		Args:                  exactly("case", "write REPORT#ID, such as out.json#S-AUT-05"),
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.conformReplay(cmd, o, args[0]) },
		DisableFlagsInUseLine: true,
	}
	server := newSection("A server")
	server.flags.StringVar(&o.host, "host", "", "credentials may go to this `HOST`, which the report names")
	o.server.permissions(server)
	client := newSection("A client")
	o.client.driverFlags(client)
	addSections(cmd, server, o.server.account.flags(), o.server.account.tlsFlags(), client, o.server.outputFlags())
	return cmd
}

func (a *app) conformReplay(cmd *cobra.Command, o *conformReplayOptions, what string) error {
	i := strings.LastIndexByte(what, '#')
	if i < 0 {
		return refuse(cmd, "%q is not REPORT#ID, such as out.json#S-AUT-05", what)
	}
	file, id := what[:i], what[i+1:]
	reports, err := readReports(cmd.Context(), file)
	if err != nil {
		return err
	}
	if len(reports) != 1 {
		return failf(conformUsage, "%s holds %d reports: replay takes one of a single target", file, len(reports))
	}
	report := reports[0]
	then, found := report.Find(id)
	if !found {
		return failf(conformUsage, "%s has no case %s", file, oneLine(id))
	}
	o.server.verbose = true
	if err := o.server.check(cmd); err != nil {
		return err
	}
	suite := report.Again(id)
	suite.Clock = a.clock()
	scan := new(conformance.SecretScan)
	target, err := a.targetAgain(cmd, o, report, scan)
	if err != nil {
		return err
	}
	was := string(then.Outcome)
	if then.Reason != "" {
		was += ": " + byFlags(oneLine(then.Reason))
	}
	fmt.Fprintf(a.human(&o.server.conformFlags), "then: %s\n", was)
	return a.conform(cmd, &o.server.conformFlags, suite, target, scan)
}

// targetAgain returns the target of a report.
func (a *app) targetAgain(cmd *cobra.Command, o *conformReplayOptions, r *conformance.Report, scan *conformance.SecretScan) (conformance.Target, error) {
	switch r.Kind {
	case "server":
		target := r.ServerTarget()
		var err error
		if target.Tiers, err = o.server.allowed(target.Tiers); err != nil {
			return nil, refuse(cmd, "--tiers: %v", err)
		}
		target.IOwn, target.FailedLogins = o.server.iOwn, o.server.failedLogins
		if err := o.server.account.fill(cmd, a, &target, scan); err != nil {
			return nil, err
		}
		if err := o.confirm(cmd, target); err != nil {
			return nil, err
		}
		return target, nil
	case "client":
		driver, err := o.client.driver()
		if err != nil {
			return nil, refuse(cmd, "%v", err)
		}
		return conformance.ClientTarget{Name: r.Target, Driver: driver, Profile: r.Profile}, nil
	case "mechanism":
		target, err := mechanismTarget(r.Target)
		if err != nil {
			return nil, refuse(cmd, "%v", err)
		}
		return target, nil
	}
	return nil, failf(conformUsage, "a %s is tested by a program or a test of yours, which has to run the case again", oneLine(r.Kind))
}

// confirm refuses to send credentials to where only a report says.
func (o *conformReplayOptions) confirm(cmd *cobra.Command, t conformance.ServerTarget) error {
	host, _, err := net.SplitHostPort(t.Addr)
	if err != nil {
		return failf(conformUsage, "the report has no address of the form host:port")
	}
	if ip := net.ParseIP(host); t.Account.User == nil || ip != nil && ip.IsLoopback() || strings.EqualFold(host, o.host) {
		return nil
	}
	return refuse(cmd, "the credentials would go to %s: confirm it by --host %s", oneLine(host), quoted(oneLine(host)))
}

// readReports reads a file of reports.
func readReports(ctx context.Context, name string) ([]*conformance.Report, error) {
	f, err := openContext(ctx, name)
	if err != nil {
		return nil, failf(conformUsage, "%s", err)
	}
	defer f.Close()
	reports, err := conformance.ReadReports(f)
	if err != nil {
		return nil, failf(conformUsage, "%s: %s", name, byFlags(oneLine(err.Error())))
	}
	return reports, nil
}
