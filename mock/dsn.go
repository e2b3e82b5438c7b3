package mock

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// Bounds of RFC 3461, Sections 4.2 and 4.4, in octets.
const (
	maxORCPT = 500
	maxENVID = 100
)

// dsnMail judges a parameter of MAIL by RFC 3461, Sections 4.3 and 4.4.
func dsnMail(p parameter) (valid, known bool) {
	switch p.keyword {
	case "RET":
		value := strings.ToUpper(p.value)
		return value == "FULL" || value == "HDRS", true
	case "ENVID":
		return len(p.value) <= maxENVID && isGraphicXtext(p.value), true
	}
	return false, false
}

// dsnRcpt judges a parameter of RCPT by RFC 3461, Sections 4.1 and 4.2, and by RFC
// 6533, Section 3. international says that MAIL had SMTPUTF8.
func dsnRcpt(p parameter, international bool) (valid, known bool) {
	switch p.keyword {
	case "NOTIFY":
		return isNotify(p.value), true
	case "ORCPT":
		kind, address, found := strings.Cut(p.value, ";")
		switch {
		case !found || len(p.value) > maxORCPT:
			return false, true
		case strings.EqualFold(kind, "utf-8"):
			return isUTF8Address(address, international), true
		}
		return kind != "" && isAtom(kind) && isGraphicXtext(address), true
	}
	return false, false
}

// isNotify reports whether s is NEVER alone, or a list of the conditions, each
// once.
func isNotify(s string) bool {
	s = strings.ToUpper(s)
	if s == "NEVER" {
		return true
	}
	list := strings.Split(s, ",")
	for i, condition := range list {
		if !slices.Contains([]string{"SUCCESS", "FAILURE", "DELAY"}, condition) || slices.Contains(list[:i], condition) {
			return false
		}
	}
	return true
}

// isGraphicXtext reports whether s is xtext of printable ASCII and spaces, and
// not empty.
func isGraphicXtext(s string) bool {
	text, err := wire.DecodeXtext(s)
	return err == nil && text != "" && isASCII(text) && isPlain([]byte(text))
}

// isUTF8Address reports whether s is a utf-8-addr-xtext of RFC 6533, Section 3, or
// with unencoded a utf-8-addr-unitext: the same, but for characters outside ASCII
// that stand for themselves.
func isUTF8Address(s string, unencoded bool) bool {
	if s == "" || !utf8.ValidString(s) {
		return false
	}
	for s != "" {
		if rest, found := strings.CutPrefix(s, `\x{`); found {
			point, rest, closed := strings.Cut(rest, "}")
			if !closed || !isHexPoint(point) {
				return false
			}
			s = rest
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		if r <= ' ' || strings.ContainsRune("+=\\\x7f", r) || r > '~' && !unencoded {
			return false
		}
		s = s[n:]
	}
	return true
}

// isHexPoint reports whether s is a HEXPOINT of RFC 6533, Section 3: the number of
// a character that has to be encoded, in capitals and, above 255, without a zero at
// its front.
func isHexPoint(s string) bool {
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) < 2 || len(s) > 2 && s[0] == '0' || s != strings.ToUpper(s) {
		return false
	}
	mayStand := n > ' ' && n < 0x7f && !strings.ContainsRune("+=\\", rune(n))
	return n > 0 && !mayStand && utf8.ValidRune(rune(n))
}

// isAtom reports whether s is an atom (RFC 5321, Section 4.1.2).
func isAtom(s string) bool {
	_, err := wire.CheckMailbox(s + "@x")
	return err == nil && !strings.ContainsAny(s, `."`)
}
