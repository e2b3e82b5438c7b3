package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

func TestHelp(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"without arguments": {nil, []string{"Three things to do first:", "postern demo\n", "  send      ", "   75  not now"}},
		"--help":            {[]string{"--help"}, []string{"Three things to do first:"}},
		"help send":         {[]string{"help", "send"}, []string{"--token-command COMMAND", "--dry-run", "Examples:\n  # Gmail", "   74  the message may"}},
		"send --help":       {[]string{"send", "--help"}, []string{"postern send [flags] FILE|-", "gmail, gmail-relay,"}},
		"demo --help":       {[]string{"demo", "-h"}, []string{"on this machine alone", "Examples:\n  postern demo\n"}},
		"version --help":    {[]string{"version", "--help"}, []string{"Examples:\n  postern version\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := invoke(t, "", test.args...)
			if got.code != exitOK || got.stderr != "" {
				t.Fatalf("exit code %d, standard error %q", got.code, got.stderr)
			}
			for _, want := range test.want {
				if !strings.Contains(got.stdout, want) {
					t.Errorf("%q is not in:\n%s", want, got.stdout)
				}
			}
		})
	}
}

// Each flag of "send" stands under one heading, and each code that the program
// can end with is explained.
func TestSendHelpIsComplete(t *testing.T) {
	help := invoke(t, "", "send", "--help").stdout
	send, _, err := (&app{}).rootCommand().Find([]string{"send"})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(send.Flags().FlagUsages()) {
		if strings.HasPrefix(line, "--") && strings.Count(help, " "+line+" ") == 0 {
			t.Errorf("%s is not in the help", line)
		}
	}
	if n := strings.Count(help, "Other options:"); n != 1 {
		t.Errorf("%d headings for other options", n)
	}
	for _, code := range []int{0, 64, 65, 66, 67, 68, 69, 70, 74, 75, 76, 77, 78, 130} {
		if !strings.Contains(help, fmt.Sprintf("\n  %3d  ", code)) {
			t.Errorf("exit code %d is not explained", code)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		got := invoke(t, "", args...)
		want := `^postern \S+.* ` + regexp.QuoteMeta(runtime.Version()) + ` \w+/\w+\n$`
		if got.code != exitOK || !regexp.MustCompile(want).MatchString(got.stdout) {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

func TestWrongUse(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":         {[]string{"sendmail-like"}, `unknown command "sendmail-like" (see postern --help)`},
		"almost a command":        {[]string{"sned"}, `unknown command "sned"; did you mean send? (see postern --help)`},
		"unknown flag":            {[]string{"--wrong"}, "unknown flag: --wrong (see postern --help)"},
		"unknown flag of demo":    {[]string{"demo", "--fast"}, "unknown flag: --fast (see postern demo --help)"},
		"argument of demo":        {[]string{"demo", "now"}, "postern demo takes no arguments (see postern demo --help)"},
		"help about too much":     {[]string{"help", "send", "x"}, `no help about "send x" (see postern --help)`},
		"completion":              {[]string{"completion", "bash"}, `unknown command "completion" (see postern --help)`},
		"help about nothing":      {[]string{"help", "me"}, `no help about "me" (see postern --help)`},
		"control characters":      {[]string{"\x1b[31m\nx"}, `unknown command "\x1b[31m\nx" (see postern --help)`},
		"flag with a line break":  {[]string{"--a\nb"}, "unknown flag: --a; b (see postern --help)"},
		"flag that has no letter": {[]string{"--=x"}, "bad flag syntax: --=x (see postern --help)"},
	} {
		t.Run(name, func(t *testing.T) {
			got := invoke(t, "", test.args...)
			if got != (outcome{exitUsage, "", "postern: " + test.want + "\n"}) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestExitCode(t *testing.T) {
	signal := &signalError{syscall.SIGTERM}
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"none":                      {nil, exitOK},
		"own":                       {fmt.Errorf("x: %w", failf(exitNoInput, "y")), exitNoInput},
		"signal":                    {fmt.Errorf("x: %w: %w", context.Canceled, signal), exitTerminated},
		"interrupt":                 {fmt.Errorf("x: %w: %w", context.Canceled, &signalError{os.Interrupt}), exitInterrupted},
		"signal when it was late":   {fmt.Errorf("%w: %w: %w", smtp.ErrUncertain, context.Canceled, signal), exitUncertain},
		"time is up":                {fmt.Errorf("x: %w", &endedError{context.DeadlineExceeded}), exitTemporary},
		"no such host":              {fmt.Errorf("x: %w", &net.DNSError{IsNotFound: true}), exitNoHost},
		"no answer about a host":    {fmt.Errorf("x: %w", &net.DNSError{IsTimeout: true}), exitUnavailable},
		"protocol":                  {fmt.Errorf("x: %w", smtp.ErrProtocol), exitProtocol},
		"SASL protocol":             {fmt.Errorf("x: %w", sasl.ErrProtocol), exitProtocol},
		"too large":                 {fmt.Errorf("x: %w", smtp.ErrTooLarge), exitData},
		"not offered":               {fmt.Errorf("x: %w", smtp.ErrNotOffered), exitData},
		"no token after a refusal":  {&smtp.AuthError{Err: &sasl.RefusedError{Refusal: sasl.ErrRejected, Renewal: failf(exitNoInput, "x")}}, exitNoPermission},
		"unusable user name":        {fmt.Errorf("x: %w", sasl.ErrBadCredentials), exitConfig},
		"something else altogether": {errors.New("x"), exitUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			if got := exitCode(test.err); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestInterruptible(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot send itself a signal")
	}
	ctx, stop := interruptible(t.Context())
	defer stop()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if code := exitCode(context.Cause(ctx)); code != exitTerminated {
		t.Errorf("exit code %d", code)
	}
}
