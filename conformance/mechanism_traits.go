package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/seed-55a66e92/postern/sasl"
)

func lateSuccess() Case {
	return Case{
		ID:    "M-GEN-05",
		Title: "No success before the server has proved itself",
		Area:  AreaMechanisms,
		Refs:  []Ref{{RFC: 4422, Section: "3.6", Level: Must}},
		Needs: []Need{NeedClientSide},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Then the protocol reports success early: after each number of challenges that is " +
			"less than that of the control.",
		Pass:      "Finish(nil) returns an error each time.",
		Mutant:    "takes success for success once the proof of the client is sent",
		AlsoKills: []string{"M-SCR-03"},
		Since:     "v0.1.0",
		Mechanism: runLateSuccess,
	}
}

func runLateSuccess(ctx context.Context, b *MechanismBench) Verdict {
	if !b.target.Mechanism.Traits.Has(sasl.Mutual) {
		return skipped("no-capability: the server does not prove itself in this mechanism")
	}
	x, v, ok := b.control(ctx)
	switch {
	case !ok:
		return v
	case len(x.challenges) == 0:
		return failed(x, "a challenge by which the server proves itself", "success without a challenge")
	}
	for answered := range len(x.challenges) {
		early, ok := b.upTo(ctx, answered)
		if !ok {
			return Verdict{Outcome: Inconclusive, Reason: "a second exchange did not get as far as the first one"}
		}
		if early.c.finish(nil) == nil {
			return failed(early, "an error that says that the server is not verified",
				fmt.Sprintf("success after %d of %d challenges", answered, len(x.challenges)))
		}
	}
	return pass()
}

func trueTraits() Case {
	return Case{
		ID:    "M-GEN-08",
		Title: "What Traits say is true",
		Area:  AreaMechanisms,
		Refs: []Ref{
			{RFC: 4954, Section: "4", Level: Must},
			{RFC: 4422, Section: "6", Level: Security},
		},
		Needs: []Need{NeedClientSide},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. What the client said in it is compared with Concealed, Bearer and OneRoundTrip; " +
			"for Binds, client and server are put on different TLS connections.",
		Pass: "Concealed: no message holds the secret. Bearer: set if the secret is a token. Mutual: the client is a " +
			"Finisher. OneRoundTrip: no challenge. Binds: no sign-in across two connections.",
		Mutant:    "sends the password and says Concealed",
		Since:     "v0.1.0",
		Mechanism: runTrueTraits,
	}
}

func runTrueTraits(ctx context.Context, b *MechanismBench) Verdict {
	traits := b.target.Mechanism.Traits
	x, v, ok := b.control(ctx)
	if !ok {
		return v
	}
	_, finisher := x.c.client.(sasl.Finisher)
	revealed := b.secrets.find(strings.Join(x.c.sent, "\n")) != ""
	switch {
	case traits.Has(sasl.Concealed) && b.opaque:
		return Verdict{Outcome: Inconclusive, Reason: "a secret of fewer than 16 octets cannot be told from other text"}
	case traits.Has(sasl.Concealed) && revealed:
		return failed(x, "Traits without Concealed, for whoever reads along learns the secret", "Concealed")
	case !traits.Has(sasl.Bearer) && b.takes == takesToken:
		return failed(x, "Traits with Bearer, for the secret is a token", "no Bearer")
	case traits.Has(sasl.Bearer) && b.takes != takesToken:
		return failed(x, "Traits without Bearer, for the mechanism takes no token", "Bearer")
	case traits.Has(sasl.Mutual) && !finisher:
		return failed(x, "a client that is a sasl.Finisher, for Traits have Mutual", "no Finish")
	case traits.Has(sasl.OneRoundTrip) && x.start.initial != nil && len(x.challenges) > 0:
		return failed(x, "Traits without OneRoundTrip, for there is a challenge after the initial response", "OneRoundTrip")
	case traits.Has(sasl.Binds):
		return b.judgeBinds(ctx)
	}
	return pass()
}

// judgeBinds puts client and server on two connections, as somebody in the middle
// does.
func (b *MechanismBench) judgeBinds(ctx context.Context) Verdict {
	state, err := handshake(ctx, tls.VersionTLS13)
	if err != nil {
		return Verdict{Outcome: Error, Reason: err.Error()}
	}
	across := b.signIn(ctx, b.target.Mechanism, b.server(), pairing{serverConn: serverSide(b.secureConn(state))})
	if across.result == nil {
		return failed(across, "no sign-in across two TLS connections, for Traits have Binds", "success")
	}
	return pass()
}

func withoutTLS() Case {
	return Case{
		ID:    "M-GEN-09",
		Title: "Without TLS, nothing that needs it leaves",
		Area:  AreaMechanisms,
		Refs: []Ref{
			{RFC: 4616, Section: "1", Level: Must},
			{RFC: 7628, Section: "3", Level: Must},
			{RFC: 5802, Section: "6", Level: Must},
		},
		Needs: []Need{NeedClientSide},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in, and a sasl.Authenticator with the mechanism alone begins an exchange over verified TLS. Then Usable " +
			"is asked without TLS, an exchange is begun there, and what binds to TLS is asked for a client there, too.",
		Pass: "A mechanism that is not Concealed, or that Binds, is refused, and the password or the token is not " +
			"fetched before that.",
		Mutant:    "fetches the password to see whether it is usable",
		Since:     "v0.1.0",
		Mechanism: runWithoutTLS,
	}
}

func runWithoutTLS(ctx context.Context, b *MechanismBench) Verdict {
	m := b.target.Mechanism
	if m.Traits.Has(sasl.Concealed) && !m.Traits.Has(sasl.Binds) {
		return skipped("no-capability: the mechanism needs no TLS")
	}
	if v, ok := b.Control(ctx); !ok {
		return v
	}
	var fetched atomic.Int32
	c := countFetches(b.right, &fetched)
	begin := func(conn *sasl.Conn) (error, error) {
		m := m
		m.Traits &^= sasl.Deprecated
		return guarded(ctx, b, "beginning an exchange", func() error {
			registry := new(sasl.Registry).With(m)
			_, err := (&sasl.Authenticator{Registry: registry, Credentials: *c}).Begin(ctx, conn)
			return err
		})
	}
	err, crashed := begin(b.conn)
	switch {
	case crashed != nil:
		return Verdict{}
	case err != nil:
		return Verdict{Outcome: Inconclusive, Reason: "the control failed, in which nothing was wrong", Got: b.text(err)}
	}
	fetched.Store(0)
	_ = b.usable(ctx, m, b.clearConn(), c) // what it says is for whoever wants to know why
	if fetched.Load() > 0 {
		return failed(nil, "no secret fetched by Usable, which is asked before anything is decided", "it was fetched")
	}
	err, crashed = begin(b.clearConn())
	switch {
	case crashed != nil:
		return Verdict{}
	case err == nil:
		return failed(nil, "an error without TLS", "an exchange")
	case !errors.Is(err, sasl.ErrInsecure) && !m.Traits.Has(sasl.Binds):
		return failed(nil, "an error that says that the connection is not secure enough", b.text(err))
	case fetched.Load() > 0:
		return failed(nil, "a refusal before the secret is fetched", fmt.Sprintf("it was fetched %d times", fetched.Load()))
	}
	if !m.Traits.Has(sasl.Binds) {
		return pass()
	}
	if client, err := b.newClient(ctx, m, b.clearConn(), b.right); err == nil {
		if begun := client.start(); begun.err == nil {
			return failed(nil, "no message of a mechanism that is bound to TLS", "a message without TLS")
		}
	}
	return pass()
}

// countFetches returns credentials that count how often their secret is fetched.
func countFetches(c *sasl.Credentials, n *atomic.Int32) *sasl.Credentials {
	counted := *c
	if password := c.Password; password != nil {
		counted.Password = func(ctx context.Context) (sasl.Secret, error) {
			n.Add(1)
			return password(ctx)
		}
	}
	if c.Token != nil {
		counted.Token = countingGenerator{c.Token, n}
	}
	return &counted
}

type countingGenerator struct {
	sasl.TokenGenerator
	n *atomic.Int32
}

// Token implements [sasl.TokenGenerator].
func (g countingGenerator) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	g.n.Add(1)
	return g.TokenGenerator.Token(ctx, req)
}

func controlCharacters() Case {
	return Case{
		ID:        "M-GEN-10",
		Title:     "Names with control characters are refused",
		Area:      AreaMechanisms,
		Refs:      []Ref{{RFC: 4422, Section: "3.4.1", Level: MustNot}},
		Needs:     []Need{NeedClientSide},
		Tiers:     []Tier{Passive},
		Procedure: "Control: a sign-in. Then user names and authorization identities that hold NUL, CR, LF or %x01, and a password that holds NUL.",
		Pass:      "No message holds them. For other characters than NUL the outcome is warn otherwise.",
		Mutant:    "sends any user name",
		Since:     "v0.1.0",
		Mechanism: runControlCharacters,
	}
}

func runControlCharacters(ctx context.Context, b *MechanismBench) Verdict {
	if v, ok := b.Control(ctx); !ok {
		return v
	}
	if b.takes == takesNothing {
		return skipped("no-capability: the mechanism takes no name")
	}
	var warning Verdict
	for _, control := range []string{"\x00", "\x01", "\r", "\n"} {
		for _, field := range []string{"user name", "authorization identity", "password"} {
			said, v := b.saysControl(ctx, field, "qz"+control+"zq")
			switch {
			case b.crash() != "":
				return Verdict{}
			case said && control == "\x00":
				return v
			case said && warning.Outcome == "" && field != "password":
				v.Outcome, warning = Warn, v
			}
		}
	}
	if warning.Outcome != "" {
		return warning
	}
	return pass()
}

// saysControl reports whether the client says what it should refuse.
func (b *MechanismBench) saysControl(ctx context.Context, field, value string) (bool, Verdict) {
	c := *b.right
	switch {
	case field == "user name":
		c.Username = value
	case field == "authorization identity":
		c.AuthzID = value
	case c.Password == nil:
		return false, pass()
	default:
		c.Password = login{secret: value}.credentials(takesPassword).Password
	}
	x := b.signIn(ctx, b.target.Mechanism, b.server(), pairing{credentials: &c})
	if x.c == nil {
		return false, pass()
	}
	for _, message := range x.c.sent {
		if strings.Contains(message, value) {
			return true, failed(x, fmt.Sprintf("a refusal of the %s %q", field, value), "it is sent")
		}
	}
	return false, pass()
}

func bothSidesAgree() Case {
	return Case{
		ID:    "M-GEN-12",
		Title: "Client and server agree on who may sign in",
		Area:  AreaMechanisms,
		Refs:  []Ref{{RFC: 4422, Section: "3", Level: LowerMust}},
		Needs: []Need{NeedExchange},
		Tiers: []Tier{Passive},
		Procedure: "Control: each side signs in with the other, and with that of package sasl if it has a mechanism of " +
			"the name. Then with wrong credentials, and where there is no such account.",
		Pass: "Success in the first case, with the identity of the user and no data together with done; in the others a " +
			"refusal that matches sasl.ErrRejected, and an error for the client.",
		Mutant:    "a server that takes any password",
		Since:     "v0.1.0",
		Mechanism: runBothSidesAgree,
	}
}

func runBothSidesAgree(ctx context.Context, b *MechanismBench) Verdict {
	own := b.target.Mechanism
	reference, known := b.reference.Lookup(own.Name)
	type pair struct {
		who    string
		client sasl.Mechanism
		server serverMaker
	}
	var pairs []pair
	if own.NewClient != nil && own.NewServer != nil {
		pairs = append(pairs, pair{"its client and its server", own, own.NewServer})
	}
	if known && own.NewClient != nil && b.target.Directory == nil {
		pairs = append(pairs, pair{"its client and the server of package sasl", own, reference.NewServer})
	}
	if known && own.NewServer != nil {
		pairs = append(pairs, pair{"the client of package sasl and its server", reference, own.NewServer})
	}
	if len(pairs) == 0 {
		return skipped("nothing plays the other side: package sasl has no mechanism of that name")
	}
	for _, p := range pairs {
		if v := b.agree(ctx, p.who, p.client, p.server); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

func (b *MechanismBench) agree(ctx context.Context, who string, m sasl.Mechanism, server serverMaker) Verdict {
	x := b.signIn(ctx, m, server, pairing{})
	switch {
	case !x.ok():
		return failed(x, "success of "+who, b.text(x.trouble()))
	case x.excess:
		return failed(x, "no data together with done of "+who, "data")
	case x.told && x.authn != b.account().user:
		return failed(x, "the identity of the user from "+who, fmt.Sprintf("%.80q", x.authn))
	}
	b.recheck = func(ctx context.Context) (Verdict, bool) {
		again := b.signIn(ctx, m, server, pairing{})
		return Verdict{Got: b.text(again.trouble())}, again.ok()
	}
	if b.wrong != nil {
		if v := b.refuses(ctx, who+", with wrong credentials", m, server, pairing{credentials: b.wrong}); v.Outcome != Pass {
			return v
		}
	}
	if b.target.Directory != nil {
		return pass()
	}
	return b.refuses(ctx, who+", without such an account", m, server, pairing{directory: nobody{}})
}

func (b *MechanismBench) refuses(ctx context.Context, who string, m sasl.Mechanism, server serverMaker, p pairing) Verdict {
	x := b.signIn(ctx, m, server, p)
	switch {
	case x.success || x.result == nil:
		return failed(x, "a refusal from "+who, "success")
	case len(x.lines) == 0: // nobody has said anything
		return failed(x, "a refusal from "+who, b.text(x.result))
	case x.server != nil && !errors.Is(x.server, sasl.ErrRejected):
		return failed(x, "a refusal that matches sasl.ErrRejected from "+who, b.text(x.server))
	}
	return pass() // perhaps by the client, which knows of an error before it has come to the end
}
