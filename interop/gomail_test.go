package interop

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/seed-55a66e92/postern/mock"
)

// TestGoMail: go-mail composes messages, signs in and sends them.
func TestGoMail(t *testing.T) {
	for _, transport := range mockTransports {
		for _, tt := range []struct {
			mechanism gomail.SMTPAuthType
			secret    string
		}{
			{gomail.SMTPAuthPlain, password},
			{gomail.SMTPAuthLogin, password},
			{gomail.SMTPAuthXOAUTH2, token},
		} {
			t.Run(transport.name+"/"+string(tt.mechanism), func(t *testing.T) {
				server := startMock(t, transport.mode, new(accounts))
				client := newGoMail(t, server, transport.mode,
					gomail.WithSMTPAuth(tt.mechanism), gomail.WithUsername(user), gomail.WithPassword(tt.secret))
				messages := []*gomail.Msg{composed(t, gomail.NoEncoding), composed(t, gomail.EncodingQP)}
				if err := client.DialAndSendWithContext(t.Context(), messages...); err != nil {
					t.Fatal(err)
				}
				stored := server.Messages()
				if len(stored) != len(messages) {
					t.Fatalf("the mock has %d messages, want %d", len(stored), len(messages))
				}
				for i, m := range messages {
					var sent bytes.Buffer
					if _, err := m.WriteTo(&sent); err != nil {
						t.Fatal(err)
					}
					wantMessage(t, stored[i], string(tt.mechanism), "kim@example.test",
						[]string{"robin@example.test", "sam@example.test"}, sent.Bytes())
				}
			})
		}
	}
}

func newGoMail(t *testing.T, s *mock.Server, mode mock.TLSMode, options ...gomail.Option) *gomail.Client {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	options = append(options, gomail.WithPort(number), gomail.WithTLSConfig(s.TLSConfig()), gomail.WithHELO("client.example.test"))
	if mode == mock.ImplicitTLS {
		options = append(options, gomail.WithSSL())
	} else {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	client, err := gomail.NewClient(host, options...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// composed returns a message that renders the same each time. Its Bcc is in the
// envelope alone.
func composed(t *testing.T, encoding gomail.Encoding) *gomail.Msg {
	t.Helper()
	m := gomail.NewMsg(gomail.WithEncoding(encoding), gomail.WithBoundary("frontier"))
	for _, err := range []error{
		m.From("kim@example.test"),
		m.To("robin@example.test"),
		m.Bcc("sam@example.test"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	m.Subject("Grüße")
	m.SetDateWithValue(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	m.SetMessageIDWithValue("2@example.test")
	m.SetBodyString(gomail.TypeTextPlain, ".\r\n..\r\n.Grüße aus Århus\r\n\r\n.\r\n")
	attached := strings.NewReader(strings.Repeat("octets \x00\xff\r\n.\r\n", 5000))
	if err := m.AttachReader("octets.bin", attached); err != nil {
		t.Fatal(err)
	}
	return m
}
