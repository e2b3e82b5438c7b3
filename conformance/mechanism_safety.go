package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

func anyChallenge() Case {
	return Case{
		ID:    "M-GEN-06",
		Title: "No message of the peer causes a panic or a hang",
		Area:  AreaMechanisms,
		Refs:  []Ref{{RFC: 4422, Section: "6.1.5", Level: Security}},
		Needs: []Need{NeedExchange},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Then, in place of each message of the peer: none, an empty one, 64 KiB, random " +
			"octets, pieces of the grammars of known mechanisms, and the right message cut off or with one octet changed.",
		Pass:      "Every call returns, with a result or an error.",
		Mutant:    "takes the first octet of a challenge that has none",
		Since:     "v0.1.0",
		Mechanism: runAnyChallenge,
	}
}

func runAnyChallenge(ctx context.Context, b *MechanismBench) Verdict {
	x, v, ok := b.control(ctx)
	if !ok {
		return v
	}
	if b.target.Mechanism.NewClient != nil {
		for answered := 0; answered <= len(x.challenges); answered++ {
			var right []byte
			if answered < len(x.challenges) {
				right = x.challenges[answered]
			}
			for _, challenge := range hostileMessages(right) {
				if v, ok := b.hostileServer(ctx, answered, challenge); !ok {
					return v
				}
			}
		}
	}
	if b.target.Mechanism.NewServer == nil {
		return pass()
	}
	right := append([][]byte{x.start.initial}, x.responses...)
	for heard, message := range right {
		for _, response := range hostileMessages(message) {
			b.hostileClient(ctx, right[:heard], response)
			if b.crash() != "" {
				return Verdict{}
			}
		}
	}
	return pass()
}

// hostileServer plays a right exchange up to a point and then says what it should
// not.
func (b *MechanismBench) hostileServer(ctx context.Context, answered int, challenge []byte) (Verdict, bool) {
	x, ok := b.upTo(ctx, answered)
	if b.crash() != "" {
		return Verdict{}, false
	}
	if !ok {
		return Verdict{Outcome: Inconclusive, Reason: "a second exchange did not get as far as the first one"}, false
	}
	for _, c := range [][]byte{challenge, challenge, {}, nil} {
		if _, err := x.c.next(c); err != nil {
			break
		}
	}
	_ = x.c.finish(errRefused) // whether it comes back is what matters
	_ = x.c.finish(nil)
	return Verdict{}, b.crash() == ""
}

// hostileClient says to a server what it should not, behind what it may.
func (b *MechanismBench) hostileClient(ctx context.Context, before [][]byte, response []byte) {
	s, err := b.newServer(ctx, b.target.Mechanism.NewServer, serverSide(b.conn), b.directory())
	if err != nil {
		return
	}
	for _, message := range append(append([][]byte{}, before...), response, response, []byte{}, nil) {
		if r := s.next(message); r.err != nil || r.done {
			return
		}
	}
	s.identity()
}

// hostileLen is the length of the longest hostile message, in octets.
const hostileLen = 64 << 10

// hostileMessages returns what may come in place of a message, the same each time.
func hostileMessages(right []byte) [][]byte {
	all := [][]byte{
		nil, {}, {0}, {0xff}, []byte("\x01"), []byte("\x00\x00\x00"), []byte("="), []byte(","), []byte(",,,,"),
		[]byte("r="), []byte("r=x,"), []byte("r=x,,"), []byte("r=x,s=,i="), []byte("v="), []byte("e="), []byte("m=x"),
		[]byte("n,,"), []byte("p=,,"), []byte("user="), []byte("{"), []byte("null"), []byte(`{"status":401}`),
		[]byte(`{"status":"401","schemes":[]}`), []byte(strings.Repeat("[", 4096)), []byte("\xc3\x28\xf0\x9f"),
		bytes.Repeat([]byte("A"), hostileLen), make([]byte, hostileLen), bytes.Repeat([]byte(","), hostileLen),
	}
	random := rand.New(rand.NewPCG(4422, 4954))
	for _, n := range []int{1, 2, 3, 15, 16, 17, 255, 2000} {
		octets := make([]byte, n)
		for i := range octets {
			octets[i] = byte(random.Uint32())
		}
		all = append(all, octets)
	}
	if len(right) == 0 {
		return all
	}
	all = append(all, bytes.Repeat(right, 2))
	for i := range 8 {
		at := i * len(right) / 8
		changed := bytes.Clone(right)
		changed[at] ^= byte(1 << (i % 7))
		all = append(all, right[:at], changed)
	}
	return all
}

func silentSecrets() Case {
	return Case{
		ID:    "M-GEN-07",
		Title: "Nothing that can be printed holds a secret",
		Area:  AreaMechanisms,
		Refs:  []Ref{{Document: goodPractice, Level: Security}},
		Needs: []Need{NeedExchange},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Client, server and all of their errors are printed by every verb of fmt, by " +
			"package slog and as JSON: at each step, after a refusal, after a challenge that makes no sense, and after one " +
			"that repeats what the client has said.",
		Pass:      "No secret, nor half of one, in any common encoding.",
		Mutant:    "a client that fmt can look into",
		Since:     "v0.1.0",
		Mechanism: runSilentSecrets,
	}
}

func runSilentSecrets(ctx context.Context, b *MechanismBench) Verdict {
	switch {
	case b.secret == "" && len(b.target.Secrets) == 0:
		return skipped("the mechanism has no secret")
	case b.opaque:
		return Verdict{Outcome: Inconclusive, Reason: "a secret of fewer than 16 octets cannot be told from other text"}
	}
	x, v, ok := b.control(ctx)
	if !ok {
		return v
	}
	if v := b.scanSides(ctx, x, "at the end"); v.Outcome != Pass {
		return v
	}
	if b.target.Mechanism.NewClient != nil {
		for answered := range len(x.challenges) + 1 {
			if v := b.scanClient(ctx, answered); v.Outcome != Pass {
				return v
			}
		}
	}
	if b.wrong == nil {
		return pass()
	}
	client, server := b.target.Mechanism, b.target.Mechanism.NewServer
	if client.NewClient == nil {
		client, _ = b.reference.Lookup(client.Name)
	}
	if server == nil {
		server = b.server()
	}
	refused := b.signIn(ctx, client, server, pairing{credentials: b.wrong})
	return b.scanSides(ctx, refused, "after a refusal")
}

// scanClient looks at a client that has answered that many challenges, and at what
// it says of nonsense.
func (b *MechanismBench) scanClient(ctx context.Context, answered int) Verdict {
	for what, challenge := range map[string]func(*meeting) []byte{
		"a challenge that makes no sense": func(*meeting) []byte { return []byte("?makes,no=sense?") },
		"a challenge that repeats what it said": func(x *meeting) []byte {
			if len(x.c.sent) == 0 {
				return []byte("?")
			}
			return []byte(x.c.sent[len(x.c.sent)-1])
		},
		"a challenge that repeats the secret": func(*meeting) []byte { return []byte(`{"status":"` + b.secret + `"}`) },
	} {
		x, ok := b.upTo(ctx, answered)
		if !ok {
			return Verdict{Outcome: Inconclusive, Reason: "a second exchange did not get as far as the first one"}
		}
		when := fmt.Sprintf("after %d challenges and %s", answered, what)
		if v := b.scan(ctx, x, when, x.c.client); v.Outcome != Pass {
			return v
		}
		_, err := x.c.next(challenge(x))
		for _, printed := range []any{err, x.c.finish(errRefused), x.c.finish(nil), x.c.client} {
			if v := b.scan(ctx, x, when, printed); v.Outcome != Pass {
				return v
			}
		}
	}
	return pass()
}

// scanSides looks at both sides of an exchange and what they have said, as far as
// they are under test.
func (b *MechanismBench) scanSides(ctx context.Context, x *meeting, when string) Verdict {
	var all []any
	if b.target.Mechanism.NewClient != nil {
		all = append(all, x.client, x.result)
		if x.c != nil {
			all = append(all, x.c.client)
		}
	}
	if b.target.Mechanism.NewServer != nil && x.s != nil {
		all = append(all, x.server, x.s.server)
	}
	for _, printed := range all {
		if v := b.scan(ctx, x, when, printed); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

// scan prints a value in all ways, and looks for secrets.
func (b *MechanismBench) scan(ctx context.Context, x *meeting, when string, value any) Verdict {
	if value == nil {
		return pass()
	}
	values := []any{value}
	if err, ok := value.(error); ok {
		values = nil
		for _, e := range errorTree(err) {
			values = append(values, e)
		}
	}
	for _, v := range values {
		forms, err := guarded(ctx, b, "printing", func() map[string]string { return printedForms(v) })
		if err != nil {
			return Verdict{}
		}
		for how, text := range forms {
			if encoding := b.secrets.find(text); encoding != "" {
				return failed(x, "no secret in what is printed", fmt.Sprintf("a secret, %s, in a %T printed by %s, %s", encoding, v, how, when))
			}
		}
	}
	return pass()
}

// printedForms returns a value as programs print it.
func printedForms(v any) map[string]string {
	forms := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		forms[verb] = fmt.Sprintf(verb, v) // fmt survives methods that panic
	}
	var text, object bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", "value", v)
	slog.New(slog.NewJSONHandler(&object, nil)).Info("m", "value", v)
	forms["slog, as text"], forms["slog, as JSON"] = text.String(), object.String()
	if octets, err := json.Marshal(v); err == nil {
		forms["encoding/json"] = string(octets)
	}
	return forms
}

func cancelled() Case {
	return Case{
		ID:    "M-GEN-11",
		Title: "The end of the context ends what waits for it",
		Area:  AreaMechanisms,
		Refs:  []Ref{{Document: goodPractice, Level: Security}},
		Needs: []Need{NeedExchange},
		Tiers: []Tier{Passive},
		Procedure: "Control: a sign-in. Then the source of the password or the token waits until its context ends, and " +
			"so does the directory of the server; the context of the exchange ends while they wait.",
		Pass:      "NewClient, or Next of the server, returns an error; one that is the context's, or else the outcome is warn.",
		Mutant:    "fetches the password under a context of its own",
		Since:     "v0.1.0",
		Mechanism: runCancelled,
	}
}

func runCancelled(ctx context.Context, b *MechanismBench) Verdict {
	x, v, ok := b.control(ctx)
	if !ok {
		return v
	}
	asked := false
	if b.target.Mechanism.NewClient != nil && b.secret != "" {
		waited, v := b.cancelClient(ctx)
		if v.Outcome != Pass {
			return v
		}
		asked = asked || waited
	}
	if b.target.Mechanism.NewServer != nil && b.target.Directory == nil {
		waited, v := b.cancelServer(ctx, x)
		if v.Outcome != Pass {
			return v
		}
		asked = asked || waited
	}
	if !asked {
		return skipped("the mechanism asks for nothing that takes time")
	}
	return pass()
}

// A waitingSource hands out no secret, and no token, until its context ends, or the
// case does.
type waitingSource struct {
	asked chan struct{} // receives once it is
	over  <-chan struct{}
}

func (s waitingSource) password(ctx context.Context) (sasl.Secret, error) {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	select {
	case <-ctx.Done():
	case <-s.over:
	}
	return sasl.Secret{}, cmpErr(ctx.Err(), context.Canceled)
}

// Token implements [sasl.TokenGenerator].
func (s waitingSource) Token(ctx context.Context, _ sasl.TokenRequest) (sasl.Token, error) {
	_, err := s.password(ctx)
	return sasl.Token{}, err
}

func (b *MechanismBench) cancelClient(ctx context.Context) (waited bool, _ Verdict) {
	source := waitingSource{make(chan struct{}, 1), ctx.Done()}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := *b.right
	if c.Password != nil {
		c.Password = source.password
	} else {
		c.Token = source
	}
	calling, stop := context.WithCancel(ctx) // of the exchange; that of the guard lives on
	defer stop()
	go func() {
		select {
		case <-source.asked:
			stop()
		case <-ctx.Done():
		}
	}()
	m := b.target.Mechanism
	err, crashed := guarded(ctx, b, "NewClient, whose context has ended,", func() error {
		_, err := m.NewClient(calling, b.conn, &c)
		return err
	})
	switch {
	case crashed != nil:
		return true, Verdict{}
	case calling.Err() == nil:
		return false, pass()
	}
	return true, b.endedByContext("NewClient", err)
}

func (b *MechanismBench) cancelServer(ctx context.Context, x *meeting) (waited bool, _ Verdict) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	calling, stop := context.WithCancel(ctx)
	defer stop()
	d := b.account()
	d.block, d.asked = true, make(chan struct{}, 1)
	go func() {
		select {
		case <-d.asked:
			stop()
		case <-ctx.Done():
		}
	}()
	s, err := b.newServer(calling, b.target.Mechanism.NewServer, serverSide(b.conn), d)
	if err != nil {
		return false, pass()
	}
	s.ctx = ctx
	for _, message := range append([][]byte{x.start.initial}, x.responses...) {
		r := s.next(message)
		if b.crash() != "" {
			return true, Verdict{}
		}
		if calling.Err() != nil {
			return true, b.afterContext(s, r)
		}
		if r.err != nil || r.done {
			break
		}
	}
	return false, pass()
}

// afterContext judges what a server does whose context has ended: it may tell the
// client of an error first.
func (b *MechanismBench) afterContext(s *serverParty, r step) Verdict {
	for range 2 {
		if r.err == nil && !r.done {
			r = s.next([]byte{})
		}
	}
	switch {
	case r.done:
		return failed(nil, "an error of the server, for its context has ended", "success")
	case r.err == nil:
		return failed(nil, "an error of the server, for its context has ended", "one challenge after the other")
	}
	return pass()
}

func (b *MechanismBench) endedByContext(what string, err error) Verdict {
	if err == nil {
		return failed(nil, "an error of "+what+", for its context has ended", "none")
	}
	if !errors.Is(err, context.Canceled) {
		v := failed(nil, "an error that is the context's", b.text(err))
		v.Outcome = Warn
		return v
	}
	return pass()
}
