package mock

import (
	"fmt"
	"strconv"
	"strings"
)

// Dialogue returns the transcript as a dialogue for [ParseDialogue]: the server
// says the same, and wants to hear the same. What the transcript leaves out is a
// pattern in it: a secret of the client, or content, may be anything. A challenge
// is part of a sign-in, so the transcript does not hold it: it becomes an empty
// one behind a comment, and S: 334 b64(...) with its text is for you to write.
func (t Transcript) Dialogue() string {
	var b strings.Builder
	session := 0
	for i, line := range t {
		if line.Session != session && i > 0 {
			b.WriteString("CONNECT\n")
		}
		session = line.Session
		switch line.From {
		case FromServer:
			b.WriteString(recordServer(line.Text))
		case FromClient:
			b.WriteString(recordClient(line.Text))
		default:
			b.WriteString(recordRemark(line.Text))
		}
		if last := i+1 == len(t) || t[i+1].Session != session; last && line.From == FromServer && codeOf(line.Text) == 221 {
			b.WriteString("CLOSE\n")
		}
	}
	return b.String()
}

// cutOut begins what a transcript has in place of what it leaves out.
const cutOut = "<redacted "

func recordServer(text string) string {
	if octets, cut := strings.CutSuffix(text, " <no CRLF>"); cut {
		return "S " + quote(octets, "") + "\n"
	}
	switch {
	case strings.HasPrefix(text, "334 "+cutOut):
		return "# a challenge, not recorded\nS: 334 b64()\n"
	case strings.HasPrefix(text, `"`):
		return "S " + quote(text, "\r\n") + "\n"
	}
	return strings.TrimSuffix("S: "+protect(text), " ") + "\n"
}

// quote returns octets, which a transcript may have quoted, as a Go string.
func quote(text, end string) string {
	if octets, err := strconv.Unquote(text); err == nil {
		text = octets
	}
	return strconv.QuoteToASCII(text + end)
}

func recordClient(text string) string {
	verb, argument, _ := strings.Cut(text, " ")
	switch {
	case strings.HasPrefix(text, "<content of "):
		return "CONTENT\n"
	case strings.EqualFold(verb, "BDAT"):
		if _, last, ok := parseChunk(argument); ok && last {
			return "CHUNK LAST\n"
		}
		return "CHUNK\n"
	case strings.HasPrefix(text, "<") && strings.HasSuffix(text, " octets>") && !strings.HasPrefix(text, cutOut):
		return "# " + text + "\n"
	}
	before, _, cut := strings.Cut(text, cutOut)
	if before == text && (strings.HasPrefix(text, `"`) || strings.Contains(text, "${") || strings.Contains(text, "b64(")) {
		before, cut = "", true
	}
	if cut {
		return "C~ " + strings.NewReplacer(`\`, `\\`, "*", `\*`).Replace(before) + "*\n"
	}
	return strings.TrimSuffix("C: "+text, " ") + "\n"
}

// protect keeps what a server says from being read as something else.
func protect(text string) string {
	if !strings.Contains(text, "${") && !strings.Contains(text, "b64(") {
		return text
	}
	return fmt.Sprintf("%.4s...", text)
}

func recordRemark(text string) string {
	if text == "TLS" {
		return "TLS\n"
	}
	return "# " + strings.ReplaceAll(text, "\n", " ") + "\n"
}
