package smtp_test

import (
	"fmt"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// The figures of the package documentation: round trips from the end of TCP's
// handshake to the outcome.
func TestRoundTrips(t *testing.T) {
	for _, tt := range []struct {
		name  string
		tls   mock.TLSMode
		token string
		first int
	}{
		{"implicit TLS, short token", mock.ImplicitTLS, short, 6},
		{"implicit TLS, long token", mock.ImplicitTLS, long, 7},
		{"STARTTLS, short token", mock.STARTTLS, short, 8},
		{"STARTTLS, long token", mock.STARTTLS, long, 9},
	} {
		for network, on := range map[string]mock.Network{"memory": mock.InMemory, "loopback": mock.Loopback} {
			t.Run(tt.name+", "+network, func(t *testing.T) {
				s := mock.Start(t, mock.Options{TLS: tt.tls, Network: on, Directory: accept(tt.token)})
				c, err := smtp.Dial(t.Context(), config(s, sasl.OAuth(user, sasl.StaticToken(tt.token))))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				hundred := smtp.Envelope{From: user}
				for i := range 100 {
					hundred.To = append(hundred.To, fmt.Sprintf("recipient-%d@example.com", i))
				}
				for _, env := range []smtp.Envelope{envelope, envelope, hundred, envelope} {
					if _, err := c.Send(t.Context(), env, message); err != nil {
						t.Fatal(err)
					}
				}
				var got []int
				for _, m := range s.Messages() {
					got = append(got, m.RoundTrips)
				}
				want := []int{tt.first, tt.first + 2, tt.first + 4, tt.first + 6}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("messages accepted after %v round trips; want %v", got, want)
				}
			})
		}
	}
}

// Without PIPELINING there is one command in flight.
func TestLockstep(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Without: []string{"PIPELINING"}, Strict: true})
	c, err := smtp.Dial(t.Context(), config(s, sasl.OAuth(user, sasl.StaticToken(short))))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if _, err := c.Send(t.Context(), smtp.Envelope{From: user, To: []string{"a@x.test", "b@x.test"}}, message); err != nil {
			t.Fatal(err)
		}
	}
	if m := s.Messages(); m[1].RoundTrips-m[0].RoundTrips != 5 { // MAIL, RCPT, RCPT, DATA, content
		t.Errorf("%d round trips; want 5", m[1].RoundTrips-m[0].RoundTrips)
	}
}
