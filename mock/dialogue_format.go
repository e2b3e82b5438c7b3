package mock

import (
	"fmt"
	"strings"
	"time"
)

// FormatDialogue returns a dialogue in the form that all should have: one space
// behind a mark, none behind a keyword, no two empty lines in succession and none
// at the beginning and the end. It means the same. A text that is no dialogue is
// a *[DialogueError]; values need not be known.
func FormatDialogue(name, text string) (string, error) {
	p := &dialogueParser{name: name, lax: true}
	if _, err := p.read(strings.NewReader(text)); err != nil {
		return "", err
	}
	var b strings.Builder
	gap := false
	for line := range strings.Lines(text) {
		line = formatLine(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
		if line == "" {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte('\n')
		}
		gap = false
		b.WriteString(line + "\n")
	}
	return b.String(), nil
}

// formatLine formats one line of a dialogue.
func formatLine(line string) string {
	mark, rest := "", ""
	switch {
	case strings.TrimSpace(line) == "":
		return ""
	case strings.HasPrefix(line, "#"):
		return strings.TrimRight(line, " \t\r")
	case strings.HasPrefix(line, "|"):
		return strings.TrimSuffix(line, map[bool]string{true: " "}[line == "| "])
	case strings.HasPrefix(line, `S "`):
		return line
	case len(line) >= 2 && strings.ContainsRune(":~", rune(line[1])):
		mark, rest = line[:2], strings.TrimPrefix(line[2:], " ")
	default:
		return formatKeyword(strings.TrimRight(line, " "))
	}
	if rest == "" {
		return mark
	}
	return mark + " " + rest
}

// formatKeyword formats a line that is neither the server's nor the client's.
func formatKeyword(line string) string {
	text, found := strings.CutPrefix(line, "DELAY ")
	if !found {
		return line
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return line // it was parsed before
	}
	return fmt.Sprintf("DELAY %v", d)
}
