package wire

import (
	"errors"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLabel is the longest label of a domain, in octets (RFC 1035, Section 2.3.4).
const MaxLabel = 63

// acePrefix begins an A-label (RFC 5890, Section 2.3.2.1).
const acePrefix = "xn--"

var (
	errLabel     = errors.New("invalid label in the domain: outside ASCII there are letters, marks, digits and hyphens, in their lower case or with one")
	errLongLabel = errors.New("label of the domain longer than 63 octets")
)

// ASCIIDomain returns domain with each label outside ASCII as an A-label (RFC
// 5891, Section 4). The domain should be in Unicode normalization form C; nothing
// here can tell. Such labels are lower-cased, and refused if they hold anything
// but letters, marks, decimal digits and hyphens, begin with a mark, have no
// lower case of their own or hold a form that stands for another character, as
// full-width letters do (RFC 5892 and RFC 5891, Section 4.2.3).
func ASCIIDomain(domain string) (string, error) {
	var b strings.Builder
	for label := range strings.SplitSeq(domain, ".") {
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		ascii, err := asciiLabel(label)
		if err != nil {
			return "", err
		}
		b.WriteString(ascii)
	}
	if b.Len() > MaxDomain {
		return "", errLongDomain
	}
	return b.String(), nil
}

// asciiLabel returns a label as it goes over the wire.
func asciiLabel(label string) (string, error) {
	if isASCII(label) {
		return label, nil
	}
	runes := make([]rune, 0, len(label))
	for _, r := range label {
		lower := unicode.ToLower(r)
		switch {
		case lower != r && unicode.ToUpper(lower) != r: // its lower case is that of another one, too
			return "", errLabel
		case r < utf8.RuneSelf && r != '-' && !isAlnum(byte(r)):
			return "", errLabel
		case r == utf8.RuneError, isCompatibility(r), r >= utf8.RuneSelf && !unicode.In(lower, unicode.L, unicode.M, unicode.Nd):
			return "", errLabel
		}
		runes = append(runes, lower)
	}
	first, last := runes[0], runes[len(runes)-1]
	if first == '-' || last == '-' || unicode.Is(unicode.M, first) || len(runes) > 3 && runes[2] == '-' && runes[3] == '-' {
		return "", errLabel
	}
	encoded, ok := Punycode(runes)
	if !ok || len(acePrefix)+len(encoded) > MaxLabel {
		return "", errLongLabel
	}
	return acePrefix + encoded, nil
}

// isCompatibility reports whether r is in one of the blocks whose letters and
// digits stand for others, of which normalization form KC makes those (RFC 5892,
// Section 2.2).
func isCompatibility(r rune) bool {
	switch {
	case 0x2100 <= r && r <= 0x214f, // letterlike symbols
		0x3131 <= r && r <= 0x318e,   // Hangul compatibility jamo
		0xf900 <= r && r <= 0xfaff,   // CJK compatibility ideographs
		0xfb00 <= r && r <= 0xfdff,   // ligatures and presentation forms
		0xfe70 <= r && r <= 0xfeff,   // Arabic presentation forms
		0xff00 <= r && r <= 0xffef,   // half-width and full-width forms
		0x1d400 <= r && r <= 0x1d7ff, // mathematical letters and digits
		0x2f800 <= r && r <= 0x2fa1f: // CJK compatibility ideographs
		return true
	}
	return false
}

// Parameters of Punycode (RFC 3492, Section 5).
const (
	punyBase = 36
	punyTMin = 1
	punyTMax = 26
	punySkew = 38
	punyDamp = 700
	punyBias = 72
	punyN    = 0x80
)

// Punycode encodes s (RFC 3492, Section 6.3). It reports false if s is too long
// for it.
func Punycode(s []rune) (string, bool) {
	var out []byte
	for _, r := range s {
		if r < punyN {
			out = append(out, byte(r))
		}
	}
	done := len(out)
	basic := done
	if basic > 0 {
		out = append(out, '-')
	}
	n, delta, bias := rune(punyN), 0, punyBias
	for done < len(s) {
		next := rune(math.MaxInt32)
		for _, r := range s {
			if r >= n {
				next = min(next, r)
			}
		}
		step := int64(next-n) * int64(done+1)
		if step > math.MaxInt32-int64(delta) {
			return "", false
		}
		delta, n = delta+int(step), next
		for _, r := range s {
			switch {
			case r < n:
				delta++
			case r == n:
				out = appendPunyInt(out, delta, bias)
				bias = adaptPuny(delta, done+1, done == basic)
				delta = 0
				done++
			}
		}
		delta++
		n++
	}
	return string(out), true
}

// appendPunyInt writes a generalized variable-length integer (RFC 3492, Section
// 3.3).
func appendPunyInt(out []byte, q, bias int) []byte {
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	for k := punyBase; ; k += punyBase {
		t := min(max(k-bias, punyTMin), punyTMax)
		if q < t {
			return append(out, digits[q])
		}
		out = append(out, digits[t+(q-t)%(punyBase-t)])
		q = (q - t) / (punyBase - t)
	}
}

// adaptPuny is the bias for the next delta (RFC 3492, Section 6.1).
func adaptPuny(delta, points int, first bool) int {
	if first {
		delta /= punyDamp
	} else {
		delta /= 2
	}
	delta += delta / points
	k := 0
	for ; delta > (punyBase-punyTMin)*punyTMax/2; k += punyBase {
		delta /= punyBase - punyTMin
	}
	return k + (punyBase-punyTMin+1)*delta/(delta+punySkew)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
