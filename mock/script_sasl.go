package mock

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// showSASL returns a client's message without its secrets. Identities show where
// they are what was wanted: another may be a secret in the wrong place. Of
// mechanisms that it does not know, all is secret.
func showSASL(mechanism string, message, want []byte) string {
	switch strings.ToUpper(mechanism) {
	case "PLAIN": // RFC 4616, Section 2
		parts, wanted := bytes.Split(message, []byte{0}), bytes.Split(want, []byte{0})
		if len(parts) != 3 {
			break
		}
		shown := secret(parts[2])
		for i := 1; i >= 0; i-- {
			shown = showKnown(parts[i], len(wanted) == 3 && bytes.Equal(parts[i], wanted[i])) + "^@" + shown
		}
		return shown
	case "XOAUTH2", "OAUTHBEARER": // RFC 7628, Section 3.1
		pairs, wanted := bytes.Split(message, []byte{1}), bytes.Split(want, []byte{1})
		shown := make([]string, len(pairs))
		for i, pair := range pairs {
			known := slices.ContainsFunc(wanted, func(w []byte) bool { return bytes.Equal(w, pair) })
			shown[i] = showPair(pair, i == 0, known)
		}
		return strings.Join(shown, "^A")
	}
	return secret(message)
}

// showKnown shows octets if they are known anyway.
func showKnown(octets []byte, known bool) string {
	if known {
		return caret(octets)
	}
	return secret(octets)
}

// showPair shows a part of an OAuth message, which may begin with a GS2 header.
func showPair(pair []byte, first, known bool) string {
	key, value, found := bytes.Cut(pair, []byte("="))
	switch {
	case first && (bytes.HasPrefix(pair, []byte("n,")) || bytes.HasPrefix(pair, []byte("y,"))):
		return showKnown(pair, known)
	case !found:
		return secret(pair)
	}
	switch string(key) {
	case "user", "host", "port":
		return string(key) + "=" + showKnown(value, known)
	case "auth":
		scheme, token, found := bytes.Cut(value, []byte(" "))
		if found && bytes.EqualFold(scheme, []byte("Bearer")) {
			return "auth=" + string(scheme) + " " + secret(token)
		}
	}
	return secret(pair)
}

// secret stands for octets that are not shown. Nothing is no secret, and the
// pattern for anything is none.
func secret(octets []byte) string {
	if len(octets) == 0 || string(octets) == "*" {
		return string(octets)
	}
	return redacted(len(octets))
}

// caret shows octets: control characters as ^A, others that are not ASCII as
// \xff.
func caret(octets []byte) string {
	var b strings.Builder
	for _, c := range octets {
		switch {
		case c < ' ':
			b.WriteString("^" + string(rune(c+'@')))
		case c == 0x7f:
			b.WriteString("^?")
		case c > 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
