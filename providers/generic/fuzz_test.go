package generic_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/sasl"
)

// checkFailure checks that an error is short, that a log can take it, and that it
// holds no secret of the request.
func checkFailure(t *testing.T, err error, secrets ...string) {
	t.Helper()
	text := err.Error()
	if len(text) > 2000 || strings.IndexFunc(text, unicode.IsControl) >= 0 {
		t.Errorf("error %q of %d octets", text, len(text))
	}
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("error %q holds a secret", text)
		}
	}
}

// FuzzAnswers has a token endpoint say anything: what comes of it is a token that
// ends some day, or an error that says whose it is.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		tokenAnswer, `{}`, `[]`, `{"error":"invalid_grant","error_description":"SECRET"}`, `{"error":7}`, `<html>SECRET`,
		`{"access_token":"x","expires_in":1e400}`, `{"access_token":"x","expires_in":"-1.5"}`, `{"access_token":"x","expires_in":"3599"}`,
		`access_token=x&expires_in=9999999999`, `error=invalid_client&error_description=%00%1B`,
	} {
		for _, status := range []int{200, 302, 400, 401, 503} {
			f.Add(status, "application/json", body)
			f.Add(status, "text/plain", body)
		}
	}
	const refresh = "1//refresh-token-of-a-user"
	f.Fuzz(func(t *testing.T, status int, media, body string) {
		if status < 200 || status > 599 {
			return
		}
		body = strings.ReplaceAll(body, "SECRET", secret+" "+refresh)
		o := generic.Options{HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			r := reply(status, media, body)
			r.Header.Set("Location", body)
			return r, nil
		})}}
		tokens, err := generic.RefreshToken(generic.Server{TokenURL: "https://id.example.com/token"}, client(), sasl.NewSecret(refresh), o)
		if err != nil {
			t.Fatal(err)
		}
		token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
		if err == nil {
			if token.Value.IsZero() || status > 299 || time.Until(token.Expiry) > 70*365*24*time.Hour {
				t.Errorf("status %d is a token of %d octets until %v", status, len(token.Value.Reveal()), token.Expiry)
			}
			return
		}
		var failure *providers.Error
		if !errors.As(err, &failure) || failure.Provider != "generic" {
			t.Fatalf("error %#v is not of this package", err)
		}
		checkFailure(t, err, secret, refresh)
	})
}

// FuzzRedirect has the browser bring anything to the address of a sign-in. Only
// what has its state, once, and no parameter twice ends the wait, and the code in it
// goes to the token endpoint as it is, once.
func FuzzRedirect(f *testing.F) {
	for _, query := range []string{
		"state=STATE&code=abc", "code=abc", "state=STATE&state=STATE&code=a", "state=STATE&code=a&code=b", "state=STATE&error=access_denied",
		"state=STATE&code=%00%1b", "state=STATE&code=a&iss=https%3A%2F%2Fevil.example.com", "state=STATE&code=", "state=STATE;code=a", "%zz&state=STATE&code=a",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		var sent []string
		o := generic.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			_ = r.ParseForm() // it is x/oauth2's own
			sent = append(sent, r.PostForm.Get("code"))
			return reply(200, "application/json", tokenAnswer), nil
		})}}
		s := generic.Server{Issuer: "https://id.example.com", TokenURL: "https://id.example.com/token", AuthURL: "https://id.example.com/auth"}
		var taken url.Values // what the fuzzed request brought, if it was taken
		shown := make(chan struct{})
		open := func(_ context.Context, page string) error {
			defer close(shown)
			u, err := url.Parse(page)
			if err != nil {
				return err
			}
			state := u.Query().Get("state")
			query := strings.ReplaceAll(query, "STATE", state)
			if status, err := bring(t.Context(), u.Query().Get("redirect_uri"), query); err == nil && status == http.StatusOK {
				taken, _ = url.ParseQuery(query)
				if n := len(taken["state"]); n != 1 || taken.Get("state") != state {
					t.Errorf("%q was taken", query)
				}
				return nil
			}
			_, err = bring(t.Context(), u.Query().Get("redirect_uri"), "error=server_error&state="+state)
			return err
		}
		_, err := generic.Login(t.Context(), s, client(), generic.LoginOptions{Options: o, Open: open})
		<-shown
		code := taken.Get("code")
		switch {
		case len(sent) > 1, len(sent) == 1 && sent[0] != code:
			t.Errorf("%q: the codes %q were sent", query, sent)
		case err == nil && len(sent) == 0:
			t.Errorf("%q: a grant without a code", query)
		case err != nil && len(code) >= 8:
			checkFailure(t, err, secret)
		}
	})
}

// bring makes the request of a browser that was sent back.
func bring(ctx context.Context, address, query string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	r.URL.RawQuery = query
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// FuzzCommandOutput has a program print anything: what comes of it is a token that
// is fit for a mail server, the whole of what was meant, or an error without it.
func FuzzCommandOutput(f *testing.F) {
	for _, output := range []string{
		"a-token", " a-token \r\nmore", "", "Bearer a-token", `{"access_token":"a-token","expires_in":3600}`,
		`{"access_token":"a-token","expires_in":"soon"}`, `{"access_token":"a\u0000b"}`, `{"error":"a-secret-description"}`, "\xef\xbb\xbfa-token", `["a"]`,
	} {
		f.Add([]byte(output))
	}
	f.Fuzz(func(t *testing.T, output []byte) {
		token, err := generic.ParseToken(output)
		if err != nil {
			if line := strings.TrimSpace(string(output)); len(line) > 20 && strings.Contains(err.Error(), line) {
				t.Errorf("%v quotes the output", err)
			}
			return
		}
		value := token.Value.Reveal()
		if value == "" || strings.IndexFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
			t.Errorf("%q is a token", value)
		}
		again, err := generic.ParseToken([]byte(value))
		if err != nil || !again.Value.Equal(token.Value) || !again.Expiry.IsZero() {
			t.Errorf("%q by itself: %v, %v", value, again, err)
		}
		if left := time.Until(token.Expiry); !token.Expiry.IsZero() && (left < 0 && left < -time.Minute || left > 70*365*24*time.Hour) {
			t.Errorf("%q ends in %v", value, left)
		}
	})
}
