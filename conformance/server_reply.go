package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A Reply is what a server under test said in one reply, or why there was none.
type Reply struct {
	Code  int      // 0 if there was none
	Lines []string // the text of each line
	Raw   string   // octets as they came
	Flaw  string   // what is wrong with the form of a reply that can be read; "" for nothing
	Err   error    // why there was none

	shown []string // Lines without secrets; nil: there are none in it
}

// Text returns the texts of all lines.
func (r Reply) Text() string { return strings.Join(r.Lines, " / ") }

// String returns the reply as it stands in verdicts.
func (r Reply) String() string {
	switch {
	case r.Err != nil:
		return r.reason()
	case r.Code == 334:
		return fmt.Sprintf("334 and a challenge of %d octets", len(r.Text()))
	}
	text := r.Text()
	if r.shown != nil {
		text = strings.Join(r.shown, " / ")
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.Code, text))
}

// reason says why there was no reply.
func (r Reply) reason() string {
	switch {
	case errors.Is(r.Err, os.ErrDeadlineExceeded):
		return "no reply in time"
	case errors.Is(r.Err, io.EOF):
		return "no reply, but the end of the connection"
	}
	return fmt.Sprintf("no reply: %v", r.Err)
}

// enhancedForm is an enhanced status code at the start of a text (RFC 3463, Section
// 2).
var enhancedForm = regexp.MustCompile(`^[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: |$)`)

// Enhanced returns the enhanced status code of the first line, "" if it has none.
func (r Reply) Enhanced() string {
	if len(r.Lines) == 0 {
		return ""
	}
	return strings.TrimSpace(enhancedForm.FindString(r.Lines[0]))
}

// Limits of what is read of a server, in octets.
const (
	maxReplyLine = 512 // RFC 5321, Section 4.5.3.1.5
	maxRawLine   = wire.MaxReplyLine
	maxRawReply  = wire.MaxReply
)

// readReply reads a reply: leniently, so that a flaw in the form does not hide what
// the server means, and notes the flaw.
func readReply(in *bufio.Reader) Reply {
	var r Reply
	var raw strings.Builder
	for more := true; more; {
		line, err := readRawLine(in)
		raw.Write(line)
		if err == nil && raw.Len() > maxRawReply {
			err = wire.ErrReplyTooLong
		}
		if err != nil {
			return Reply{Raw: raw.String(), Err: err}
		}
		code, continues, text, err := wire.ParseReplyLine(bytes.TrimRight(line, "\r\n"))
		if err != nil {
			return Reply{Raw: raw.String(), Err: err}
		}
		r.flaw(line, code)
		if r.Code == 0 {
			r.Code = code
		}
		r.Lines = append(r.Lines, string(text))
		more = continues
	}
	r.Raw = raw.String()
	return r
}

// flaw notes the first thing that is wrong with a line.
func (r *Reply) flaw(line []byte, code int) {
	switch {
	case r.Flaw != "":
	case !bytes.HasSuffix(line, []byte("\r\n")):
		r.Flaw = "a line that does not end in CRLF (RFC 5321, Section 2.3.8)"
	case bytes.ContainsAny(line[:len(line)-2], "\r\x00"):
		r.Flaw = "a CR or a NUL within a line (RFC 5321, Section 4.2)"
	case r.Code != 0 && code != r.Code:
		r.Flaw = fmt.Sprintf("the codes %d and %d in one reply (RFC 5321, Section 4.2.1)", r.Code, code)
	case code/10%10 > 5:
		r.Flaw = fmt.Sprintf("the code %d, of which the second digit is above 5 (RFC 5321, Section 4.2)", code)
	case len(line) > maxReplyLine && code != 334:
		r.Flaw = fmt.Sprintf("a line of %d octets (RFC 5321, Section 4.5.3.1.5)", len(line))
	}
}

// readRawLine reads up to LF. The result is the caller's.
func readRawLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case len(line) > maxRawLine:
			return line, wire.ErrReplyTooLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// Accept says which replies are right: codes, such as "503", or classes, such as
// "5yz", with spaces between them, the preferred one first. What stands behind "~"
// is accepted with a warning.
type Accept string

// judge returns Pass, Warn or Fail.
func (a Accept) judge(code int) Outcome {
	for word := range strings.FieldsSeq(string(a)) {
		outcome := Pass
		if rest, warned := strings.CutPrefix(word, "~"); warned {
			word, outcome = rest, Warn
		}
		if word == fmt.Sprint(code) || word == fmt.Sprintf("%dyz", code/100) {
			return outcome
		}
	}
	return Fail
}

// String returns the set for people.
func (a Accept) String() string {
	var good []string
	for word := range strings.FieldsSeq(string(a)) {
		if !strings.HasPrefix(word, "~") {
			good = append(good, word)
		}
	}
	return strings.Join(good, " or ")
}
