package main

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for name, test := range map[string]struct {
		line string
		want []string
		err  string
	}{
		"nothing":            {line: " \t\n"},
		"words":              {line: "  a b\tc  ", want: []string{"a", "b", "c"}},
		"single quotes":      {line: `a 'b "c" \ $d|'`, want: []string{"a", `b "c" \ $d|`}},
		"double quotes":      {line: `"a 'b'" "\"\\\$\n"`, want: []string{"a 'b'", `"\$\n`}},
		"joined":             {line: `a"b"'c'\ d`, want: []string{"abc d"}},
		"empty words":        {line: `'' "" a`, want: []string{"", "", "a"}},
		"escaped":            {line: `a\|b \'`, want: []string{"a|b", "'"}},
		"octets stay":        {line: "a\xff\u00e9", want: []string{"a\xff\u00e9"}},
		"pipe":               {line: "a | b", err: `"|" needs a shell`},
		"variable":           {line: "a $HOME", err: `"$" needs a shell`},
		"quoted variable":    {line: `a "$HOME"`, want: []string{"a", "$HOME"}},
		"open quote":         {line: `a "b`, err: `a quote " is not closed`},
		"backslash at end":   {line: `a \`, err: "it ends in a backslash"},
		"backslash in quote": {line: `'\'`, want: []string{`\`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := splitWords(test.line)
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.HasPrefix(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

// What is quoted arrives as it was, whatever it is.
func FuzzSplitWords(f *testing.F) {
	f.Add("a", "b c")
	f.Add("", `"\'$|`)
	f.Fuzz(func(t *testing.T, a, b string) {
		quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
		got, err := splitWords(quote(a) + " " + quote(b))
		if err != nil || !slices.Equal(got, []string{a, b}) {
			t.Errorf("%q, %q became %q, %v", a, b, got, err)
		}
	})
}
