package conformance

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
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
		Pass:      "Every call returns, with a result or an error. Where nobody plays the other side, what does not is a failure, too.",
		Mutant:    "takes the first octet of a challenge that has none",
		Since:     "v0.1.0",
		Mechanism: runAnyChallenge,
	}
}

func runAnyChallenge(ctx context.Context, b *MechanismBench) Verdict {
	x, v, ok := b.control(ctx)
	if !ok {
		if v.Outcome == Skip {
			b.hostileStranger(ctx) // a crash is one all the same
		}
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

// hostileStranger says what it should not to a mechanism for which nobody plays the
// other side.
func (b *MechanismBench) hostileStranger(ctx context.Context) {
	for _, message := range hostileMessages(nil) {
		if b.target.Mechanism.NewClient != nil {
			c, err := b.newClient(ctx, b.target.Mechanism, b.conn, b.right)
			if err == nil && c.start().err == nil {
				_, err = c.next(message)
				_ = c.finish(err)
			}
		}
		if b.target.Mechanism.NewServer != nil {
			b.hostileClient(ctx, nil, message)
		}
		if b.crash() != "" {
			return
		}
	}
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
		nil,
		{},
		{0},
		{0xff},
		[]byte("\x01"), []byte("\x00\x00\x00"), []byte("="), []byte(","), []byte(",,,,"),
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
