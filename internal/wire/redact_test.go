package wire

import (
	"slices"
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
		{"twice", secret + secret, "[redacted]"},
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

func TestRedactor(t *testing.T) {
	for _, tt := range []struct {
		name, secret string
		lines, want  []string
	}{
		{"in clear", "hunter2!", []string{"5.7.8 bad password hunter2!"}, []string{"5.7.8 bad password [redacted]"}},
		{"in another case", "hunter2!", []string{"HUNTER2!"}, []string{"[redacted]"}},
		{"with spaces", "my cat is 9", []string{"not my cat is 9"}, []string{"not [redacted]"}},
		{"base64", "hunter2!", []string{"bad aHVudGVyMiE="}, []string{"bad [redacted]"}},
		{"base64 within more", "hunter2!", []string{"bad AGJvYgBodW50ZXIyIQ=="}, []string{"bad AGJvYgB[redacted]Q=="}},
		{"base64 for URLs", "~~~???>>>", []string{"fn5-Pz8_Pj4-"}, []string{"[redacted]"}},
		{"over two lines", "hunter2!", []string{"5.7.8 bad hun", "5.7.8 ter2! here"}, []string{"5.7.8 bad [redacted]", "5.7.8 [redacted] here"}},
		{"cut at a space", "my cat is 9", []string{"bad my cat", "is 9"}, []string{"bad [redacted]", "[redacted]"}},
		{"over three lines", "hunter2!", []string{"hu", "nter", "2!"}, []string{"[redacted]", "[redacted]", "[redacted]"}},
		{"a short one is a word", "abc", []string{"5.7.8 no", "5.7.8 password ABC!"}, []string{"5.7.8 [redacted]", "5.7.8 [redacted]"}},
		{"a short one is no word", "abc", []string{"abcd xabc"}, []string{"abcd xabc"}},
		{"the status code is none", "5", []string{"5.7.8 no"}, []string{"5.7.8 no"}},
		{"an empty one", "", []string{"no"}, []string{"no"}},
	} {
		var r Redactor
		r.Add(tt.secret)
		got := slices.Clone(tt.lines)
		r.Redact(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
}

// What holds no secret costs nothing.
func TestRedactorAllocations(t *testing.T) {
	var r Redactor
	r.Add("ya29.a0AfH6SMBxQ-token-x7Kq")
	r.Add("pencil")
	lines := []string{"2.0.0 Ok: queued as 4F1B2A3C"}
	if n := testing.AllocsPerRun(100, func() { r.Redact(lines) }); n > 0 {
		t.Errorf("%v allocations", n)
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
				if strings.Contains(string(fold(nil, secret)), string(fold(nil, got[i:i+minRun]))) {
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
