package interop

import (
	"bytes"
	"context"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/smtp"
)

// plainPassword is one that every server takes. The other holds what is outside
// ASCII, for which the cases about SCRAM have no preparation.
const plainPassword = "correct=+/horse"

// TestConformanceGoSMTP runs the cases for servers against go-smtp's server, in
// which PLAIN and OAUTHBEARER are those of go-sasl, and XOAUTH2 and SCRAM ours.
// It takes MAIL from anybody, and mail for others only of those who signed in.
func TestConformanceGoSMTP(t *testing.T) {
	s := startServerWith(t, serverOptions{
		mode:       smtp.STARTTLSRequired,
		accounts:   &accounts{password: plainPassword},
		mechanisms: []string{"PLAIN", "OAUTHBEARER", "XOAUTH2", "SCRAM-SHA-256"},
		hearsAll:   true,
		quiet:      true,
	})
	software := moduleVersion(t, "github.com/emersion/go-smtp") + ", " + moduleVersion(t, "github.com/emersion/go-sasl")
	report, err := conformance.Suite{}.Run(t.Context(), conformance.ServerTarget{
		Name: "go-smtp", Addr: s.url, RootCAs: s.tls.RootCAs,
		Account: conformance.Account{
			User: conformance.Fixed(user), Password: conformance.Fixed(plainPassword), Token: conformance.Fixed(token),
		},
		Sink: "sink@example.test", Observer: s, Tiers: conformance.AllTiers(),
	})
	if err != nil {
		t.Fatal(err)
	}
	wantOutcomes(t, "go-smtp", software, report)
}

var _ conformance.Observer = (*server)(nil)

// Observe implements conformance.Observer. A message is stored before the reply
// to it.
func (s *server) Observe(_ context.Context, mark string) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found [][]byte
	for _, d := range s.deliveries {
		if bytes.Contains(d.Data, []byte("X-SMTP-Conformance: "+mark+"\r\n")) {
			found = append(found, d.Data)
		}
	}
	return found, nil
}
