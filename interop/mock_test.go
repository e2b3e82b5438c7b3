package interop

import (
	"slices"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// startMock starts our mock, strict, for the user of these tests. It fails the
// test at its end if a client has broken the protocol.
func startMock(t *testing.T, mode mock.TLSMode, a *accounts) *mock.Server {
	t.Helper()
	return mock.Start(t, mock.Options{
		TLS: mode, Directory: a, RequireTLS: true, RequireAuth: true, Strict: true,
	})
}

// mockTransports are the two ways to be encrypted.
var mockTransports = []struct {
	name string
	mode mock.TLSMode
}{
	{"STARTTLS", mock.STARTTLS},
	{"implicit TLS", mock.ImplicitTLS},
}

// wantStored checks the message that the mock has stored last, out of n.
func wantStored(t *testing.T, s *mock.Server, n int, mechanism string, from string, to []string, sent []byte) {
	t.Helper()
	messages, err := s.WaitMessages(t.Context(), n)
	if err != nil || len(messages) != n {
		t.Fatalf("the mock has %d messages, want %d: %v", len(messages), n, err)
	}
	wantMessage(t, messages[n-1], mechanism, from, to, sent)
}

// wantMessage checks who sent a message, and what.
func wantMessage(t *testing.T, m mock.Message, mechanism string, from string, to []string, sent []byte) {
	t.Helper()
	if m.Mechanism != mechanism || m.User != user || m.ActingAs != "" || !m.TLS {
		t.Errorf("signed in by %s as %q acting as %q, TLS %t; want %s, %q, nobody else, true",
			m.Mechanism, m.User, m.ActingAs, m.TLS, mechanism, user)
	}
	if m.From != from || !slices.Equal(m.To, to) {
		t.Errorf("envelope %q to %q, want %q to %q", m.From, m.To, from, to)
	}
	wantData(t, m.Data, sent)
}
