package mock

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// Options says how a [Server] behaves. The zero value is a strict submission
// server on 127.0.0.1 that offers STARTTLS, and AUTH under TLS to one user,
// "user" with the password "secret".
type Options struct {
	// Network is where the server listens. Zero means [Loopback].
	Network Network

	// Listen is the address and port of a server on [Loopback], such as
	// "127.0.0.1:2525" or "[::1]:2525"; port 0 is one that is free. Other
	// addresses than loopback's are refused. Zero means "127.0.0.1:0".
	Listen string

	// Window is how many octets the in-memory network holds in each direction
	// before a write waits for the reader. Zero means 64 KiB.
	Window int

	// Hostname is the name in the greeting and the certificate. Zero means
	// "mock.test".
	Hostname string

	// Names are further DNS names and IP addresses that the certificate is good
	// for, besides Hostname, "localhost", 127.0.0.1 and ::1. With
	// "smtp.gmail.com" here, a client may dial that name through [Server.Dial].
	// "*." may stand before a name.
	Names []string

	// TLS is how the connection becomes encrypted. Zero means [STARTTLS].
	TLS TLSMode

	// Certificate is what the server shows. Zero means [Good].
	Certificate Certificate

	// ClientAuth says whether clients are asked for a certificate, or have to show
	// one. The mock's authority is trusted to sign them; see
	// [Server.ClientCertificate]. Zero means that they are not asked.
	ClientAuth tls.ClientAuthType

	// Users maps user names to passwords. If Users, Tokens and Directory are all
	// nil, there is one user, "user" with the password "secret".
	Users map[string]string

	// Tokens checks access tokens; an [*Authority] can. Nil means that no token
	// is good and no mechanism for tokens is offered.
	Tokens TokenChecker

	// Directory is the store of accounts for servers that need more than Users
	// and Tokens, which are to be nil then. Nil means: made of those two.
	Directory sasl.Directory

	// Registry holds the mechanisms. Nil means [sasl.Default].
	Registry *sasl.Registry

	// Mechanisms names those that are offered and run, in the order of the AUTH
	// line. Nil means all of the registry that have a server side and can succeed,
	// but for those that are deprecated and ANONYMOUS; an empty list, that there is
	// no AUTH. Whether named or not, a mechanism with channel binding is offered
	// under TLS only, and EXTERNAL to a client that showed a certificate.
	Mechanisms []string

	// InsecureAuth offers AUTH without TLS too. Zero means that AUTH is refused
	// until there is TLS.
	InsecureAuth bool

	// RequireTLS and RequireAuth refuse MAIL with 530 until there is TLS, or
	// until the client has signed in. Zero means that nobody has to.
	RequireTLS, RequireAuth bool

	// MaxSize is the largest message, in octets as RFC 1870 counts them. Zero
	// means 32 MiB.
	MaxSize int64

	// MaxRecipients is how many recipients a message may have. Zero means 1000.
	MaxRecipients int

	// Limits are what an account or a session may ask of the server. Zero means
	// that there are none.
	Limits Limits

	// Conditions are what is wrong with the account of a [Gmail] or
	// [Microsoft365]; see [Persona]. Zero means nothing.
	Conditions []Condition

	// Without names service extensions that the server does not have: it neither
	// lists nor obeys them. Zero means that it has PIPELINING, 8BITMIME, SIZE,
	// SMTPUTF8, ENHANCEDSTATUSCODES, CHUNKING, BINARYMIME, DSN, REQUIRETLS (under
	// TLS) and, as the other fields say, LIMITS, STARTTLS and AUTH.
	Without []string

	// Capabilities changes what EHLO lists, true or not. Zero means the truth.
	Capabilities Capabilities

	// Faults are what goes wrong, and where; see [At]. A fault that never happened
	// fails the test of [Start], for the test is then about nothing; Tolerate lets
	// that pass, and those that happen by chance may never do. Zero means nothing.
	Faults []Fault

	// Defects are faults of the server itself that some servers were shipped
	// with. Zero means none.
	Defects []Defect

	// IdleLimit is how long a client may take over a command, a piece of content,
	// a handshake or the reading of replies. After it, a client that owes a
	// command is told 421 4.4.2 (RFC 5321, Section 4.5.3.2.7 suggests 5 minutes),
	// and the connection ends. Zero means for ever.
	IdleLimit time.Duration

	// Script is what the server says, and what it wants to hear, step by step;
	// see [Step]. It is for one connection, or for several with [Conns]. The
	// client that says something else is cut off, and that fails the test of
	// [Start]; see also [Server.Err]. Behind the last step, the server waits for
	// the client to end the connection. Of the other options, those about
	// network, names, certificate and TLS apply. Nil means no script: the server
	// behaves.
	Script Step

	// Tolerate is what a test lets pass at its end. Zero means nothing.
	Tolerate Tolerance

	// Strict makes a server of [Start] fail the test for each violation of the
	// protocol by a client. Zero means that violations are recorded only.
	Strict bool

	// Fragments is how what the server says is cut into writes, which a client must
	// not notice; below TLS, a handshake stays whole. Pieces are a millisecond
	// apart. Zero means that it is not cut.
	Fragments Fragments

	// OnLine is told of each line of the transcript when it is said, redacted as it
	// is there. It is called on the connection's time, and by several connections
	// at once. It must not call Close, which waits for the connection. Nil means
	// that nobody is told.
	OnLine func(Line)

	persona *persona // whose manners it has, nil for its own
}

// Network is where a server listens.
type Network int

const (
	// Loopback is TCP on 127.0.0.1, on a port that was free.
	Loopback Network = iota
	// InMemory is no network at all: connections are buffers within the process.
	// It works inside a testing/synctest bubble, and only [Server.Dial] reaches
	// it.
	InMemory
)

// TLSMode is how a connection becomes encrypted.
type TLSMode int

const (
	// STARTTLS offers the command of RFC 3207.
	STARTTLS TLSMode = iota
	// ImplicitTLS starts TLS with the connection (RFC 8314).
	ImplicitTLS
	// NoTLS has neither: to the client, STARTTLS was stripped.
	NoTLS
)

// Capabilities are the lines of the reply to EHLO, without the first, in each
// state of a connection: no TLS, TLS, and signed in. They change what is said
// and not what is done. A nil list means the truth; an empty one, no line.
type Capabilities struct {
	Plain, TLS, Authenticated []string
}

// check refuses what is not one line each.
func (c Capabilities) check() error {
	for name, lines := range map[string][]string{"Plain": c.Plain, "TLS": c.TLS, "Authenticated": c.Authenticated} {
		for i, line := range lines {
			if strings.ContainsAny(line, "\r\n") {
				return fmt.Errorf("mock: Options.Capabilities.%s[%d] has CR or LF in it; each is a line without its CRLF", name, i)
			}
		}
	}
	return nil
}

const (
	defaultHostname      = "mock.test"
	defaultMaxSize       = 32 << 20
	defaultMaxRecipients = 1000
	defaultUser          = "user"
	defaultPassword      = "secret"
)

// extensions are the keywords that Without may name.
var extensions = [...]string{
	"PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8", "ENHANCEDSTATUSCODES",
	"CHUNKING", "BINARYMIME", "DSN", "LIMITS", "REQUIRETLS", "STARTTLS", "AUTH",
}

// clone returns o without what its caller could change later.
func (o Options) clone() Options {
	o.Names, o.Mechanisms, o.Without = slices.Clone(o.Names), slices.Clone(o.Mechanisms), slices.Clone(o.Without)
	o.Users, o.Conditions = maps.Clone(o.Users), slices.Clone(o.Conditions)
	o.Faults, o.Defects = slices.Clone(o.Faults), slices.Clone(o.Defects)
	c := &o.Capabilities
	c.Plain, c.TLS, c.Authenticated = slices.Clone(c.Plain), slices.Clone(c.TLS), slices.Clone(c.Authenticated)
	return o
}

// withDefaults returns o with its zero fields filled in, and checked.
func (o Options) withDefaults() (Options, error) {
	if o.Hostname == "" {
		o.Hostname = defaultHostname
	}
	if o.MaxSize == 0 {
		o.MaxSize = defaultMaxSize
	}
	if o.MaxRecipients == 0 {
		o.MaxRecipients = defaultMaxRecipients
	}
	if o.Registry == nil {
		o.Registry = sasl.Default()
	}
	if err := o.checkNumbers(); err != nil {
		return o, err
	}
	if !isClientName(o.Hostname) {
		return o, fmt.Errorf("mock: Options.Hostname %q is no host name", o.Hostname)
	}
	if err := checkNames("Options.Names", o.Names); err != nil {
		return o, err
	}
	if o.Directory != nil && (o.Users != nil || o.Tokens != nil) {
		return o, errors.New("mock: Options.Directory together with Users or Tokens; set one of them")
	}
	if o.Users == nil && o.Tokens == nil && o.Directory == nil {
		o.Users = map[string]string{defaultUser: defaultPassword}
	}
	if o.persona != nil && o.persona.mechanisms != nil && o.Mechanisms == nil {
		o.Mechanisms = o.runnable()
	}
	for _, name := range o.Without {
		if !slices.ContainsFunc(extensions[:], func(e string) bool { return strings.EqualFold(e, name) }) {
			return o, fmt.Errorf("mock: Options.Without names %q, which is none of %s", name, strings.Join(extensions[:], ", "))
		}
	}
	if err := checkLoopback("Options.Listen", o.Network, o.Listen); err != nil {
		return o, err
	}
	if err := o.checkConditions(); err != nil {
		return o, err
	}
	if err := o.checkScript(); err != nil {
		return o, err
	}
	if err := checkFaults(o.Faults); err != nil {
		return o, err
	}
	if err := o.checkDefects(); err != nil {
		return o, err
	}
	if err := o.Capabilities.check(); err != nil {
		return o, err
	}
	return o, o.checkMechanisms()
}

func (o *Options) checkNumbers() error {
	for name, n := range map[string]int64{"Window": int64(o.Window), "MaxSize": o.MaxSize, "MaxRecipients": int64(o.MaxRecipients), "IdleLimit": int64(o.IdleLimit)} {
		if n < 0 {
			return fmt.Errorf("mock: Options.%s is negative", name)
		}
	}
	if err := o.Limits.check(); err != nil {
		return err
	}
	if o.TLS < STARTTLS || o.TLS > NoTLS {
		return errors.New("mock: unknown Options.TLS")
	}
	return nil
}

// has reports whether the server has a service extension.
func (o *Options) has(extension string) bool {
	return !slices.ContainsFunc(o.Without, func(name string) bool { return strings.EqualFold(name, extension) })
}
