package google_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// awkward are an identifier and a secret that do not survive as they are, be it
// in a form or in a header.
const (
	awkwardID     = "an app:1"
	awkwardSecret = "s+c%r/t=%41&ü"
)

var styles = map[string]oauth2.AuthStyle{"header": oauth2.AuthStyleInHeader, "parameters": oauth2.AuthStyleInParams}

// startAuthority returns an authority on loopback with the awkward client, and a
// context whose requests reach it by TLS.
func startAuthority(t *testing.T) (*mock.Authority, context.Context) {
	t.Helper()
	a := mock.StartAuthority(t, mock.AuthorityOptions{Clients: map[string]string{awkwardID: awkwardSecret}})
	return a, context.WithValue(t.Context(), oauth2.HTTPClient, a.HTTPClient())
}

// wantGood checks an access token, and that the one request for it was logged
// without the secret.
func wantGood(t *testing.T, a *mock.Authority, token *oauth2.Token, style oauth2.AuthStyle) {
	t.Helper()
	c := mock.TokenCheck{Mechanism: "XOAUTH2", User: mailbox, Token: sasl.NewSecret(token.AccessToken)}
	if err := a.CheckToken(t.Context(), c); err != nil || token.TokenType != "Bearer" {
		t.Errorf("%s token: %v", token.TokenType, err)
	}
	requests := a.Requests()
	if len(requests) != 1 || requests[0].ClientID != awkwardID || requests[0].Status != http.StatusOK {
		t.Fatalf("requests %+v", requests)
	}
	want := ""
	if style == oauth2.AuthStyleInParams {
		want = fmt.Sprintf("<redacted %d octets>", len(awkwardSecret))
	}
	if got := requests[0].Form["client_secret"]; got != want {
		t.Errorf("client_secret is logged as %q, want %q", got, want)
	}
}

// The authority of package mock understands x/oauth2, however it sends the
// client's secret.
func TestAuthorityWithOAuth2(t *testing.T) {
	for name, style := range styles {
		t.Run("refresh, "+name, func(t *testing.T) {
			a, ctx := startAuthority(t)
			config := oauth2.Config{
				ClientID: awkwardID, ClientSecret: awkwardSecret,
				Endpoint: oauth2.Endpoint{TokenURL: a.TokenURL(), AuthStyle: style},
			}
			token, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: a.Grant(mailbox).Reveal()}).Token()
			if err != nil {
				t.Fatal(err)
			}
			wantGood(t, a, token, style)
		})
		t.Run("client credentials, "+name, func(t *testing.T) {
			a, ctx := startAuthority(t)
			config := clientcredentials.Config{
				ClientID: awkwardID, ClientSecret: awkwardSecret, TokenURL: a.TokenURL(), AuthStyle: style,
			}
			token, err := config.Token(ctx)
			if err != nil {
				t.Fatal(err)
			}
			wantGood(t, a, token, style)
		})
		t.Run("wrong secret, "+name, func(t *testing.T) {
			a, ctx := startAuthority(t)
			config := clientcredentials.Config{
				ClientID: awkwardID, ClientSecret: awkwardSecret + "+", TokenURL: a.TokenURL(), AuthStyle: style,
			}
			_, err := config.Token(ctx)
			var refused *oauth2.RetrieveError
			if !errors.As(err, &refused) || refused.ErrorCode != "invalid_client" || refused.Response.StatusCode != http.StatusUnauthorized {
				t.Fatalf("got %v", err)
			}
			if challenge := refused.Response.Header.Get("WWW-Authenticate"); challenge != `Basic realm="mock"` {
				t.Errorf("WWW-Authenticate %q", challenge)
			}
		})
	}
}
