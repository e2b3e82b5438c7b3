package sasl_test

import (
	"context"
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
