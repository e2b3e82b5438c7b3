package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
)

const mockAbout = `postern mock: run a mail server for tests, on this machine alone.

The server takes mail from any client and delivers it nowhere. It is strict about
the protocol, knows one user, and shows the dialogue as it happens, without
secrets. It listens on loopback only and runs until it is interrupted (Ctrl-C),
which is no failure: the exit code is 0.

Its certificate is from an authority that exists for this run; --ca writes that to
a file for the client to trust. With --oauth there is an authorization server
too, and tokens are printed that the mail server takes.

--persona lets it speak as a known service does, and --condition gives the account
one of the troubles that such services have. --fault lets something go wrong:

  RCPT/1=451 4.7.1 greylisted    the first RCPT of each connection is refused
  EOD@2=drop                     the second connection ends instead of an answer
  after DATA=stall               content is never read
  MAIL=wait 5s then 250 2.1.0 ok the answer to MAIL takes its time

A fault is POINT=ACTION. Points are CONNECT, TLS (the handshake), EHLO, HELO,
STARTTLS, AUTH, AUTH/2 (the first response within AUTH), MAIL, RCPT, DATA, EOD (the
end of content), BDAT, RSET, NOOP, VRFY, HELP, QUIT and ANY, which is each. /N narrows any but AUTH to its Nth time on a connection, @N to
the Nth connection; "before" and "after" leave the server's own answer in place.
Actions are a reply, drop, reset, stall, silence, wait TIME and raw "OCTETS", with
"then" between them.`

const mockExamples = `
  # a server with STARTTLS, for curl:
  postern mock --ca ca.pem
  curl --ssl-reqd --cacert ca.pem smtp://127.0.0.1:2525 --user NAME:PASSWORD \
      --mail-from you@example.com --mail-rcpt friend@example.com -T message.eml

  # Microsoft 365 with SMTP AUTH turned off, and tokens:
  postern mock --persona microsoft365 --oauth --condition SMTPAuthDisabled

  # greylisting, with the accepted messages in a directory:
  postern mock --fault 'RCPT/1=451 4.7.1 greylisted' --store inbox`

// mockOptions are the flags of "postern mock".
type mockOptions struct {
	listen             string
	implicitTLS, noTLS bool
	caFile             string
	user, passwordFile string
	oauth              bool
	persona            string
	conditions, faults []string
	script             string
	requireAuth        bool
	store              string
}

func (a *app) mockCommand() *cobra.Command {
	o := new(mockOptions)
	cmd := &cobra.Command{
		Use:     "mock [flags]",
		Short:   "run a mail server for tests",
		Long:    mockAbout,
		Example: mockExamples,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := o.options()
			if err != nil {
				return usageError(cmd, err.Error())
			}
			return a.mock(cmd, o, options)
		},
		DisableFlagsInUseLine: true,
	}
	addSections(cmd, o.serverFlags(), o.accountFlags(), o.behaviourFlags())
	return cmd
}

func (o *mockOptions) serverFlags() section {
	s := newSection("The server")
	s.flags.StringVar(&o.listen, "listen", "127.0.0.1:2525", "listen at this loopback `ADDRESS`; port 0 is one that is free")
	s.flags.BoolVar(&o.implicitTLS, "implicit-tls", false, "begin with TLS instead of STARTTLS")
	s.flags.BoolVar(&o.noTLS, "no-tls", false, "have no TLS at all, and take credentials in clear")
	s.flags.StringVar(&o.caFile, "ca", "", "write the certificate authority to `FILE`, in PEM")
	s.flags.StringVar(&o.store, "store", "", "write each accepted message to a file in `DIR`")
	return s
}

func (o *mockOptions) accountFlags() section {
	s := newSection("The account")
	s.flags.StringVar(&o.user, "user", "user@example.com", "the `NAME` of the one user")
	s.flags.StringVar(&o.passwordFile, "password-file", "", "the password is in `FILE`; else one is made and printed")
	s.flags.BoolVar(&o.oauth, "oauth", false, "run an authorization server, and take its tokens")
	s.flags.BoolVar(&o.requireAuth, "require-auth", false, "refuse mail without a sign-in; a persona does so anyway")
	return s
}

func (o *mockOptions) behaviourFlags() section {
	s := newSection("Behaviour")
	s.flags.StringVar(&o.persona, "persona", "", "behave as the service `NAME`:\n"+wrapped(providerNames())+
		";\neach begins with STARTTLS, as its port 587 does, unless\n--implicit-tls is given")
	s.flags.StringArrayVar(&o.conditions, "condition", nil, "let the account be in the condition `NAME`;\nwith a service of Google's:\n"+conditionNames(mock.Gmail(nil))+
		"\nwith a service of Microsoft's:\n"+conditionNames(mock.Microsoft365(nil)))
	s.flags.StringArrayVar(&o.faults, "fault", nil, "let something go wrong, `POINT=ACTION` as above")
	s.flags.StringVar(&o.script, "script", "", "play the dialogue in `FILE`, once, instead of all this;\n${user} and ${password} in it are the account's, and the\nexit code is 76 if a client says something else")
	return s
}

// conditionNames lists the conditions of a persona, a few on each line.
func conditionNames(o mock.Options) string {
	var b strings.Builder
	for i, c := range o.PossibleConditions() {
		switch {
		case i > 0 && i%3 == 0:
			b.WriteString(",\n")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(c.String())
	}
	return b.String()
}

// options returns what the flags ask of the server, but for its account.
func (o *mockOptions) options() (mock.Options, error) {
	var options mock.Options
	if o.persona != "" {
		p, ok := profile.Lookup(o.persona)
		if !ok {
			return options, fmt.Errorf("--persona %q: known are %s", o.persona, strings.Join(providerNames(), ", "))
		}
		if o.oauth && p.NoOAuth != "" {
			return options, fmt.Errorf("--oauth together with --persona %s: that service takes no tokens", o.persona)
		}
		options = mock.Persona(p, nil)
		options.TLS = mock.STARTTLS
	}
	switch {
	case o.implicitTLS && o.noTLS:
		return options, errors.New("--implicit-tls together with --no-tls: give one of them")
	case o.implicitTLS:
		options.TLS = mock.ImplicitTLS
	case o.noTLS:
		options.TLS, options.InsecureAuth, options.RequireTLS = mock.NoTLS, true, false
		options.Capabilities.Plain = nil // a persona's has no AUTH
	}
	if o.script != "" && (o.persona != "" || len(o.faults) > 0) {
		return options, errors.New("--script together with --persona or --fault: a script says all that happens")
	}
	if o.user == "" {
		return options, errors.New("--user is empty")
	}
	options.Listen = o.listen
	options.RequireAuth = options.RequireAuth || o.requireAuth
	for _, text := range o.faults {
		f, err := parseFault(text)
		if err != nil {
			return options, fmt.Errorf("--fault %q: %w", text, err)
		}
		options.Faults = append(options.Faults, f)
	}
	return options, o.addConditions(&options)
}

// addConditions finds the conditions by their names.
func (o *mockOptions) addConditions(options *mock.Options) error {
	possible := options.PossibleConditions()
	for _, name := range o.conditions {
		i := slices.IndexFunc(possible, func(c mock.Condition) bool { return strings.EqualFold(c.String(), name) })
		switch {
		case o.persona == "":
			return errors.New("--condition without --persona")
		case i < 0:
			return fmt.Errorf("--condition %q: %s knows %v", name, o.persona, possible)
		}
		options.Conditions = append(options.Conditions, possible[i])
	}
	return nil
}

// mock runs the server until the context ends, which is how it is meant to end.
func (a *app) mock(cmd *cobra.Command, o *mockOptions, options mock.Options) error {
	w := newWorld(a.stdout)
	defer w.close()
	if err := w.open(cmd.Context(), o, options); err != nil {
		if network := new(net.OpError); errors.As(err, &network) {
			return failf(exitUnavailable, "%w", nicer(err))
		}
		if known := new(failure); errors.As(err, &known) {
			return err
		}
		return usageError(cmd, o.nicer(err).Error())
	}
	return w.run(cmd.Context(), o.store)
}

// faultPlace matches how package mock names a fault: by its place in Go.
var faultPlace = regexp.MustCompile(`Options\.Faults\[(\d+)\] \([^)]*\)`)

// nicer names a fault by what was written on the command line.
func (o *mockOptions) nicer(err error) error {
	found := faultPlace.FindStringSubmatch(err.Error())
	if found == nil {
		return nicer(err)
	}
	i, _ := strconv.Atoi(found[1]) // digits
	if i >= len(o.faults) {
		return nicer(err)
	}
	return nicer(errors.New(strings.Replace(err.Error(), found[0], fmt.Sprintf("--fault %q", o.faults[i]), 1)))
}

// nicer leaves out what only those who write Go can do anything about.
func nicer(err error) error {
	text := strings.TrimPrefix(err.Error(), "mock: ")
	for _, r := range [...][2]string{{"Options.Listen", "--listen"}, {"Options.Faults[", "--fault ["}} {
		text = strings.Replace(text, r[0], r[1], 1)
	}
	return errors.New(text)
}

// dialogue reads the script, in which ${user} and ${password} are the account.
func (o *mockOptions) dialogue(password string) (mock.Step, error) {
	if o.script == "" {
		return nil, nil
	}
	f, err := os.Open(o.script)
	if err != nil {
		return nil, failf(exitNoInput, "--script: %w", err)
	}
	defer f.Close()
	step, err := mock.ParseDialogue(o.script, f, mock.Values{"user": o.user, "password": password})
	if err != nil {
		return nil, failf(exitData, "--script: %w", nicer(err))
	}
	return step, nil
}

// password returns the one in the file, or a new one.
func (o *mockOptions) password(ctx context.Context) (value string, made bool, err error) {
	if o.passwordFile == "" {
		return rand.Text(), true, nil
	}
	value, err = readSecret(ctx, "--password-file", o.passwordFile)
	return value, false, err
}

// authority returns what the authorization server is like.
func (o *mockOptions) authority() mock.AuthorityOptions {
	p, _ := profile.Lookup(o.persona) // nil without --persona
	return mock.AuthorityFor(p)
}
