package sasl_test

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// cramMD5 returns an Authenticator that may use CRAM-MD5.
func cramMD5() *sasl.Authenticator {
	a := sasl.Password(user, password)
	a.Policy.Order = []string{"CRAM-MD5"}
	return a
}

// A server that offers CRAM-MD5 does not get it unless the program names it.
func TestCRAMMD5OnlyIfNamed(t *testing.T) {
	_, secret := never(t)
	a := &sasl.Authenticator{Credentials: sasl.Credentials{Username: user, Password: secret}}
	server := play()
	_, err := a.Authenticate(t.Context(), secure("CRAM-MD5"), server)
	if none := new(sasl.NoMechanismError); !errors.As(err, &none) || !strings.Contains(err.Error(), "CRAM-MD5: deprecated: name it in Policy.Order") {
		t.Errorf("error %v, want a NoMechanismError that says how to allow it", err)
	}
	server.wantSent(t)

	x := begin(t, cramMD5(), plaintext("CRAM-MD5", "PLAIN"))
	if x.Mechanism() != "CRAM-MD5" {
		t.Errorf("mechanism %s", x.Mechanism())
	}
}

// A challenge is of its own each time, in the form of RFC 2195, Section 2.
func TestCRAMMD5ChallengeIsFresh(t *testing.T) {
	form := regexp.MustCompile(`^<[0-9]{2,40}\.[0-9]+@smtp\.example\.com>$`)
	m, _ := sasl.Default().Lookup("CRAM-MD5")
	seen := map[string]bool{}
	for range 10 {
		server, err := m.NewServer(t.Context(), secure(m.Name), new(census))
		if err != nil {
			t.Fatal(err)
		}
		challenge, done, err := server.Next(nil)
		if done || err != nil || !form.Match(challenge) || seen[string(challenge)] {
			t.Errorf("challenge %q, done %v, error %v", challenge, done, err)
		}
		seen[string(challenge)] = true
	}
}

// answer is an answer by hand.
func answer(user, password, challenge string) string {
	mac := hmac.New(md5.New, []byte(password))
	mac.Write([]byte(challenge))
	return fmt.Sprintf("%s %x", user, mac.Sum(nil))
}

// No answer with one octet changed signs anybody in.
func TestCRAMMD5Mutations(t *testing.T) {
	const challenge = "<1@example.com>"
	good := answer("alice", password, challenge)
	for i := range good {
		for b := range 256 {
			if byte(b) == good[i] {
				continue
			}
			mutant := good[:i] + string([]byte{byte(b)}) + good[i+1:]
			server := sasl.NewCRAMMD5Server(t.Context(), new(census), []byte(challenge))
			if _, _, err := server.Next(nil); err != nil {
				t.Fatal(err)
			}
			_, done, err := server.Next([]byte(mutant))
			if done || !errors.Is(err, sasl.ErrRejected) && !errors.Is(err, sasl.ErrProtocol) {
				t.Errorf("%q: done %v, error %v", mutant, done, err)
			}
		}
	}
}

func TestCRAMMD5DirectoryFails(t *testing.T) {
	failure := errors.New("database is down")
	d := directoryFunc(func(context.Context, string) (sasl.Account, error) { return sasl.Account{}, failure })
	server := sasl.NewCRAMMD5Server(t.Context(), d, []byte("?"))
	server.Next(nil)
	_, done, err := server.Next([]byte(answer("alice", password, "?")))
	if done || !errors.Is(err, sasl.ErrTemporary) || !errors.Is(err, failure) {
		t.Errorf("done %v, error %v; want ErrTemporary", done, err)
	}
}

func TestCRAMMD5ShowsNoSecret(t *testing.T) {
	for name, steps := range scripts(password) {
		a := cramMD5()
		_, err := a.Authenticate(t.Context(), secure("CRAM-MD5"), play(steps...))
		wantNoSecret(t, name, err)
		wantNoSecret(t, name, a)
	}
	x := begin(t, cramMD5(), secure("CRAM-MD5"))
	for _, step := range []func(){
		func() { x.Start() },
		func() { x.Next([]byte(password)) },
		func() { wantNoSecret(t, "result", x.Finish(replyCode(535))) },
	} {
		step()
		wantNoSecret(t, "exchange", x)
	}
	server := sasl.NewCRAMMD5Server(t.Context(), new(census), []byte("?"))
	for _, response := range [][]byte{nil, []byte(answer("alice", password, "!"))} {
		_, _, err := server.Next(response)
		wantNoSecret(t, "server", server)
		wantNoSecret(t, "server error", err)
	}
}

// FuzzCRAMChallenge: the client answers any challenge but the empty one, once,
// by the digest of exactly that challenge, and the server that sent it is the
// only one that takes the answer.
func FuzzCRAMChallenge(f *testing.F) {
	f.Add([]byte("<1896.697170952@postoffice.reston.mci.net>"), "tim", "tanstaaftanstaaf")
	f.Add([]byte(""), "tim", strings.Repeat("x", 64))
	f.Add([]byte("\x00\r\n\xff"), "tim taylor", strings.Repeat("x", 65))
	f.Fuzz(func(t *testing.T, challenge []byte, name, secret string) {
		a := sasl.Password(name, secret)
		a.Policy.Order = []string{"CRAM-MD5"}
		x, err := a.Begin(t.Context(), secure("CRAM-MD5"))
		if err != nil {
			wantErrors(t, err, sasl.ErrBadCredentials)
			return
		}
		if _, initial, err := x.Start(); initial != nil || err != nil {
			t.Fatalf("initial response %q, %v; want none", initial, err)
		}
		response, err := x.Next(challenge)
		if len(challenge) == 0 || len(challenge) > sasl.MaxMessage {
			wantErrors(t, err, sasl.ErrProtocol)
			return
		}
		if len(name) > sasl.MaxMessage-33 {
			return
		}
		if err != nil || string(response) != answer(name, secret, string(challenge)) {
			t.Fatalf("response %q, %v", response, err)
		}
		if response, err := x.Next(challenge); response != nil || !errors.Is(err, sasl.ErrProtocol) {
			t.Errorf("second challenge: %q, %v", response, err)
		}
		for _, sent := range [][]byte{challenge, append([]byte("x"), challenge...)} {
			server := sasl.NewCRAMMD5Server(t.Context(), accounts{name: {Password: sasl.NewSecret(secret)}}, sent)
			server.Next(nil)
			_, done, _ := server.Next(response)
			if done != (len(sent) == len(challenge)) {
				t.Errorf("challenge %q, answer to %q: done %v", sent, challenge, done)
			}
		}
	})
}

// FuzzCRAMServer has the property of the other server targets.
func FuzzCRAMServer(f *testing.F) {
	f.Add([]byte(answer("alice", password, "?")))
	f.Add([]byte(answer("root", password, "?")))
	f.Fuzz(func(t *testing.T, response []byte) {
		server := sasl.NewCRAMMD5Server(t.Context(), new(census), []byte("?"))
		server.Next(nil)
		challenge, done, err := server.Next(response)
		authn, authz := server.(sasl.Identifier).Identity()
		if challenge != nil || authz != "" || done != (err == nil) || done != (authn != "") {
			t.Fatalf("challenge %q, done %v, error %v, identity %q, %q", challenge, done, err, authn, authz)
		}
		if done && string(response) != answer(authn, secretOf(password, authn), "?") {
			t.Errorf("%q signed in %s", response, authn)
		}
		if _, done, err := server.Next(response); done || !errors.Is(err, sasl.ErrProtocol) {
			t.Errorf("after the end: done %v, error %v", done, err)
		}
	})
}
