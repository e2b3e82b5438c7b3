package sasl_test

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/sasl"
)

// quick are options under which fuzzing does not spend its time in derivations.
func quick() sasl.SCRAMOptions { return sasl.SCRAMOptions{MinIterations: 1, MaxIterations: 8} }

// fixedNonce and quickKey make exchanges that are the same each time.
func fixedNonce() sasl.SCRAMHooks {
	return sasl.SCRAMHooks{Nonce: func() string { return "0123456789" }}
}

func quickKey(tb testing.TB) sasl.StoredKey {
	tb.Helper()
	key, err := sasl.NewStoredKey(tb.Context(), sha256.New, sasl.NewSecret(password), []byte("saltsalt"), 4)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func quickServer(tb testing.TB, directory sasl.Directory) sasl.Server {
	tb.Helper()
	server, err := sasl.HookedSCRAM("SCRAM-SHA-256", sha256.New, quick(), fixedNonce()).NewServer(tb.Context(), secure(), directory)
	if err != nil {
		tb.Fatal(err)
	}
	return server
}

func quickDirectory(tb testing.TB) accounts {
	return accounts{user: {SCRAM: map[string]sasl.StoredKey{"SCRAM-SHA-256": quickKey(tb)}}}
}

// quickTranscript is what both sides say in an exchange that succeeds.
func quickTranscript(f *testing.F) *pair {
	p := &pair{server: quickServer(f, quickDirectory(f))}
	if _, err := scramUser(fixedNonce(), quick()).Authenticate(f.Context(), secure("SCRAM-SHA-256"), p); err != nil {
		f.Fatal(err)
	}
	return p
}

func quickExchange(t *testing.T) *sasl.Exchange {
	x := begin(t, scramUser(fixedNonce(), quick()), secure("SCRAM-SHA-256"))
	if _, _, err := x.Start(); err != nil {
		t.Fatal(err)
	}
	return x
}

// Whatever the first message is, the client answers with a proof over the whole
// nonce, which has to continue its own, or with nothing; and success at once is
// an error.
func FuzzSCRAMServerFirst(f *testing.F) {
	f.Add([]byte(quickTranscript(f).heard[0]))
	v := readSCRAM(f)
	for _, c := range v.Client {
		f.Add([]byte(strings.ReplaceAll(c.Server[0], v.Exchanges[1].ClientNonce, "0123456789")))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		x := quickExchange(t)
		response, err := x.Next(bytes.Clone(message))
		switch {
		case err != nil:
			if response != nil || !errors.Is(err, sasl.ErrProtocol) {
				t.Errorf("response %q, error %v", response, err)
			}
		case len(response) == 0:
			if !bytes.HasPrefix(message, []byte("e=")) {
				t.Errorf("empty response to %q", message)
			}
		default:
			nonce, rest, _ := bytes.Cut(message, []byte(","))
			if !bytes.HasPrefix(response, []byte("c=biws,"+string(nonce)+",p=")) && !bytes.HasPrefix(response, []byte("c=eSws,"+string(nonce)+",p=")) ||
				!bytes.HasPrefix(nonce, []byte("r=0123456789")) || !bytes.HasPrefix(rest, []byte("s=")) ||
				bytes.HasPrefix(message, []byte("m=")) || bytes.Contains(message, []byte(",m=")) {
				t.Errorf("response %q to %q", response, message)
			}
		}
		if err := x.Finish(nil); !errors.Is(err, sasl.ErrServerUnverified) && !errors.Is(err, sasl.ErrProtocol) {
			t.Errorf("error %v after success", err)
		}
	})
}

// Only a message that begins with the right signature leads to success.
func FuzzSCRAMServerFinal(f *testing.F) {
	transcript := quickTranscript(f)
	first, good := transcript.heard[0], transcript.heard[1]
	f.Add([]byte(good))
	f.Add([]byte(good + ",x=y"))
	for _, c := range readSCRAM(f).Client {
		f.Add([]byte(c.Server[len(c.Server)-1]))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		x := quickExchange(t)
		if _, err := x.Next([]byte(first)); err != nil {
			t.Fatal(err)
		}
		_, err := x.Next(bytes.Clone(message))
		if text := errorText(err); strings.Contains(text, "\n") || len(text) > 1000 {
			t.Errorf("text %q", text)
		}
		right := string(message) == good || bytes.HasPrefix(message, []byte(good+","))
		if err := x.Finish(nil); err == nil && !right || err != nil && string(message) == good {
			t.Errorf("%q: error %v", message, err)
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// quickDialogue sends messages to a server and checks what every server has to
// keep to. It returns who signed in and the last challenge.
func quickDialogue(t *testing.T, server sasl.Server, messages ...[]byte) (authn, authz, last string) {
	t.Helper()
	for i, message := range append(messages, []byte{}, []byte{}) {
		challenge, done, err := server.Next(bytes.Clone(message))
		authn, authz = server.(sasl.Identifier).Identity()
		switch {
		case done && (err != nil || challenge != nil), err != nil && challenge != nil, !done && err == nil && challenge == nil:
			t.Fatalf("challenge %q, done %v, error %v", challenge, done, err)
		case !done && authn+authz != "":
			t.Fatalf("identity %q, %q without success", authn, authz)
		case done && i < len(messages):
			t.Fatalf("done after %d messages", i+1)
		case done || err != nil:
			if _, done, again := server.Next(message); done || !errors.Is(again, sasl.ErrProtocol) {
				t.Fatalf("after the end: done %v, error %v", done, again)
			}
			return authn, authz, last
		}
		last = string(challenge)
	}
	t.Fatal("the exchange does not end")
	return "", "", ""
}

// A first message that the server goes on with has a header, a name and a nonce,
// and the server's message continues that nonce. Nobody is signed in.
func FuzzSCRAMClientFirst(f *testing.F) {
	f.Add([]byte(quickTranscript(f).sent[0]))
	v := readSCRAM(f)
	for _, c := range v.Server {
		f.Add([]byte(c.Client[0]))
	}
	for _, x := range v.Exchanges {
		f.Add([]byte(x.Messages[0]))
	}
	directory := quickDirectory(f)
	f.Fuzz(func(t *testing.T, message []byte) {
		server := quickServer(t, directory)
		challenge, _, _ := server.Next(bytes.Clone(message))
		if bytes.HasPrefix(challenge, []byte("r=")) {
			header, bare, _ := bytes.Cut(message, []byte(",n="))
			_, nonce, ok := bytes.Cut(bare, []byte(",r="))
			nonce, _, _ = bytes.Cut(nonce, []byte(","))
			if !ok || len(nonce) == 0 || !utf8.Valid(message) || !bytes.HasPrefix(challenge, []byte("r="+string(nonce)+"0123456789,s=")) ||
				header[0] != 'n' && header[0] != 'y' {
				t.Errorf("%q: answered with %q", message, challenge)
			}
		}
		if authn, _, _ := quickDialogue(t, quickServer(t, directory), message); authn != "" {
			t.Errorf("%q signed in %s", message, authn)
		}
	})
}

// Only the right proof over the right messages signs in.
func FuzzSCRAMClientFinal(f *testing.F) {
	transcript := quickTranscript(f)
	first, good := transcript.sent[0], transcript.sent[1]
	f.Add([]byte(good))
	for _, c := range readSCRAM(f).Server {
		f.Add([]byte(c.Client[len(c.Client)-1]))
	}
	directory := quickDirectory(f)
	f.Fuzz(func(t *testing.T, message []byte) {
		authn, authz, last := quickDialogue(t, quickServer(t, directory), []byte(first), message)
		if (authn == user) != (string(message) == good) || authz != "" || (authn != "") != strings.HasPrefix(last, "v=") {
			t.Errorf("%q signed in %q as %q, last challenge %q", message, authn, authz, last)
		}
	})
}

// Any names that may be sent arrive as they were, escapes and all.
func FuzzSCRAMNames(f *testing.F) {
	for _, name := range []string{"alice", "a,b=c", "=2C", "=3D=", "ünïcödé", "=,=,", " ", "\u00aa", "\u0627"} {
		f.Add(name, "")
		f.Add("alice", name)
	}
	key := quickKey(f)
	f.Fuzz(func(t *testing.T, name, authzid string) {
		a := scramUser(fixedNonce(), quick())
		a.Credentials.Username, a.Credentials.AuthzID = name, authzid
		if a.Validate() != nil || len(name)+len(authzid) > 2000 {
			t.Skip()
		}
		prepared, err := sasl.Prepare(name)
		if err != nil {
			t.Fatal(err)
		}
		server := quickServer(t, accounts{prepared: {
			SCRAM:    map[string]sasl.StoredKey{"SCRAM-SHA-256": key},
			MayActAs: func(s string) bool { return s == authzid },
		}})
		_, err = a.Authenticate(t.Context(), secure("SCRAM-SHA-256"), &pair{server: server})
		if authn, authz := server.(sasl.Identifier).Identity(); err != nil || authn != prepared || authz != authzid {
			t.Errorf("sent %q, %q, arrived %q, %q, error %v", name, authzid, authn, authz, err)
		}
	})
}

// BenchmarkSCRAM is a whole sign-in with a key that is remembered.
func BenchmarkSCRAM(b *testing.B) {
	x := rfc7677(b)
	hooks := sasl.SCRAMHooks{Nonce: func() string { return x.ClientNonce }}
	a := sasl.Password(x.User, x.Password)
	a.Registry = sasl.Default().Without(x.Mechanism).With(sasl.HookedSCRAM(x.Mechanism, sha256.New, sasl.SCRAMOptions{}, hooks))
	c := secure(x.Mechanism, "SCRAM-SHA-1-PLUS")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), c, play(challenge(x.Messages[1]), challenge(x.Messages[3]), final235())); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSaltedPassword is 4096 iterations; see BenchmarkPBKDF2.
func BenchmarkSaltedPassword(b *testing.B) {
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	for b.Loop() {
		if _, err := sasl.SaltedPassword(b.Context(), sha256.New, password, salt, 4096); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPBKDF2 is the same by the standard library, which cannot be stopped.
func BenchmarkPBKDF2(b *testing.B) {
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	for b.Loop() {
		if _, err := pbkdf2.Key(sha256.New, password, salt, 4096, sha256.Size); err != nil {
			b.Fatal(err)
		}
	}
}
