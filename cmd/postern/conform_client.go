package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/conformance"
)

const conformClientAbout = `postern conform client: test a mail client, in whatever language it is written.

The client is a command that sends one message and says by its exit status what came
of it. It runs many times, each time against a server of its own on 127.0.0.1, which
begins as a mail server should and then does the one thing that the case is about.
What the client sent counts, and whether it told the truth.

--driver is the command line, in which these stand for what the client needs:

  {addr} {host} {port}            the server
  {scheme}                        smtp, or smtps if TLS is to begin at once
  {starttls}                      on, or off if TLS is to begin at once
  {ca}                            a file with the only authority to trust, in PEM
  {user}                          who signs in
  {password} {password-file}      by which password; it is made up for the occasion
  {token} {token-file}            or by which OAuth 2.0 access token
  {mechanism}                     the mechanism to sign in by, in a command for that
  {from} {to} {message}           the envelope, and a file with the message, which is
                                  on the standard input, too; if there are several
                                  recipients, {to} is there for each, with the option
                                  before it

No shell runs it. --driver may be given several times: a command with {password} or
{password-file} signs in by password, one with {token} or {token-file} by token, and
what no command can do is skipped. Cases about one mechanism are for commands that
have {mechanism}, as in curl's --login-options AUTH={mechanism}. TLS from the start
is for commands that have {scheme} or {starttls}, and for those of --smtps-driver.

The client has to require TLS and a good certificate: that is what many cases are
about. Exit statuses are those of sysexits(3): 0 delivered, 75 try again later, 77
sign-in refused, other known ones not delivered for good; --map says what another
status means.`

const conformClientExamples = `
  # curl:
  postern conform client --map 67=auth --map 64=failed \
      --driver 'curl -sS --ssl-reqd --cacert {ca} --url {scheme}://{addr}
          --user {user}:{password}
          --mail-from {from} --mail-rcpt {to} --upload-file {message}' \
      --driver 'curl -sS --ssl-reqd --cacert {ca} --url {scheme}://{addr}
          --user {user}: --oauth2-bearer {token}
          --mail-from {from} --mail-rcpt {to} --upload-file {message}'

  # swaks:
  postern conform client --map 28=auth \
      --driver 'swaks --server {host} --port {port}
          --tls --tls-verify --tls-ca-path {ca}
          --auth --auth-user {user} --auth-password {password}
          --from {from} --to {to} --data -'

  # msmtp, which has the exit statuses of sysexits:
  postern conform client \
      --driver 'msmtp --host={host} --port={port}
          --tls=on --tls-starttls={starttls} --tls-trust-file={ca}
          --auth=on --user={user} --passwordeval="cat {password-file}"
          --from={from} {to}'

  # a program of your own, and only what is about TLS:
  postern conform client --select 'C-TLS-*' \
      --driver './mysend --smtp {addr} --ca {ca}
          --user {user} --password-file {password-file}'

A client in Go needs no command: see conformance.RunClient.`

// conformClientOptions are the flags of "postern conform client".
type conformClientOptions struct {
	conformFlags
	drivers, smtpsDrivers []string
	statuses              []string
	profile               string
}

func (a *app) conformClientCommand() *cobra.Command {
	o := new(conformClientOptions)
	cmd := &cobra.Command{
		Use:     "client [flags] --driver COMMAND",
		Short:   "test a mail client, by the command that sends with it",
		Long:    conformClientAbout,
		Example: conformClientExamples,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return refuse(cmd, "%q does not belong to a flag: put the whole command of --driver in quotes", args[0])
			}
			return nil
		},
		RunE:                  func(cmd *cobra.Command, _ []string) error { return a.conformClient(cmd, o) },
		DisableFlagsInUseLine: true,
	}
	addSections(cmd, o.clientFlags(), o.caseFlags(), o.outputFlags())
	return cmd
}

func (o *conformClientOptions) clientFlags() section {
	s := newSection("The client")
	o.driverFlags(s)
	s.flags.StringVar(&o.profile, "profile", "", "it claims to be `NAME`: client-core or client-oauth; else\nnothing is left out")
	return s
}

func (o *conformClientOptions) driverFlags(s section) {
	s.flags.StringArrayVar(&o.drivers, "driver", nil, "send a message with this `COMMAND`")
	s.flags.StringArrayVar(&o.smtpsDrivers, "smtps-driver", nil, "send with this `COMMAND` if TLS begins at once")
	s.flags.StringSliceVar(&o.statuses, "map", nil, "an exit status and what it means, `N=WORD`: delivered,\npartial, temporary, permanent, auth, uncertain or failed")
}

func (a *app) conformClient(cmd *cobra.Command, o *conformClientOptions) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	driver, err := o.driver()
	if err != nil {
		return refuse(cmd, "%v", err)
	}
	name := o.name
	if name == "" {
		name = driver.name()
	}
	suite, err := o.suite(cmd.Context(), cmd, a.clock())
	if err != nil {
		return err
	}
	target := conformance.ClientTarget{Name: name, Driver: driver, Profile: conformance.Profile(o.profile)}
	return a.conform(cmd, &o.conformFlags, suite, target, new(conformance.SecretScan))
}

const conformMechanismAbout = `postern conform mechanism: test a SASL mechanism of this program.

A mechanism of your own is not known to this program; a test or a main of a few
lines runs the same cases for it:

  func TestConformance(t *testing.T) {
  	conformance.RunMechanism(t, conformance.MechanismTarget{
  		Mechanism: mine.Mechanism(),
  	})
  }`

const conformMechanismExamples = `
  postern conform mechanism SCRAM-SHA-256
  postern conform mechanism XOAUTH2 --select 'M-GEN-*' --report html=xoauth2.html`

func (a *app) conformMechanismCommand() *cobra.Command {
	o := new(conformFlags)
	cmd := &cobra.Command{
		Use:     "mechanism [flags] NAME",
		Short:   "test a SASL mechanism of this program",
		Long:    conformMechanismAbout,
		Example: conformMechanismExamples,
		Args:    exactly("mechanism", "there are "+strings.Join(mechanismNames(), ", ")),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			target, err := mechanismTarget(args[0])
			if err != nil {
				return refuse(cmd, "%v", err)
			}
			suite, err := o.suite(cmd.Context(), cmd, a.clock())
			if err != nil {
				return err
			}
			return a.conform(cmd, o, suite, target, new(conformance.SecretScan))
		},
		DisableFlagsInUseLine: true,
	}
	addSections(cmd, o.caseFlags(), o.outputFlags())
	return cmd
}
