package wire

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxDomain is the longest domain, in octets (RFC 5321, Section 4.5.3.1.2).
const MaxDomain = 255

// MaxMailbox is the longest mailbox that is accepted, in octets: a local part of
// 64, the @ and a domain of 255 (RFC 5321, Section 4.5.3.1). A longer local part
// may go with a shorter domain, as some servers make them: that limit is what all
// have to take, and none should be imposed beyond need.
const MaxMailbox = 320

// Why a mailbox is refused. None of them quotes the mailbox, which may hold
// control characters; the caller quotes it if it likes.
var (
	errNoAt       = errors.New("no @ between local part and domain")
	errLocalPart  = errors.New("invalid local part (quote it if it holds spaces or special characters)")
	errDomain     = errors.New("invalid domain")
	errControl    = errors.New("control character in it")
	errUTF8       = errors.New("invalid UTF-8 in it")
	errLongDomain = errors.New("domain longer than 255 octets")
	errTooLong    = errors.New("longer than 320 octets")
)

// CheckMailbox reports whether addr is a Mailbox of RFC 5321, Section 4.1.2 as
// RFC 6531, Section 3.3 widens it, or "postmaster" alone (Section 4.5.1), and
// whether it holds characters outside ASCII. Nothing that passes can end a
// command line or a path early.
func CheckMailbox(addr string) (nonASCII bool, err error) {
	if len(addr) > MaxMailbox {
		return false, errTooLong
	}
	if !utf8.ValidString(addr) {
		return false, errUTF8
	}
	for _, r := range addr {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' { // those end a line, too
			return false, errControl
		}
		nonASCII = nonASCII || r >= utf8.RuneSelf
	}
	if strings.EqualFold(addr, "postmaster") {
		return false, nil
	}
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return false, errNoAt
	}
	if !validLocalPart(addr[:at]) {
		return false, errLocalPart
	}
	return nonASCII, checkDomain(addr[at+1:])
}

// ASCIIMailbox returns the form of a mailbox, which CheckMailbox has accepted,
// for a server without SMTPUTF8: with its domain as in [ASCIIDomain]. It reports
// false if the local part is outside ASCII: then there is no such form (RFC 6531,
// Section 3.7.1).
func ASCIIMailbox(addr string) (ascii string, ok bool, err error) {
	at := strings.LastIndexByte(addr, '@')
	domain := addr[at+1:]
	if isASCII(domain) {
		return addr, isASCII(addr), nil
	}
	domain, err = ASCIIDomain(domain)
	if err != nil {
		return "", false, err
	}
	return addr[:at+1] + domain, isASCII(addr[:at+1]), nil
}

// validLocalPart reports whether s is a Dot-string or a Quoted-string.
func validLocalPart(s string) bool {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return validQuoted(s[1 : len(s)-1])
	}
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if !isAtext(atom[i]) {
				return false
			}
		}
	}
	return true
}

// validQuoted reports whether s may stand between the quotes of a
// Quoted-string. Control characters are excluded already.
func validQuoted(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return false
		case '\\':
			i++
			if i == len(s) || s[i] >= utf8.RuneSelf {
				return false
			}
		}
	}
	return true
}

func isAtext(c byte) bool {
	return c >= utf8.RuneSelf ||
		'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// checkDomain accepts names of letters, digits, hyphens and underscores (seen
// in the wild), names of non-ASCII characters, and address literals.
func checkDomain(s string) error {
	if len(s) > MaxDomain {
		return errLongDomain
	}
	if strings.HasPrefix(s, "[") {
		return checkLiteral(s)
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return errDomain
		}
		if len(label) > MaxLabel && isASCII(label) {
			return errLongLabel
		}
		for i := range len(label) {
			c := label[i]
			if c < utf8.RuneSelf && c != '-' && c != '_' && !isAlnum(c) {
				return errDomain
			}
		}
	}
	return nil
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
