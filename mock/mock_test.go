package mock_test

import (
	"context"
	"net/smtp"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// send sends a message by net/smtp, which nobody here wrote.
func send(srv *mock.Server, auth smtp.Auth, from, to, message string) error {
	conn, err := srv.Dial(context.Background(), "tcp", srv.Addr())
	if err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, srv.TLSConfig().ServerName)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.StartTLS(srv.TLSConfig()); err != nil {
		return err
	}
	if auth != nil {
		if err := c.Auth(auth); err != nil {
			return err
		}
	}
	if err := c.Mail(from); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(message)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

func TestNetSMTP(t *testing.T) {
	for _, network := range []mock.Network{mock.Loopback, mock.InMemory} {
		srv := mock.Start(t, mock.Options{Network: network, RequireAuth: true, RequireTLS: true, Strict: true})
		auth := smtp.PlainAuth("", "user", "secret", srv.TLSConfig().ServerName)
		if err := send(srv, auth, "from@example.test", "to@example.test", "Subject: hello\r\n\r\n.dot\r\n"); err != nil {
			t.Fatal(err)
		}
		messages := srv.Messages()
		if len(messages) != 1 {
			t.Fatalf("%d messages, want 1\n%s", len(messages), srv.Transcript())
		}
		m := messages[0]
		if m.From != "from@example.test" || len(m.To) != 1 || m.To[0] != "to@example.test" ||
			string(m.Data) != "Subject: hello\r\n\r\n.dot\r\n" || m.User != "user" || m.Mechanism != "PLAIN" || !m.TLS {
			t.Errorf("message %+v", m)
		}
	}
}
