package google_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// sender returns what sends a message through a stand-in, with one generator.
func sender(t *testing.T, g *gmail) func() error {
	t.Helper()
	tokens, err := google.RefreshToken(testClient(), g.refreshToken, google.Options{HTTPClient: g.httpClient()})
	if err != nil {
		t.Fatal(err)
	}
	cfg := smtp.Config{
		Profile: profile.Gmail(), Auth: sasl.OAuth(mailbox, tokens),
		DialContext: g.Dial, TLSConfig: g.trust(),
	}
	envelope := smtp.Envelope{From: mailbox, To: []string{"recipient@example.com"}}
	return func() error {
		_, err := smtp.Send(t.Context(), cfg, envelope, smtp.Bytes([]byte("Subject: x\r\n\r\nx\r\n")))
		return err
	}
}

// TestRevokedAccessToken shows that a token which Gmail refuses is renewed on the
// same connection.
func TestRevokedAccessToken(t *testing.T) {
	g := startGmail()
	defer g.Close()
	send := sender(t, g)
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if n := g.authority.RevokeTokens(mailbox); n != 1 {
		t.Fatalf("%d tokens revoked, want 1", n)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	var codes []int
	for _, auth := range g.Auths() {
		codes = append(codes, auth.Code)
	}
	if len(codes) != 3 || codes[0] != 235 || codes[1] != 535 || codes[2] != 235 || g.Connections() != 2 {
		t.Errorf("replies to AUTH %v on %d connections, want 235 and then 535 235 on another", codes, g.Connections())
	}
	if n := len(g.authority.Requests()); n != 2 {
		t.Errorf("%d requests for tokens, want 2", n)
	}
}

// TestFiftyConnections shows that connections which share an Authenticator when
// its token dies share one request for another one, and that each of them is
// refused once at the most.
func TestFiftyConnections(t *testing.T) {
	g := startGmail()
	defer g.Close()
	send := sender(t, g)
	if err := send(); err != nil {
		t.Fatal(err)
	}
	g.authority.RevokeTokens(mailbox)
	for round := range 2 {
		before := len(g.Sessions())
		var senders sync.WaitGroup
		for range 50 {
			senders.Go(func() {
				if err := send(); err != nil {
					t.Error(err)
				}
			})
		}
		senders.Wait()
		refused := 0
		for _, session := range g.Sessions()[before:] {
			switch auths := session.Auths; {
			case len(auths) == 1 && auths[0].Code == 235:
			case len(auths) == 2 && auths[0].Code == 535 && auths[1].Code == 235:
				refused++
			default:
				t.Errorf("round %d: replies to AUTH %+v", round, auths)
			}
		}
		if round == 0 && refused == 0 || round == 1 && refused > 0 {
			t.Errorf("round %d: %d connections were refused", round, refused)
		}
	}
	if n := len(g.authority.Requests()); n != 2 {
		t.Errorf("%d requests for tokens, want 2", n)
	}
}

// TestRevokedGrant shows that the end of a consent reaches whoever sends, in
// words, after one request.
func TestRevokedGrant(t *testing.T) {
	g := startGmail()
	defer g.Close()
	send := sender(t, g)
	if err := send(); err != nil {
		t.Fatal(err)
	}
	g.authority.RevokeTokens(mailbox)
	g.authority.RevokeGrant(g.refreshToken)
	for range 3 {
		err := send()
		var failure *providers.Error
		if !errors.As(err, &failure) || failure.Kind != providers.NeedsUser {
			t.Fatalf("error %v, want one for the user", err)
		}
		wantNoSecret(t, err.Error())
	}
	if n := len(g.authority.Requests()); n != 2 {
		t.Errorf("%d requests for tokens, want 2", n)
	}
}

// TestScopeOfSending shows what becomes of a token that may send but not sign in
// to SMTP: one renewal, and words.
func TestScopeOfSending(t *testing.T) {
	g := startGmail()
	defer g.Close()
	g.refreshToken = g.authority.Grant(mailbox, "https://www.googleapis.com/auth/gmail.send")
	err := sender(t, g)()
	var refused *smtp.AuthError
	if !errors.As(err, &refused) || refused.Advice != profile.Gmail().Advise(334, "", `{"status":"400"}`) {
		t.Errorf("error %v, want advice about the scope", err)
	}
	if n := len(g.authority.Requests()); n != 2 {
		t.Errorf("%d requests for tokens, want 2", n)
	}
}
