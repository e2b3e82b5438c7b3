package mock

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Transcript is what client and server said, in order. It holds no secret:
// what belongs to AUTH is replaced by its length, and content is left out.
type Transcript []Line

// A Line is one line of a [Transcript].
type Line struct {
	Session int           // whose it is; see [Session]
	At      time.Duration // since the connect
	From    Side
	Text    string // without CRLF; quoted if it holds more than printable ASCII
}

// Side is who said a line.
type Side byte

const (
	FromClient Side = 'C'
	FromServer Side = 'S'
	FromMock   Side = '*' // a remark, such as that TLS begins
)

// String returns the lines as "C: " and "S: " lines, with a heading for each
// session. It leaves the times out.
func (t Transcript) String() string {
	var b strings.Builder
	session := 0
	for _, line := range t {
		if line.Session != session {
			session = line.Session
			fmt.Fprintf(&b, "--- session %d\n", session)
		}
		fmt.Fprintf(&b, "%c: %s\n", line.From, line.Text)
	}
	return b.String()
}

// MarshalText returns "C", "S" or "*".
func (s Side) MarshalText() ([]byte, error) { return []byte{byte(s)}, nil }

// MarshalJSON returns the line as an object with the members session, seconds
// (since the connect), from ("C", "S" or "*") and text.
func (l Line) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Session int     `json:"session"`
		Seconds float64 `json:"seconds"`
		From    Side    `json:"from"`
		Text    string  `json:"text"`
	}{l.Session, l.At.Seconds(), l.From, l.Text})
}

// JSON returns the lines as a JSON array with a line of text for each.
func (t Transcript) JSON() []byte {
	b := []byte("[")
	for i, line := range t {
		if i > 0 {
			b = append(b, ',')
		}
		text, err := json.Marshal(line)
		if err != nil {
			continue // there is no such line: its members are numbers and strings
		}
		b = append(append(b, '\n'), text...)
	}
	return append(b, "\n]\n"...)
}

// maxLineText bounds what a transcript keeps of a line, in octets.
const maxLineText = 1024

// legible returns a line as a transcript shows it.
func legible(line []byte) string {
	cut := len(line) - maxLineText
	if cut > 0 {
		line = line[:maxLineText]
	}
	text := string(line)
	for _, c := range line {
		if c < ' ' || c > '~' {
			text = strconv.QuoteToASCII(text)
			break
		}
	}
	if cut > 0 {
		text += fmt.Sprintf(" <%d octets more>", cut)
	}
	return text
}

// redacted stands for a secret of n octets.
func redacted(n int) string { return "<redacted " + counted(n, "octet") + ">" }
