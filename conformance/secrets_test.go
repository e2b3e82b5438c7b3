package conformance

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// holder is an error that shows its secret only to a verb that looks inside.
type holder struct{ password string }

func (*holder) Error() string { return "refused" }

func TestLeakScanner(t *testing.T) {
	const secret = "Q7ZLHX2VNB4KDWTA6MRYEJ3PGSUFC5OI"
	var s leakScanner
	s.add(secret)
	plain := func(prefix string) string {
		return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte(prefix+secret))
	}
	tests := []struct{ name, text, want string }{
		{"nothing", "535 5.7.8 Credentials refused", ""},
		{"plain", "password " + secret, "plain"},
		{"first half", "password " + secret[:16], "plain"},
		{"second half", secret[16:] + "!", "plain"},
		{"less than half", secret[2:12], ""},
		{"base64 alone", base64.StdEncoding.EncodeToString([]byte(secret)), "base64"},
		{"base64 behind 1", plain("a"), "base64"},
		{"base64 behind 2", plain("ab"), "base64"},
		{"base64 behind 3", plain("\x00ab"), "base64"},
		{"half in base64", base64.StdEncoding.EncodeToString([]byte(secret[:16] + "...")), "base64"},
		{"hexadecimal", fmt.Sprintf("%x", secret), "hexadecimal"},
		{"upper hexadecimal", fmt.Sprintf("%X", secret), "hexadecimal"},
		{"numbers", fmt.Sprint([]byte("user " + secret)), "decimal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := s.find(tt.text); got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
			clean := s.redact(tt.text)
			if s.find(clean) != "" {
				t.Errorf("redacted text still holds it: %s", clean)
			}
			if tt.want == "" && clean != tt.text {
				t.Errorf("redaction changed %q to %q", tt.text, clean)
			}
		})
	}
}

// TestRedactWhole shows that no end of a secret is left over, whatever its length.
func TestRedactWhole(t *testing.T) {
	const octets = "Q7ZLHX2VNB4KDWTA6MRYEJ3PGSUFC5OI9w8x7y6z5q4"
	for n := pieceLen; n <= len(octets); n++ {
		var s leakScanner
		s.add(octets[:n])
		for form, text := range map[string]string{"plain": octets[:n], "hexadecimal": fmt.Sprintf("%x", octets[:n])} {
			if got := s.redact("for " + text + "."); got != "for [redacted]." {
				t.Errorf("%d octets, %s: %q", n, form, got)
			}
		}
	}
}

func TestErrorForms(t *testing.T) {
	const secret = "Q7ZLHX2VNB4KDWTA6MRYEJ3PGSUFC5OI"
	var s leakScanner
	s.add(secret)
	wrapped := fmt.Errorf("smtp: %w", errors.Join(errors.New("other"), &holder{secret}))
	if strings.Contains(wrapped.Error(), secret) {
		t.Fatal("the error shows its secret by itself")
	}
	found := false
	for _, form := range errorForms(wrapped) {
		found = found || s.find(form) != ""
	}
	if !found {
		t.Error("a secret in a field of a wrapped error was not found")
	}
}

func TestXOAUTH2Line(t *testing.T) {
	message := "user=" + username + "\x01auth=Bearer " + strings.Repeat("t", 100) + "\x01\x01"
	line := "AUTH XOAUTH2 " + base64.StdEncoding.EncodeToString([]byte(message)) + "\r\n"
	if got := xoauth2Line(100); got != len(line) {
		t.Errorf("%d octets, want %d", got, len(line))
	}
}
