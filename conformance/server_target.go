package conformance

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/sasl"
)

// A ServerTarget is a server under test, by its address. What a run may do to it
// is little unless more is asked for; see Tiers.
//
// Credentials are sent over TLS with a certificate that was verified, and else to
// loopback alone.
type ServerTarget struct {
	// Name stands in the report. Zero means the address.
	Name string

	// Addr is the server, as host:port, as host alone, or as a URL: smtp://host or
	// smtps://host. Without a port, it is that of the profile.
	Addr string

	// TLS is how the connection becomes encrypted: [ImplicitTLS], or STARTTLS if
	// the server offers it. Zero is the latter, unless Addr is of smtps or of port
	// 465.
	TLS TLSMode

	// RootCAs are the authorities to trust. Nil means those of the system.
	RootCAs *x509.CertPool

	// InsecureUnverifiedTLS sends credentials although the certificate is not good:
	// whoever has the network can read them. Zero means that cases which sign in
	// are skipped then.
	InsecureUnverifiedTLS bool

	// Account is who signs in. Zero means that nobody does.
	Account Account

	// ThrowAway is another account, for failures: its name is used where a login
	// has to fail, so that Account is not locked. Zero means Account.
	ThrowAway Account

	// LocalName is the argument of EHLO, for servers that look it up. Zero means
	// "conformance.test".
	LocalName string

	// From is the reverse path. Zero means the name of Account if it is an address,
	// else postmaster of Domain.
	From string

	// Sink is the mailbox that takes messages. Zero means that none is sent.
	Sink string

	// Domain is one that the server takes mail for. Zero means that of Sink or of
	// Account, else the host.
	Domain string

	// Observer finds the messages that have come to the sink. Nil means that cases
	// which have to see them are skipped.
	Observer Observer

	// Claims are the extensions and mechanisms that the server is said to have,
	// such as "PIPELINING" and "AUTH SCRAM-SHA-256". The report says of each
	// whether it was seen and whether a case has proved it. Nil means that nothing
	// is claimed.
	Claims []string

	// Dial connects to the server. Nil means a net.Dialer. Connections within the
	// process and to a socket of this machine, whose addresses are of the network
	// "memory", "pipe", "bufconn" or "unix", count as loopback.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Profile is what the server claims to be. Zero means [Submissions465] with
	// ImplicitTLS, else [Submission587].
	Profile Profile

	// Tiers are what may be done to the server, and nothing else. Nil means
	// [Passive] and [Envelope], and [Login] if there is an account.
	Tiers []Tier

	// FailedLogins is how many logins may fail in a run, if the tier is named.
	// Zero means 3, and 100 on loopback.
	FailedLogins int

	// IOwn is the host once more, as Addr has it. It has to be there if the server
	// is on a public network and Tiers has one of [FailedLogin], [Delivery],
	// [Hostile] and [Slow]; and it stands in the report.
	IOwn string
}

// An Account is who signs in to a server.
type Account struct {
	User     Source
	Password Source              // nil: there is none
	Token    sasl.TokenGenerator // nil: there is none; a [Source] is one
}

func (a Account) isZero() bool { return a.User == nil && a.Password == nil && a.Token == nil }

// An Observer looks for messages that a server under test has accepted.
type Observer interface {
	// Observe returns the content, as it was stored, of the messages with a header
	// field X-SMTP-Conformance of that value. It waits until there is one, or ctx
	// ends.
	Observe(ctx context.Context, mark string) ([][]byte, error)
}

// ObserverFunc is a function that is an [Observer].
type ObserverFunc func(ctx context.Context, mark string) ([][]byte, error)

// Observe implements [Observer].
func (f ObserverFunc) Observe(ctx context.Context, mark string) ([][]byte, error) {
	return f(ctx, mark)
}

// AllTiers returns all tiers, from harmless to costly.
func AllTiers() []Tier {
	return []Tier{Passive, Envelope, Login, FailedLogin, Delivery, Hostile, Slow}
}

// Errors of a run that could not begin.
var (
	// ErrUnreachable says that nobody answers at the server's address.
	ErrUnreachable = errors.New("conformance: the server cannot be reached")
	// ErrCredentials says that the server has refused the account.
	ErrCredentials = errors.New("conformance: the server refuses the account")
	// ErrNotConfirmed says that ServerTarget.IOwn does not name the server.
	ErrNotConfirmed = errors.New("conformance: the server is not confirmed to be yours")
	// ErrNoSink says that there is no mailbox for the messages of the run.
	ErrNoSink = errors.New("conformance: no sink")
)

var _ preparer = ServerTarget{}

func (t ServerTarget) name() string { return cmp.Or(t.Name, t.Addr) }

func (t ServerTarget) kind() string { return "server" }

func (t ServerTarget) profile() Profile {
	if t.Profile != "" {
		return t.Profile
	}
	if p, err := t.place(); err == nil && p.mode == ImplicitTLS {
		return Submissions465
	}
	return Submission587
}

func (t ServerTarget) runner(c Case) func(context.Context, Suite) Verdict {
	if c.Server == nil {
		return nil
	}
	return func(context.Context, Suite) Verdict {
		return Verdict{Outcome: Error, Reason: "the server was not looked at"}
	}
}

func (t ServerTarget) check() error {
	if _, err := t.place(); err != nil {
		return err
	}
	if t.Profile != "" && t.Profile.kind() != t.kind() {
		return fmt.Errorf("conformance: ServerTarget.Profile: %q is not for servers", t.Profile)
	}
	for _, tier := range t.Tiers {
		if !slices.Contains(AllTiers(), tier) {
			return fmt.Errorf("conformance: ServerTarget.Tiers: there is no tier %q", tier)
		}
	}
	for name, address := range map[string]string{"From": t.From, "Sink": t.Sink} {
		if _, err := wire.CheckMailbox(address); address != "" && err != nil {
			return fmt.Errorf("conformance: ServerTarget.%s: %w", name, err)
		}
	}
	for name, domain := range map[string]string{"Domain": t.Domain, "LocalName": t.LocalName} {
		if domain != "" && !isDomain(domain) && !isLiteral(domain) {
			return fmt.Errorf("conformance: ServerTarget.%s: %q is no domain", name, domain)
		}
	}
	if slices.Contains(t.Tiers, Delivery) && t.Sink == "" {
		return fmt.Errorf("%w: the tier %s needs ServerTarget.Sink, a mailbox that takes the messages", ErrNoSink, Delivery)
	}
	if !t.Account.isZero() && (t.Account.User == nil || t.Account.Password == nil && t.Account.Token == nil) {
		return errors.New("conformance: ServerTarget.Account needs User, and Password or Token")
	}
	return nil
}

// A place is where a server is.
type place struct {
	addr string // host:port
	host string
	mode TLSMode
}

// place reads Addr. An error does not repeat a URL, which may hold a password.
func (t ServerTarget) place() (place, error) {
	addr, mode := t.Addr, t.TLS
	if strings.Contains(addr, "://") {
		u, err := url.Parse(addr)
		switch {
		case err != nil || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
			return place{}, errors.New("conformance: ServerTarget.Addr is no URL of the form smtp://host:port")
		case u.User != nil:
			return place{}, errors.New("conformance: ServerTarget.Addr holds a user; see ServerTarget.Account")
		case u.Scheme == "smtps":
			mode = ImplicitTLS
		case u.Scheme != "smtp":
			return place{}, fmt.Errorf("conformance: ServerTarget.Addr has the scheme %q, and may have smtp or smtps", u.Scheme)
		case mode == ImplicitTLS:
			return place{}, errors.New("conformance: ServerTarget.Addr is of the scheme smtp, and TLS is ImplicitTLS; write smtps")
		}
		addr = u.Host
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = strings.Trim(addr, "[]"), t.port(mode)
	}
	if host == "" || strings.ContainsAny(host, " /@[]") {
		return place{}, errors.New("conformance: ServerTarget.Addr is no host and no host:port")
	}
	if port == "465" && !strings.HasPrefix(t.Addr, "smtp:") {
		mode = ImplicitTLS
	}
	return place{net.JoinHostPort(host, port), host, mode}, nil
}

// port is the port that goes without saying.
func (t ServerTarget) port(mode TLSMode) string {
	switch {
	case t.Profile == MX25:
		return "25"
	case t.Profile == Submissions465 || mode == ImplicitTLS:
		return "465"
	}
	return "587"
}

// tiers are what may be done to the server.
func (t ServerTarget) tiers() []Tier {
	switch {
	case t.Tiers != nil:
		return t.Tiers
	case t.Account.isZero():
		return []Tier{Passive, Envelope}
	}
	return []Tier{Passive, Envelope, Login}
}

// destructive returns a tier that only the owner of a server may ask for, "" if
// there is none.
func (t ServerTarget) destructive() Tier {
	for _, tier := range []Tier{FailedLogin, Delivery, Hostile, Slow} {
		if slices.Contains(t.tiers(), tier) {
			return tier
		}
	}
	return ""
}
