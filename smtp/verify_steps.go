package smtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// A verifier writes a Report. It watches the engine through Hooks, so that it
// reports what a Dial does and does nothing of its own. Steps are in order: what
// fails is the first that has not passed.
type verifier struct {
	report *Report
	begun  time.Time
	mark   time.Time // when the last step ended
	failed bool
	rcpts  int // recipients to try that were not accepted yet
}

func (v *verifier) step(name string) *Step { return v.report.Step(name) }

func (v *verifier) add(names ...string) {
	for _, name := range names {
		v.report.Steps = append(v.report.Steps, Step{Name: name})
	}
}

// plan adds the steps of a connection to s.
func (v *verifier) plan(cfg Config, s server) {
	v.add(StepDNS, StepTCP)
	switch s.mode {
	case TLSImplicit:
		v.add(StepTLS, StepGreeting, StepEHLO)
	case InsecureNoTLS:
		v.add(StepGreeting, StepEHLO, StepTLS)
		v.skip(StepTLS, "not wanted: "+s.mode.String())
	default:
		v.add(StepGreeting, StepEHLO, StepSTARTTLS, StepTLS, StepEHLOTLS)
	}
	switch {
	case s.path != "":
		v.skip(StepDNS, "a unix socket needs none")
	case cfg.DialContext != nil:
		v.skip(StepDNS, "left to Config.DialContext")
	case net.ParseIP(s.host) != nil:
		v.skip(StepDNS, "the server is given by its address")
	}
	v.add(StepMechanisms)
	if cfg.Auth != nil && cfg.Auth.Credentials.Token != nil {
		v.add(StepToken)
	}
	v.add(StepAuth)
	if cfg.Auth == nil {
		v.skip(StepMechanisms, "no Auth in the Config")
		v.skip(StepAuth, "no Auth in the Config")
	}
}

// pass notes that a step is over and well. What was not reached before it never
// will be.
func (v *verifier) pass(name string, took time.Duration, summary string) {
	s := v.step(name)
	if s == nil || s.Outcome != "" {
		return
	}
	for i := range v.report.Steps {
		before := &v.report.Steps[i]
		if before == s {
			break
		}
		v.skip(before.Name, v.unneeded(before.Name))
	}
	s.Outcome, s.Took, s.Summary = OutcomeOK, took, summary
	v.mark = time.Now()
}

// skip notes that a step is not taken, unless it was.
func (v *verifier) skip(name, why string) {
	if s := v.step(name); s.Outcome == "" {
		s.Outcome, s.Summary = OutcomeSkipped, why
	}
}

// unneeded says why a step was left out.
func (v *verifier) unneeded(name string) string {
	switch {
	case v.failed:
		return notReached
	case name == StepSTARTTLS, name == StepTLS, name == StepEHLOTLS:
		return "the server does not do STARTTLS"
	case name == StepToken:
		return "the mechanism takes none"
	}
	return "not needed"
}

const notReached = "not reached"

// fail notes that the first step that has not passed has failed.
func (v *verifier) fail(err error) {
	v.failed = true
	for i := range v.report.Steps {
		s := &v.report.Steps[i]
		if s.Outcome != "" {
			continue
		}
		s.Outcome, s.Err, s.Advice = OutcomeFailed, err, adviceOn(err)
		s.Took = time.Since(v.mark)
		s.Summary = summaryOf(err, s.Advice)
		v.mark = time.Now()
		return
	}
}

// summaryOf returns an error without what the report says beside it.
func summaryOf(err error, advice string) string {
	text := trimPrefix(err.Error())
	if advice != "" {
		text = strings.Replace(text, " ("+advice+")", "", 1)
	}
	return printable(text)
}

// finish closes the report.
func (v *verifier) finish(err error) {
	for _, s := range v.report.Steps {
		why := notReached
		if err == nil {
			why = v.unneeded(s.Name)
		}
		v.skip(s.Name, why)
	}
	v.report.OK = err == nil
	v.report.Took = time.Since(v.begun)
}

// hooks return what watches the connection.
func (v *verifier) hooks() *Hooks {
	return &Hooks{
		Connect:   v.connect,
		Lookup:    v.lookup,
		Dial:      v.dial,
		Handshake: v.handshake,
		Auth:      v.auth,
		Token:     v.token,
		Command:   v.command,
		State:     v.state,
	}
}

// connect begins a connection. The steps of one that was lost are taken again.
func (v *verifier) connect(ctx context.Context, c Connection) (context.Context, func(Connection, error)) {
	v.mark = time.Now()
	v.report.Connections = c.Attempt
	for i := range v.report.Steps {
		if s := &v.report.Steps[i]; c.Attempt > 1 && s.Name != StepConfig && s.Outcome != OutcomeSkipped {
			*s = Step{Name: s.Name}
		}
	}
	return ctx, nil
}

func (v *verifier) lookup(_ context.Context, l Lookup) {
	v.step(StepDNS).Addresses = l.Addrs
	if l.Err == nil {
		v.pass(StepDNS, l.Duration, strings.Join(l.Addrs, ", "))
	}
}

func (v *verifier) dial(_ context.Context, a DialAttempt) {
	s := v.step(StepTCP)
	s.Attempts = append(s.Attempts, a)
}

func (v *verifier) state(_ context.Context, s StateChange) {
	if s.To != StateConnected {
		return
	}
	var took time.Duration
	tcp := v.step(StepTCP)
	for _, a := range tcp.Attempts {
		took = max(took, a.Start.Add(a.Duration).Sub(tcp.Attempts[0].Start))
	}
	summary := "connected to " + s.Connection.Remote
	if n := len(tcp.Attempts); n > 1 {
		summary += fmt.Sprintf(", of %d addresses tried", n)
	}
	v.pass(StepTCP, took, summary)
}

func (v *verifier) handshake(_ context.Context, h Handshake) {
	facts := tlsFacts(h)
	s := v.step(StepTLS)
	s.TLS = facts
	if h.Err != nil {
		return
	}
	trust := "certificate verified"
	if !h.Verified {
		trust = "certificate not verified"
	}
	if h.Verified && time.Until(facts.NotAfter) < endsSoon {
		s.Advice = adviceOnEnd
	}
	v.pass(StepTLS, h.Duration, strings.Join([]string{facts.Version, facts.CipherSuite, trust}, ", "))
}

// tlsFacts returns what is known after a handshake. Of a certificate that was not
// accepted, the error has the facts.
func tlsFacts(h Handshake) *TLSFacts {
	f := &TLSFacts{ServerName: h.ServerName, Verified: h.Verified}
	var certificates []*x509.Certificate
	bad := new(tls.CertificateVerificationError)
	switch {
	case h.State != nil:
		f.Version, f.CipherSuite = tls.VersionName(h.State.Version), tls.CipherSuiteName(h.State.CipherSuite)
		certificates = h.State.PeerCertificates
		if !h.Verified {
			f.NotVerified = "InsecureSkipVerify is set"
		}
	case errors.As(h.Err, &bad):
		certificates = bad.UnverifiedCertificates
		f.NotVerified = bad.Err.Error()
	}
	if len(certificates) == 0 {
		return f
	}
	leaf := certificates[0]
	f.Subject, f.Issuer = leaf.Subject.String(), leaf.Issuer.String()
	f.NotBefore, f.NotAfter = leaf.NotBefore, leaf.NotAfter
	f.Names = slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		f.Names = append(f.Names, ip.String())
	}
	return f
}

// stepOf returns the step that a command belongs to, nil if it is none.
func (v *verifier) stepOf(verb string) *Step {
	switch verb {
	case "":
		return v.step(StepGreeting)
	case "EHLO", "LHLO", "HELO":
		if s := v.step(StepTLS); v.step(StepEHLOTLS) != nil && s.Outcome == OutcomeOK {
			return v.step(StepEHLOTLS)
		}
		return v.step(StepEHLO)
	case "STARTTLS":
		return v.step(StepSTARTTLS)
	case "AUTH":
		return v.step(StepAuth)
	case "MAIL":
		return v.step(StepMail)
	case "RCPT":
		return v.step(StepRcpt)
	case "RSET":
		return v.step(StepRset)
	}
	return nil
}

func (v *verifier) command(_ context.Context, c Command) {
	s := v.stepOf(c.Verb)
	if s == nil {
		return
	}
	reply := "no reply"
	if c.Reply.Code != 0 {
		reply = c.Reply.String()
	}
	if c.Reply.Code == 334 {
		reply = "334 [challenge]"
	} else if c.Reply.Code != 0 {
		s.Reply = &c.Reply
	}
	switch c.Verb {
	case "AUTH", "RCPT":
		s.Dialogue = append(s.Dialogue, c.Line+": "+reply)
		if n := len(s.Dialogue); c.Verb == "RCPT" {
			reply = fmt.Sprintf("%d accepted", n)
		}
	case "EHLO", "LHLO", "HELO":
		if c.Reply.Code/100 == 2 {
			s.Extensions = slices.Clone(c.Reply.Lines[1:])
			reply = offers(s.Extensions)
		}
	}
	if c.Err == nil && v.good(c) {
		v.pass(s.Name, c.Duration, reply)
	}
}

// offers sums up a reply to EHLO.
func offers(extensions []string) string {
	switch len(extensions) {
	case 0:
		return "no extensions"
	case 1:
		return "1 extension"
	}
	return fmt.Sprintf("%d extensions", len(extensions))
}

// good reports whether the reply to a command ends its step well. That of AUTH
// does not: the mechanism has the last word.
func (v *verifier) good(c Command) bool {
	switch c.Verb {
	case "AUTH":
		return false
	case "", "STARTTLS":
		return c.Reply.Code == 220
	case "RCPT":
		if c.Reply.Code/100 == 2 {
			v.rcpts--
		}
		return v.rcpts == 0
	}
	return c.Reply.Code/100 == 2
}

func (v *verifier) auth(ctx context.Context, a SignIn) (context.Context, func(SignIn, error)) {
	s, chosen := v.step(StepMechanisms), ""
	s.Mechanisms = nil
	for _, d := range a.Decisions {
		f := MechanismFacts{Name: d.Mechanism, Chosen: d.Chosen}
		if d.Reason != nil {
			f.Skipped = strings.TrimPrefix(d.Reason.Error(), "sasl: ")
		}
		if d.Chosen {
			chosen = d.Mechanism
		}
		s.Mechanisms = append(s.Mechanisms, f)
	}
	if chosen != "" {
		v.pass(StepMechanisms, time.Since(v.mark), chosen+" is chosen")
	}
	begun := time.Now()
	return ctx, func(a SignIn, err error) {
		if err == nil {
			v.pass(StepAuth, time.Since(begun), fmt.Sprintf("%s, %s", a.Mechanism, cmp.Or(a.Username, "nobody by name")))
		}
	}
}

func (v *verifier) token(ctx context.Context, t TokenFetch) (context.Context, func(TokenFetch, error)) {
	begun := time.Now()
	return ctx, func(t TokenFetch, err error) {
		if s := v.step(StepToken); err == nil && s.Outcome == OutcomeOK {
			s.Took += time.Since(begun)
			s.Summary += ", and another one in its place"
		}
		if err != nil {
			return
		}
		expiry := ""
		if !t.Expiry.IsZero() {
			expiry = ", good until " + t.Expiry.UTC().Format(time.RFC3339)
		}
		v.pass(StepToken, time.Since(begun), "fetched"+expiry)
	}
}
