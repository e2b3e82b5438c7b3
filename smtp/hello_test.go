package smtp

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// All these say the same: STARTTLS, SIZE 1000 and the mechanisms PLAIN, LOGIN
// and XOAUTH2.
func TestEHLOForms(t *testing.T) {
	for name, lines := range map[string][]string{
		"as today":          {"mx.test hello", "STARTTLS", "SIZE 1000", "AUTH PLAIN LOGIN XOAUTH2"},
		"lower case":        {"mx.test", "starttls", "size 1000", "auth plain login xoauth2"},
		"another order":     {"mx.test", "AUTH PLAIN LOGIN XOAUTH2", "X-JUNK with words", "SIZE 1000", "STARTTLS"},
		"old form":          {"mx.test", "AUTH=PLAIN LOGIN XOAUTH2", "STARTTLS", "SIZE 1000"},
		"both forms":        {"mx.test", "AUTH PLAIN LOGIN", "AUTH=LOGIN XOAUTH2", "STARTTLS", "SIZE 1000"},
		"old, lower case":   {"mx.test", "auth=plain login xoauth2", "StartTLS", "Size 1000"},
		"old, nothing at =": {"mx.test", "AUTH= PLAIN LOGIN XOAUTH2", "STARTTLS", "SIZE 1000"},
		"one a line":        {"mx.test", "AUTH PLAIN", "AUTH LOGIN", "AUTH XOAUTH2", "STARTTLS", "SIZE 1000"},
		"old, one a line":   {"mx.test", "AUTH=PLAIN", "AUTH=LOGIN", "AUTH=XOAUTH2", "STARTTLS", "SIZE 1000"},
		"twice":             {"mx.test", "AUTH PLAIN LOGIN PLAIN", "STARTTLS", "AUTH XOAUTH2", "STARTTLS", "SIZE 1000", "SIZE 1000"},
		"leading space":     {"mx.test", "  STARTTLS", " SIZE  1000", "\tAUTH PLAIN\tLOGIN XOAUTH2 "},
		"blank lines":       {"mx.test", "", "STARTTLS", " ", "SIZE 1000", "AUTH PLAIN LOGIN XOAUTH2", ""},
		"junk":              {"AUTH CRAM-MD5", "=", "AUTH", "-- hello --", "STARTTLS", "SIZE 1000", "AUTH=", "AUTH PLAIN LOGIN XOAUTH2", "AUTHX NTLM"},
	} {
		t.Run(name, func(t *testing.T) {
			ext := parseExtensions(Reply{Code: 250, Lines: lines})
			if got := ext.mechanisms(); !slices.Equal(got, []string{"PLAIN", "LOGIN", "XOAUTH2"}) {
				t.Errorf("mechanisms %q", got)
			}
			if !ext.has("STARTTLS") || ext.maxSize() != 1000 || ext.has("PIPELINING") {
				t.Errorf("extensions %q", ext)
			}
		})
	}
}

func TestEHLOWithoutExtensions(t *testing.T) {
	for _, lines := range [][]string{{"mx.test"}, {""}, {"STARTTLS"}, {"mx.test", ""}} {
		if ext := parseExtensions(Reply{Code: 250, Lines: lines}); len(ext) != 0 || len(ext.mechanisms()) != 0 || ext.maxSize() != 0 {
			t.Errorf("%q: %q", lines, ext)
		}
	}
}

// FuzzEHLO: what a server offers depends neither on case, nor on how often, nor
// in which order it says so, nor on spaces; and every keyword is one word.
func FuzzEHLO(f *testing.F) {
	for _, reply := range []string{
		"250 mx.test", "250-mx.test\n250-SIZE 1000\n250 AUTH PLAIN LOGIN", "250-mx.test\n250-AUTH=PLAIN\n250 auth login",
		"250-\n250- \n250-=\n250 AUTH=", "250-mx\n250-SIZE\n250-SIZE -1\n250 SIZE 99999999999999999999", "250-mx\n250-\x00\xff\n250 \u0131 \u212a",
	} {
		f.Add([]byte(reply + "\n"))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		w, err := wire.ReadReply(bufio.NewReader(bytes.NewReader(octets)))
		if err != nil {
			return
		}
		ext := parseExtensions(Reply{Code: w.Code, Lines: w.Lines})
		for keyword, words := range ext {
			for _, word := range append([]string{keyword}, words...) {
				if strings.ContainsAny(word, " \t\r\n") {
					t.Errorf("%q is more than a word", word)
				}
			}
			if keyword == "" || !ext.has(keyword) {
				t.Errorf("keyword %q", keyword)
			}
		}
		names := ext.mechanisms()
		if len(names) > maxMechanisms || ext.maxSize() < 0 {
			t.Errorf("%d mechanisms, size %d", len(names), ext.maxSize())
		}
		if !ascii(octets) {
			return // case is a matter of ASCII
		}
		again := slices.Clone(w.Lines[:1])
		for _, line := range w.Lines[1:] {
			again = append(again, "  "+strings.ToLower(line)+" ")
		}
		same := parseExtensions(Reply{Code: w.Code, Lines: again})
		if fmt.Sprint(same.mechanisms()) != fmt.Sprint(names) || same.maxSize() != ext.maxSize() || len(same) != len(ext) {
			t.Errorf("in lower case and with spaces: %q; want %q", same, ext)
		}
		twice := parseExtensions(Reply{Code: w.Code, Lines: append(slices.Clone(w.Lines), w.Lines[1:]...)})
		if fmt.Sprint(twice.mechanisms()) != fmt.Sprint(names) || twice.maxSize() != ext.maxSize() || len(twice) != len(ext) {
			t.Errorf("said twice: %q; want %q", twice, ext)
		}
		slices.Reverse(again[1:])
		reversed := parseExtensions(Reply{Code: w.Code, Lines: again})
		for keyword := range ext {
			if !reversed.has(keyword) {
				t.Errorf("in reverse order, %q is not there", keyword)
			}
		}
		if list := reversed.mechanisms(); len(list) != len(names) {
			t.Errorf("in reverse order: %q; want %q", list, names)
		}
	})
}

func ascii(octets []byte) bool {
	return !slices.ContainsFunc(octets, func(c byte) bool { return c > 0x7f })
}
