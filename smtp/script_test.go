package smtp_test

import (
	"encoding/base64"
	"errors"
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

// A lone dot would be a message to whoever the server has accepted although it
// refused the sender, as one does that is still in another transaction. So the
// connection ends instead.
func TestNoEmptyMessage(t *testing.T) {
	cfg := scripted(t, nil,
		mock.Hello("PIPELINING"),
		mock.Group(mock.Expect("MAIL FROM:<you@example.com>"), mock.Expect("RCPT TO:<friend@example.com>"), mock.Expect("DATA")),
		mock.Send("503 5.5.1 there is a transaction"), mock.Send("250 ok"), mock.Send("354 go"), mock.ExpectEOF())
	c, err := smtp.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	result, err := c.Send(t.Context(), envelope, message)
	reply := new(smtp.ReplyError)
	if !errors.As(err, &reply) || reply.Command != "MAIL" || !smtp.SafeToRetry(err) || len(result.Accepted) != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := c.Send(t.Context(), envelope, message); !errors.Is(err, smtp.ErrBroken) {
		t.Errorf("next message: %v", err)
	}
}
