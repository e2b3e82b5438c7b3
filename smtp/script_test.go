package smtp_test

import (
	"encoding/base64"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// scripted leads to a server that plays the steps, in clear, and fails the test
// if the client says anything else. Secrets may go there.
func scripted(t *testing.T, a *sasl.Authenticator, steps ...mock.Step) smtp.Config {
	t.Helper()
	s := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Script: mock.Seq(steps...)})
	if a != nil {
		a.Policy.InsecurePlaintext = true
	}
	cfg := config(s, a)
	cfg.TLS = smtp.InsecureNoTLS
	return cfg
}

// toRecipient plays what comes before the content of a message to one recipient,
// in lockstep.
func toRecipient() mock.Step {
	return mock.Seq(
		mock.Expect("MAIL FROM:<you@example.com>"), mock.Send("250 ok"),
		mock.Expect("RCPT TO:<friend@example.com>"), mock.Send("250 ok"),
	)
}

// accepted plays the content, and takes it.
func accepted() mock.Step { return mock.Seq(mock.ExpectData(), mock.Send("250 ok")) }

// gone is the end of a connection that the client does not believe in any more:
// it does not even say QUIT.
func gone() mock.Step { return mock.ExpectEOF() }

func inBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
