package conformance

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// A ClientBench is where a case tries out a client: each attempt has a server of
// its own. It knows the secrets that it has made and keeps them out of verdicts.
type ClientBench struct {
	target  ClientTarget
	of      Case
	timeout time.Duration
	tell    func(Event)
	secrets leakScanner
	broken  error // the suite could not do its part
	cannot  error // what the client said of the last scene if it cannot do that
}

func newClientBench(t ClientTarget, c Case, timeout time.Duration) *ClientBench {
	return &ClientBench{target: t, of: c, timeout: timeout, tell: func(Event) {}}
}

// judge runs the case of the bench.
func (b *ClientBench) judge(ctx context.Context) (v Verdict) {
	defer func() {
		if r := recover(); r != nil {
			v = Verdict{Outcome: Error, Reason: fmt.Sprintf("the case panicked: %v", r)}
		}
		if b.broken != nil {
			v = Verdict{Outcome: Error, Reason: b.broken.Error()}
		}
		if v.Outcome == Inconclusive && b.cannot != nil {
			v = unable(fmt.Sprintf("the client cannot do what the case asks for: %v", b.cannot))
		}
		v = b.redact(v)
	}()
	return b.of.Client(ctx, b)
}

// redact makes a verdict fit to be printed anywhere: it holds what clients said.
func (b *ClientBench) redact(v Verdict) Verdict {
	v.Reason, v.Want, v.Got = b.printable(v.Reason), b.printable(v.Want), b.printable(v.Got)
	var lines []string
	for _, line := range v.Transcript {
		lines = append(lines, b.printable(line))
	}
	v.Transcript = lines
	return v
}

// maxText bounds a text of a verdict, in octets.
const maxText = 2000

// printable returns a text on one line, without secrets and control characters.
func (b *ClientBench) printable(text string) string {
	return printable(b.secrets.redact(text))
}

// Secret returns a new secret of that many octets, at least 16, all of them
// letters and digits. Verdicts never hold it.
func (b *ClientBench) Secret(octets int) string {
	var text strings.Builder
	for text.Len() < octets {
		text.WriteString(rand.Text())
	}
	secret := text.String()[:octets]
	b.secrets.add(secret)
	return secret
}

// A Scene is what an attempt is made of: a server, and how the client is to use
// it.
type Scene struct {
	// Server says how the server behaves. Try sets its network. Unless they are
	// set, it also sets Users or Tokens, so that the server takes the credential
	// of the scene, and Mechanisms. It always sets RequireAuth.
	Server mock.Options

	TLS TLSMode

	// Password or Token, one of them, is what the client signs in with; see
	// [ClientBench.Secret].
	Password, Token string

	// Mechanism is the one that the client has to sign in by, and the only one that
	// the server offers unless Server says otherwise. Empty means any.
	Mechanism string

	// From, To and Body are those of the message. Zero means ordinary ones.
	From string
	To   []string
	Body string

	// Timeout is that of ClientConfig.
	Timeout time.Duration

	// Cancel is after what time the context of the client is cancelled. Zero means
	// never.
	Cancel time.Duration

	// Chunking has the server offer CHUNKING, if Server lets it. Otherwise all messages
	// come by DATA, so that a case about the end of a message has one point for it.
	Chunking bool

	greets     greetings              // how often the client says EHLO; SignIn finds out
	nullSender bool                   // the message has no sender
	tokens     func() (string, error) // returns them instead of Token, which is set all the same
	patience   time.Duration          // until the client is cut off; zero means as the suite says
	stallDial  bool                   // Dial waits until its context ends
}

// username is who signs in, in every scene.
const username = "user@client.test"

// Control tries a scene in which nothing is wrong: the client has to sign in over
// TLS, deliver the message once and say so. If it does not, Control returns false
// and the verdict of the case, which is not [Pass]: nothing can be said of what
// such a client does if something is wrong.
func (b *ClientBench) Control(ctx context.Context, s Scene) (Verdict, bool) {
	t := b.Try(ctx, s)
	if t.Answer.unsupported() {
		return b.lacking(t.Answer.Err), false
	}
	return t.control()
}

// still runs the control of a scene once more, without its faults: a client that
// fails whatever is asked of it has shown nothing.
func (b *ClientBench) still(ctx context.Context, s Scene) Verdict {
	s.Server.Faults = nil
	if v, ok := b.Control(ctx, s); !ok {
		return v
	}
	return pass()
}

// lacking returns the verdict on a client that cannot do what the case needs.
func (b *ClientBench) lacking(err error) Verdict {
	var needs []string
	for _, n := range b.of.Needs {
		needs = append(needs, string(n))
	}
	return unable(fmt.Sprintf("the client cannot do what the case needs: %s (%v)", strings.Join(needs, ", "), err))
}

// unable returns the verdict on a client that something keeps from being asked.
func unable(why string) Verdict { return skip(NoCapability, why) }

// SignIn is Control with a credential that the client can use: a password if it
// can sign in by one, else a token. It returns the scene with the credential.
func (b *ClientBench) SignIn(ctx context.Context, s Scene) (Scene, Verdict, bool) {
	s.Password, s.Token = b.Secret(secretLen), ""
	t := b.Try(ctx, s)
	if t.Answer.unsupported() {
		s.Password, s.Token = "", b.Secret(secretLen)
		t = b.Try(ctx, s)
	}
	if t.Answer.unsupported() {
		return s, b.lacking(t.Answer.Err), false
	}
	v, ok := t.control()
	s.greets = t.greetings()
	return s, v, ok
}

// secretLen is how long an ordinary secret is, in octets.
const secretLen = 40
