package sasl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// An Authenticator signs in: it chooses a mechanism, fetches the secret and runs
// the exchange. [Password] and [OAuth] make one. Keep one per account and share it
// among connections: it remembers what was refused for all of them (see [CoolDown])
// and the keys of SCRAM, whose derivation takes time. It is safe for concurrent
// use; its fields are not to be changed after the first use, and it is not to be
// copied then.
type Authenticator struct {
	// Registry holds the mechanisms to choose from. Nil means those of [Default].
	Registry *Registry

	// Credentials are what there is to sign in with. Zero means nothing, which
	// suits ANONYMOUS and mechanisms with secrets of their own.
	Credentials Credentials

	// Policy narrows the choice. Zero means the safe default.
	Policy Policy

	refusals  refusals
	passwords passwordRefusals
	renewals  renewals
	keys      scramCache
	defaults  struct { // what a nil Registry stands for
		once     sync.Once
		registry *Registry
	}
}

// registry returns the mechanisms to choose from.
func (a *Authenticator) registry() *Registry {
	if a.Registry != nil {
		return a.Registry
	}
	a.defaults.once.Do(func() { a.defaults.registry = Default() })
	return a.defaults.registry
}

// OAuth returns an Authenticator for a user whose access tokens come from g. They
// leave by XOAUTH2 or OAUTHBEARER, over verified TLS.
func OAuth(user string, g TokenGenerator) *Authenticator {
	return &Authenticator{Credentials: Credentials{Username: user, Token: g}}
}

// Password returns an Authenticator for a user with a password. Servers that can
// do SCRAM do not get to see it; others get it by PLAIN or LOGIN, over verified
// TLS.
func Password(user, password string) *Authenticator {
	secret := NewSecret(password)
	return &Authenticator{Credentials: Credentials{
		Username: user,
		Password: func(context.Context) (Secret, error) { return secret, nil },
	}}
}

// Validate checks everything that can be checked without a connection and
// without fetching a secret: names that cannot be sent, a password together with
// a token generator, mechanisms in [Policy.Order] that do not exist, credentials
// that no mechanism takes, such as none at all, and requirements that none for the
// credentials meets. Begin, Authenticate and the engines call it before any I/O.
// All that is wrong is in the error.
func (a *Authenticator) Validate() error {
	return join(append(a.Credentials.faults(), a.Policy.faults(a.registry(), &a.Credentials)...)...)
}

// Authenticate chooses a mechanism for the connection and signs in over t. It
// returns the name of the mechanism that it chose last, "" if it found none.
//
// It goes on to another mechanism only if the server refused to run the first
// one, and never to a weaker one, nor with a password that the server has seen. A
// token that the server refuses is replaced once, by a different one, on the same
// connection; a password is never tried twice. The error tells why:
//
//   - what [Authenticator.Validate] returns, before anything else;
//   - [*NoMechanismError]: nothing that the server offers may run here;
//   - [*TokenError]: the token generator failed;
//   - one that matches [ErrRejected], such as a [*RefusedError], an [*OAuthError]
//     or a [*SCRAMError]: the server refused the credentials;
//   - [*CoolDownError]: it refused this password or two tokens lately, so nothing
//     was tried;
//   - one that matches [ErrNotPermitted], [ErrMechanismRefused] or [ErrInsecure]:
//     the server wants another way of signing in;
//   - one that matches [ErrTemporary] or [ErrUnavailable]: it may do later;
//   - one that matches [ErrServerUnverified] or [ErrProtocol]: drop the
//     connection;
//   - anything else is of t, of the function that fetches the password or of the
//     context.
func (a *Authenticator) Authenticate(ctx context.Context, c *Conn, t Transport) (mechanism string, err error) {
	mechanisms, err := a.choose(c)
	if err != nil {
		return "", err
	}
	var refused *Mechanism // the strongest that the server refused to run
	var refusal error      // what it said to the first of them
	var weaker []string    // what was left out for that
	for _, m := range mechanisms {
		if refused != nil && m.Traits.strength() < refused.Traits.strength() {
			weaker = append(weaker, m.Name)
			continue
		}
		var next bool
		mechanism = m.Name
		next, err = a.signIn(ctx, c, t, m)
		if refusal != nil && err != nil && isConnError(err) {
			return mechanism, join(refusal, err)
		}
		if !next {
			return mechanism, err
		}
		if refusal == nil {
			refusal = err
		}
		if refused == nil || m.Traits.strength() > refused.Traits.strength() {
			refused = m
		}
	}
	if weaker != nil {
		err = fmt.Errorf("%w (not tried, as they are weaker than %s: %s)", err, refused.Name, strings.Join(weaker, ", "))
	}
	return mechanism, err
}

// signIn runs m, and once more if the token it sent was refused and there is
// another, or if it was bound in a way that the server does not know. next says
// that the server would not run m, so that another mechanism may be tried.
func (a *Authenticator) signIn(ctx context.Context, c *Conn, t Transport, m *Mechanism) (next bool, err error) {
	x, err := a.begin(ctx, c, m, "")
	if err != nil {
		return false, err
	}
	refusal := x.run(ctx, t)
	if binding := x.bindingRefused(); binding != "" {
		return a.rebind(ctx, c, t, m, binding, refusal)
	}
	if refusal == nil || !x.tokenRefused {
		return x.mechanismRefused() && ctx.Err() == nil, refusal
	}
	x, err = a.begin(ctx, c, m, "")
	if err != nil {
		return false, renewalFailed(refusal, err)
	}
	err = x.run(ctx, t)
	if err == nil || x.tokenRefused {
		return false, err
	}
	return false, &RefusedError{Refusal: refusal, Renewal: err} // two tokens were sent: that is all
}

// rebind runs m with another channel binding than the one that was refused. If
// there is none, the refusal stands.
func (a *Authenticator) rebind(ctx context.Context, c *Conn, t Transport, m *Mechanism, binding string, refusal error) (next bool, err error) {
	x, err := a.begin(ctx, c, m, binding)
	if errors.Is(err, errNoBinding) {
		return false, refusal
	}
	if err != nil {
		return false, join(refusal, err)
	}
	err = x.run(ctx, t)
	return x.mechanismRefused() && ctx.Err() == nil, err
}

// renewalFailed joins the refusal of a token with why there is no other. What
// other connections were told of the same token in the meantime adds nothing.
func renewalFailed(refusal, err error) error {
	var known *RefusedError
	if errors.As(err, &known) {
		err = known.Renewal
	}
	return &RefusedError{Refusal: refusal, Renewal: err}
}

// Begin chooses a mechanism for the connection, fetches the secret and returns
// the exchange, for hosts that have a loop of their own. The host runs it as a
// [Client] and hands its verdict to [Exchange.Finish]:
//
//	err = x.Finish(client.Auth(x))
//
// ctx bounds the whole exchange: once it is done, Start and Next fail with its
// error. What the host is reading or writing meanwhile is not interrupted; that is
// for the host, by a deadline on its connection. The errors are those of
// Authenticate.
func (a *Authenticator) Begin(ctx context.Context, c *Conn) (*Exchange, error) {
	mechanisms, err := a.choose(c)
	if err != nil {
		return nil, err
	}
	return a.begin(ctx, c, mechanisms[0], "")
}

// begin starts m, not with the channel binding named.
func (a *Authenticator) begin(ctx context.Context, c *Conn, m *Mechanism, refused string) (*Exchange, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	x := &Exchange{ctx: ctx, authenticator: a, mechanism: m}
	credentials := a.Credentials
	credentials.scram = scramHints{
		cache:       &a.keys,
		refused:     refused,
		offerHidden: func() bool { return a.bindingHidden(c) },
		pinned:      a.Policy.RequireMutual || a.Policy.RequireBinding,
	}
	if credentials.Token != nil {
		credentials.Token = &guard{x}
	}
	if credentials.Password != nil {
		credentials.Password = x.fetchPassword
	}
	client, err := m.NewClient(ctx, c, &credentials)
	if err != nil {
		return nil, err
	}
	if err := ended(ctx); err != nil { // NewClient may have taken its time
		return nil, err
	}
	if err := checkClient(m, client); err != nil {
		return nil, err
	}
	x.client = client
	return x, nil
}

// ended returns an error if ctx is done.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sasl: sign-in ended: %w", err)
	}
	return nil
}

// checkClient finds mistakes in a mechanism that would pass unnoticed.
func checkClient(m *Mechanism, client Client) error {
	if client == nil {
		return fmt.Errorf("sasl: NewClient of mechanism %s returned neither a Client nor an error", m.Name)
	}
	if _, ok := client.(Finisher); !ok && m.Traits.Has(Mutual) {
		return fmt.Errorf("sasl: mechanism %s has Mutual among its Traits, but its Client is no Finisher, "+
			"so that success without the server's proof would go unnoticed", m.Name)
	}
	return nil
}

// bindingHidden reports whether channel binding would be used on c if the server
// offered it, so that it has to hear that it did not: somebody may have changed the
// offer. An offer that this side turns down, because the policy is against it or
// TLS gives no data for it, is no reason for suspicion.
func (a *Authenticator) bindingHidden(c *Conn) bool {
	turnedDown, missing := false, false
	for _, m := range a.registry().ranked {
		if !isBoundSCRAM(m.Name) || m.NewClient == nil {
			continue
		}
		could := a.Policy.rejects(m, c) == nil && (m.Usable == nil || m.Usable(c, &a.Credentials) == nil)
		switch offered := c.Offers(m.Name); {
		case offered && could:
			return false
		case offered:
			turnedDown = true
		case could:
			missing = true
		}
	}
	return missing || !turnedDown
}

// choose validates the Authenticator and returns the mechanisms that may run on
// c, the preferred one first: at least one, or an error.
func (a *Authenticator) choose(c *Conn) ([]*Mechanism, error) {
	if c == nil {
		return nil, errNoConn
	}
	if err := a.Validate(); err != nil {
		return nil, err
	}
	var usable []*Mechanism
	for _, m := range a.mechanisms() {
		if a.skip(m, c) == nil {
			usable = append(usable, m)
		}
	}
	if len(usable) == 0 {
		return nil, &NoMechanismError{Offered: c.Offered, Skipped: a.Explain(c)}
	}
	return usable, nil
}

// Explain returns what negotiation makes of every mechanism of the registry, in
// order of preference. It does no I/O and fetches no secret. A nil Conn is an empty
// one.
func (a *Authenticator) Explain(c *Conn) []Decision {
	if c == nil {
		c = new(Conn)
	}
	var decisions []Decision
	chosen := false
	for _, m := range a.mechanisms() {
		reason := a.skip(m, c)
		decisions = append(decisions, Decision{m.Name, m.Traits, reason == nil && !chosen, reason})
		chosen = chosen || reason == nil
	}
	return decisions
}

// mechanisms returns the whole registry in order of preference.
func (a *Authenticator) mechanisms() []*Mechanism { return a.Policy.sorted(a.registry().ranked) }

// The reasons why a mechanism cannot run that are not its own.
var (
	errServerOnly = errors.New("sasl: it has a server side alone")
	errNotOffered = errors.New("sasl: not offered by the server")
	errNoConn     = errors.New("sasl: the Conn is nil: it has to hold the facts about the connection")
)

// skip says why m cannot run on c, nil if it can.
func (a *Authenticator) skip(m *Mechanism, c *Conn) error {
	switch {
	case m.NewClient == nil:
		return errServerOnly
	case !c.Offers(m.Name):
		return errNotOffered
	case !a.Credentials.allowed(c.Host):
		return fmt.Errorf("%w: Credentials.Hosts does not name %q", ErrWrongHost, c.Host)
	case m.Traits.Has(Bearer) && a.Credentials.Token == nil:
		return errNoToken
	}
	if m.Usable != nil {
		if err := m.Usable(c, &a.Credentials); err != nil {
			return err
		}
	}
	return a.Policy.rejects(m, c)
}
