package conformance

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadReply(t *testing.T) {
	long := strings.Repeat("x", 600)
	tests := []struct {
		name, octets string
		code         int
		text         string
		flaw         string // part of it
		err          bool
	}{
		{"one line", "250 ok\r\n", 250, "ok", "", false},
		{"several lines", "250-a\r\n250-b\r\n250 c\r\n", 250, "a / b / c", "", false},
		{"no text", "250\r\n", 250, "", "", false},
		{"no text behind the space", "334 \r\n", 334, "", "", false},
		{"bare LF", "220 a\n", 220, "a", "does not end in CRLF", false},
		{"bare LF in the middle", "250-a\n250 b\r\n", 250, "a / b", "does not end in CRLF", false},
		{"CR within", "250 a\rb\r\n", 250, "a\rb", "a CR or a NUL", false},
		{"two codes", "250-a\r\n550 b\r\n", 250, "a / b", "the codes 250 and 550", false},
		{"second digit", "290 a\r\n", 290, "a", "second digit", false},
		{"long line", "250 " + long + "\r\n", 250, long, "a line of 606 octets", false},
		{"long challenge", "334 " + long + "\r\n", 334, long, "", false},
		{"no code", "hello\r\n", 0, "", "", true},
		{"code of another kind", "199 a\r\n", 0, "", "", true},
		{"four digits", "2500 a\r\n", 0, "", "", true},
		{"ends within", "250-a\r\n", 0, "", "", true},
		{"ends within a line", "250 a", 0, "", "", true},
		{"endless line", "250 " + strings.Repeat("x", maxRawLine), 0, "", "", true},
		{"endless reply", strings.Repeat("250-"+long+"\r\n", 1000), 0, "", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := readReply(bufio.NewReader(strings.NewReader(tt.octets)))
			if r.Code != tt.code || r.Text() != tt.text || (r.Err != nil) != tt.err {
				t.Errorf("got %d %.80q, error %v", r.Code, r.Text(), r.Err)
			}
			if tt.flaw == "" != (r.Flaw == "") || !strings.Contains(r.Flaw, tt.flaw) {
				t.Errorf("flaw %q, want %q", r.Flaw, tt.flaw)
			}
		})
	}
}

// Whatever comes, reading ends, no octet is read twice or left out, and a reply has
// a code or an error.
func FuzzReadReply(f *testing.F) {
	for _, seed := range []string{"220 a\r\n250-b\r\n250 c\r\n", "334 \r\n", "250-a\n550 b\r\n", "x", "250 \x00\r\r\n", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		in := bufio.NewReader(strings.NewReader(string(octets)))
		raw := ""
		for {
			r := readReply(in)
			raw += r.Raw
			if (r.Code >= 200 && r.Code <= 599) == (r.Err != nil) {
				t.Fatalf("code %d and error %v", r.Code, r.Err)
			}
			if errors.Is(r.Err, io.EOF) {
				break
			}
		}
		if raw != string(octets) {
			t.Errorf("read %q of %q", raw, octets)
		}
	})
}

func TestAccept(t *testing.T) {
	tests := []struct {
		accept Accept
		code   int
		want   Outcome
	}{
		{"503", 503, Pass},
		{"503", 502, Fail},
		{"503 554 ~5yz", 554, Pass},
		{"503 554 ~5yz", 502, Warn},
		{"503 554 ~5yz", 450, Fail},
		{"2yz", 252, Pass},
		{"~2yz", 252, Warn},
		{"535 ~5yz", 0, Fail},
		{"", 250, Fail},
	}
	for _, tt := range tests {
		if got := tt.accept.judge(tt.code); got != tt.want {
			t.Errorf("%q of %d: %s, want %s", tt.accept, tt.code, got, tt.want)
		}
	}
	if got := Accept("503 554 ~5yz").String(); got != "503 or 554" {
		t.Errorf("String is %q", got)
	}
}

func TestEnhanced(t *testing.T) {
	for text, want := range map[string]string{
		"2.7.0 Signed in": "2.7.0", "5.5.2": "5.5.2", "4.123.456 x": "4.123.456", "ok": "", "3.1.1 x": "", "2.7 x": "", "2.7.0x": "",
	} {
		if got := (Reply{Lines: []string{text}}).Enhanced(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestHelloProblem(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  Outcome
	}{
		{"domain alone", []string{"mail.test"}, Pass},
		{"greeting", []string{"mail.test Hello [127.0.0.1], nice to meet you", "SIZE 1000", "8BITMIME"}, Pass},
		{"literal", []string{"[127.0.0.1] hello"}, Pass},
		{"parameters", []string{"mail.test", "AUTH PLAIN LOGIN", "X-FOO a=b c"}, Pass},
		{"name with an underscore", []string{"my_host"}, Warn},
		{"nothing", []string{""}, Fail},
		{"keyword with an underscore", []string{"mail.test", "X_FOO"}, Fail},
		{"keyword that begins with a hyphen", []string{"mail.test", "-FOO"}, Fail},
		{"two spaces", []string{"mail.test", "AUTH  PLAIN"}, Fail},
		{"empty line", []string{"mail.test", ""}, Fail},
		{"a parameter outside ASCII", []string{"mail.test", "FOO é"}, Fail},
		{"space at the end", []string{"mail.test", "SIZE "}, Warn},
		{"old AUTH", []string{"mail.test", "AUTH PLAIN", "AUTH=PLAIN"}, Warn},
		{"twice", []string{"mail.test", "SIZE", "size 5"}, Warn},
	}
	for _, tt := range tests {
		if problem, got := helloProblem(Reply{Code: 250, Lines: tt.lines}); got != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got, problem, tt.want)
		}
	}
}

// The example of RFC 7677, Section 3.
func TestScramExample(t *testing.T) {
	s := newScram("user", "pencil")
	s.nonce = "rOprNGfwEbeRWgbNEkqO"
	talk := s.talk()
	if got := string(talk.initial); got != "n,,n=user,r=rOprNGfwEbeRWgbNEkqO" {
		t.Errorf("initial response %q", got)
	}
	final := talk.next([]byte("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
	want := "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	if string(final) != want {
		t.Errorf("final message %q\nwant          %q", final, want)
	}
	if end := talk.next([]byte("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); end == nil || len(end) > 0 || !s.proved {
		t.Errorf("after the signature: %q, %t, %v", end, s.proved, s.err)
	}
}

func TestScramRefuses(t *testing.T) {
	for name, challenge := range map[string]string{
		"nothing":         "",
		"another nonce":   "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"nonce as it was": "r=nonce,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"bad salt":        "r=nonce2,s=W22Z=,i=4096",
		"no count":        "r=nonce2,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=x",
		"count of 0":      "r=nonce2,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
		"endless work":    "r=nonce2,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000",
		"extension":       "m=x,r=nonce2,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	} {
		s := newScram("user", "pencil")
		s.nonce = "nonce"
		talk := s.talk()
		if got := talk.next([]byte(challenge)); got != nil || s.err == nil {
			t.Errorf("%s: answered %q, error %v", name, got, s.err)
		}
	}
}
