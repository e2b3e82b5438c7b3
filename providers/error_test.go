package providers_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/providers"
)

func TestErrorText(t *testing.T) {
	tests := []struct {
		name string
		err  providers.Error
		want string
	}{
		{
			"refusal",
			providers.Error{
				Kind: providers.NeedsUser, Provider: "google", Code: "invalid_grant", Status: 400,
				Description: "Token has been expired or revoked.", Hint: "sign in again", CorrelationID: "c1",
			},
			"google: invalid_grant (HTTP 400): Token has been expired or revoked; sign in again [correlation id c1]",
		},
		{
			"network",
			providers.Error{Provider: "google", Description: "the authority cannot be reached", Err: errors.New("no route to host")},
			"google: the authority cannot be reached: no route to host",
		},
		{"status alone", providers.Error{Provider: "microsoft", Status: 503}, "microsoft: no access token (transient) (HTTP 503)"},
		{"zero", providers.Error{}, "providers: no access token (transient)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestErrorIsTemporary(t *testing.T) {
	for kind, want := range map[providers.Kind]bool{
		providers.Transient: true, providers.NeedsUser: false, providers.Misconfigured: false, providers.Blocked: false,
	} {
		var err error = fmt.Errorf("wrapped: %w", &providers.Error{Kind: kind})
		var temporary interface{ Temporary() bool }
		if !errors.As(err, &temporary) || temporary.Temporary() != want {
			t.Errorf("%v: Temporary = %v, want %v", kind, !want, want)
		}
	}
	cause := errors.New("cause")
	if !errors.Is(&providers.Error{Err: cause}, cause) {
		t.Error("an Error hides its cause")
	}
	if got := providers.Kind(9).String(); got != "Kind(9)" {
		t.Errorf("unknown kind prints as %q", got)
	}
}

func TestClassify(t *testing.T) {
	tests := []struct {
		status int
		code   string
		want   providers.Kind
	}{
		{0, "", providers.Transient},
		{http.StatusTooManyRequests, "", providers.Transient},
		{http.StatusRequestTimeout, "", providers.Transient},
		{http.StatusServiceUnavailable, "", providers.Transient},
		{http.StatusInternalServerError, "invalid_grant", providers.Transient},
		{http.StatusBadRequest, "temporarily_unavailable", providers.Transient},
		{http.StatusOK, "server_error", providers.Transient},
		{http.StatusBadRequest, "invalid_grant", providers.NeedsUser},
		{http.StatusOK, "invalid_grant", providers.NeedsUser},
		{http.StatusBadRequest, "interaction_required", providers.NeedsUser},
		{http.StatusForbidden, "access_denied", providers.NeedsUser},
		{http.StatusUnauthorized, "invalid_client", providers.Misconfigured},
		{http.StatusBadRequest, "unauthorized_client", providers.Misconfigured},
		{http.StatusBadRequest, "invalid_scope", providers.Misconfigured},
		{http.StatusBadRequest, "invalid_request", providers.Misconfigured},
		{http.StatusNotFound, "", providers.Misconfigured},
		{http.StatusFound, "", providers.Misconfigured},
	}
	for _, tt := range tests {
		if got := providers.Classify(tt.status, tt.code); got != tt.want {
			t.Errorf("Classify(%d, %q) = %v, want %v", tt.status, tt.code, got, tt.want)
		}
	}
}

func TestUnreachable(t *testing.T) {
	refused := errors.New("connection refused")
	err := providers.Unreachable("test", &url.Error{Op: "Post", URL: "https://authority.example/?secret", Err: refused})
	if err.Kind != providers.Transient || !errors.Is(err, refused) {
		t.Errorf("%v error %v, want a transient one with its cause", err.Kind, err)
	}
	if want := "test: the authority cannot be reached: connection refused"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	foreign := &tls.CertificateVerificationError{Err: errors.New("unknown authority")}
	if err := providers.Unreachable("test", new(url.Error)); err.Error() != "test: the authority cannot be reached" {
		t.Errorf("without a cause: %v", err)
	}
	quoting := errors.New("malformed HTTP response \"refresh_token=1//0123456789abcdef\"")
	if err := providers.Unreachable("test", &url.Error{Err: quoting}); strings.Contains(err.Error(), "0123456789") || !errors.Is(err, quoting) {
		t.Errorf("%v quotes what was sent, or is not the cause", err)
	}
	if err := providers.Unreachable("test", &url.Error{Err: foreign}); err.Kind != providers.Misconfigured {
		t.Errorf("a certificate that cannot be verified is %v, want misconfigured", err.Kind)
	}
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := func(d time.Duration) string { return time.Now().UTC().Add(d).Format(http.TimeFormat) }
		for value, want := range map[string]time.Duration{
			"": 0, "30": 30 * time.Second, " 30 ": 30 * time.Second, "-1": 0, "1.5": 0, "soon": 0,
			"999999":               10 * time.Minute,
			"99999999999999999999": 0,
			in(90 * time.Second):   90 * time.Second,
			in(-time.Hour):         0,
			in(time.Hour):          10 * time.Minute,
		} {
			if got := providers.RetryAfter(value); got != want {
				t.Errorf("RetryAfter(%q) = %v, want %v", value, got, want)
			}
		}
	})
}

func TestScrub(t *testing.T) {
	tests := []struct {
		name, text string
		secrets    []string
		want       string
	}{
		{"plain", "Token has been expired or revoked.", nil, "Token has been expired or revoked."},
		{"a known secret", "secret 'hunter2!' is wrong", []string{"hunter2!"}, "secret '[redacted]' is wrong"},
		{"a known secret in a form", "secret=hunter2%21&x=1", []string{"hunter2!"}, "secret=[redacted]&x=1"},
		{"a known secret in a path", "GET /token/a%20b+c", []string{"a b+c"}, "GET /token/[redacted]"},
		{"a known secret in another", "is grant-10 good", []string{"grant-1", "grant-10"}, "is [redacted] good"},
		{"a secret too short to look for", "a cat.", []string{"a", "", "\xff\xff\xff\xff"}, "a cat."},
		{"JWT", "bad eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln here", nil, "bad [redacted] here"},
		{"access token", "bad ya29.a0Af_x-Y here", nil, "bad [redacted] here"},
		{"refresh token", "bad 1//0abc-_d here", nil, "bad [redacted] here"},
		{"client secret", "bad GOCSPX-abc here", nil, "bad [redacted] here"},
		{"base64", "bad " + strings.Repeat("aB3+", 10) + " here", nil, "bad [redacted] here"},
		{"UUID", "id 00000000-aaaa-bbbb-cccc-0123456789ab.", nil, "id 00000000-aaaa-bbbb-cccc-0123456789ab."},
		{"controls", "a\r\nb\x1b[31m\u2028\x00c\xff", nil, "a  b.[31m..c."},
		{"long", strings.Repeat("a ", 1000), nil, strings.TrimSpace(strings.Repeat("a ", 200))},
		{"long, cut within a rune", strings.Repeat("a ", 199) + "a\u20ac", nil, strings.Repeat("a ", 199) + "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := providers.Scrub(tt.text, tt.secrets...); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// FuzzScrub: no secret and no control character survives, and the text is short
// and valid UTF-8.
func FuzzScrub(f *testing.F) {
	f.Add("error: hunter2! is wrong", "hunter2!")
	f.Add("a\x00b", "a\x00b!")
	f.Add("%C3%A9%C3%A9", "\u00e9\u00e9")
	f.Fuzz(func(t *testing.T, text, secret string) {
		got := providers.Scrub(text, secret)
		if len(got) > 400 || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("Scrub(%q) = %q", text, got)
		}
		if len(secret) < 4 || strings.ContainsAny(secret, "[]") || strings.Contains("redacted", secret) {
			return // it may be part of the mark
		}
		for part := range strings.SplitSeq(got, "[redacted]") {
			if strings.Contains(part, secret) || strings.Contains(part, url.QueryEscape(secret)) {
				t.Errorf("Scrub(%q) = %q still holds %q", text, got, secret)
			}
		}
	})
}
