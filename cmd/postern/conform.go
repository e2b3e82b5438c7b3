package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/conformance"
)

const conformAbout = `postern conform: ask a mail server, a client or a SASL mechanism whether it keeps
the rules, one question at a time.

Each question is a case with an id that never changes, such as S-AUT-05, the rule
that it is about, what is done and what has to come of it: see "list" and "explain".
Of a case that fails, you get the rule, what should have happened, what did, the
dialogue, and the command that does it again.

  pass          the rule was put to the test, and kept
  fail          a requirement, or the security of the user, is broken
  warn          a recommendation is not followed; --strict makes it fail
  info          neither right nor wrong, but good to know
  skip          not run, and why
  inconclusive  run, but nothing can be said
  error         the suite itself could not do its part
  xfail, xpass  a known failure (--known), and one that is none any more`

const conformExamples = `
  # a server to try it on, and what it does (the first prints the password):
  postern mock --require-auth --ca ca.pem
  postern conform server smtp://127.0.0.1:2525 --tls-ca ca.pem \
      --user user@example.com --password-file password

  # a client, in whatever language:
  postern conform client --map 67=auth --map 64=failed \
      --driver 'curl --silent --show-error --ssl-reqd --cacert {ca} \
      --url {scheme}://{addr} --user {user}:{password} \
      --mail-from {from} --mail-rcpt {to} --upload-file {message}'

  # one case: what it is, and once more with all that is said
  postern conform explain S-AUT-05
  postern conform replay out.json#S-AUT-05 --tls-ca ca.pem \
      --user user@example.com --password-file password

  # two servers side by side:
  postern conform merge a.json b.json --report html=both.html`

// Exit codes of "postern conform", which are not those of sysexits(3): a CI system
// wants to know whether it was the target.
const (
	conformFailed      = 1
	conformUsage       = 2
	conformBroken      = 3
	conformUnreachable = 4
	conformOpen        = 5
)

// conformCodes explains them, for --help.
var conformCodes = []exitMeaning{
	{exitOK, "no case failed"},
	{conformFailed, "a case failed, or a known failure passed or has expired, or a claim is not true"},
	{conformUsage, "wrong use, or nothing to run: no case of that id, no sink, no credential, a bad file"},
	{conformBroken, "a secret would have got into a report, or the suite itself failed"},
	{conformUnreachable, "the target cannot be reached, refuses the account, or does nothing that can be tested"},
	{conformOpen, "a case was inconclusive (--max-inconclusive) or took several attempts (--allow-flaky)"},
	{exitInterrupted, "ended by SIGINT (143: by SIGTERM); no report was written"},
}

func (a *app) conformCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "conform",
		Short:   "test a server, a client or a mechanism against the rules",
		Long:    conformAbout,
		Example: conformExamples,
		Args: func(cmd *cobra.Command, args []string) error {
			return recoded(a.unknownCommand(cmd, args))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return recoded(usageError(cmd, conformFlagProblem(err)))
	})
	cmd.AddCommand(
		a.conformServerCommand(), a.conformClientCommand(), a.conformMechanismCommand(),
		a.conformListCommand(), a.conformExplainCommand(), a.conformReplayCommand(), a.conformMergeCommand(),
	)
	return cmd
}

// conformFlagProblem is flagProblem, with the flags that there are here.
func conformFlagProblem(err error) string {
	problem, _, found := strings.Cut(flagProblem(err), "; ")
	switch {
	case found && strings.HasPrefix(problem, "unknown flag: --pass"):
		problem += "; passwords come from --password-env or --password-file"
	case found && strings.HasPrefix(problem, "unknown flag: --token"):
		problem += "; tokens come from --token-env, --token-file or --token-command"
	}
	return problem
}

// recoded gives a failure of the program's other commands the code that it has here.
func recoded(err error) error {
	known := new(failure)
	if !errors.As(err, &known) || known.code <= conformOpen || known.code >= exitInterrupted {
		return err
	}
	return failf(conformUsage, "%s", known.Error())
}

// refuse returns a failure that leads to the help of cmd.
func refuse(cmd *cobra.Command, format string, args ...any) error {
	return recoded(usageError(cmd, fmt.Sprintf(format, args...)))
}

// notRun returns the failure of a run that could not begin.
func notRun(cmd *cobra.Command, err error) error {
	line := byFlags(oneLine(err.Error()))
	known := new(failure)
	switch {
	case errors.As(err, &known):
		return recoded(err)
	case errors.Is(err, conformance.ErrUnreachable):
		if say := advice(err); say != "" {
			line += " (" + say + ")"
		}
		return failf(conformUnreachable, "%s", line)
	case errors.Is(err, conformance.ErrCredentials):
		return failf(conformUnreachable, "%s", line)
	case errors.Is(err, conformance.ErrNoMatch):
		return failf(conformUsage, "%s (see postern conform list)", line)
	}
	return refuse(cmd, "%s", line)
}

// byFlags names flags instead of the fields that they set.
func byFlags(line string) string {
	line = strings.ReplaceAll(line, "conformance: ", "")
	return strings.NewReplacer(
		"see ServerTarget.Account", "see --user-env and --password-env",
		"there is no ServerTarget.Account", "there is no account: give --user and a password or a token",
		"ServerTarget.Addr", "the address", "ServerTarget.Account", "the account", "ServerTarget.IOwn", "--i-own",
		"ServerTarget.Sink", "--sink", "ServerTarget.From", "--from", "ServerTarget.Domain", "--domain",
		"ServerTarget.LocalName", "--local-name", "ServerTarget.Tiers", "--tiers",
		"ServerTarget.Profile", "--profile", "ServerTarget.Observer is nil", "this command cannot look into the sink",
	).Replace(line)
}

// exactly returns a check that there is one argument.
func exactly(what, hint string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return refuse(cmd, "no %s: %s", what, hint)
		case 1:
			return nil
		}
		return refuse(cmd, "one %s at a time, and %q is another one", what, args[1])
	}
}
