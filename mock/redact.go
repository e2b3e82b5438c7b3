package mock

import (
	"bytes"
	"strings"
)

// legibleCommand returns a command for the transcript, without what may be
// secret. It is for what stands where a command may: see legibleResponse.
//
// A client that has lost its place may send a response as a command, and one that
// speaks another protocol its password: of what is no command at all, nothing is
// shown. Of a line with a control character in it, what is up to that is shown:
// behind it, another line may have been meant.
func (s *session) legibleCommand(c *command) string {
	switch {
	case c.name == "AUTH":
		return s.legibleAuth(string(c.line))
	case string(c.line) == "*": // RFC 4954, Section 4: it gives up an exchange
		return "*"
	case c.mayBeSecret():
		return redacted(len(c.line))
	}
	return legibleStart(c.line)
}

// mayBeSecret reports whether nothing of a command other than AUTH may be shown.
func (c *command) mayBeSecret() bool { return !c.known || holdsAuth(c.line) }

// legibleStart returns a line up to its first control character.
func legibleStart(line []byte) string {
	i := bytes.IndexFunc(line, isControl) + 1
	if i == 0 || i == len(line) {
		return legible(line)
	}
	return legible(line[:i]) + " " + redacted(len(line)-i)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// holdsAuth reports whether a line has AUTH as a word of its own, as it has if it
// is two lines in one. AUTH=<> in MAIL is none.
func holdsAuth(line []byte) bool {
	rest := bytes.ToUpper(line)
	for {
		_, behind, found := bytes.Cut(rest, []byte("AUTH"))
		if !found {
			return false
		}
		if len(behind) > 0 && (behind[0] == ' ' || isControl(rune(behind[0]))) {
			return true
		}
		rest = behind
	}
}

// veiledLine returns a line of which the argument holds, or should hold, a value
// that a dialogue was given.
func veiledLine(line string) string {
	c := parseCommand([]byte(line), false)
	verb, argument, found := strings.Cut(line, " ")
	if !c.known || !found {
		return redacted(len(line))
	}
	return verb + " " + redacted(len(argument))
}
