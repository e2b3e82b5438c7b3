package sasl_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// A strangers directory knows nobody, and judges tokens all the same.
type strangers struct{ verdict error }

func (d strangers) Account(context.Context, string) (sasl.Account, error) {
	return sasl.Account{Token: func(context.Context, sasl.Secret) error { return d.verdict }}, sasl.ErrNoAccount
}

// TestUnknownUserLooksLikeBadToken refuses an unknown user by the challenge that
// the directory gives, and never lets one in.
func TestUnknownUserLooksLikeBadToken(t *testing.T) {
	for _, challenged := range []bool{true, false} {
		var d strangers
		if challenged {
			d.verdict = &sasl.OAuthError{Mechanism: "XOAUTH2", Status: "401"}
		}
		m, _ := sasl.Default().Lookup("XOAUTH2")
		server, err := m.NewServer(t.Context(), &sasl.Conn{}, d)
		if err != nil {
			t.Fatal(err)
		}
		challenge, done, err := server.Next([]byte("user=nobody\x01auth=Bearer t\x01\x01"))
		if done || (err == nil) != challenged || (string(challenge) == `{"status":"401"}`) != challenged {
			t.Errorf("challenged %v: %q, %v, %v", challenged, challenge, done, err)
		}
	}
}

// A decoy directory knows nobody, and has keys for everybody.
type decoy struct{ key sasl.StoredKey }

func (d decoy) Account(context.Context, string) (sasl.Account, error) {
	return sasl.Account{
		Password: sasl.NewSecret(password),
		SCRAM:    map[string]sasl.StoredKey{"SCRAM-SHA-256": d.key},
		MayActAs: func(string) bool { return true },
	}, sasl.ErrNoAccount
}

// TestUnknownUserShowsKeys tells an unknown user the salt and iterations that the
// directory gives, and never lets one in: not by the right proof, nor by a
// password that stands in the account.
func TestUnknownUserShowsKeys(t *testing.T) {
	key, err := sasl.NewStoredKey(t.Context(), sha256.New, sasl.NewSecret(password), []byte("0123456789abcdef"), 5000)
	if err != nil {
		t.Fatal(err)
	}
	for _, mechanism := range []string{"SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"} {
		t.Run(mechanism, func(t *testing.T) {
			m, _ := sasl.Default().Lookup(mechanism)
			server, err := m.NewServer(t.Context(), secure(), decoy{key})
			if err != nil {
				t.Fatal(err)
			}
			a := sasl.Password(user, password)
			a.Policy.Order = []string{mechanism}
			p := &pair{server: server}
			_, err = a.Authenticate(t.Context(), secure(mechanism), p)
			wantErrors(t, err, sasl.ErrRejected)
			if mechanism == "SCRAM-SHA-256" && !strings.HasSuffix(p.heard[0], ",s=MDEyMzQ1Njc4OWFiY2RlZg==,i=5000") {
				t.Errorf("heard %q", p.heard)
			}
		})
	}
}

// An unknown user has one salt with -PLUS and without, as a known one has, and
// another one for another hash.
func TestUnknownUserHasOneSalt(t *testing.T) {
	registry := sasl.Default()
	key := sasl.SCRAMOptions{SaltKey: sasl.NewSecret("a key for salts")}
	apart := new(sasl.Registry).Without(sasl.Default().Names()...).With(
		sasl.SCRAM("SCRAM-SHA-256", sha256.New, key), sasl.SCRAM("SCRAM-SHA-256-PLUS", sha256.New, key))
	salt := func(r *sasl.Registry, mechanism, flag string) string {
		t.Helper()
		m, _ := r.Lookup(mechanism)
		conn := secure(mechanism)
		conn.ServerCertificate = leaf
		server, err := m.NewServer(t.Context(), conn, accounts{})
		if err != nil {
			t.Fatal(err)
		}
		first, _, err := server.Next([]byte(flag + ",,n=nobody,r=abc"))
		_, salt, ok := strings.Cut(string(first), ",s=")
		if err != nil || !ok {
			t.Fatalf("%s: %q, %v", mechanism, first, err)
		}
		return salt
	}
	for _, r := range []*sasl.Registry{registry, apart} {
		bare, plus := salt(r, "SCRAM-SHA-256", "n"), salt(r, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point")
		if bare != plus {
			t.Errorf("salts %s and %s", bare, plus)
		}
	}
	if salt(registry, "SCRAM-SHA-256", "n") == salt(registry, "SCRAM-SHA-512", "n") {
		t.Error("one salt for two hashes")
	}
}
