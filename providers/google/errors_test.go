package google_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestRefusals replays what Google's token server says to a refresh token.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		kind   providers.Kind
		code   string
		hint   string // part of it
	}{
		{"revoked", 400, `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`, providers.NeedsUser, "invalid_grant", "seven days while the consent screen is in testing"},
		{"vague", 400, `{"error":"invalid_grant","error_description":"Bad Request"}`, providers.NeedsUser, "invalid_grant", "issued to client " + clientID},
		{"session control", 400, `{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_subtype":"invalid_rapt"}`, providers.NeedsUser, "invalid_grant", "session length policy"},
		{"session control, other form", 400, `{"error":"invalid_grant","error_description":"reauth","error_subtype":"rapt_required"}`, providers.NeedsUser, "invalid_grant", "session length policy"},
		{"scope", 400, `{"error":"invalid_scope","error_description":"Some requested scopes were invalid."}`, providers.Misconfigured, "invalid_scope", "https://mail.google.com/"},
		{"wrong client", 401, `{"error":"invalid_client","error_description":"The OAuth client was not found."}`, providers.Misconfigured, "invalid_client", clientID},
		{"deleted client", 401, `{"error":"deleted_client","error_description":"The OAuth client was deleted."}`, providers.Misconfigured, "deleted_client", clientID},
		{"disabled client", 401, `{"error":"disabled_client","error_description":"The OAuth client was disabled."}`, providers.Misconfigured, "disabled_client", clientID},
		{"another client's token", 401, `{"error":"unauthorized_client","error_description":"Unauthorized"}`, providers.Misconfigured, "unauthorized_client", "not issued to client " + clientID},
		{"administrator", 400, `{"error":"admin_policy_enforced","error_description":"Access blocked"}`, providers.Blocked, "admin_policy_enforced", "trust client " + clientID},
		{"one organization", 403, `{"error":"org_internal"}`, providers.Blocked, "org_internal", "one organization"},
		{"denied", 403, `{"error":"access_denied","error_description":"Account restricted"}`, providers.Blocked, "access_denied", "administrator"},
		{"internal", 400, `{"error":"internal_failure","error_description":"Backend Error"}`, providers.Transient, "internal_failure", ""},
		{"rate", 403, `{"error":"rate_limit_exceeded"}`, providers.Transient, "rate_limit_exceeded", ""},
		{"too many", 429, `{"error":"invalid_grant"}`, providers.Transient, "invalid_grant", ""},
		{"out of service", 503, `{"error":"temporarily_unavailable"}`, providers.Transient, "temporarily_unavailable", ""},
		{"out of service, HTML", 502, `<html>ya29.leaked</html>`, providers.Transient, "", ""},
		{"not found", 404, `<html>ya29.leaked</html>`, providers.Misconfigured, "", "check Options.TokenURL"},
		{"redirect", 302, ``, providers.Misconfigured, "", "check Options.TokenURL"},
		{"captive portal", 200, `<html>ya29.leaked</html>`, providers.Transient, "", "captive portal"},
		{"no token", 200, `{"token_type":"Bearer"}`, providers.Transient, "", "captive portal"},
		{"error with status 200", 200, `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`, providers.NeedsUser, "invalid_grant", "sign in again"},
		{"fractional lifetime", 200, `{"access_token":"ya29.leaked","expires_in":3599.5}`, providers.Transient, "", "captive portal"},
		{"secrets in the answer", 400, `{"error":"invalid_grant","error_description":"token ` + refreshValue + ` of ` + clientSecret + ` and ya29.leaked"}`, providers.NeedsUser, "invalid_grant", "sign in again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &tokenServer{answer: answers(tt.status, tt.body)}
				_, err := s.generator(t).Token(t.Context(), sasl.TokenRequest{})
				var failure *providers.Error
				if !errors.As(err, &failure) {
					t.Fatalf("error %v is no *providers.Error", err)
				}
				if failure.Kind != tt.kind || failure.Code != tt.code || failure.Temporary() != (tt.kind == providers.Transient) {
					t.Errorf("%v %q, want %v %q", failure.Kind, failure.Code, tt.kind, tt.code)
				}
				if !strings.Contains(failure.Hint, tt.hint) || tt.hint == "" && failure.Hint != "" {
					t.Errorf("hint %q, want %q in it", failure.Hint, tt.hint)
				}
				if !strings.HasPrefix(err.Error(), "google: ") {
					t.Errorf("error %q does not say whose it is", err)
				}
				if failure.Code == "" && failure.Description == "" {
					t.Errorf("error %q does not say what is wrong", err)
				}
				wantNoSecret(t, fmt.Sprintf("%v %+v %#v", err, *failure, *failure))
				if s.hits() != 1 {
					t.Errorf("%d requests, want 1", s.hits())
				}
			})
		})
	}
}

// TestPlainSecrets shows that secrets are kept out of errors though nothing in
// their look gives them away.
func TestPlainSecrets(t *testing.T) {
	s := &tokenServer{answer: answers(400, `{"error":"invalid_grant","error_description":"no horse battery and no staple"}`)}
	client := google.Client{ID: "id", Secret: sasl.NewSecret("horse battery")}
	tokens, err := google.RefreshToken(client, sasl.NewSecret("staple"), google.Options{HTTPClient: s.client()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokens.Token(t.Context(), sasl.TokenRequest{})
	if text := fmt.Sprint(err); !strings.Contains(text, "no [redacted] and no [redacted]") {
		t.Errorf("error %q", text)
	}
}

// TestLongClientID shows that the id of a client is told, though it is as long as
// some tokens.
func TestLongClientID(t *testing.T) {
	const id = "123456789012-abcdefghijklmnopqrstuvwxyz012345.apps.googleusercontent.com"
	s := &tokenServer{answer: answers(401, `{"error":"invalid_client"}`)}
	for _, client := range []string{id, "GOCSPX-abcdefghijklmnopqrst", "ya29.leaked"} {
		tokens, err := google.RefreshToken(google.Client{ID: client}, sasl.NewSecret(refreshValue), google.Options{HTTPClient: s.client()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = tokens.Token(t.Context(), sasl.TokenRequest{})
		if told := strings.Contains(err.Error(), client); told != (client == id) {
			t.Errorf("error %v: the id %s is told: %v", err, client, told)
		}
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tokenServer{answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "30")
			answers(http.StatusTooManyRequests, `{}`)(w, r)
		}}
		tokens := s.generator(t)
		_, err := tokens.Token(t.Context(), sasl.TokenRequest{})
		var failure *providers.Error
		if !errors.As(err, &failure) || failure.RetryAfter != 30*time.Second {
			t.Fatalf("error %#v, want RetryAfter 30 s", err)
		}
		time.Sleep(29 * time.Second)
		tokens.Token(t.Context(), sasl.TokenRequest{})
		if s.hits() != 1 {
			t.Errorf("%d requests within 30 s, want 1", s.hits())
		}
	})
}

// TestUnreachable shows that a network error can be told from a refusal.
func TestUnreachable(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	broken := transport(func(*http.Request) (*http.Response, error) { return nil, refused })
	tokens, err := google.RefreshToken(testClient(), sasl.NewSecret(refreshValue),
		google.Options{HTTPClient: &http.Client{Transport: broken}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokens.Token(t.Context(), sasl.TokenRequest{})
	var failure *providers.Error
	if !errors.As(err, &failure) || !failure.Temporary() || !errors.Is(err, refused) {
		t.Errorf("error %v, want a temporary one with its cause", err)
	}
}

// TestForeignCertificate shows that nothing is sent to a server that cannot show
// whose it is.
func TestForeignCertificate(t *testing.T) {
	asked := false
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	server.Config.ErrorLog = silent()
	server.StartTLS()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}}
	tokens, err := google.RefreshToken(testClient(), sasl.NewSecret(refreshValue),
		google.Options{HTTPClient: client, TokenURL: server.URL + "/token"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokens.Token(t.Context(), sasl.TokenRequest{})
	var failure *providers.Error
	if !errors.As(err, &failure) || failure.Kind != providers.Misconfigured || !strings.Contains(failure.Hint, "intercepts TLS") {
		t.Errorf("error %v, want a misconfiguration", err)
	}
	if asked {
		t.Error("a request was sent")
	}
}

// TestNoAnswer shows that a request ends, and that it is not the caller's
// deadline that it ends with.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		tokens, err := google.RefreshToken(testClient(), sasl.NewSecret(refreshValue),
			google.Options{HTTPClient: &http.Client{Transport: silent}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = tokens.Token(t.Context(), sasl.TokenRequest{})
		var failure *providers.Error
		if !errors.As(err, &failure) || !failure.Temporary() || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if waited := time.Since(start); waited != 20*time.Second {
			t.Errorf("waited %v, want 20 s", waited)
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	return f(r)
}
