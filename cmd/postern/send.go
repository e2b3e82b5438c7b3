package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

const sendAbout = `postern send: send messages that are in files.

A message is a file as mail programs save it: header, empty line, body. "-" is
the standard input. It goes out as it is, but without Bcc fields and with CRLF
line endings. Several go over a few connections that stay signed in, at the pace
that the server allows.

The recipients are those of the header (To, Cc and Bcc), unless --to names
others; likewise the sender and --from.

Nothing leaves this machine without TLS and a verified certificate. Sign-in takes
one kind of credential; without any, there is no sign-in.

For each recipient there is a line on the standard output, and one with the
server's reply; of several messages, the name of the file comes first. If something
fails, one line on the standard error says what, and the exit code says what to do
about it: of several failures, about one of them.`

const sendExamples = `
  # Gmail, with a token from another program:
  postern send --provider gmail --user you@gmail.com \
      --token-command 'my-token-helper you@gmail.com' message.eml

  # Gmail, with a refresh token, as Google's libraries save it:
  postern send --provider gmail --user you@gmail.com \
      --google-client authorized_user.json message.eml

  # any server, with a password, from a pipe, to somebody else:
  compose | postern send --server smtp://mail.example.com:587 \
      --user me --password-file ~/.smtp-password --to bob@example.com -

  # many at once:
  postern send --provider gmail --user you@gmail.com \
      --token-command 'my-token-helper you@gmail.com' outbox/*.eml

  # what would be sent, to whom and how, without connecting:
  postern send --provider microsoft365 --dry-run message.eml`

// sendOptions are the flags of "postern send".
type sendOptions struct {
	server, provider string
	tlsCA            string
	mechanisms       []string
	credentials      credentialFlags
	from             string
	fromGiven        bool
	to               []string
	timeout          time.Duration
	verbose, dryRun  bool
}

func (a *app) sendCommand() *cobra.Command {
	o := new(sendOptions)
	cmd := &cobra.Command{
		Use:     "send [flags] FILE|- ...",
		Short:   "send messages",
		Long:    sendAbout,
		Example: sendExamples,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, `no message: name a file, or "-" for the standard input`)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.fromGiven = cmd.Flags().Changed("from")
			o.credentials.given = cmd.Flags().Changed
			if problem := o.check(args); problem != "" {
				return usageError(cmd, problem)
			}
			return withHelp(cmd, a.send(cmd.Context(), o, args))
		},
		DisableFlagsInUseLine: true,
	}
	addSections(cmd, o.serverFlags(), o.credentials.flags(), o.envelopeFlags(), o.otherFlags())
	return cmd
}

func (o *sendOptions) serverFlags() section {
	s := newSection("The server (--server, --provider or both)")
	s.flags.StringVar(&o.server, "server", "", "its `URL`: smtps://host:465 for TLS from the start, or\nsmtp://host:587 for STARTTLS; with --provider, instead of\nthat one's address")
	s.flags.StringVar(&o.provider, "provider", "", "the `NAME` of one that is known:\n"+wrapped(providerNames()))
	s.flags.StringVar(&o.tlsCA, "tls-ca", "", "trust the certificate authorities in this PEM `FILE`, too")
	s.flags.StringSliceVar(&o.mechanisms, "mechanism", nil, "sign in by the mechanism `NAME` only, such as OAUTHBEARER;\nname several with commas, in order of preference")
	return s
}

func (o *sendOptions) envelopeFlags() section {
	s := newSection("The envelope (else from the header of the message)")
	s.flags.StringVar(&o.from, "from", "", "let bounces go to this `ADDRESS`; \"<>\" for none")
	s.flags.StringArrayVar(&o.to, "to", nil, "send to this `ADDRESS`; name more of them with commas or with\nfurther --to")
	return s
}

func (o *sendOptions) otherFlags() section {
	s := newSection("Other options")
	s.flags.DurationVar(&o.timeout, "timeout", 0, "give up after this `TIME`, such as 90s; else there are only the\nlimits of RFC 5321 for each step")
	s.flags.BoolVarP(&o.verbose, "verbose", "v", false, "show commands and replies on the standard error, but no secret")
	s.flags.BoolVar(&o.dryRun, "dry-run", false, "show what would be sent, to whom and how, and connect to nothing")
	return s
}

// schemes are those of --server.
var schemes = []string{"smtp", "smtps"}

// check returns what is wrong with the flags as such, "" if nothing is.
func (o *sendOptions) check(files []string) string {
	stdin := slices.Contains(files, "-")
	switch {
	case stdin && slices.Contains(files[slices.Index(files, "-")+1:], "-"):
		return `"-" twice: the standard input is one message`
	case o.timeout < 0:
		return "--timeout is negative"
	}
	if scheme, _, ok := strings.Cut(o.server, "://"); ok && !slices.Contains(schemes, strings.ToLower(scheme)) {
		return "--server: the URL begins neither with smtps:// nor with smtp://"
	}
	if problem := checkProvider(o.provider, o.server); problem != "" {
		return problem
	}
	for _, name := range o.mechanisms {
		if _, ok := sasl.Default().Lookup(name); !ok {
			return fmt.Sprintf("unknown mechanism %q; known are %s", name, strings.Join(sasl.Default().Names(), ", "))
		}
	}
	return o.credentials.check(stdin)
}

// send sends the messages in files. Whatever can be checked is, before there is a
// connection.
func (a *app) send(ctx context.Context, o *sendOptions, files []string) error {
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not done within %v (--timeout)", o.timeout))
		defer cancel()
	}
	for _, file := range files {
		if file == "-" {
			continue
		}
		if err := checkFile(ctx, file); err != nil {
			return err
		}
	}
	cfg, err := a.config(ctx, o)
	if err != nil {
		return err
	}
	letters, err := a.letters(ctx, o, files)
	switch {
	case err != nil:
		return err
	case o.dryRun:
		return a.planAll(ctx, o, cfg, letters)
	case len(letters) > 1:
		return a.sendAll(ctx, cfg, letters)
	}
	result, err := smtp.Send(ctx, cfg, letters[0].envelope, letters[0].message)
	a.printResult(result, err)
	return withoutGreeting(cfg, ofRecipients(result, err))
}

// withoutGreeting adds advice to a failure that TLS from the start has where
// STARTTLS is expected: both sides wait for the other to speak.
func withoutGreeting(cfg smtp.Config, err error) error {
	addr := addressOf(cfg)
	silent := errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
	var phase *smtp.PhaseError
	if !silent || !errors.As(err, &phase) || phase.Phase != smtp.PhaseGreeting || strings.HasPrefix(strings.ToLower(addr), "smtps://") {
		return err
	}
	return &advisedError{err, "no greeting came: if this port has TLS from the start, as 465 has, write smtps:// instead of smtp://"}
}

// ofRecipients turns the failure of a message that nobody gets into one of its
// recipients if some of them were refused for good: to try again is of no use.
func ofRecipients(result *smtp.Result, err error) error {
	if smtp.Classify(err) == smtp.Temporary && len(result.Rejected) > len(result.Retryable()) {
		return &failure{exitNoUser, err}
	}
	return err
}

// config says how to reach the server and how to sign in.
func (a *app) config(ctx context.Context, o *sendOptions) (smtp.Config, error) {
	cfg := smtp.Config{Addr: o.server}
	cfg.Profile, _ = profile.Lookup(o.provider)
	if err := cfg.Validate(); err != nil {
		return cfg, failf(exitUsage, "--server: %s", o.serverProblem(err))
	}
	roots, err := rootCAs(ctx, o.tlsCA)
	if err != nil {
		return cfg, err
	}
	if roots != nil {
		cfg.TLSConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	if o.verbose {
		cfg.Logger = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	cfg.Auth, err = a.authenticator(ctx, &o.credentials)
	if err != nil || cfg.Auth == nil {
		return cfg, err
	}
	cfg.Auth.Policy.Order = o.mechanisms
	if err := cfg.Validate(); err != nil { // the flags alone are what is left to be wrong
		return cfg, failf(exitUsage, "%s", plain(configProblem(err)))
	}
	return cfg, nil
}

// serverProblem says what is wrong with --server.
func (o *sendOptions) serverProblem(err error) string {
	scheme, rest, _ := strings.Cut(o.server, ":")
	if known := slices.Contains(schemes, strings.ToLower(scheme)); known && !strings.HasPrefix(rest, "//") {
		return "write it as smtps://host:port or smtp://host:port"
	}
	return configProblem(err)
}

func configProblem(err error) string {
	return strings.TrimPrefix(err.Error(), smtp.ErrConfig.Error()+": ")
}

// maxAuthorities bounds the file of --tls-ca, in octets. Those of all that a
// system trusts take less than 1 MiB.
const maxAuthorities = 16 << 20

// rootCAs returns the system's certificate authorities and those in the file,
// nil if there is no file.
func rootCAs(ctx context.Context, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	f, err := openContext(ctx, file)
	if err != nil {
		return nil, unreadable("--tls-ca", err)
	}
	defer f.Close()
	pem, err := readAll(ctx, f, maxAuthorities)
	if err != nil {
		return nil, unreadable("--tls-ca", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, failf(exitConfig, "--tls-ca: %s holds no certificate in PEM form", file)
	}
	return pool, nil
}
