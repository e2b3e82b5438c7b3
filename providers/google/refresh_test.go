package google_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestRequest shows what is sent and what is made of the answer.
func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tokenServer{answer: answers(http.StatusOK,
			`{"access_token":"ya29.x","expires_in":3599,"scope":"https://mail.google.com/ openid","token_type":"Bearer"}`)}
		token, err := s.generator(t).Token(t.Context(), sasl.TokenRequest{Username: "you@gmail.com"})
		if err != nil {
			t.Fatal(err)
		}
		if got := token.Value.Reveal(); got != "ya29.x" {
			t.Errorf("token %q", got)
		}
		if want := time.Now().Add(3599 * time.Second); !token.Expiry.Equal(want) {
			t.Errorf("expiry %v, want %v", token.Expiry, want)
		}
		if want := []string{"https://mail.google.com/", "openid"}; !reflect.DeepEqual(token.Scopes, want) {
			t.Errorf("scopes %q, want %q", token.Scopes, want)
		}
		if want := []string{"POST https://oauth2.googleapis.com/token"}; !reflect.DeepEqual(s.urls, want) {
			t.Errorf("requests %q, want %q", s.urls, want)
		}
		want := url.Values{
			"client_id": {clientID}, "client_secret": {clientSecret},
			"grant_type": {"refresh_token"}, "refresh_token": {refreshValue},
		}
		if !reflect.DeepEqual(s.forms[0], want) {
			t.Errorf("form %v, want %v: no scope among them", s.forms[0], want)
		}
	})
}

// TestNoExpiry shows that a token without expires_in is not kept for ever.
func TestNoExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tokenServer{answer: answers(http.StatusOK, `{"access_token":"ya29.x","token_type":"Bearer"}`)}
		tokens := s.generator(t)
		for range 3 {
			if _, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(31 * time.Minute)
		}
		if s.hits() != 3 {
			t.Errorf("%d requests in 93 minutes, want 3", s.hits())
		}
	})
}

// TestRotation shows that a new refresh token takes the place of the old one.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(tokenServer)
		s.answer = func(w http.ResponseWriter, r *http.Request) {
			n := len(s.forms)
			answers(http.StatusOK, fmt.Sprintf(`{"access_token":"ya29.%d","expires_in":3599,"refresh_token":"1//new-%d"}`, n, n))(w, r)
		}
		tokens := s.generator(t)
		for range 3 {
			if _, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		for i, want := range []string{refreshValue, "1//new-1", "1//new-2"} {
			if got := s.forms[i].Get("refresh_token"); got != want {
				t.Errorf("request %d has refresh token %q, want %q", i+1, got, want)
			}
		}
	})
}

// TestRotationIsSaved shows that a new refresh token is in the Store before
// anybody has the access token that came with it, and that the next program
// finds it, be it given the old one or none.
func TestRotationIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(tokenServer)
		s.answer = func(w http.ResponseWriter, r *http.Request) {
			n := len(s.forms)
			answers(http.StatusOK, fmt.Sprintf(`{"access_token":"ya29.%d","expires_in":3599,"refresh_token":"1//new-%d"}`, n, n))(w, r)
		}
		o := google.Options{HTTPClient: s.client(), Cache: providers.CacheOptions{Store: new(providers.MemoryStore), Key: "google/id/you"}}
		for _, configured := range []string{refreshValue, refreshValue, ""} {
			tokens, err := google.RefreshToken(testClient(), sasl.NewSecret(configured), o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		for i, want := range []string{refreshValue, "1//new-1", "1//new-2"} {
			if got := s.forms[i].Get("refresh_token"); got != want {
				t.Errorf("request %d has refresh token %q, want %q", i+1, got, want)
			}
		}
	})
}

// TestNobodySignedIn shows what a Store without a grant amounts to.
func TestNobodySignedIn(t *testing.T) {
	s := new(tokenServer)
	o := google.Options{HTTPClient: s.client(), Cache: providers.CacheOptions{Store: new(providers.MemoryStore), Key: "google/id/you"}}
	tokens, err := google.RefreshToken(testClient(), sasl.Secret{}, o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokens.Token(t.Context(), sasl.TokenRequest{})
	if providers.KindOf(err) != providers.NeedsUser || s.hits() != 0 {
		t.Errorf("error %v after %d requests, want one for the user after none", err, s.hits())
	}
}

// TestRefusedToken shows that what a server refuses is renewed once.
func TestRefusedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(tokenServer)
		s.answer = func(w http.ResponseWriter, r *http.Request) {
			answers(http.StatusOK, fmt.Sprintf(`{"access_token":"ya29.%d","expires_in":3599}`, len(s.forms)))(w, r)
		}
		tokens := s.generator(t)
		first, err := tokens.Token(t.Context(), sasl.TokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		refused := sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, first)}
		for range 100 {
			second, err := tokens.Token(t.Context(), refused)
			if err != nil || second.Value.Reveal() != "ya29.2" {
				t.Fatalf("after the refusal: %q, %v", second.Value.Reveal(), err)
			}
		}
		if s.hits() != 2 {
			t.Errorf("%d requests, want 2", s.hits())
		}
	})
}

// TestOneRequestAfterAnother shows that a request does not die with the context
// of an earlier one.
func TestOneRequestAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tokenServer{answer: answers(http.StatusOK, `{"access_token":"ya29.x","expires_in":3599}`)}
		tokens := s.generator(t)
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			if _, err := tokens.Token(ctx, sasl.TokenRequest{}); err != nil {
				t.Fatal(err)
			}
			cancel()
			time.Sleep(time.Hour)
		}
		if s.hits() != 2 {
			t.Errorf("%d requests, want 2", s.hits())
		}
	})
}

func TestConstruction(t *testing.T) {
	refresh := sasl.NewSecret(refreshValue)
	tests := []struct {
		name    string
		client  google.Client
		refresh sasl.Secret
		options google.Options
		want    string // the error; "" means none
	}{
		{"good", testClient(), refresh, google.Options{}, ""},
		{"loopback in clear", testClient(), refresh, google.Options{TokenURL: "http://127.0.0.1:8080/token"}, ""},
		{"localhost in clear", testClient(), refresh, google.Options{TokenURL: "http://localhost/token"}, ""},
		{
			"no key", testClient(), refresh,
			google.Options{Cache: providers.CacheOptions{Store: new(providers.MemoryStore)}},
			"google: Options.Cache.Store needs a Key, the name of the record in it",
		},
		{"no client", google.Client{}, refresh, google.Options{}, "google: the OAuth client has no id"},
		{
			"no refresh token", testClient(),
			sasl.Secret{},
			google.Options{},
			"google: there is no refresh token: the consent that yields one asks for access_type=offline",
		},
		{
			"an access token", testClient(), sasl.NewSecret("ya29.leaked"),
			google.Options{},
			"google: this is an access token, which lasts an hour: a refresh token starts with 1//",
		},
		{
			"in clear", testClient(), refresh,
			google.Options{TokenURL: "http://oauth2.googleapis.com/token"},
			"google: Options.TokenURL must be https: secrets are sent there",
		},
		{
			"no URL", testClient(), refresh,
			google.Options{TokenURL: "oauth2.googleapis.com/token"},
			"google: Options.TokenURL is not a URL such as https://host/path",
		},
		{
			"user info", testClient(), refresh,
			google.Options{TokenURL: "https://ya29.leaked@host/token"},
			"google: Options.TokenURL is not a URL such as https://host/path",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := google.RefreshToken(tt.client, tt.refresh, tt.options)
			wantMisconfigured(t, err, tt.want)
		})
	}
}

// wantMisconfigured compares an error with its text; "" means that there is none.
func wantMisconfigured(t *testing.T, err error, text string) {
	t.Helper()
	if text == "" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	var failure *providers.Error
	if !errors.As(err, &failure) || failure.Kind != providers.Misconfigured || err.Error() != text {
		t.Errorf("error %v, want %q, misconfigured", err, text)
	}
	wantNoSecret(t, fmt.Sprintf("%+v", err))
}
