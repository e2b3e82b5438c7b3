package interop

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// refusals is what the server says to a bad token, by mechanism: go-sasl makes
// one of the challenges and package sasl the other. The final reply is 454 to
// both.
var refusals = []struct{ mechanism, status string }{
	{"OAUTHBEARER", "invalid_token"},
	{"XOAUTH2", challenge.Status},
}

// TestRenewal: a refused token is replaced on the same connection, once.
func TestRenewal(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.mechanism, func(t *testing.T) {
			known := new(accounts)
			server := startServer(t, smtp.STARTTLSRequired, known)
			a, g := oauth(tt.mechanism, stale, token)
			l := ownLetters()[0]
			result, err := smtp.Send(t.Context(), server.config(a), envelope, smtp.Bytes(l.data))
			if err != nil {
				t.Fatal(err)
			}
			if result.Attempts != 1 {
				t.Errorf("%d connections, want 1", result.Attempts)
			}
			wantTokens(t, known, stale, token)
			got, _ := server.last()
			wantDelivery(t, got, tt.mechanism, l.data)
			wantRequests(t, g, server)
		})
	}
}

// wantRequests checks that the generator was asked twice, for this server, and
// the second time was told of the refused token.
func wantRequests(t *testing.T, g *generator, s *server) {
	t.Helper()
	asked := g.asked()
	if len(asked) != 2 {
		t.Fatalf("the generator was asked %d times, want 2", len(asked))
	}
	if asked[0].Rejected != nil {
		t.Errorf("it was told of a refused token at first: %v", asked[0].Rejected)
	}
	if !asked[1].Rejected.Matches(sasl.Token{Value: sasl.NewSecret(stale)}) {
		t.Errorf("it was told of %v, want the refused token", asked[1].Rejected)
	}
	at, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range asked {
		if req.Username != user || req.Service != "smtp" || req.Host != at.Hostname() || strconv.Itoa(req.Port) != at.Port() {
			t.Errorf("it was asked for a token for %s at %s:%d (%s)", req.Username, req.Host, req.Port, req.Service)
		}
	}
}

// TestRefused: after two refused tokens it is over, and nothing is tried again
// on another connection.
func TestRefused(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.mechanism, func(t *testing.T) {
			known := new(accounts)
			server := startServer(t, smtp.TLSImplicit, known)
			a, _ := oauth(tt.mechanism, stale, stale+"-too", token)
			_, err := smtp.Dial(t.Context(), server.config(a))
			wantRefusal(t, err, tt.mechanism, tt.status)
			wantTokens(t, known, stale, stale+"-too")

			var resting *sasl.CoolDownError
			if _, err := smtp.Dial(t.Context(), server.config(a)); !errors.As(err, &resting) {
				t.Errorf("the next sign-in: %v; want *sasl.CoolDownError", err)
			}
			wantTokens(t, known, stale, stale+"-too")
		})
	}
}

// TestNoOtherToken: a token that cannot be replaced is sent once.
func TestNoOtherToken(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.mechanism, func(t *testing.T) {
			known := new(accounts)
			server := startServer(t, smtp.STARTTLSRequired, known)
			a, _ := oauth(tt.mechanism, stale)
			for range 2 {
				_, err := smtp.Dial(t.Context(), server.config(a))
				wantRefusal(t, err, tt.mechanism, tt.status)
				if !errors.Is(err, sasl.ErrNoOtherToken) {
					t.Errorf("got %v, want ErrNoOtherToken", err)
				}
			}
			wantTokens(t, known, stale)
		})
	}
}

// wantRefusal checks that err tells what the server said to a token, and holds
// none.
func wantRefusal(t *testing.T, err error, mechanism, status string) {
	t.Helper()
	var auth *smtp.AuthError
	if !errors.As(err, &auth) {
		t.Fatalf("got %v, want *smtp.AuthError", err)
	}
	if auth.Mechanism != mechanism || auth.Reply == nil || auth.Reply.Code != 454 {
		t.Errorf("mechanism %s, reply %v; want %s and 454", auth.Mechanism, auth.Reply, mechanism)
	}
	if o := auth.OAuth; o == nil || o.Status != status || o.Schemes != challenge.Schemes || o.Scope != challenge.Scope {
		t.Errorf("challenge %+v; want status %s, schemes %s, scope %s", o, status, challenge.Schemes, challenge.Scope)
	}
	if !errors.Is(err, sasl.ErrRejected) || smtp.Classify(err) != smtp.Auth {
		t.Errorf("%v is of class %v; want ErrRejected and auth", err, smtp.Classify(err))
	}
	if strings.Contains(err.Error(), stale) {
		t.Errorf("%v holds the token", err)
	}
}

// TestWrongPassword: a password is tried once.
func TestWrongPassword(t *testing.T) {
	server := startServer(t, smtp.TLSImplicit, new(accounts))
	_, err := smtp.Dial(t.Context(), server.config(sasl.Password(user, "wrong")))
	var auth *smtp.AuthError
	if !errors.As(err, &auth) || auth.Reply == nil || auth.Reply.Code != 535 || auth.Reply.Enhanced != (smtp.EnhancedCode{5, 7, 8}) {
		t.Fatalf("got %v, want *smtp.AuthError with 535 5.7.8", err)
	}
	if !errors.Is(err, sasl.ErrRejected) || smtp.Classify(err) != smtp.Auth {
		t.Errorf("%v is of class %v; want ErrRejected and auth", err, smtp.Classify(err))
	}
	if n := strings.Count(server.wire.String(), "\r\nAUTH "); n != 1 {
		t.Errorf("%d AUTH commands, want 1", n)
	}
}

// TestOAUTHBEARERMessage: another parser finds in our message what it should.
func TestOAUTHBEARERMessage(t *testing.T) {
	server := startServer(t, smtp.STARTTLSRequired, new(accounts))
	a, _ := oauth("OAUTHBEARER", token)
	client, err := smtp.Dial(t.Context(), server.config(a))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	got := server.bearerOptions()
	if len(got) != 1 {
		t.Fatalf("%d messages, want 1", len(got))
	}
	at := "smtp://" + got[0].Host + ":" + strconv.Itoa(got[0].Port)
	if got[0].Username != user || got[0].Token != token || at != server.url {
		t.Errorf("read user %q, token %q, server %s; want %q, %q, %s", got[0].Username, got[0].Token, at, user, token, server.url)
	}
}

// TestLongToken: a token that makes the AUTH line too long goes out after the
// server's 334, and one that is too long for the server is no refused token.
func TestLongToken(t *testing.T) {
	for _, mechanism := range []string{"OAUTHBEARER", "XOAUTH2"} {
		t.Run(mechanism, func(t *testing.T) {
			long, tooLong := strings.Repeat("long", 300), strings.Repeat("toolong", 500)
			known := &accounts{good: long}
			server := startServer(t, smtp.STARTTLSRequired, known)

			a, _ := oauth(mechanism, long)
			client, err := smtp.Dial(t.Context(), server.config(a))
			if err != nil {
				t.Fatal(err)
			}
			client.Close()
			wantTokens(t, known, long)
			if !strings.Contains(server.wire.String(), "\r\nAUTH "+mechanism+"\r\n") {
				t.Error("the AUTH command was not sent without an initial response")
			}

			a, g := oauth(mechanism, tooLong)
			for range 2 { // the second time, the generator is told of no refusal
				_, err = smtp.Dial(t.Context(), server.config(a))
				var auth *smtp.AuthError
				if !errors.As(err, &auth) || auth.Reply == nil || auth.Reply.Code != 500 || auth.OAuth != nil {
					t.Fatalf("got %v, want *smtp.AuthError with 500", err)
				}
				if errors.Is(err, sasl.ErrRejected) {
					t.Errorf("%v is taken for a refused token", err)
				}
				if strings.Contains(err.Error(), "toolong") {
					t.Errorf("%v holds the token", err)
				}
			}
			for _, req := range g.asked() {
				if req.Rejected != nil {
					t.Errorf("the generator was told of a refused token: %v", req.Rejected.Err)
				}
			}
			wantTokens(t, known, long)
		})
	}
}
