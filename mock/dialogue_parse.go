package mock

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// parse reads one line.
func (p *dialogueParser) parse(line string) error {
	if rest, found := strings.CutPrefix(line, "|"); found {
		return p.contentLine(rest)
	}
	if err := p.endContent(); err != nil {
		return err
	}
	if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	mark, text := line, ""
	if len(line) >= 2 && strings.ContainsRune(":~", rune(line[1])) {
		mark, text = line[:2], strings.TrimPrefix(line[2:], " ")
	}
	if p.skip != 0 && mark != "C:" && mark != "C~" {
		return fmt.Errorf("behind ... in line %d comes a line of the client", p.skip)
	}
	switch mark {
	case "S:":
		return p.server(text)
	case "C:":
		return p.client(text, false)
	case "C~":
		return p.client(text, true)
	}
	if octets, found := strings.CutPrefix(line, `S "`); found {
		return p.octets(`"` + octets)
	}
	return p.keyword(strings.TrimRight(line, " "))
}

// contentLine reads a line that begins with "|", which is cut off.
func (p *dialogueParser) contentLine(text string) error {
	if p.inside == 0 {
		return errors.New("| stands behind CONTENT and CHUNK only")
	}
	if strings.Contains(text, "\r") {
		return errors.New("CR within a line of content")
	}
	if p.count+len(p.lines) >= maxSteps {
		return fmt.Errorf("more than %d lines", maxSteps)
	}
	if text == "..." {
		p.lines = append(p.lines, contentLine{any: true, text: "..."})
		return nil
	}
	pattern, isPattern := strings.CutPrefix(text, "~ ")
	if isPattern {
		text = pattern
	} else if text != "" && !strings.HasPrefix(text, " ") {
		return errors.New(`want "| text", "|~ pattern", "|..." or "|"`)
	}
	shown := strings.TrimPrefix(text, " ")
	text, err := p.expand(shown, false, isPattern)
	if err != nil {
		return err
	}
	l := contentLine{text: text, shown: shown}
	if isPattern {
		l.glob = newGlob(text)
	}
	p.lines = append(p.lines, l)
	return nil
}

// server reads what stands behind "S:".
func (p *dialogueParser) server(text string) error {
	before, message, encoded, err := p.base64(text, false)
	if err != nil {
		return err
	}
	if encoded {
		before += string(wire.EncodeBase64(nil, []byte(message)))
	}
	if hasValue(text) {
		return p.add(sendAs(before, text), p.line)
	}
	return p.add(Send(before), p.line)
}

// octets reads a Go string of what goes out as it is.
func (p *dialogueParser) octets(quoted string) error {
	octets, err := strconv.Unquote(quoted)
	if err != nil {
		return errors.New("malformed string")
	}
	return p.action(Raw([]byte(octets)), "Send "+plural(len(octets), "octet"))
}

// client reads what stands behind "C:" or "C~".
func (p *dialogueParser) client(text string, pattern bool) error {
	before, message, encoded, err := p.base64(text, pattern)
	if err != nil {
		return err
	}
	shown := before
	if hasValue(text) {
		shown, _, _ = strings.Cut(text, "b64(")
	}
	var s Step
	switch {
	case encoded && pattern:
		s = expectEncoded(before, shown, message)
	case encoded && message == "" && before != "":
		s = Expect(before + "=") // an empty initial response (RFC 4954, Section 4)
	case encoded:
		s = Expect(before + string(wire.EncodeBase64(nil, []byte(message))))
	case pattern:
		s = expectLine(before, shown, "Expect like", newGlob(before).match)
	default:
		s = expectLine(before, shown, "Expect", func(got string) bool { return got == before })
	}
	if hasValue(text) {
		s.step().veiled = true
	}
	if hasValue(text) && encoded {
		s.step().name = "Expect " + caret([]byte(shown)) + "b64(...)"
	}
	if p.skip != 0 {
		p.skip = 0
		s = SkipTo(p.place(s.step(), p.line))
	}
	return p.add(s, p.line)
}

// expectEncoded wants a line that is like before and then, decoded, like
// message.
func expectEncoded(before, shown, message string) Step {
	start, rest := newGlob(before), newGlob(message)
	return leaf("Expect like "+caret([]byte(shown))+"b64(...)", func(p *player) error {
		line, err := p.peek()
		if err != nil {
			return err
		}
		i := strings.LastIndexByte(line, ' ') + 1
		got, err := decodeInitial(line[i:], line[i:] != "")
		if err != nil || !start.match(line[:i]) || !rest.match(string(got)) {
			mechanism := p.mechanism
			if words := strings.Split(before, " "); strings.EqualFold(words[0], "AUTH") && len(words) > 1 {
				mechanism = words[1]
			}
			return differs("line differs %s", diff(p.hide(shown+"b64("+showSASL(mechanism, []byte(message), []byte(message))+")"), p.show(line, "")))
		}
		p.take(line)
		return nil
	})
}

// base64 cuts b64(message) off the end of a line.
func (p *dialogueParser) base64(text string, pattern bool) (before, message string, encoded bool, err error) {
	before = text
	if i := strings.Index(" "+text, " b64("); i >= 0 {
		message, encoded = strings.CutSuffix(text[i+len("b64("):], ")")
		if !encoded {
			return "", "", false, errors.New("b64( has no ) at the end of the line")
		}
		before = text[:i]
		if message, err = p.expand(message, true, pattern); err != nil {
			return "", "", false, err
		}
	}
	before, err = p.expand(before, false, pattern)
	if err == nil && strings.ContainsAny(before, "\r\n") {
		err = errors.New("a value holds a line break")
	}
	return before, message, encoded, err
}

// hasValue reports whether a text has a value in it, once it is expanded.
func hasValue(text string) bool { return strings.Contains(text, "${") }

// expand replaces ${name} and, with controls, ^A and the like. In a pattern,
// values stand for themselves.
func (p *dialogueParser) expand(text string, controls, pattern bool) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); {
		switch rest := text[i:]; {
		case strings.HasPrefix(rest, "${"):
			name, _, closed := strings.Cut(rest[2:], "}")
			if !closed || len(name) > maxPlaceholder {
				return "", errors.New("${ has no } behind it")
			}
			value, err := p.value(name)
			if err != nil {
				return "", err
			}
			if pattern {
				value = strings.NewReplacer(`\`, `\\`, `*`, `\*`).Replace(value)
			}
			b.WriteString(value)
			i += len("${}") + len(name)
		case controls && (rest[0] == '^' || rest[0] == '\\'):
			octets, err := control(rest, pattern)
			if err != nil {
				return "", err
			}
			b.WriteString(octets)
			i += 2
		default:
			b.WriteByte(rest[0])
			i++
		}
	}
	return b.String(), nil
}

// control returns what the first two octets of text stand for.
func control(text string, pattern bool) (string, error) {
	if len(text) < 2 {
		return "", fmt.Errorf("%s at the end of b64(...)", text)
	}
	c := text[1]
	switch {
	case text[0] == '^' && c == '?':
		return "\x7f", nil
	case text[0] == '^' && '@' <= c && c <= '_':
		return string(rune(c - '@')), nil
	case text[0] == '^':
		return "", fmt.Errorf(`%q is no control character; ^@ to ^_ and ^? are, and \^ is the caret itself`, text[:2])
	case c == '^':
		return "^", nil
	case pattern && (c == '*' || c == '\\'):
		return text[:2], nil
	case c == '\\':
		return `\`, nil
	}
	return "", fmt.Errorf("%q stands for nothing", text[:2])
}

func (p *dialogueParser) value(name string) (string, error) {
	if p.lax {
		return "", nil
	}
	for _, values := range p.values {
		if value, found := values[name]; found {
			return value, nil
		}
	}
	return "", fmt.Errorf("${%s} has no value", name)
}

// keyword reads a line that is neither the server's nor the client's.
func (p *dialogueParser) keyword(line string) error {
	name, argument, _ := strings.Cut(line, " ")
	if argument != "" && name != "DELAY" && line != "CHUNK LAST" {
		return noDialogue(line)
	}
	switch name {
	case "TLS":
		return p.add(UpgradeTLS(), p.line)
	case "EOF":
		return p.add(ExpectEOF(), p.line)
	case "NOTHING":
		return p.add(ExpectNothing(), p.line)
	case "CLOSE":
		return p.action(Drop(), line)
	case "RESET":
		return p.action(Reset(), line)
	case "STALL":
		return p.action(Stall(), line)
	case "DELAY":
		d, err := time.ParseDuration(argument)
		if err != nil || d < 0 {
			return fmt.Errorf("DELAY wants a time such as 5s or 10m, not %q", argument)
		}
		return p.action(Delay(d), line)
	case "CONTENT", "CHUNK":
		p.inside = p.line
		p.chunk = map[string]chunkKind{"CHUNK": oneChunk, "CHUNK LAST": lastChunk}[line]
		return nil
	case "...":
		p.skip = p.line
		return nil
	case "GROUP", "OPTIONAL", "END", "CONNECT":
		return p.structure(name)
	}
	return noDialogue(name)
}

// noDialogue is about a line. Only its first word is shown: the rest may be secret.
func noDialogue(line string) error {
	word, _, more := strings.Cut(line, " ")
	const lines = `a line is "S: text", "C: text", "C~ pattern", "# comment", TLS, GROUP, OPTIONAL, END, CONTENT, ` +
		`CHUNK, "CHUNK LAST", NOTHING, EOF, CLOSE, RESET, STALL, "DELAY 5s", CONNECT or ...; of these, only DELAY and CHUNK take an argument`
	if len(word) > len("OPTIONAL:") {
		return errors.New(lines)
	}
	if more {
		return fmt.Errorf("%q and more: %s", word, lines)
	}
	return fmt.Errorf("%q: %s", word, lines)
}

func (p *dialogueParser) action(a Action, name string) error {
	s := a.step()
	s.name = name
	return p.add(s, p.line)
}

// structure reads what begins or ends a part of a dialogue.
func (p *dialogueParser) structure(name string) error {
	switch {
	case name == "END":
		return p.endBlock()
	case p.block != nil:
		return fmt.Errorf("%s within %s of line %d", name, p.block.keyword, p.block.line)
	case name != "CONNECT":
		p.block = &block{name, p.line, p.steps}
		p.steps = nil
	case len(p.steps) == 0 && p.begun:
		return errors.New("a connection without a step")
	case len(p.steps) > 0:
		p.conns = append(p.conns, p.steps)
		p.steps = nil
	}
	p.begun = true
	return nil
}

func (p *dialogueParser) endBlock() error {
	b := p.block
	switch {
	case b == nil:
		return errors.New("END of nothing")
	case len(p.steps) == 0:
		return fmt.Errorf("nothing between %s and END", b.keyword)
	}
	steps := p.steps
	p.block, p.steps = nil, b.outer
	if b.keyword == "OPTIONAL" {
		return p.add(Optional(steps...), b.line)
	}
	return p.add(Group(steps...), b.line)
}
