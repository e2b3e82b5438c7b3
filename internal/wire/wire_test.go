package wire

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestDecodeBase64(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"empty", "", ""},
		{"one octet", "QQ==", "A"},
		{"two octets", "QUI=", "AB"},
		{"PLAIN of RFC 4954", "dGVzdAB0ZXN0ADEyMzQ=", "test\x00test\x001234"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeBase64([]byte(tt.line))
			if err != nil || string(got) != tt.want || got == nil {
				t.Errorf("DecodeBase64(%q) = %q, %v; want %q", tt.line, got, err, tt.want)
			}
		})
	}
}

func TestDecodeBase64Refuses(t *testing.T) {
	for _, line := range []string{
		"=", "QQ", "QQ=", "QR==", "=AAA", "AAA=BBB", "AAA=BBBB", "AA==AA==", "QQ==\r", "Q\nQ=", "QUJ\r", "QQ= =", " QQ=", "QQ== ", "QQ-_", "!!!!", "QQ\x00=",
	} {
		if got, err := DecodeBase64([]byte(line)); !errors.Is(err, ErrBase64) || got != nil {
			t.Errorf("DecodeBase64(%q) = %q, %v; want ErrBase64", line, got, err)
		}
	}
}

// What the strict decoder accepts, the standard one accepts with the same
// result, and it is exactly what the encoder makes of that.
func FuzzBase64Line(f *testing.F) {
	for _, s := range []string{"", "QQ==", "QR==", "=AAA", "AAA=BBB", "Q\r\nQ==", "dGVzdAB0ZXN0ADEyMzQ="} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := DecodeBase64(line)
		if err != nil {
			return
		}
		std, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil || !bytes.Equal(std, got) {
			t.Fatalf("%q: strict %q, standard %q, %v", line, got, std, err)
		}
		if back := EncodeBase64(nil, got); !bytes.Equal(back, line) {
			t.Fatalf("%q encodes back to %q", line, back)
		}
	})
}

func TestReadReply(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     Reply
		rest     string
	}{
		{"one line", "250 ok\r\n", Reply{250, []string{"ok"}}, ""},
		{"code alone", "250\r\n", Reply{250, []string{""}}, ""},
		{"code and space", "334 \r\nx", Reply{334, []string{""}}, "x"},
		{"many lines", "250-a\r\n250-\r\n250 b\r\n", Reply{250, []string{"a", "", "b"}}, ""},
		{"unknown code", "299 odd\r\n", Reply{299, []string{"odd"}}, ""},
		{"bare LF", "220 hi\n", Reply{220, []string{"hi"}}, ""},
		{"octets kept", "550 \xff\x1b\x00 \r\n", Reply{550, []string{"\xff\x1b\x00 "}}, ""},
		{"12288 octets of challenge", "334 " + strings.Repeat("A", 12288) + "\r\n", Reply{334, []string{strings.Repeat("A", 12288)}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for mode, r := range map[string]io.Reader{"whole": strings.NewReader(tt.in), "octets": iotest.OneByteReader(strings.NewReader(tt.in))} {
				br := bufio.NewReader(r)
				got, err := ReadReply(br)
				if err != nil || got.Code != tt.want.Code || strings.Join(got.Lines, "\n") != strings.Join(tt.want.Lines, "\n") {
					t.Errorf("%s: got %+v, %v; want %+v", mode, got, err, tt.want)
				}
				if rest, _ := io.ReadAll(br); string(rest) != tt.rest {
					t.Errorf("%s: rest %q; want %q", mode, rest, tt.rest)
				}
			}
		})
	}
}

func TestReadReplyRefuses(t *testing.T) {
	var syntax *SyntaxError
	isSyntax := func(err error) bool { return errors.As(err, &syntax) }
	is := func(target error) func(error) bool {
		return func(err error) bool { return errors.Is(err, target) }
	}
	for _, tt := range []struct {
		name, in string
		ok       func(error) bool
	}{
		{"nothing", "", is(io.EOF)},
		{"cut in a line", "250 o", is(io.ErrUnexpectedEOF)},
		{"cut between lines", "250-a\r\n", is(io.ErrUnexpectedEOF)},
		{"mixed codes", "250-a\r\n500-b\r\n250 STARTTLS\r\n", isSyntax},
		{"four digits", "2200 x\r\n", isSyntax},
		{"two digits", "22 x\r\n", isSyntax},
		{"letters", "abc\r\n", isSyntax},
		{"HTTP", "HTTP/1.1 200 OK\r\n", isSyntax},
		{"TLS record", "\x15\x03\x01\x00\x02\x02\n", isSyntax},
		{"1yz", "150 go\r\n", isSyntax},
		{"6yz", "650 go\r\n", isSyntax},
		{"empty line", "\r\n", isSyntax},
		{"line without end", strings.Repeat("2", 1<<20), is(ErrReplyTooLong)},
		{"long line", "250 " + strings.Repeat("x", MaxReplyLine) + "\r\n", is(ErrReplyTooLong)},
		{"endless continuation", strings.Repeat("250-x\r\n", 1<<16), is(ErrReplyTooLong)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadReply(bufio.NewReader(strings.NewReader(tt.in)))
			if !tt.ok(err) || got.Code != 0 {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// A reply that is read has one code, and reads the same when written again.
func FuzzReadReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "250-a\r\n250 b\r\n", "250\r\n", "334 \r\n", "2200 x\r\n", "250-a\r\n500 b\r\n", "220 x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		reply, err := ReadReply(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			return
		}
		var out bytes.Buffer
		for i, l := range reply.Lines {
			sep := "-"
			if i == len(reply.Lines)-1 {
				sep = " "
			}
			out.WriteString(string('0'+rune(reply.Code/100)) + string('0'+rune(reply.Code/10%10)) + string('0'+rune(reply.Code%10)) + sep + l + "\r\n")
		}
		again, err := ReadReply(bufio.NewReader(&out))
		if err != nil || again.Code != reply.Code || strings.Join(again.Lines, "\n") != strings.Join(reply.Lines, "\n") {
			t.Fatalf("%q reads as %+v, then as %+v, %v", in, reply, again, err)
		}
	})
}

func TestXtext(t *testing.T) {
	for plain, want := range map[string]string{"e=mc2@example.com": "e+3Dmc2@example.com", "a+b c": "a+2Bb+20c", "é": "+C3+A9", "": ""} {
		if got := EncodeXtext(plain); got != want {
			t.Errorf("EncodeXtext(%q) = %q; want %q", plain, got, want)
		}
		if got, err := DecodeXtext(want); err != nil || got != plain {
			t.Errorf("DecodeXtext(%q) = %q, %v; want %q", want, got, err, plain)
		}
	}
	for _, bad := range []string{"+", "+3", "+3d", "+ZZ", "a=b", "a b", "é"} {
		if got, err := DecodeXtext(bad); !errors.Is(err, ErrXtext) {
			t.Errorf("DecodeXtext(%q) = %q, %v; want ErrXtext", bad, got, err)
		}
	}
}

// Encoding and decoding is identity, and xtext is printable ASCII.
func FuzzXtext(f *testing.F) {
	f.Add("e=mc2@example.com")
	f.Fuzz(func(t *testing.T, s string) {
		x := EncodeXtext(s)
		if strings.ContainsFunc(x, func(r rune) bool { return r < '!' || r > '~' || r == '=' }) {
			t.Fatalf("%q encodes to %q", s, x)
		}
		if back, err := DecodeXtext(x); err != nil || back != s {
			t.Fatalf("%q encodes to %q and that decodes to %q, %v", s, x, back, err)
		}
	})
}

func TestCheckMailbox(t *testing.T) {
	for addr, nonASCII := range map[string]bool{
		"you@example.com": false, "a.b+c=d@sub.example.com": false, `"a b"@example.com`: false, `"a\"@b"@example.com`: false,
		"x@[127.0.0.1]": false, "x@[IPv6:::1]": false, "x@localhost": false, "x@under_score.test": false, "Postmaster": false,
		"jürgen@example.com": true, "x@bücher.example": true,
	} {
		if got, err := CheckMailbox(addr); err != nil || got != nonASCII {
			t.Errorf("CheckMailbox(%q) = %v, %v; want %v", addr, got, err, nonASCII)
		}
	}
	for _, addr := range []string{
		"", "@", "a", "a@", "@b", "a b@c", "a@b c", "a@b>", "<a@b>", "a@b\r\nRCPT TO:<c@d>", "a\x00@b", "a@b\x7f", "a..b@c", ".a@c", "a.@c",
		"a@.b", "a@b.", "a@-b", "a@b-", `"a"b"@c`, `"a\"@c`, "a@[1.2.3.4", "a@[]", "a@[a]b]", "\xff@b", "a@b@c", "a@" + strings.Repeat("x", 256),
	} {
		if _, err := CheckMailbox(addr); err == nil {
			t.Errorf("CheckMailbox(%q) accepts it", addr)
		}
	}
}

// A mailbox that passes cannot leave its path or its command line.
func FuzzCheckMailbox(f *testing.F) {
	for _, s := range []string{"a@b", `"a>b"@c`, "a@[x]", `a@["]`, "a@[>]", "é@ü", "a@b>\r\nX"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := CheckMailbox(s); err != nil {
			return
		}
		quoted := false
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c < ' ' || c == 0x7f:
				t.Fatalf("%q holds a control character", s)
			case quoted && c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case !quoted && (c == '>' || c == '<' || c == ' '):
				t.Fatalf("%q holds %q outside quotes", s, c)
			}
		}
		if quoted {
			t.Fatalf("%q leaves a quote open", s)
		}
	})
}

var dotTable = []struct {
	name, in, wire string
	octets         int64
}{
	{"empty", "", ".\r\n", 0},
	{"one line", "a\r\n", "a\r\n.\r\n", 3},
	{"no final line ending", "a", "a\r\n.\r\n", 3},
	{"lone dot", ".", "..\r\n.\r\n", 3},
	{"dots", ".\r\n..\r\na.\r\n.b", "..\r\n...\r\na.\r\n..b\r\n.\r\n", 15},
	{"bare LF", "a\nb\n", "a\r\nb\r\n.\r\n", 6},
	{"bare CR", "a\rb\r", "a\r\nb\r\n.\r\n", 6},
	{"CR CR LF", "a\r\r\nb", "a\r\n\r\nb\r\n.\r\n", 8},
	{"LF . LF", "a\n.\nb", "a\r\n..\r\nb\r\n.\r\n", 9},
	{"CR . CR", "a\r.\rb", "a\r\n..\r\nb\r\n.\r\n", 9},
	{"LF CR", "a\n\rb", "a\r\n\r\nb\r\n.\r\n", 8},
	{"only CR", "\r", "\r\n.\r\n", 2},
}

func TestDotWriter(t *testing.T) {
	for _, tt := range dotTable {
		t.Run(tt.name, func(t *testing.T) {
			// The split must not matter: try every one.
			for split := range len(tt.in) + 1 {
				var out bytes.Buffer
				w := NewDotWriter(&out)
				for _, part := range []string{tt.in[:split], "", tt.in[split:]} {
					if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
						t.Fatalf("Write = %d, %v", n, err)
					}
				}
				if err := w.Close(); err != nil || out.String() != tt.wire || w.Octets() != tt.octets {
					t.Errorf("split at %d: %q, %d octets, %v; want %q, %d", split, out.String(), w.Octets(), err, tt.wire, tt.octets)
				}
			}
		})
	}
}

func TestDotWriterFails(t *testing.T) {
	w := NewDotWriter(writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe }))
	if _, err := w.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Write: %v", err)
	}
	if err := w.Close(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Close: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Coding and decoding gives the message with its line endings normalised, and
// no line on the wire but the last is a dot, however loosely lines are read.
func FuzzDot(f *testing.F) {
	for _, tt := range dotTable {
		f.Add([]byte(tt.in), 1)
	}
	f.Fuzz(func(t *testing.T, in []byte, chunk int) {
		if chunk < 1 {
			chunk = 1
		}
		var coded bytes.Buffer
		w := NewDotWriter(&coded)
		for rest := in; len(rest) > 0; {
			n := min(chunk, len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(string(in), "\r\n", "\n"), "\r", "\n"), "\n", "\r\n")
		if want != "" && !strings.HasSuffix(want, "\r\n") {
			want += "\r\n"
		}
		br := bufio.NewReaderSize(io.MultiReader(&coded, strings.NewReader("QUIT\r\n")), 16)
		got, err := io.ReadAll(NewDotReader(br))
		if err != nil || string(got) != want || w.Octets() != int64(len(want)) {
			t.Fatalf("%q comes back as %q (%d octets), %v", in, got, w.Octets(), err)
		}
		if rest, _ := io.ReadAll(br); string(rest) != "QUIT\r\n" {
			t.Fatalf("%q leaves %q behind it", in, rest)
		}
	})
}

func TestDotReaderEndsOnlyAtCRLF(t *testing.T) {
	for _, body := range []string{"a\n.\nb", "a\n.\r\nb", "a\r\n.\nb", "a\r.\rb", "a\r\n\x00.\r\nb", strings.Repeat("x", 31) + "\r\ny", strings.Repeat("x", 31) + "\r.\r\nz"} {
		in := body + "\r\n.\r\n"
		got, err := io.ReadAll(NewDotReader(bufio.NewReaderSize(strings.NewReader(in), 16)))
		want := strings.ReplaceAll(body, "\r\n.\n", "\r\n\n") + "\r\n" // a dot that starts a line goes
		if err != nil || string(got) != want {
			t.Errorf("%q reads as %q, %v; want %q", in, got, err, want)
		}
	}
	if _, err := io.ReadAll(NewDotReader(bufio.NewReader(strings.NewReader("a\r\n.")))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut message: %v", err)
	}
}

func BenchmarkDotWriter(b *testing.B) {
	message := bytes.Repeat([]byte(strings.Repeat("x", 76)+"\r\n"), 1000)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		w := NewDotWriter(io.Discard)
		w.Write(message)
		w.Close()
	}
}
