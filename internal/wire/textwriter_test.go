package wire

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

// Text for BDAT is what DATA carries, without the dots.
func TestTextWriter(t *testing.T) {
	for _, in := range []string{"", "a", ".", ".\r\n", "a\nb\rc\r\nd", "\r\r\n\n.\r.", "a\r", "..\n..\r\n.", "\x00\xff\r"} {
		for size := 1; size <= max(1, len(in)); size++ {
			var text, dotted bytes.Buffer
			var w DotWriter
			w.ResetText(&text)
			d := NewDotWriter(&dotted)
			for rest := in; len(rest) > 0; {
				n := min(size, len(rest))
				_, _ = w.Write([]byte(rest[:n]))
				_, _ = d.Write([]byte(rest[:n]))
				rest = rest[n:]
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			_ = d.Close()
			var plain bytes.Buffer
			if _, err := plain.ReadFrom(NewDotReader(bufio.NewReader(&dotted))); err != nil {
				t.Fatal(err)
			}
			if text.String() != plain.String() || w.Octets() != int64(text.Len()) || w.Octets() != d.Octets() {
				t.Errorf("%q in pieces of %d: %q, with dots %q, %d and %d octets", in, size, text.String(), plain.String(), w.Octets(), d.Octets())
			}
		}
	}
}

// Positive replies of one line cost nothing where nobody wants their text.
func TestTerseReply(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("250 ok\r\n250-a\r\n250 b\r\n550 no\r\n354 go\r\n"))
	for _, want := range []Reply{{250, nil}, {250, []string{"a", "b"}}, {550, []string{"no"}}, {354, nil}} {
		got, err := ReadReplyInto(r, nil, true)
		if err != nil || got.Code != want.Code || strings.Join(got.Lines, "|") != strings.Join(want.Lines, "|") {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	octets, in := []byte(strings.Repeat("250 2.1.5 Ok\r\n", 300)), new(bytes.Reader)
	if n := testing.AllocsPerRun(100, func() {
		in.Reset(octets)
		r.Reset(in)
		for range 300 {
			_, _ = ReadReplyInto(r, nil, true)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
