package wire

import (
	"errors"
	"strings"
)

// ErrXtext says that a string is not xtext (RFC 3461, Section 4).
var ErrXtext = errors.New("invalid xtext")

const upperHex = "0123456789ABCDEF"

// EncodeXtext writes s as xtext: every octet but "!" to "~", and "+" and "="
// too, becomes "+" and two capital hexadecimal digits (RFC 3461, Section 4).
func EncodeXtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c < '!' || c > '~' || c == '+' || c == '=':
			b.WriteByte('+')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// DecodeXtext reverses [EncodeXtext] and refuses what is not xtext, lower case
// hexadecimal digits among it.
func DecodeXtext(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < '!' || c > '~' || c == '=' {
			return "", ErrXtext
		}
		if c == '+' {
			if i+2 >= len(s) {
				return "", ErrXtext
			}
			hi := strings.IndexByte(upperHex, s[i+1])
			lo := strings.IndexByte(upperHex, s[i+2])
			if hi < 0 || lo < 0 {
				return "", ErrXtext
			}
			c = byte(hi<<4 | lo)
			i += 2
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}
