package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-55a66e92/postern/providers/google"
)

// An app is one run of the program.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	// google is how Google's token server is reached. Zero means as usual.
	google google.Options

	// now tells the time in reports. Nil means time.Now.
	now func() time.Time
}

func (a *app) clock() func() time.Time {
	if a.now != nil {
		return a.now
	}
	return time.Now
}

// run runs the program and returns its exit code. It returns when ctx ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return (&app{stdin: stdin, stdout: stdout, stderr: stderr}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(append([]string{}, args...)) // nil would mean os.Args
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(a.stderr, "postern: "+explain(err))
	}
	return exitCode(err)
}

const rootAbout = `postern signs in to SMTP servers, above all with OAuth 2.0, and sends mail.

Three things to do first:

  1. See what a sign-in with OAuth 2.0 is. This needs no account and no network:

       postern demo

  2. See who would get a message, without connecting to anything:

       postern send --provider gmail --dry-run message.eml

  3. Send it. The access token comes from a program that you name:

       postern send --provider gmail --user you@gmail.com \
           --token-command 'my-token-helper you@gmail.com' message.eml

And if it is your own server or client that others talk to:

       postern conform --help`

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "postern",
		Short:         "sign in to SMTP servers and send mail",
		Long:          rootAbout,
		Args:          a.unknownCommand,
		Version:       version(),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true, // app.run prints them, on one line
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(cmd, flagProblem(err))
	})
	root.AddCommand(a.demoCommand(), a.sendCommand(), a.mockCommand(), a.conformCommand(), a.versionCommand())
	root.SetHelpCommand(helpCommand(root))
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(cmd) })
	return root
}

// unknownCommand refuses whatever follows the name of the program and is not a
// command.
func (a *app) unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	problem := fmt.Sprintf("unknown command %q", args[0])
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		problem += "; did you mean " + strings.Join(like, " or ") + "?"
	}
	return usageError(cmd, problem)
}

// usageError returns a failure that leads to the help of cmd.
func usageError(cmd *cobra.Command, problem string) error {
	return failf(exitUsage, "%s (see %s --help)", problem, cmd.CommandPath())
}

// withHelp makes a failure that is about the use of cmd lead to its help.
func withHelp(cmd *cobra.Command, err error) error {
	if known := new(failure); errors.As(err, &known) && known.code == exitUsage {
		return usageError(cmd, known.Error())
	}
	return err
}

// flagProblem says what is wrong with a flag. The value of an unknown flag, or of
// one that takes none, may be a secret that somebody expected to belong here, so
// it is not repeated.
func flagProblem(err error) string {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		switch flag := invalid.GetFlag(); flag.Value.Type() {
		case "bool":
			return "--" + flag.Name + " takes no value"
		case "duration":
			return "--" + flag.Name + ": write it with a unit, such as 90s"
		}
	}
	problem, value, found := strings.Cut(err.Error(), " in -")
	if found && strings.HasPrefix(problem, "unknown shorthand") {
		return problem
	}
	if found {
		problem += " in -" + value
	}
	if strings.HasPrefix(problem, "unknown flag: --pass") {
		problem += "; passwords come from --password-file"
	}
	if strings.HasPrefix(problem, "unknown flag: --token") {
		problem += "; tokens come from --token-command, --token-file or --token-stdin"
	}
	return problem
}

func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "help [command]",
		Short:  "explain a command",
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usageError(root, fmt.Sprintf("no help about %q", strings.Join(args, " ")))
			}
			return cmd.Help()
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version of this program",
		Example: "  postern version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, version())
			return err
		},
	}
}

// noArguments refuses arguments of a command that takes none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd, cmd.CommandPath()+" takes no arguments")
	}
	return nil
}

// version names the build: the module's version or the commit it was made from.
func version() string {
	built := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		built = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && built == "(devel)" {
				built += " " + s.Value
			}
		}
	}
	return fmt.Sprintf("postern %s %s %s/%s", cmp.Or(built, "(devel)"), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
