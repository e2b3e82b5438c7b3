package wire

import (
	"net/netip"
	"strings"
)

// checkLiteral checks an address literal (RFC 5321, Section 4.1.3): an IPv4
// address, an IPv6 address behind "IPv6:", or a tag and the text of a network
// that is yet to come.
func checkLiteral(s string) error {
	inner, opened := strings.CutPrefix(s, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !opened || !closed {
		return errDomain
	}
	tag, content, tagged := strings.Cut(inner, ":")
	switch {
	case !tagged:
		addr, err := netip.ParseAddr(inner)
		if err != nil || !addr.Is4() {
			return errDomain
		}
	case strings.EqualFold(tag, "IPv6"):
		addr, err := netip.ParseAddr(content)
		if err != nil || addr.Is4() || addr.Zone() != "" {
			return errDomain
		}
	case !isTag(tag) || !isLiteralText(content):
		return errDomain
	}
	return nil
}

// isTag reports whether s is a Standardized-tag, which is an Ldh-str.
func isTag(s string) bool {
	for i := range len(s) {
		if s[i] != '-' && !isAlnum(s[i]) {
			return false
		}
	}
	return s != "" && s[len(s)-1] != '-' && s[0] != '-'
}

// isLiteralText reports whether s is one or more dcontent. Quotes and angle
// brackets are left out: a reader of the path may take them for its end.
func isLiteralText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(`[]<>"\`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
