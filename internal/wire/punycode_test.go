package wire

import (
	"strings"
	"testing"
)

// Samples of RFC 3492, Section 7.1, in lower case, and names that are in use.
func TestASCIIDomain(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"ASCII stays", "Example.COM", "Example.COM"},
		{"German", "bücher.example", "xn--bcher-kva.example"},
		{"upper case", "BÜCHER.example", "xn--bcher-kva.example"},
		{"only outside ASCII", "例え.jp", "xn--r8jz45g.jp"},
		{"several labels", "почта.рф", "xn--80a1acny.xn--p1ai"},
		{"(B) Chinese simplified", "他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"},
		{"(E) Hebrew", "למההםפשוטלאמדבריםעברית", "xn--4dbcagdahymbxekheh6e0a7fei0b"},
		{"(I) Russian", "почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"},
		{"(L) digits and kanji", "3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"},
		{"(S) umlaut before ASCII", "ü", "xn--tda"},
		{"marks", "हिन्दी.example", "xn--j2bd4cyah0f.example"},
		{"beyond the BMP", "𐍈.example", "xn--2c8c.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := ASCIIDomain(tt.in); err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestASCIIDomainRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"symbol":                "☃.example",
		"full-width stop":       "a。b",
		"zero-width joiner":     "a\u200db.example",
		"underscore":            "_ü.example",
		"hyphen first":          "-ü.example",
		"hyphen last":           "ü-.example",
		"hyphens as in xn--":    "aa--ü.example",
		"mark first":            "\u0301ü.example",
		"no lower case of its":  "İ.example",
		"not UTF-8":             "a\xff.example",
		"label too long":        strings.Repeat("ü", 60) + ".example",
		"domain too long":       strings.Repeat("ü.", 60) + "example",
		"soft hyphen":           "a\u00adü.example",
		"right-to-left control": "\u202eü.example",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ASCIIDomain(in); err == nil {
				t.Errorf("%q is %q", in, got)
			}
		})
	}
}

func TestASCIIMailbox(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		ok       bool
	}{
		{"a@example.com", "a@example.com", true},
		{"Postmaster", "Postmaster", true},
		{"a@bücher.example", "a@xn--bcher-kva.example", true},
		{`"a@b"@bücher.example`, `"a@b"@xn--bcher-kva.example`, true},
		{"jürgen@example.com", "jürgen@example.com", false},
		{"jürgen@bücher.example", "jürgen@xn--bcher-kva.example", false},
	} {
		if got, ok, err := ASCIIMailbox(tt.in); got != tt.want || ok != tt.ok || err != nil {
			t.Errorf("%s: got %q, %v, %v", tt.in, got, ok, err)
		}
	}
}

// RFC 6533, Section 3.
func TestEncodeUTF8Addr(t *testing.T) {
	for _, tt := range []struct{ in, ascii, unitext string }{
		{"a@example.com", "a@example.com", "a@example.com"},
		{"jürgen@example.com", `j\x{FC}rgen@example.com`, "jürgen@example.com"},
		{`"a b+c=d\\"@例え.jp`, `"a\x{20}b\x{2B}c\x{3D}d\x{5C}\x{5C}"@\x{4F8B}\x{3048}.jp`, `"a\x{20}b\x{2B}c\x{3D}d\x{5C}\x{5C}"@例え.jp`},
	} {
		if got := EncodeUTF8Addr(tt.in, false); got != tt.ascii {
			t.Errorf("%s: %s; want %s", tt.in, got, tt.ascii)
		}
		if got := EncodeUTF8Addr(tt.in, true); got != tt.unitext {
			t.Errorf("%s: %s; want %s", tt.in, got, tt.unitext)
		}
	}
}

// What comes out is ASCII that any server takes, and does not change again.
func FuzzASCIIDomain(f *testing.F) {
	for _, s := range []string{"example.com", "bücher.example", "İ", "3年b組金八先生", "xn--bcher-kva"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if checkDomain(in) != nil {
			return
		}
		got, err := ASCIIDomain(in)
		if err != nil {
			return
		}
		if again, err := ASCIIDomain(got); err != nil || again != got || !isASCII(got) || checkDomain(got) != nil {
			t.Errorf("%q: %q, then %q, %v", in, got, again, err)
		}
	})
}
