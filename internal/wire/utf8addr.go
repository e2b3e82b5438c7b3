package wire

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// EncodeUTF8Addr writes an address for ORCPT with the type "utf-8" (RFC 6533,
// Section 3): as utf-8-addr-unitext, which holds UTF-8, or else as
// utf-8-addr-xtext, which is ASCII and goes where SMTPUTF8 is not in use. What
// the form cannot hold is written as "\x{" and its code point in hexadecimal.
func EncodeUTF8Addr(addr string, unitext bool) string {
	var b strings.Builder
	for _, r := range addr {
		switch {
		case r <= ' ', r == '+', r == '=', r == '\\', r == 0x7f, r >= utf8.RuneSelf && !unitext:
			fmt.Fprintf(&b, `\x{%02X}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
