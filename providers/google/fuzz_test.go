package google_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// FuzzAnswers has a token server say anything: what comes of it is a token or an
// error that is short, that a log can take, and that holds no secret of the
// request.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		goodToken, `{}`, `[]`, `{"error":"invalid_grant","error_description":"` + refreshValue + `"}`,
		`{"error":{"status":"PERMISSION_DENIED","message":"x","details":[{"reason":"SERVICE_DISABLED"}]}}`,
		`{"error":7}`, `{"error":"\u0000\n","error_subtype":[]}`, `<html>`, `{"access_token":"","expires_in":-1}`,
		`{"access_token":"x","expires_in":1e400}`, `{"access_token":"x","expires_in":"3599"}`,
	} {
		for _, status := range []int{200, 302, 400, 401, 503} {
			f.Add(status, body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		body = strings.ReplaceAll(body, "SECRET", clientSecret+" "+refreshValue)
		s := &tokenServer{answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}}
		tokens, err := google.RefreshToken(testClient(), sasl.NewSecret(refreshValue), google.Options{HTTPClient: s.client()})
		if err != nil {
			t.Fatal(err)
		}
		token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
		if err == nil {
			if token.Value.IsZero() || status > 299 {
				t.Errorf("status %d is a token of %d octets", status, len(token.Value.Reveal()))
			}
			return
		}
		var failure *providers.Error
		if !errors.As(err, &failure) || failure.Provider != "google" {
			t.Fatalf("error %#v is not of this package", err)
		}
		text := err.Error()
		if len(text) > 2000 || strings.IndexFunc(text, unicode.IsControl) >= 0 {
			t.Errorf("error %q of %d octets", text, len(text))
		}
		if strings.Contains(text, clientSecret) || strings.Contains(text, refreshValue) {
			t.Errorf("error %q holds a secret", text)
		}
	})
}
