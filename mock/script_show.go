package mock

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// verbOf returns the verb of a line in capitals, "" if it is no known command.
func verbOf(line string) string {
	if c := parseCommand([]byte(line), false); c.known {
		return c.name
	}
	return ""
}

// codeOf returns the code of the reply that ends with a line, 0 if none does.
func codeOf(line string) int {
	code, more, _, err := wire.ParseReplyLine([]byte(line))
	if err != nil || more {
		return 0
	}
	return code
}

// transcribe returns the client's line for the transcript, which holds nothing
// that may be secret.
func (p *player) transcribe(line string) string {
	c := parseCommand([]byte(line), false)
	switch {
	case p.challenged:
		return legibleResponse([]byte(line))
	case p.veil && c.name != "AUTH":
		return veiledLine(line)
	}
	return p.legibleCommand(&c)
}

// show returns a line for an error. What belongs to AUTH is decoded, so that two
// of them can be told apart, but for their secrets.
func (p *player) show(line string) string {
	c := parseCommand([]byte(line), false)
	switch {
	case p.challenged:
		return showBase64(p.mechanism, line)
	case c.name == "AUTH":
		return p.showAuth(line)
	case p.veil:
		return veiledLine(line)
	}
	return p.legibleCommand(&c)
}

func (p *player) showAuth(line string) string {
	_, argument, _ := strings.Cut(line, " ")
	name, initial, found := strings.Cut(argument, " ")
	_, known := p.srv.opts.Registry.Lookup(name)
	switch {
	case !known && !strings.EqualFold(name, p.mechanism):
		return "AUTH " + redacted(len(argument))
	case !found:
		return "AUTH " + name
	}
	return "AUTH " + name + " " + showBase64(name, initial)
}

// showBase64 returns a message in base64 as b64(message).
func showBase64(mechanism, text string) string {
	if text == "" || text == "=" || text == "*" {
		return text
	}
	message, err := wire.DecodeBase64([]byte(text))
	if err != nil {
		return redacted(len(text)) + " (no base64)"
	}
	return "b64(" + showSASL(mechanism, message) + ")"
}

// showSASL returns a client's message without its secrets. Of mechanisms that it
// does not know, all is secret.
func showSASL(mechanism string, message []byte) string {
	switch strings.ToUpper(mechanism) {
	case "PLAIN": // RFC 4616, Section 2
		parts := bytes.Split(message, []byte{0})
		if len(parts) == 3 {
			return caret(parts[0]) + "^@" + caret(parts[1]) + "^@" + secret(parts[2])
		}
	case "XOAUTH2", "OAUTHBEARER": // RFC 7628, Section 3.1
		pairs := bytes.Split(message, []byte{1})
		shown := make([]string, len(pairs))
		for i, pair := range pairs {
			shown[i] = showPair(pair, i == 0)
		}
		return strings.Join(shown, "^A")
	}
	return secret(message)
}

// showPair shows a part of an OAuth message, which may begin with a GS2 header.
func showPair(pair []byte, first bool) string {
	key, value, found := bytes.Cut(pair, []byte("="))
	switch {
	case first && (bytes.HasPrefix(pair, []byte("n,")) || bytes.HasPrefix(pair, []byte("y,"))):
		return caret(pair)
	case !found:
		return secret(pair)
	}
	switch string(key) {
	case "user", "host", "port":
		return caret(pair)
	case "auth":
		scheme, token, found := bytes.Cut(value, []byte(" "))
		if found && len(scheme) <= len("Bearer") {
			return "auth=" + caret(scheme) + " " + secret(token)
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

// maxDiff is the largest text that is compared line by line, in octets.
const maxDiff = 64 << 10

// diff says how two texts differ, as they are shown.
func diff(want, got string) string {
	if want == got {
		return fmt.Sprintf("in what is redacted; both are %s", want)
	}
	if max(len(want), len(got)) <= maxDiff {
		return "(-want +got):\n" + cmp.Diff(want, got)
	}
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	return fmt.Sprintf("they differ from octet %d on:\n-%.80q\n+%.80q", i, want[i:], got[i:])
}
