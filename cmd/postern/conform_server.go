package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/conformance"
)

const conformServerAbout = `postern conform server: test a mail server, by its address.

URL is smtp://host:port for a connection that begins without TLS, smtps://host:port
for one that begins with it, or host:port.

What may be done to a server is little unless you ask for more. Each case belongs to
tiers, and a run keeps to those of --tiers:

  passive       nothing that lasts                          always
  envelope      transactions that end in RSET               always
  login         a sign-in with the right credentials        if there is an account
  failed-login  a sign-in that the server has to refuse     if named
  delivery      a message to --sink                         if named
  hostile       octets that no honest client sends          if named
  slow          minutes, or load                            if named

On a public network, the last four are for servers of your own: --i-own has to name
the host once more. A run sends at most 40 messages, all to --sink, and lets at most
3 sign-ins fail; it asks a server elsewhere 5 connections and 20 commands a second.

Secrets come from environment variables, files or another program, never from the
command line. They go over verified TLS or to this machine, and into no report: all
reports are searched for them before the first one is written.`

const conformServerExamples = `
  # what can be found out about a server without an account:
  postern conform server smtp://mail.example.com:587

  # with one, and reports for a CI system and for people:
  postern conform server smtp://mail.example.com:587 \
      --user-env MAIL_USER --password-env MAIL_PASSWORD \
      --report junit=conformance.xml,html=conformance.html,json=conformance.json

  # everything, against a server of your own:
  postern conform server smtps://mail.example.com --tiers all --i-own mail.example.com \
      --sink sink@example.com --user-env MAIL_USER --token-command 'my-token-helper me'

  # what a wrong password leads to, too:
  postern conform server localhost:587 --tiers +failed-login \
      --user-env MAIL_USER --password-env MAIL_PASSWORD --second-user nobody@example.com

  # only what is about sign-in, with failures that are known:
  postern conform server localhost:587 --select 'S-AUT-*' --known known.json

  # is what the documentation claims true?
  postern conform server localhost:587 --claims 'PIPELINING,AUTH SCRAM-SHA-256'`

// conformServerOptions are the flags of "postern conform server".
type conformServerOptions struct {
	conformFlags
	account                  accountFlags
	profile                  string
	tiers                    []string
	sink, domain, from, iOwn string
	localName                string
	claims                   []string
	failedLogins             int
}

func (a *app) conformServerCommand() *cobra.Command {
	o := new(conformServerOptions)
	cmd := &cobra.Command{
		Use:                   "server [flags] URL",
		Short:                 "test a mail server",
		Long:                  conformServerAbout,
		Example:               conformServerExamples,
		Args:                  exactly("server", "name its URL, such as smtp://localhost:587"),
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.conformServer(cmd, o, args[0]) },
		DisableFlagsInUseLine: true,
	}
	addSections(cmd, o.targetFlags(), o.account.flags(), o.account.tlsFlags(), o.caseFlags(), o.outputFlags())
	return cmd
}

func (o *conformServerOptions) targetFlags() section {
	s := newSection("The server")
	s.flags.StringVar(&o.profile, "profile", "", "it claims to be `NAME`: submission-587, submissions-465 or\nmx-25; else the first of them, or the second with TLS from\nthe start")
	o.permissions(s)
	s.flags.StringVar(&o.sink, "sink", "", "send messages to this `ADDRESS`, which is yours")
	s.flags.StringVar(&o.domain, "domain", "", "it takes mail for this `DOMAIN`; else that of --sink or --user")
	s.flags.StringVar(&o.from, "from", "", "messages are from this `ADDRESS`; else --user")
	s.flags.StringVar(&o.localName, "local-name", "", "say EHLO with this `NAME`, for servers that look it up; else\nconformance.test")
	s.flags.StringArrayVar(&o.claims, "claims", nil, "it is said to have these `EXTENSIONS`, such as PIPELINING or\n\"AUTH SCRAM-SHA-256\"; the report says which of it is true")
	return s
}

// permissions are the flags that say what may be done to the server.
func (o *conformServerOptions) permissions(s section) {
	s.flags.StringSliceVar(&o.tiers, "tiers", nil, "do these `TIERS`, and nothing else; +TIER does one more than\ngoes without saying, and all means all; see above")
	s.flags.StringVar(&o.iOwn, "i-own", "", "it is mine: `HOST` once more")
	s.flags.IntVar(&o.failedLogins, "failed-logins", 0, "let up to `N` sign-ins fail; else 3, and 100 on this machine")
}

func (a *app) conformServer(cmd *cobra.Command, o *conformServerOptions, addr string) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	target := conformance.ServerTarget{
		Name: o.name, Addr: addr, Profile: conformance.Profile(o.profile),
		Sink: o.sink, Domain: o.domain, From: o.from, LocalName: o.localName, IOwn: o.iOwn, FailedLogins: o.failedLogins, Claims: o.claimed(),
	}
	scan := new(conformance.SecretScan)
	if err := o.account.fill(cmd, a, &target, scan); err != nil {
		return err
	}
	var err error
	if target.Tiers, err = o.allowed(usualTiers(target)); err != nil {
		return refuse(cmd, "--tiers: %v", err)
	}
	suite, err := o.suite(cmd.Context(), cmd, a.clock())
	if err != nil {
		return err
	}
	return a.conform(cmd, &o.conformFlags, suite, target, scan)
}

// allowed returns the tiers of the run, of which base goes without saying.
func (o *conformServerOptions) allowed(base []conformance.Tier) ([]conformance.Tier, error) {
	switch {
	case len(o.tiers) == 0:
		return base, nil
	case slices.Equal(o.tiers, []string{"all"}):
		return conformance.AllTiers(), nil
	}
	var named, more []conformance.Tier
	for _, name := range o.tiers {
		bare, added := strings.CutPrefix(strings.TrimSpace(name), "+")
		tier := conformance.Tier(bare)
		if !slices.Contains(conformance.AllTiers(), tier) {
			return nil, fmt.Errorf("there is no tier %q; there are %s, and all", name, joined(conformance.AllTiers()))
		}
		if added {
			more = append(more, tier)
		} else {
			named = append(named, tier)
		}
	}
	if named == nil {
		named = base
	}
	return slices.DeleteFunc(conformance.AllTiers(), func(t conformance.Tier) bool {
		return !slices.Contains(named, t) && !slices.Contains(more, t)
	}), nil
}

// usualTiers are those that go without saying.
func usualTiers(t conformance.ServerTarget) []conformance.Tier {
	if t.Account.User == nil {
		return []conformance.Tier{conformance.Passive, conformance.Envelope}
	}
	return []conformance.Tier{conformance.Passive, conformance.Envelope, conformance.Login}
}

// claimed returns the claims, several of which may stand in one value.
func (o *conformServerOptions) claimed() []string {
	var claims []string
	for _, value := range o.claims {
		for claim := range strings.SplitSeq(value, ",") {
			if claim = strings.TrimSpace(claim); claim != "" {
				claims = append(claims, claim)
			}
		}
	}
	return claims
}
