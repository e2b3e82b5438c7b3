package smtp

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A Reply is a server's answer to one command (RFC 5321, Section 4.2).
type Reply struct {
	Code     int          // 200 to 599; 0 means that there was no reply
	Enhanced EnhancedCode // zero if there is none, or one of another class than Code
	Lines    []string     // the text of each line, as received
}

// An EnhancedCode is an enhanced status code: class, subject and detail (RFC
// 3463, Section 2). The zero value means that there is none.
type EnhancedCode [3]int

// String returns "5.7.8", or "" for the zero value.
func (e EnhancedCode) String() string {
	if e == (EnhancedCode{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", e[0], e[1], e[2])
}

// String returns the reply on one line, safe to print: "535 5.7.8 no / really".
func (r Reply) String() string {
	if r.Code == 0 {
		return "no reply"
	}
	return strings.TrimRight(strconv.Itoa(r.Code)+" "+printable(strings.Join(r.Lines, " / ")), " ")
}

// Text returns the text of all lines without the enhanced status code, joined by
// newlines. It is as the server sent it: quote it before printing.
func (r Reply) Text() string {
	prefix := r.Enhanced.String()
	lines := make([]string, len(r.Lines))
	for i, line := range r.Lines {
		if rest, ok := strings.CutPrefix(line, prefix); ok && prefix != "" && (rest == "" || rest[0] == ' ') {
			line = strings.TrimLeft(rest, " ")
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

func newReply(w wire.Reply) Reply {
	r := Reply{Code: w.Code, Lines: w.Lines}
	if len(w.Lines) > 0 {
		r.Enhanced = parseEnhanced(w.Code, w.Lines[0])
	}
	return r
}

// parseEnhanced reads the enhanced status code at the start of a reply's text.
// One whose class is not that of the reply code is ignored (RFC 2034, Section 4).
func parseEnhanced(code int, text string) EnhancedCode {
	word, _, _ := strings.Cut(text, " ")
	class, rest, _ := strings.Cut(word, ".")
	subject, detail, _ := strings.Cut(rest, ".")
	e := EnhancedCode{code / 100, enhancedNumber(subject), enhancedNumber(detail)}
	if class != strconv.Itoa(e[0]) || e[1] < 0 || e[2] < 0 {
		return EnhancedCode{}
	}
	return e
}

// enhancedNumber reads a number of at most three digits without leading zeros;
// -1 means that s is none.
func enhancedNumber(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || len(s) > 3 || len(s) > 1 && s[0] == '0' {
		return -1
	}
	return int(n)
}

// printable makes a peer's text safe for a terminal and a log: what is not
// printable becomes an escape. It keeps at most 1000 octets.
func printable(s string) string {
	if len(s) > 1000 {
		s = s[:1000] + "..."
	}
	if isPrintable(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

// queueID finds the server's name for an accepted message in its final reply,
// for the forms that common servers use. It returns "" if there is none.
func queueID(r Reply) string {
	for _, line := range r.Lines {
		for _, mark := range [...]string{"queued as ", "internalid=", "id="} {
			if at := indexWord(line, mark); at >= 0 {
				id, _, _ := strings.Cut(strings.TrimSpace(line[at+len(mark):]), " ")
				return printable(strings.TrimRight(id, ",;]>)."))
			}
		}
	}
	return ""
}

// indexWord returns the place in s of mark, which is ASCII, in any case and not
// within a word; -1 if it is not there.
func indexWord(s, mark string) int {
	for i := 0; i+len(mark) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(mark)], mark) && (i == 0 || !inWord(s[i-1])) {
			return i
		}
	}
	return -1
}

// inWord reports whether c may stand before the last letter of a word.
func inWord(c byte) bool {
	return c == '-' || c == '_' || c >= utf8.RuneSelf ||
		'0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
