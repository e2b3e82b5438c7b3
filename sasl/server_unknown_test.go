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
