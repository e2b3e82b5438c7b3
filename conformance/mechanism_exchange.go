package conformance

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-55a66e92/postern/sasl"
)

// maxExchangeRounds is how many challenges an exchange may have.
const maxExchangeRounds = 16

// A meeting is what came of a client and a server that were put together.
type meeting struct {
	start      start
	challenges [][]byte
	responses  [][]byte // to challenges; with an error there is one less
	client     error    // why the client gave up
	server     error    // why the server refused
	success    bool     // the server reported it
	excess     bool     // data came together with done
	result     error    // what it amounts to for the client
	authn      string   // who signed in
	told       bool     // the server told who

	c     *clientParty
	s     *serverParty
	lines []string
}

// A pairing says in what an exchange differs from the control: a zero field is as
// there.
type pairing struct {
	credentials *sasl.Credentials
	directory   sasl.Directory
	serverConn  *sasl.Conn
}

// signIn puts a client and a server together.
func (b *MechanismBench) signIn(ctx context.Context, m sasl.Mechanism, server serverMaker, p pairing) *meeting {
	x, err := b.meet(ctx, m, server, p)
	if err != nil {
		return x
	}
	x.open()
	for x.running() {
		x.step()
	}
	return x
}

// meet makes both sides of an exchange.
func (b *MechanismBench) meet(ctx context.Context, m sasl.Mechanism, server serverMaker, p pairing) (*meeting, error) {
	x := new(meeting)
	credentials, serverConn := p.credentials, p.serverConn
	if credentials == nil {
		credentials = b.right
	}
	if serverConn == nil {
		serverConn = serverSide(b.conn)
	}
	d := p.directory
	if d == nil {
		d = b.directory()
	}
	if x.c, x.client = b.newClient(ctx, m, b.conn, credentials); x.client != nil {
		x.result = x.client
		return x, x.client
	}
	x.s, x.server = b.newServer(ctx, server, serverConn, d)
	if x.server != nil {
		x.result = x.server
	}
	return x, x.server
}

// errOver says that an exchange has come to its end.
var errOver = errors.New("conformance: the exchange is over")

// open has the client begin and the server answer.
func (x *meeting) open() {
	x.start = x.c.start()
	switch {
	case x.start.err != nil:
		x.client, x.result = x.start.err, x.start.err
		return
	case x.start.initial == nil:
		x.note("C: starts")
	default:
		x.note("C: starts with %d octets", len(x.start.initial))
	}
	x.answer(x.start.initial)
}

// answer has the server answer, and ends the exchange if that is its end.
func (x *meeting) answer(response []byte) {
	r := x.s.next(response)
	switch {
	case r.err != nil:
		x.server = r.err
		x.note("S: refuses")
		x.result = x.c.finish(refusal{r.err})
	case r.done:
		x.success, x.excess = true, len(r.challenge) > 0
		x.note("S: success")
		x.authn, _, x.told = x.s.identity()
		x.client, x.server = errOver, errOver
		x.result = x.c.finish(nil)
	default:
		x.challenges = append(x.challenges, r.challenge)
		x.note("S: challenge of %d octets", len(r.challenge))
	}
}

// ok reports whether both sides say that it was a success.
func (x *meeting) ok() bool { return x.success && x.result == nil }

// trouble is why it was none, as the side says that was the first to say so.
func (x *meeting) trouble() error {
	if x.server != nil && x.server != errOver {
		return x.server
	}
	return cmpErr(x.client, x.result)
}

func (x *meeting) running() bool { return x.client == nil && x.server == nil }

// step has the client answer the last challenge.
func (x *meeting) step() {
	if len(x.challenges) > maxExchangeRounds {
		x.server = errOver
		x.result = fmt.Errorf("conformance: no end after %d challenges", maxExchangeRounds)
		return
	}
	response, err := x.c.next(x.challenges[len(x.challenges)-1])
	if err != nil {
		x.note("C: gives up")
		x.client, x.result = err, err
		return
	}
	if response == nil {
		response = []byte{} // as an engine does
	}
	x.responses = append(x.responses, response)
	x.note("C: %d octets", len(response))
	x.answer(response)
}

func (x *meeting) note(format string, args ...any) {
	x.lines = append(x.lines, fmt.Sprintf(format, args...))
}

// upTo plays an exchange with everything in order until the client has answered
// that many challenges, and reports whether it got there with a challenge to answer.
func (b *MechanismBench) upTo(ctx context.Context, answered int) (*meeting, bool) {
	x, err := b.meet(ctx, b.target.Mechanism, b.server(), pairing{})
	if err != nil {
		return x, false
	}
	x.open()
	for x.running() && len(x.responses) < answered {
		x.step()
	}
	intact := (x.client == nil || x.client == errOver) && (x.server == nil || x.server == errOver)
	return x, intact && len(x.responses) == answered
}

// A refusal is what an engine makes of a server's error: the reply 535, whatever the
// server thought, for that stays on its side.
type refusal struct{ err error }

func (refusal) Error() string { return "conformance: server replied 535" }

func (refusal) Is(target error) bool { return target == sasl.ErrRejected }

// errRefused is the reply 535 of a server that is played.
var errRefused error = refusal{}
