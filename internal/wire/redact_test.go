package wire

import (
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	const secret = "ya29.a0AfH6SMBxQ-token-x7Kq"
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "535 5.7.8 no", "535 5.7.8 no"},
		{"whole", "no " + secret + " here", "no [redacted] here"},
		{"first half", "no " + secret[:14] + " here", "no [redacted] here"},
		{"second half", secret[13:], "[redacted]"},
		{"twice", secret + secret, "[redacted][redacted]"},
		{"too little to matter", secret[:11], secret[:11]},
		{"cut by another octet", secret[:13] + "?" + secret[13:], "[redacted]?[redacted]"},
	} {
		if got := Redact(tt.text, secret); got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
	if got := Redact("the password is pw42!", "pw42!"); got != "the password is [redacted]" {
		t.Errorf("short secret: %q", got)
	}
	if got := Redact("abc", "abc"); got != "abc" {
		t.Errorf("a secret of three octets would take words apart: %q", got)
	}
}

// No run of minRun octets of the secret is left, and what is left of the text is
// as it was.
func FuzzRedact(f *testing.F) {
	f.Add("535 no token-token-token", "token-token-token")
	f.Fuzz(func(t *testing.T, text, secret string) {
		if strings.Contains(secret, "[") || strings.Contains(secret, "redacted") {
			return
		}
		got := Redact(text, secret)
		if len(secret) >= minRun {
			for i := 0; i+minRun <= len(got); i++ {
				if strings.Contains(secret, got[i:i+minRun]) {
					t.Fatalf("%q without %q leaves %q", text, secret, got)
				}
			}
		}
		rest := text
		for part := range strings.SplitSeq(got, "[redacted]") {
			at := strings.Index(rest, part)
			if at < 0 && !strings.Contains(text, "[redacted]") {
				t.Fatalf("%q became %q", text, got)
			}
			rest = rest[max(at, 0):]
		}
	})
}
