package conformance

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// scramHash returns the hash function of a mechanism of SCRAM, nil if the suite does
// not know it.
func scramHash(name string) func() hash.Hash {
	switch strings.TrimSuffix(name, plusSuffix) {
	case "SCRAM-SHA-1":
		return sha1.New
	case "SCRAM-SHA-256":
		return sha256.New
	case "SCRAM-SHA-384":
		return sha512.New384
	case "SCRAM-SHA-512":
		return sha512.New
	}
	return nil
}

// A scramTalk is an exchange of SCRAM in which the suite plays the server, as well as
// it likes. It computes by itself (RFC 5802, Section 3).
type scramTalk struct {
	saying
	b *MechanismBench
	h func() hash.Hash

	flag, authz, bare string // of client-first-message
	user, nonce       string
	header            string

	password string // in the form that is computed with
	sent     string // server-first-message
}

const scramIterationsUsed = 4096

var scramSalt = []byte("sixteen octets!!")

// talk begins an exchange of SCRAM and reads client-first-message.
func (b *MechanismBench) talk(ctx context.Context, conn *sasl.Conn, l login) (*scramTalk, error) {
	t := &scramTalk{b: b, h: scramHash(b.target.Mechanism.Name), password: l.secret}
	if t.h == nil {
		return nil, fmt.Errorf("conformance: the hash function of %s is not known", b.target.Mechanism.Name)
	}
	t.saying = b.beginOn(ctx, conn, l)
	if t.err != nil {
		return nil, t.err
	}
	fields := strings.SplitN(string(t.start.initial), ",", 3)
	if len(fields) < 3 {
		return nil, fmt.Errorf("conformance: client-first-message has no GS2 header")
	}
	t.flag, t.authz, t.bare = fields[0], fields[1], fields[2]
	t.header = t.flag + "," + t.authz + ","
	name, rest, ok := strings.Cut(t.bare, ",")
	nonce, _, _ := strings.Cut(rest, ",")
	if !ok || !strings.HasPrefix(name, "n=") || !strings.HasPrefix(nonce, "r=") || len(nonce) == len("r=") {
		return nil, fmt.Errorf("conformance: client-first-message is not of the form n=USER,r=NONCE")
	}
	t.user, t.nonce = name[2:], nonce[2:]
	return t, nil
}

// first returns a right server-first-message, with more attributes behind it.
func (t *scramTalk) first(more string) string {
	return t.firstOf(t.nonce+"server", base64.StdEncoding.EncodeToString(scramSalt), fmt.Sprint(scramIterationsUsed), more)
}

// firstOf returns a server-first-message of any kind.
func (t *scramTalk) firstOf(nonce, salt, iterations, more string) string {
	return "r=" + nonce + ",s=" + salt + ",i=" + iterations + more
}

// hear gives the client server-first-message and returns its answer.
func (t *scramTalk) hear(message string) (string, error) {
	t.sent = message
	answer, err := t.next([]byte(message))
	return string(answer), err
}

// check returns what is wrong with client-final-message in answer to a right first
// one, and the signature of the server. data is that of the channel binding.
func (t *scramTalk) check(final string, data []byte) (signature string, err error) {
	at := strings.LastIndex(final, ",p=")
	if at < 0 {
		return "", fmt.Errorf("conformance: client-final-message has no proof")
	}
	withoutProof, proof := final[:at], final[at+len(",p="):]
	binding := base64.StdEncoding.EncodeToString(append([]byte(t.header), data...))
	if want := "c=" + binding + ",r=" + t.nonce + "server"; withoutProof != want && !strings.HasPrefix(withoutProof, want+",") {
		return "", fmt.Errorf("conformance: client-final-message does not begin with the GS2 header as it was sent, in base64, and the nonce of both")
	}
	salted, err := t.b.salted(t.h, t.password)
	if err != nil {
		return "", err
	}
	message := t.bare + "," + t.sent + "," + withoutProof
	clientKey := t.mac(salted, "Client Key")
	stored := t.h()
	stored.Write(clientKey)
	right := t.mac(stored.Sum(nil), message)
	for i := range right {
		right[i] ^= clientKey[i]
	}
	got, err := base64.StdEncoding.DecodeString(proof)
	if err != nil || !bytes.Equal(got, right) {
		return "", fmt.Errorf("conformance: the proof of the client is wrong")
	}
	return base64.StdEncoding.EncodeToString(t.mac(t.mac(salted, "Server Key"), message)), nil
}

// salted returns the salted password, which is derived once.
func (b *MechanismBench) salted(h func() hash.Hash, password string) ([]byte, error) {
	if key, ok := b.derived[password]; ok {
		return key, nil
	}
	key, err := pbkdf2.Key(h, password, scramSalt, scramIterationsUsed, h().Size())
	if b.derived == nil {
		b.derived = make(map[string][]byte)
	}
	b.derived[password] = key
	return key, err
}

func (t *scramTalk) mac(key []byte, text string) []byte {
	mac := hmac.New(t.h, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// data returns the channel binding data that the client should have used.
func (t *scramTalk) data(conn *sasl.Conn) ([]byte, error) {
	typ, bound := strings.CutPrefix(t.flag, "p=")
	if !bound {
		return nil, nil
	}
	return serverSide(conn).ChannelBinding(typ)
}

// proved takes an exchange to the point at which the client has given its proof, with
// more attributes behind server-first-message.
func (b *MechanismBench) proved(ctx context.Context, conn *sasl.Conn, l login, more string) (t *scramTalk, signature string, err error) {
	if t, err = b.talk(ctx, conn, l); err != nil {
		return nil, "", err
	}
	final, err := t.hear(t.first(more))
	if err != nil {
		return t, "", err
	}
	data, err := t.data(conn)
	if err != nil {
		return t, "", err
	}
	signature, err = t.check(final, data)
	return t, signature, err
}

// signedIn takes an exchange to its end, in which everything is in order.
func (b *MechanismBench) signedIn(ctx context.Context, conn *sasl.Conn, l login, more, moreFinal string) error {
	t, signature, err := b.proved(ctx, conn, l, more)
	if err != nil {
		return err
	}
	if _, err := t.next([]byte("v=" + signature + moreFinal)); err != nil {
		return err
	}
	return t.finish(nil)
}

// scramControl is the control of the cases for SCRAM.
func (b *MechanismBench) scramControl(ctx context.Context) (login, Verdict, bool) {
	l := login{user: username, secret: b.Secret(secretLen)}
	if scramHash(b.target.Mechanism.Name) == nil {
		return l, skipped("the suite does not know the hash function of " + b.target.Mechanism.Name), false
	}
	conn := b.conn
	check := func(ctx context.Context) (Verdict, bool) {
		err := b.signedIn(ctx, conn, l, "", "")
		if err == nil {
			return pass(), true
		}
		return Verdict{
			Outcome: Inconclusive, Reason: "the control failed, in which nothing was wrong",
			Want: "a sign-in", Got: b.text(err),
		}, false
	}
	v, ok := check(ctx)
	if ok {
		b.recheck = check
	}
	return l, v, ok
}
