package mock

import (
	"slices"
	"strings"

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

// dsnRcpt judges a parameter of RCPT by RFC 3461, Sections 4.1 and 4.2.
func dsnRcpt(p parameter) (valid, known bool) {
	switch p.keyword {
	case "NOTIFY":
		return isNotify(p.value), true
	case "ORCPT":
		kind, address, found := strings.Cut(p.value, ";")
		return found && kind != "" && len(p.value) <= maxORCPT && isAtom(kind) && isGraphicXtext(address), true
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

// isAtom reports whether s is an atom (RFC 5321, Section 4.1.2).
func isAtom(s string) bool {
	_, err := wire.CheckMailbox(s + "@x")
	return err == nil && !strings.ContainsAny(s, `."`)
}
