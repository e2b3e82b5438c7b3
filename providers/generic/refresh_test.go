package generic_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/sasl"
)

// What is on the wire: which parameters, and how the client authenticates.
func TestRefreshRequest(t *testing.T) {
	type sent struct {
		URL, Accept, User, Password string
		Form                        url.Values
	}
	tests := []struct {
		name   string
		server generic.Server
		client generic.Client
		want   sent
	}{
		{
			"by Basic",
			generic.Server{Scopes: []string{"mail"}},
			client(),
			sent{User: clientID, Password: url.QueryEscape(secret), Form: url.Values{
				"grant_type": {"refresh_token"}, "refresh_token": {"refresh-1"},
			}},
		},
		{
			"by parameters",
			generic.Server{ClientAuth: generic.ClientSecretPost},
			client(),
			sent{Form: url.Values{
				"grant_type": {"refresh_token"}, "refresh_token": {"refresh-1"}, "client_id": {clientID}, "client_secret": {secret},
			}},
		},
		{
			"a public client",
			generic.Server{},
			generic.Client{ID: clientID},
			sent{Form: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"refresh-1"}, "client_id": {clientID}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got sent
			o := generic.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				body, _ := io.ReadAll(r.Body)
				got.URL = r.URL.String()
				got.User, got.Password, _ = r.BasicAuth()
				got.Form, _ = url.ParseQuery(string(body))
				return reply(200, "application/json", `{"access_token":"access-1","token_type":"Bearer","expires_in":3600}`), nil
			})}}
			tt.server.TokenURL = "https://id.example.com/token"
			tt.want.URL = tt.server.TokenURL
			tokens, err := generic.RefreshToken(tt.server, tt.client, sasl.NewSecret("refresh-1"), o)
			if err != nil {
				t.Fatal(err)
			}
			token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
			if err != nil || token.Value.Reveal() != "access-1" {
				t.Errorf("%v, %v", token, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// Answers of authorities that are not quite to the letter.
func TestAnswers(t *testing.T) {
	tests := []struct {
		name, media, body string
		lifetime          time.Duration // 0: none was named
	}{
		{"plain", "application/json", `{"access_token":"access-1","expires_in":3600}`, time.Hour},
		{"a string", "application/json", `{"access_token":"access-1","expires_in":"3600"}`, time.Hour},
		{"a fraction", "application/json; charset=utf-8", `{"access_token":"access-1","expires_in":3600.9}`, time.Hour},
		{"a fraction in a string", "application/json", `{"access_token":"access-1","expires_in":"3.6e3"}`, time.Hour},
		{"another media type", "text/plain", ` {"access_token":"access-1","expires_in":3600}`, time.Hour},
		{"a form", "application/x-www-form-urlencoded", `access_token=access-1&expires_in=3600`, time.Hour},
		{"a string with a sign", "application/json", `{"access_token":"access-1","expires_in":"+3600"}`, time.Hour},
		{"no lifetime", "application/json", `{"access_token":"access-1"}`, 30 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				o := generic.Options{HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
					requests++
					return reply(200, tt.media, tt.body), nil
				})}}
				tokens, err := generic.RefreshToken(generic.Server{TokenURL: "https://id.example.com/token"}, client(), sasl.NewSecret("refresh-1"), o)
				if err != nil {
					t.Fatal(err)
				}
				for _, at := range []time.Duration{0, tt.lifetime - 10*time.Minute, 11 * time.Minute} {
					time.Sleep(at)
					if _, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				if requests != 2 {
					t.Errorf("%d requests, want one, and one more past %v", requests, tt.lifetime)
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	const page = "<html>token=" + secret + "</html>"
	tests := []struct {
		name         string
		status       int
		media, body  string
		kind         providers.Kind
		text, absent string
	}{
		{"wrong secret", 401, "application/json", `{"error":"invalid_client","error_description":"bad ` + secret + `"}`, providers.Misconfigured, "Server.ClientAuth", ""},
		{"wrong grant", 400, "application/json", `{"error":"unauthorized_client"}`, providers.Misconfigured, "may not use this grant", ""},
		{"wrong scope", 400, "application/json", `{"error":"invalid_scope"}`, providers.Misconfigured, "Server.Scopes", ""},
		{"no such grant", 400, "application/json", `{"error":"unsupported_grant_type"}`, providers.Misconfigured, "Server.TokenURL", ""},
		{"the user again", 400, "application/json", `{"error":"interaction_required"}`, providers.NeedsUser, "wants to see the user", ""},
		{"out of order", 503, "text/html", page, providers.Transient, "HTTP 503", "html"},
		{"too many", 429, "application/json", `{"error":"slow_down"}`, providers.Transient, "HTTP 429", ""},
		{"a page", 403, "text/html", page, providers.Misconfigured, "proxy", "html"},
		{"a page with 200", 200, "text/html", page, providers.Transient, "captive portal", "html"},
		{"an error with 200", 200, "application/json", `{"error":"invalid_grant"}`, providers.NeedsUser, "sign in again", ""},
		{"no token", 200, "application/json", `{"token_type":"Bearer"}`, providers.Transient, "not that of an OAuth 2.0 server", ""},
		{"a token of another type", 200, "application/json", `{"access_token":"access-1","token_type":"DPoP"}`, providers.Misconfigured, "type DPoP", ""},
		{"a redirect", 302, "text/plain", "", providers.Misconfigured, "HTTP 302", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := generic.Options{HTTPClient: answering(tt.status, tt.media, tt.body)}
			tokens, err := generic.RefreshToken(generic.Server{Name: "acme", TokenURL: "https://id.example.com/token"}, client(), sasl.NewSecret("refresh-1"), o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = tokens.Token(t.Context(), sasl.TokenRequest{})
			want(t, err, tt.kind, "acme: ", tt.text)
			if tt.absent != "" && strings.Contains(err.Error(), tt.absent) {
				t.Errorf("%v quotes the page", err)
			}
		})
	}
}

func TestBadArguments(t *testing.T) {
	good := generic.Server{TokenURL: "https://id.example.com/token"}
	refresh := sasl.NewSecret("refresh-1")
	tests := []struct {
		name   string
		server generic.Server
		client generic.Client
		grant  sasl.Secret
		text   string
	}{
		{"no endpoint", generic.Server{}, client(), refresh, "Server.TokenURL is empty"},
		{"http", generic.Server{TokenURL: "http://id.example.com/token"}, client(), refresh, "must be https"},
		{"user info", generic.Server{TokenURL: "https://a:" + "b@id.example.com/token"}, client(), refresh, "not a URL such as"},
		{"no client", good, generic.Client{}, refresh, "Client.ID is empty"},
		{"no grant", good, client(), sasl.Secret{}, "no refresh token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := generic.RefreshToken(tt.server, tt.client, tt.grant, generic.Options{})
			want(t, err, providers.Misconfigured, tt.text)
		})
	}
	noKey := generic.Options{Cache: providers.CacheOptions{Store: new(providers.MemoryStore)}}
	_, err := generic.RefreshToken(good, client(), refresh, noKey)
	want(t, err, providers.Misconfigured, "needs a Key")
	_, err = generic.ClientCredentials(good, client(), noKey)
	want(t, err, providers.Misconfigured, "needs a Key")
	_, err = generic.ClientCredentials(good, generic.Client{ID: clientID}, generic.Options{})
	want(t, err, providers.Misconfigured, "Client.Secret is empty")
	if got := fmt.Sprintf("%+v", client()); got != fmt.Sprintf("{ID:%s Secret:%v}", clientID, sasl.NewSecret("x")) {
		t.Errorf("a client prints as %s", got)
	}
}

func TestClientCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := authority(t, mock.AuthorityOptions{})
		s := server(a)
		s.Scopes = []string{"mail"}
		tokens, err := generic.ClientCredentials(s, client(), options(a))
		if err != nil {
			t.Fatal(err)
		}
		token, err := tokens.Token(t.Context(), sasl.TokenRequest{Username: user})
		if err != nil || token.Value.IsZero() || time.Until(token.Expiry) != time.Hour {
			t.Errorf("%v, %v, want a token for an hour", token, err)
		}
		form := a.Requests()[0].Form
		if form["grant_type"] != "client_credentials" || form["scope"] == "" {
			t.Errorf("form %v", form)
		}
	})
}

// A refresh token that comes with the token of a client is none of a user's grant
// (RFC 6749, Section 4.4.3).
func TestClientCredentialsHasNoGrant(t *testing.T) {
	store := new(providers.MemoryStore)
	o := generic.Options{HTTPClient: answering(200, "application/json", tokenAnswer), Cache: providers.CacheOptions{Store: store, Key: "k"}}
	tokens, err := generic.ClientCredentials(generic.Server{TokenURL: "https://id.example.com/token"}, client(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil {
		t.Fatal(err)
	}
	if status, err := providers.Inspect(t.Context(), store, "k"); err != nil || status.Grant {
		t.Errorf("%+v, %v, want a token and no grant", status, err)
	}
}
