package smtp

import (
	"slices"
	"testing"

	"github.com/seed-55a66e92/postern/internal/wire"
)

func TestNewReply(t *testing.T) {
	for _, tt := range []struct {
		name     string
		in       wire.Reply
		enhanced string
		str      string
		text     string
	}{
		{"plain", wire.Reply{Code: 250, Lines: []string{"ok"}}, "", "250 ok", "ok"},
		{"enhanced", wire.Reply{Code: 550, Lines: []string{"5.1.1 no", "5.1.1 really"}}, "5.1.1", "550 5.1.1 no / 5.1.1 really", "no\nreally"},
		{"three digits", wire.Reply{Code: 535, Lines: []string{"5.7.139 off"}}, "5.7.139", "535 5.7.139 off", "off"},
		{"code alone", wire.Reply{Code: 250, Lines: []string{""}}, "", "250", ""},
		{"enhanced alone", wire.Reply{Code: 250, Lines: []string{"2.0.0"}}, "2.0.0", "250 2.0.0", ""},
		{"other class", wire.Reply{Code: 250, Lines: []string{"5.1.1 x"}}, "", "250 5.1.1 x", "5.1.1 x"},
		{"version number", wire.Reply{Code: 220, Lines: []string{"2.0.0.1 x"}}, "", "220 2.0.0.1 x", "2.0.0.1 x"},
		{"leading zero", wire.Reply{Code: 550, Lines: []string{"5.01.1 x"}}, "", "550 5.01.1 x", "5.01.1 x"},
		{"terminal escapes", wire.Reply{Code: 550, Lines: []string{"\xff\x1b[31m\r\u202ex"}}, "", `550 \xff\x1b[31m\r\u202ex`, "\xff\x1b[31m\r\u202ex"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newReply(tt.in)
			if r.Enhanced.String() != tt.enhanced || r.String() != tt.str || r.Text() != tt.text {
				t.Errorf("got %q, %q, %q; want %q, %q, %q", r.Enhanced, r, r.Text(), tt.enhanced, tt.str, tt.text)
			}
		})
	}
}

func TestQueueID(t *testing.T) {
	for text, want := range map[string]string{
		"2.0.0 Ok: queued as 4F1B2C3D": "4F1B2C3D",
		"OK id=1tABcd-0001Ab-2C":       "1tABcd-0001Ab-2C",
		"2.6.0 <x@y> [InternalId=42, Hostname=a.b] Queued mail for delivery": "42",
		"2.0.0 OK 1700000000 abc - gsmtp":                                    "",
		"queued as \x1b[31mX":                                                `\x1b[31mX`,
		"":                                                                   "",
	} {
		if got := queueID(newReply(wire.Reply{Code: 250, Lines: []string{text}})); got != want {
			t.Errorf("%q: %q; want %q", text, got, want)
		}
	}
}

func TestParseExtensions(t *testing.T) {
	for _, tt := range []struct {
		name       string
		lines      []string
		mechanisms []string
		pipelining bool
		size       int64
	}{
		{"none", []string{"mx.test"}, nil, false, 0},
		{"usual", []string{"mx.test", "PIPELINING", "SIZE 1000", "AUTH PLAIN XOAUTH2"}, []string{"PLAIN", "XOAUTH2"}, true, 1000},
		{"any case", []string{"mx.test", "pipelining", "size 7", "Auth plain"}, []string{"PLAIN"}, true, 7},
		{"old form", []string{"mx.test", "AUTH=PLAIN LOGIN"}, []string{"PLAIN", "LOGIN"}, false, 0},
		{"old and new", []string{"mx.test", "AUTH PLAIN", "AUTH=PLAIN LOGIN", "AUTH LOGIN"}, []string{"PLAIN", "LOGIN"}, false, 0},
		{"spaces", []string{"mx.test", " AUTH  PLAIN ", "", " "}, []string{"PLAIN"}, false, 0},
		{"size without a number", []string{"mx.test", "SIZE"}, nil, false, 0},
		{"size that is none", []string{"mx.test", "SIZE x"}, nil, false, 0},
		{"first line is a name", []string{"PIPELINING"}, nil, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ext := parseExtensions(Reply{Code: 250, Lines: tt.lines})
			if got := ext.mechanisms(); !slices.Equal(got, tt.mechanisms) {
				t.Errorf("mechanisms %q; want %q", got, tt.mechanisms)
			}
			if ext.has("PIPELINING") != tt.pipelining || ext.maxSize() != tt.size {
				t.Errorf("pipelining %v, size %d", ext.has("PIPELINING"), ext.maxSize())
			}
		})
	}
}

// Whatever a server says to EHLO, its mechanisms are words in upper case.
func FuzzExtensions(f *testing.F) {
	f.Add("AUTH=PLAIN login", "SIZE 10")
	f.Fuzz(func(t *testing.T, a, b string) {
		ext := parseExtensions(Reply{Code: 250, Lines: []string{"mx", a, b}})
		for _, m := range ext.mechanisms() {
			if m == "" || slices.Contains([]byte(m), ' ') {
				t.Fatalf("%q %q: mechanism %q", a, b, m)
			}
		}
		if ext.maxSize() < 0 {
			t.Fatal("negative size")
		}
	})
}
