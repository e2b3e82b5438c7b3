package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/sasl"
)

// A serverRun is one run against a server: what is known of it, and what it may
// still be asked.
type serverRun struct {
	ServerTarget
	suite Suite
	place place
	facts *ServerFacts

	user, password, token string
	throwAway             string
	unverified            error // what is wrong with the certificate
	secrets               wire.Redactor

	connects, commands pace
	failedLogins       int // that may still fail
	lastFailed         time.Time
	messages           int    // that may still be sent
	throttled          string // the reply that ended all failing logins
	refusals           int    // of the account, since it was last let in
	refusal            string // the last of them
	turnedAway         int    // connections, since one was greeted
	away               string // what the last of them got
	nonces             int
}

const (
	maxMessages     = 40 // of one run
	maxFailedLogins = 3  // unless the target says otherwise
	maxFailedAtHome = 100

	// What a server that is not on loopback is asked, at most.
	connectsPerSecond = 5
	commandsPerSecond = 20
	failedLoginsApart = 2 * time.Second

	// How often the account is tried while the server does not let it in: once to
	// look, and once for a case to judge. More could lock it.
	maxRefusals = 2

	// How many connections may be turned away before a server that is not on
	// loopback is left alone.
	maxTurnedAway = 6

	// How long the look at a server may take.
	lookTimeout = time.Minute

	// How long it is left alone before a case is tried again, times the attempt.
	restBetween = 5 * time.Second
)

var _ prepared = (*serverRun)(nil)

// prepare looks at the server. Nothing is said to it before it is clear that all
// that the run may do is allowed.
func (t ServerTarget) prepare(ctx context.Context, s Suite, report *Report) (prepared, error) {
	p, err := t.place()
	if err != nil {
		return nil, err
	}
	r := &serverRun{ServerTarget: t, suite: s, place: p, messages: maxMessages, failedLogins: maxFailedLogins}
	r.facts = &ServerFacts{Addr: p.addr, TLS: p.mode.String(), Tiers: t.tiers(), States: newStates()}
	report.Server = r.facts
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if err := r.confirm(conn); err != nil {
		conn.Close()
		return nil, err
	}
	if err := r.fetch(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return r, r.discover(ctx, conn)
}

// dial connects.
func (r *serverRun) dial(ctx context.Context) (net.Conn, error) {
	if err := r.connects.wait(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.suite.timeout())
	defer cancel()
	dial := r.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", r.place.addr)
	if err != nil {
		return nil, err
	}
	if now := r.networkOf(conn); r.facts.Network != "" && now != r.facts.Network {
		conn.Close() // what was allowed was for the other one
		return nil, fmt.Errorf("the connection leads to a %s network, and the first one led to a %s one", now, r.facts.Network)
	}
	return conn, nil
}

// confirm looks where the connection leads, and whether the run is allowed there.
func (r *serverRun) confirm(conn net.Conn) error {
	r.facts.Network = r.networkOf(conn)
	switch r.facts.Network {
	case onLoopback:
		r.failedLogins = maxFailedAtHome
	default:
		r.connects.every = time.Second / connectsPerSecond
		r.commands.every = time.Second / commandsPerSecond
	}
	if r.FailedLogins != 0 {
		r.failedLogins = max(0, r.FailedLogins)
	}
	tier := r.destructive()
	if tier == "" || r.facts.Network != onPublic {
		return nil
	}
	if !strings.EqualFold(r.IOwn, r.place.host) {
		return fmt.Errorf("%w: the tier %s is for your own servers; ServerTarget.IOwn has to be %q", ErrNotConfirmed, tier, r.place.host)
	}
	r.facts.IOwn = r.IOwn
	return nil
}

// The networks of [ServerFacts].
const (
	onLoopback = "loopback"
	onPrivate  = "private"
	onPublic   = "public"
)

// networkOf says where a connection leads. What counts is the address that was
// dialled, not the name. Of a connection through a Dial of the caller's, that
// address may be of a proxy, so the name must not be of another network.
func (r *serverRun) networkOf(conn net.Conn) string {
	network := networkOfAddr(conn.RemoteAddr())
	if network == onLoopback && !strings.HasPrefix(conn.RemoteAddr().Network(), "tcp") {
		return network
	}
	if r.Dial == nil || network == onPublic {
		return network
	}
	if named := net.ParseIP(r.place.host); named != nil && networkOfIP(named) == network ||
		network == onLoopback && strings.EqualFold(r.place.host, "localhost") {
		return network
	}
	return onPublic
}

// networkOfAddr says where an address is. One of which that is not known may be
// anywhere.
func networkOfAddr(addr net.Addr) string {
	switch addr.Network() {
	case "unix", "pipe", "memory", "bufconn":
		return onLoopback // a socket of this machine, or within the process
	}
	if host, _, err := net.SplitHostPort(addr.String()); err == nil {
		host, _, _ = strings.Cut(host, "%")
		return networkOfIP(net.ParseIP(host))
	}
	return onPublic
}

func networkOfIP(ip net.IP) string {
	switch {
	case ip.IsLoopback():
		return onLoopback
	case ip.IsPrivate() || ip.IsLinkLocalUnicast():
		return onPrivate
	}
	return onPublic
}

// fetch asks for the names and secrets of the run.
func (r *serverRun) fetch(ctx context.Context) error {
	if !r.has(Login) && !r.has(FailedLogin) {
		return nil
	}
	for _, f := range []struct {
		to   *string
		from Source
	}{
		{&r.user, r.Account.User},
		{&r.password, r.Account.Password},
		{&r.token, r.tokens()},
		{&r.throwAway, r.ThrowAway.User},
	} {
		if f.from == nil {
			continue
		}
		value, err := f.from(ctx)
		if err != nil {
			return err
		}
		*f.to = value.Reveal()
		if strings.ContainsAny(*f.to, "\x00\r\n") {
			return errors.New("conformance: ServerTarget.Account holds CR, LF or NUL")
		}
	}
	for _, secret := range []string{r.password, r.token} {
		r.secrets.Add(secret)
		for _, quoted := range []string{strconv.Quote(secret), strconv.QuoteToASCII(secret)} { // as verdicts quote lines
			r.secrets.AddText(quoted[1 : len(quoted)-1])
		}
	}
	return nil
}

// tokens returns the source of the account's token.
func (r *serverRun) tokens() Source {
	if r.Account.Token == nil {
		return nil
	}
	return func(ctx context.Context) (sasl.Secret, error) {
		request := sasl.TokenRequest{Username: r.user, Service: "smtp", Host: r.place.host}
		token, err := r.Account.Token.Token(ctx, request)
		return token.Value, err
	}
}

// has reports whether a tier is allowed.
func (r *serverRun) has(tier Tier) bool { return slices.Contains(r.tiers(), tier) }

// finish notes what is known at the end.
func (r *serverRun) finish(report *Report) {
	r.facts.Messages = maxMessages - r.messages
	r.facts.judgeClaims(r.Claims, report.Results, func(id string) []Need {
		c, _ := r.suite.find(id)
		return c.Needs
	})
}

func (r *serverRun) close() {}

// rest gives a server that is not at home time to forgive, for it may have been
// asked too much.
func (r *serverRun) rest(ctx context.Context, attempt int) {
	if r.facts.Network != onLoopback && !r.isAway() {
		_ = pause(ctx, time.Duration(attempt)*restBetween) // the end of ctx shows soon enough
	}
}

// isAway reports whether the server lets nobody in any more.
func (r *serverRun) isAway() bool {
	return r.facts.Network != onLoopback && r.turnedAway >= maxTurnedAway
}

// turned notes a connection that was not greeted.
func (r *serverRun) turned(got string) {
	r.turnedAway++
	r.away = got
}

func (r *serverRun) runner(c Case) func(context.Context, Suite) Verdict {
	if c.Server == nil {
		return nil
	}
	return func(ctx context.Context, _ Suite) Verdict { return r.judge(ctx, c) }
}

// judge runs a case, if the server has what it needs.
func (r *serverRun) judge(ctx context.Context, c Case) Verdict {
	b := &ServerBench{run: r, of: c}
	if v := r.lacks(c); v.Outcome == Skip {
		return b.redact(v)
	}
	ctx, cancel := context.WithTimeout(ctx, r.suite.caseTimeout(c))
	defer cancel()
	return b.judge(ctx)
}

// lacks returns the verdict on a case that cannot be run; its outcome is zero if
// it can.
func (r *serverRun) lacks(c Case) Verdict {
	for _, tier := range c.Tiers {
		if !r.has(tier) {
			return skip(TierOff, fmt.Sprintf("the tier %s is not among those of the run", tier))
		}
	}
	for _, need := range c.Needs {
		if v := r.lacksNeed(need); v.Outcome == Skip {
			return v
		}
	}
	switch {
	case slices.Contains(c.Tiers, FailedLogin) && r.throttled != "":
		return skip(OverBudget, "the server slows failing logins down: "+r.throttled)
	case c.Budget.FailedLogins > r.failedLogins:
		return skip(OverBudget, fmt.Sprintf("%d logins would fail, and %d may", c.Budget.FailedLogins, r.failedLogins))
	case c.Budget.Messages > r.messages:
		return skip(OverBudget, fmt.Sprintf("%d messages would be sent, and %d may", c.Budget.Messages, r.messages))
	}
	return Verdict{}
}

func (r *serverRun) lacksNeed(need Need) Verdict {
	mechanism, isMechanism := need.mechanism()
	keyword, isExtension := need.extension()
	switch {
	case isMechanism && !slices.Contains(r.mechanisms(), mechanism):
		return skip(NoCapability, "the server does not offer AUTH "+mechanism)
	case isExtension && !slices.Contains(r.facts.offered(), keyword):
		return skip(NoCapability, "the server does not offer "+keyword)
	case need == NeedTLS && !r.facts.States[tlsState].Reached:
		return skip(NoCapability, "there is no TLS: "+r.facts.States[tlsState].Why)
	case need == NeedClear && r.place.mode == ImplicitTLS:
		return skip(NoCapability, "the connection begins with TLS")
	case need == NeedAuth && len(r.mechanisms()) == 0:
		return skip(NoCapability, "the server does not offer AUTH")
	case need == NeedPassword && r.password == "":
		return skip(NoCredential, "there is no password in ServerTarget.Account")
	case need == NeedToken && r.token == "":
		return skip(NoCredential, "there is no token in ServerTarget.Account")
	case need == NeedObserver && r.Observer == nil:
		return skip(NoObserver, "ServerTarget.Observer is nil")
	case need == NeedPassword || need == NeedToken:
		return r.mayNotSignIn()
	}
	return Verdict{}
}

// mechanisms are those that the server offers in the state in which the suite signs
// in.
func (r *serverRun) mechanisms() []string {
	s := r.facts.States[clearState]
	if r.facts.States[tlsState].Reached {
		s = r.facts.States[tlsState]
	}
	parameters, _ := s.offers("AUTH")
	for i, name := range parameters {
		parameters[i] = strings.ToUpper(name)
	}
	return parameters
}

// mayNotSignIn returns the verdict on a case that would send credentials where
// they must not go, or are not wanted; its outcome is zero if it may.
func (r *serverRun) mayNotSignIn() Verdict {
	switch {
	case r.refusals >= maxRefusals:
		return skip(NoCredential, fmt.Sprintf("the server has refused the account %d times: %s", r.refusals, r.refusal))
	case r.facts.Network == onLoopback || r.InsecureUnverifiedTLS && r.facts.States[tlsState].Reached:
	case !r.facts.States[tlsState].Reached:
		return skip(NoCredential, "credentials are not sent without TLS")
	case r.unverified != nil:
		return skip(NoCredential, fmt.Sprintf("credentials are not sent to a server that is not verified: %v", r.unverified))
	}
	return Verdict{}
}

// A pace keeps things apart.
type pace struct {
	every time.Duration // zero: nothing is kept apart
	next  time.Time
}

// wait waits for the turn of the next thing, or until ctx ends.
func (p *pace) wait(ctx context.Context) error {
	if p.every == 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	delay := p.next.Sub(now)
	p.next = p.next.Add(p.every)
	return pause(ctx, delay)
}

// pause waits for some time, or until ctx ends.
func pause(ctx context.Context, delay time.Duration) error {
	if delay <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
