package sasl_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/sasl"
)

func TestSaltedPassword(t *testing.T) {
	salt, _ := base64.StdEncoding.DecodeString("QSXCR+Q6sek8bf92")
	got, err := sasl.SaltedPassword(t.Context(), sha1.New, "pencil", salt, 4096) // RFC 5802, Section 5
	if err != nil || hex.EncodeToString(got) != "1d96ee3a529b5a5f9e47c01f229a2cb8a6e15f7d" {
		t.Errorf("%x, %v", got, err)
	}
	for mechanism := range map[string]int{"SCRAM-SHA-1": 0, "SCRAM-SHA-256": 0, "SCRAM-SHA-512": 0} {
		h := scramHash(mechanism)
		for _, password := range []string{"p", "pencil", strings.Repeat("long", 100)} {
			for _, iterations := range []int{1, 2, sasl.CheckEvery - 1, sasl.CheckEvery, sasl.CheckEvery + 1, 4096} {
				want, err := pbkdf2.Key(h, password, salt, iterations, h().Size())
				if err != nil {
					t.Fatal(err)
				}
				got, err := sasl.SaltedPassword(t.Context(), h, password, salt, iterations)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s, %d iterations: %x, %v; want %x", mechanism, iterations, got, err, want)
				}
			}
		}
	}
}

// A countdown is a context that ends when it has been looked at n times.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// The derivation looks at its context at the stated distance and ends with it.
func TestDerivationEndsWithItsContext(t *testing.T) {
	const looks = 10
	ctx := &countdown{t.Context(), looks}
	_, err := sasl.SaltedPassword(ctx, sha256.New, password, []byte("saltsalt"), 1<<62)
	if !errors.Is(err, context.Canceled) || ctx.n != -1 {
		t.Errorf("error %v, %d looks left", err, ctx.n)
	}
	ctx = &countdown{t.Context(), 1 << 30}
	if _, err := sasl.SaltedPassword(ctx, sha256.New, password, []byte("saltsalt"), 100*sasl.CheckEvery); err != nil {
		t.Fatal(err)
	}
	if seen := 1<<30 - ctx.n; seen < 100 {
		t.Errorf("looked at its context %d times in %d iterations", seen, 100*sasl.CheckEvery)
	}

	x := rfc7677(t)
	a := x.authenticator(t)
	cancelled, cancel := context.WithCancel(t.Context())
	server := play(challenge(x.Messages[1]), finalCode(501))
	server.before = func(line string) {
		if strings.HasPrefix(line, "AUTH") {
			cancel()
		}
	}
	_, err = a.Authenticate(cancelled, x.conn(), server)
	if !errors.Is(err, context.Canceled) || len(server.sent) != 2 || server.sent[1] != "*" {
		t.Errorf("error %v, sent %q", err, server.sent)
	}
	if n := sasl.KeysHeld(a); n != 0 {
		t.Errorf("%d keys held after a derivation that came to nothing", n)
	}
}

func TestNewStoredKey(t *testing.T) {
	a, err := sasl.NewStoredKey(t.Context(), sha256.New, sasl.NewSecret(password), nil, 0)
	if err != nil || len(a.Salt) != 16 || a.Iterations != 4096 || len(a.StoredKey.Reveal()) != 32 || len(a.ServerKey.Reveal()) != 32 {
		t.Errorf("%+v, %v", a, err)
	}
	b, err := sasl.NewStoredKey(t.Context(), sha256.New, sasl.NewSecret(password), nil, 0)
	if err != nil || bytes.Equal(a.Salt, b.Salt) || a.StoredKey.Equal(b.StoredKey) {
		t.Errorf("%v: same salt twice", err)
	}
	for name, c := range map[string]struct {
		password   string
		salt       []byte
		iterations int
	}{
		"no password": {"", nil, 0}, "empty salt": {password, []byte{}, 0}, "negative iterations": {password, nil, -1},
	} {
		if _, err := sasl.NewStoredKey(t.Context(), sha256.New, sasl.NewSecret(c.password), c.salt, c.iterations); !errors.Is(err, sasl.ErrBadCredentials) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sasl.NewStoredKey(over, sha256.New, sasl.NewSecret(password), nil, 1<<40); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A second sign-in derives nothing; another password, salt or hash does.
func TestKeysAreDerivedOnce(t *testing.T) {
	x := rfc7677(t)
	var derivations atomic.Int64
	secret := x.Password
	a := sasl.Password(x.User, "")
	a.Credentials.Password = func(context.Context) (sasl.Secret, error) { return sasl.NewSecret(secret), nil }
	m := sasl.HookedSCRAM(x.Mechanism, sha256.New, sasl.SCRAMOptions{}, sasl.SCRAMHooks{
		Nonce: func() string { return x.ClientNonce }, Derivations: &derivations,
	})
	a.Registry = sasl.Default().Without(m.Name).With(m)
	signIn := func(first string, want int64) {
		t.Helper()
		server := play(challenge(first), finalCode(454)) // a refused password would not be tried again
		_, _ = a.Authenticate(t.Context(), x.conn(), server)
		if len(server.sent) != 2 || !strings.HasPrefix(server.sent[1], "> c=") {
			t.Errorf("sent %q", server.sent)
		}
		if got := derivations.Load(); got != want {
			t.Errorf("%d derivations, want %d", got, want)
		}
	}
	signIn(x.Messages[1], 1)
	signIn(x.Messages[1], 1)
	signIn(strings.Replace(x.Messages[1], "%hv", "%hw", 1), 1) // another nonce
	signIn(strings.Replace(x.Messages[1], "s=W2", "s=W3", 1), 2)
	signIn(strings.Replace(x.Messages[1], "i=4096", "i=4097", 1), 3)
	secret = "changed"
	signIn(x.Messages[1], 4)
	secret = x.Password
	signIn(x.Messages[1], 4)
	for i := range 20 { // more than are remembered
		signIn(strings.Replace(x.Messages[1], "i=4096", "i=42"+string(rune('0'+i/10))+string(rune('0'+i%10)), 1), int64(5+i))
	}
	if n := sasl.KeysHeld(a); n != 8 {
		t.Errorf("%d keys held, want 8", n)
	}
}

// Connections that want the same key share a derivation, and one that is given
// up does not fail the others.
func TestKeysAreDerivedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := sasl.Password(user, password)
		gate := make(chan struct{})
		var derivations atomic.Int64
		derive := func() error {
			derivations.Add(1)
			<-gate
			return nil
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if key, err := sasl.Keys(t.Context(), a, password, []byte("salt"), derive); key != "key of "+password || err != nil {
					t.Errorf("key %q, %v", key, err)
				}
			})
		}
		synctest.Wait()
		left, leave := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := sasl.Keys(left, a, password, []byte("salt"), derive); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		close(gate)
		wg.Wait()
		if n := derivations.Load(); n != 1 {
			t.Errorf("%d derivations, want 1", n)
		}
	})
}

func TestDerivationFailsForItsOwnerAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := sasl.Password(user, password)
		gate := make(chan struct{})
		failing := errors.New("given up")
		first := true // the deriving goroutine alone looks at it
		derive := func() error {
			if first {
				first = false
				<-gate
				return failing
			}
			return nil
		}
		var failed, good atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				switch _, err := sasl.Keys(t.Context(), a, password, []byte("salt"), derive); err {
				case nil:
					good.Add(1)
				case failing:
					failed.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		if failed.Load() != 1 || good.Load() != 9 {
			t.Errorf("%d failed, %d good", failed.Load(), good.Load())
		}
	})
}

// Neither the keys that an Authenticator remembers nor an exchange show anything
// that a key could be had from.
func TestKeysAreNotShown(t *testing.T) {
	x := rfc7677(t)
	salt, _ := base64.StdEncoding.DecodeString(x.Salt)
	salted, err := sasl.SaltedPassword(t.Context(), sha256.New, x.Password, salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	clientKey, serverKey := hmac.New(sha256.New, salted), hmac.New(sha256.New, salted)
	clientKey.Write([]byte("Client Key"))
	serverKey.Write([]byte("Server Key"))
	proof, _ := base64.StdEncoding.DecodeString(x.Messages[2][strings.Index(x.Messages[2], ",p=")+3:])
	signature, _ := base64.StdEncoding.DecodeString(x.Messages[3][2:])
	hidden := []string{x.Password, string(salted), string(clientKey.Sum(nil)), string(serverKey.Sum(nil)), string(proof), string(signature)}

	a := x.authenticator(t)
	exchange := begin(t, a, x.conn())
	wantHidden(t, "begun", hidden, exchange, a)
	_, _, _ = exchange.Start()
	_, _ = exchange.Next([]byte(x.Messages[1]))
	if sasl.KeysHeld(a) != 1 {
		t.Error("no key is remembered")
	}
	wantHidden(t, "proved", hidden, exchange, a)
	_, err = exchange.Next([]byte("e=" + x.Messages[2][strings.Index(x.Messages[2], ",p=")+3:]))
	wantHidden(t, "refused", hidden, exchange, a, err, exchange.Finish(replyCode(535)))
	key, err := sasl.NewStoredKey(t.Context(), sha256.New, sasl.NewSecret(x.Password), salt, 0)
	wantHidden(t, "stored key", hidden, key, sasl.Account{SCRAM: map[string]sasl.StoredKey{"SCRAM-SHA-256": key}}, err)
}

// wantHidden fails the test if one of values shows one of secrets.
func wantHidden(t *testing.T, when string, secrets []string, values ...any) {
	t.Helper()
	for _, v := range values {
		look := func(how, text string) {
			for _, s := range secrets {
				for _, form := range []string{s, base64.StdEncoding.EncodeToString([]byte(s)), hex.EncodeToString([]byte(s)), strings.Trim(fmt.Sprint([]byte(s)), "[]")} {
					if strings.Contains(text, form) {
						t.Errorf("%s: %s of %T shows %q", when, how, v, form)
					}
				}
			}
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d"} {
			look(verb, fmt.Sprintf(verb, v))
		}
		if encoded, err := json.Marshal(v); err == nil {
			look("JSON", string(encoded))
		}
		walk(reflect.ValueOf(v), "", map[uintptr]bool{}, look)
	}
}

// A key that is there is returned whatever the context says, and none is derived.
func TestKeyIsThereForAnEndedContext(t *testing.T) {
	a := new(sasl.Authenticator)
	want, err := sasl.Keys(t.Context(), a, password, []byte("salt"), func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // a choice of select would be by chance
		got, err := sasl.Keys(over, a, password, []byte("salt"), func() error { t.Error("derived"); return nil })
		if got != want || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
}
