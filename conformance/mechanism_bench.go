package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A MechanismBench is where a case tries out a SASL mechanism. It calls it under
// guard, plays the other side, and keeps secrets out of verdicts.
type MechanismBench struct {
	target    MechanismTarget
	of        Case
	timeout   time.Duration
	reference *sasl.Registry
	secrets   leakScanner
	opaque    bool // there are secrets too short to be found: nothing that the mechanism says is shown

	takes  taking
	right  *sasl.Credentials
	wrong  *sasl.Credentials // nil if there are none
	secret string            // of right; "" if there is none
	stored map[string]sasl.StoredKey
	conn   *sasl.Conn // as the client sees it

	derived map[string][]byte // by password: see salted

	// recheck repeats the control, if there was one: a mechanism that has stopped to
	// work in the meantime passes nothing by that.
	recheck func(context.Context) (Verdict, bool)

	mu     sync.Mutex
	fallen string // how the mechanism crashed
}

func newMechanismBench(t MechanismTarget, c Case, timeout time.Duration) *MechanismBench {
	b := &MechanismBench{
		target: t, of: c, timeout: timeout,
		reference: sasl.Default().With(sasl.Anonymous("trace")),
	}
	for _, secret := range t.Secrets {
		b.secrets.add(secret)
	}
	return b
}

// judge runs the case of the bench. The context of every exchange ends with it.
func (b *MechanismBench) judge(ctx context.Context) (v Verdict) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			v = Verdict{Outcome: Error, Reason: fmt.Sprintf("the case panicked: %v", r)}
		}
		if crash := b.crash(); crash != "" {
			v = Verdict{Outcome: Fail, Want: "a result or an error from every call", Got: crash, Transcript: v.Transcript}
		}
		v = (&ClientBench{secrets: b.secrets}).redact(v)
	}()
	for _, need := range b.of.Needs {
		switch {
		case need == NeedClientSide && b.target.Mechanism.NewClient == nil:
			return skipped("no-capability: the mechanism has no client side")
		case need == NeedServerSide && b.target.Mechanism.NewServer == nil:
			return skipped("no-capability: the mechanism has no server side")
		}
	}
	if err := b.prepare(ctx); err != nil {
		return Verdict{Outcome: Inconclusive, Reason: "there is nothing to sign in with: " + b.text(err)}
	}
	v = b.of.Mechanism(ctx, b)
	if b.recheck != nil && (v.Outcome == Pass || v.Outcome == Warn) {
		if again, ok := b.recheck(ctx); !ok {
			again.Outcome, again.Reason = Inconclusive, "the control, in which nothing was wrong, has passed before and not after"
			return again
		}
	}
	return v
}

// crash returns how the mechanism crashed, "" if it has not.
func (b *MechanismBench) crash() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fallen
}

func (b *MechanismBench) crashed(how string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fallen == "" {
		b.fallen = how
	}
}

// Mechanism returns the mechanism under test.
func (b *MechanismBench) Mechanism() sasl.Mechanism { return b.target.Mechanism }

// Secret returns a new secret of that many octets, at least 16, all of them letters
// and digits. Verdicts never hold it.
func (b *MechanismBench) Secret(octets int) string {
	text := ""
	for len(text) < octets {
		text += rand.Text()
	}
	b.secrets.add(text[:octets])
	return text[:octets]
}

// minSecret is the length of the shortest secret that can be told from other text,
// in octets.
const minSecret = 16

// learn makes the bench know a secret that it has not made.
func (b *MechanismBench) learn(secret string) {
	if secret != "" && len(secret) < minSecret {
		b.opaque = true
	}
	b.secrets.add(secret)
}

// text returns what an error of the mechanism says.
func (b *MechanismBench) text(err error) string {
	if err == nil {
		return "no error"
	}
	if errors.Is(err, errCrash) {
		return b.crash()
	}
	return b.words(fmt.Sprint(err), "an error")
}

// words returns text that the mechanism made, or what stands for it if that might
// hold a secret which cannot be found.
func (b *MechanismBench) words(text, otherwise string) string {
	if b.opaque {
		return otherwise + " (not shown: a secret of fewer than 16 octets could be in it)"
	}
	return text
}

// Control signs in with everything in order. If that does not work, Control returns
// false and the verdict of the case, which is not [Pass]: nothing can be said of what
// such a mechanism does if something is wrong.
func (b *MechanismBench) Control(ctx context.Context) (Verdict, bool) {
	_, v, ok := b.control(ctx)
	return v, ok
}

// control is Control, and returns the exchange.
func (b *MechanismBench) control(ctx context.Context) (*meeting, Verdict, bool) {
	x, v, ok := b.signInRight(ctx)
	if ok {
		b.recheck = func(ctx context.Context) (Verdict, bool) {
			_, v, ok := b.signInRight(ctx)
			return v, ok
		}
	}
	return x, v, ok
}

func (b *MechanismBench) signInRight(ctx context.Context) (*meeting, Verdict, bool) {
	if b.target.Mechanism.NewClient == nil {
		client, ok := b.reference.Lookup(b.target.Mechanism.Name)
		if !ok {
			return nil, skipped("nothing plays the client: package sasl has no mechanism of that name"), false
		}
		return b.controlOf(ctx, client, b.target.Mechanism.NewServer)
	}
	server := b.server()
	if server == nil {
		return nil, skipped("nothing plays the server: set MechanismTarget.Server or Vectors"), false
	}
	return b.controlOf(ctx, b.target.Mechanism, server)
}

func (b *MechanismBench) controlOf(ctx context.Context, m sasl.Mechanism, server serverMaker) (*meeting, Verdict, bool) {
	x := b.signIn(ctx, m, server, pairing{})
	got := ""
	switch {
	case !x.ok():
		got = b.text(cmpErr(x.result, x.server))
	case x.told && x.authn != b.account().user:
		got = "the sign-in of somebody else"
	case !x.told && b.takesNonsense(ctx, server):
		got = "a sign-in, but the server signs in whoever says anything"
	default:
		return x, Verdict{}, true
	}
	return x, Verdict{
		Outcome:    Inconclusive,
		Reason:     "the control failed, in which nothing was wrong",
		Want:       "a sign-in",
		Got:        got,
		Transcript: x.lines,
	}, false
}

// takesNonsense reports whether a server signs in a client that makes no sense. It is
// asked of servers that do not tell who has signed in.
func (b *MechanismBench) takesNonsense(ctx context.Context, server serverMaker) bool {
	if b.takes == takesNothing {
		return false
	}
	for _, first := range [][]byte{nil, []byte("?makes,no=sense?")} {
		s, err := b.newServer(ctx, server, serverSide(b.conn), b.directory())
		if err != nil {
			return false
		}
		r := s.next(first)
		for range maxExchangeRounds {
			if r.err == nil && !r.done {
				r = s.next([]byte("?makes,no=sense?"))
			}
		}
		if r.done && r.err == nil {
			return true
		}
	}
	return false
}

// server returns what plays the server to the client under test, nil if nothing
// does.
func (b *MechanismBench) server() serverMaker {
	reference, ok := b.reference.Lookup(b.target.Mechanism.Name)
	switch {
	case b.target.Server != nil:
		return b.target.Server
	case ok:
		return reference.NewServer
	case b.target.Mechanism.NewServer != nil:
		return b.target.Mechanism.NewServer
	}
	for _, v := range b.target.Vectors {
		if v.Kind == GoodVector && b.target.Credentials == nil {
			return v.newServer
		}
	}
	return nil
}

// skipped is the verdict on a case that asks for more than the mechanism has.
func skipped(reason string) Verdict {
	return skip(NoCapability, strings.TrimPrefix(reason, string(NoCapability)+": "))
}

// failed is the verdict that something was broken, and where.
func failed(x *meeting, want, got string) Verdict {
	v := Verdict{Outcome: Fail, Want: want, Got: got}
	if x != nil {
		v.Transcript = x.lines
	}
	return v
}
