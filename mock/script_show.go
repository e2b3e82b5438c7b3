package mock

import (
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
	case c.name == "AUTH":
		return p.legibleCommand(&c)
	case p.veil:
		return veiledLine(line)
	}
	c = parseCommand([]byte(p.hide(line)), false)
	return p.legibleCommand(&c)
}

// hide replaces the values that the script was given.
func (p *player) hide(text string) string { return p.script.values.hide(text) }

// show returns a line for an error, beside the one that was wanted, "" if none
// was in particular. What belongs to AUTH is decoded, so that two of them can be
// told apart, but for their secrets.
func (p *player) show(line, want string) string {
	c := parseCommand([]byte(line), false)
	switch {
	case p.challenged:
		return p.hide(showBase64(p.mechanism, line, want))
	case c.name == "AUTH":
		return p.hide(p.showAuth(line, want))
	}
	return p.transcribe(line)
}

func (p *player) showAuth(line, want string) string {
	_, argument, _ := strings.Cut(line, " ")
	name, initial, found := strings.Cut(argument, " ")
	_, known := p.srv.opts.Registry.Lookup(name)
	switch {
	case !known && !strings.EqualFold(name, p.mechanism):
		return "AUTH " + redacted(len(argument))
	case !found:
		return "AUTH " + name
	}
	return "AUTH " + name + " " + showBase64(name, initial, lastWord(want))
}

func lastWord(line string) string { return line[strings.LastIndexByte(line, ' ')+1:] }

// showBase64 returns a message in base64 as b64(message), beside a wanted one.
func showBase64(mechanism, text, want string) string {
	if text == "" || text == "=" || text == "*" {
		return text
	}
	message, err := wire.DecodeBase64([]byte(text))
	if err != nil {
		return redacted(len(text)) + " (no base64)"
	}
	wanted, _ := wire.DecodeBase64([]byte(want)) // else nothing was wanted
	return "b64(" + showSASL(mechanism, message, wanted) + ")"
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
