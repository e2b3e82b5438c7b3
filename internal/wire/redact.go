package wire

import (
	"bytes"
	"slices"
	"strings"
)

const (
	// minRun is the shortest part of a secret, in octets, that is taken out.
	minRun = 12

	// minSecret is the shortest secret that is looked for within words: anything
	// shorter would take all words apart.
	minSecret = 4

	mark = "[redacted]"
)

// Redact takes out of text every run of 12 octets or more that secret holds,
// and a shorter secret where all of it stands, so that a peer that repeats a
// secret, or part of one, does not put it into an error or a log. Case does not
// matter. A secret of less than 4 octets stays.
func Redact(text, secret string) string {
	var r Redactor
	r.AddText(secret)
	if found := r.find(fold(nil, text)); found != nil {
		return cover(text, found)
	}
	return text
}

// A Redactor takes several secrets out of a peer's text, in clear and in base64.
// The zero Redactor takes out nothing. It is safe for concurrent use once all
// secrets are in it.
type Redactor struct {
	long  []byte   // secrets of minRun octets or more, folded, with a NUL behind each
	short [][]byte // shorter ones, folded
	words [][]byte // those of less than minSecret octets, folded
}

// Add adds a secret, as it is and as it shows in base64 (RFC 4648, Sections 4 and
// 5) alone and within something longer. One of less than 4 octets is looked for
// as a word, and a text with that word goes as a whole.
func (r *Redactor) Add(secret string) {
	if secret != "" && len(secret) < minSecret {
		r.words = append(r.words, fold(nil, secret))
	}
	r.AddText(secret)
	padded := string(EncodeBase64(nil, []byte(secret)))
	r.AddText(padded)
	r.AddText(strings.TrimRight(padded, "="))
	for offset, shared := range [...]int{0, 2, 3} {
		coded := EncodeBase64(nil, append(make([]byte, offset), secret...))
		// What stands beside the secret has a part in its first and last digit.
		whole := (offset + len(secret)) * 8 / 6
		r.AddText(string(coded[min(shared, whole):whole]))
	}
}

// AddText adds a secret as it is. One of less than 4 octets is left out.
func (r *Redactor) AddText(secret string) {
	folded := fold(nil, secret)
	switch {
	case len(folded) >= minRun:
		if !bytes.Contains(r.long, folded) {
			r.long = append(append(r.long, folded...), 0)
		}
	case len(folded) >= minSecret:
		if !slices.ContainsFunc(r.short, func(s []byte) bool { return bytes.Equal(s, folded) }) {
			r.short = append(r.short, folded)
		}
	}
}

// Redact takes the secrets out of the lines of one reply, those too that are cut
// by the end of a line. Enhanced status codes at the start of lines stay. It costs
// no allocation if there is no secret in a short line.
func (r *Redactor) Redact(lines []string) {
	if len(r.long) == 0 && len(r.short) == 0 && len(r.words) == 0 {
		return
	}
	var room [512]byte
	for _, gap := range [...]string{"", " "} { // a secret may have been cut at a space
		joined := room[:0]
		for i, line := range lines {
			if i > 0 {
				joined = append(joined, gap...)
			}
			joined = fold(joined, line[statusLen(line):])
		}
		if r.redact(lines, joined, len(gap)) || len(lines) == 1 {
			return
		}
	}
}

// redact takes out of lines what is found in text, which is all of them, folded,
// with gap octets between them; see [statusLen]. It reports whether everything is
// gone.
func (r *Redactor) redact(lines []string, text []byte, gap int) (all bool) {
	if r.hasWord(text) {
		for i, line := range lines {
			lines[i] = line[:statusLen(line)] + mark
		}
		return true
	}
	found := r.find(text)
	if found == nil {
		return false
	}
	for i, line := range lines {
		at := statusLen(line)
		n := len(line) - at
		lines[i] = line[:at] + cover(line[at:], found[:n])
		found = found[min(n+gap, len(found)):]
	}
	return false
}

// find returns which octets of text are to go; nil if none is.
func (r *Redactor) find(text []byte) (found []bool) {
	hide := func(from, to int) {
		if found == nil {
			found = make([]bool, len(text))
		}
		for i := from; i < to; i++ {
			found[i] = true
		}
	}
	// Any run holds a whole block of half its length.
	const block = minRun / 2
	for at := 0; at+block <= len(text); at += block {
		if !bytes.Contains(r.long, text[at:at+block]) {
			continue
		}
		for i := max(at-block+1, 0); i <= at && i+minRun <= len(text); i++ {
			if bytes.Contains(r.long, text[i:i+minRun]) {
				hide(i, i+minRun)
			}
		}
	}
	for _, secret := range r.short {
		for at := 0; ; at++ {
			i := bytes.Index(text[at:], secret)
			if i < 0 {
				break
			}
			at += i
			hide(at, at+len(secret))
		}
	}
	return found
}

// hasWord reports whether one of the shortest secrets is a word of text.
func (r *Redactor) hasWord(text []byte) bool {
	for _, word := range r.words {
		for at := 0; ; at++ {
			i := bytes.Index(text[at:], word)
			if i < 0 {
				break
			}
			at += i
			end := at + len(word)
			if (at == 0 || !isAlnum(text[at-1])) && (end == len(text) || !isAlnum(text[end])) {
				return true
			}
		}
	}
	return false
}

// cover returns text with a mark in place of each run of octets that are to go.
func cover(text string, hidden []bool) string {
	if !slices.Contains(hidden, true) {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			b.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString(mark)
		}
	}
	return b.String()
}

// statusLen is the length of the enhanced status code at the start of a line, the
// space behind it included (RFC 2034, Section 4): it stands on every line of a
// reply, between the parts of a secret that is cut.
func statusLen(line string) int {
	code, _, ok := strings.Cut(line, " ")
	if !ok || len(code) > len("5.123.123") || strings.Count(code, ".") != 2 || strings.Trim(code, "0123456789.") != "" {
		return 0
	}
	return len(code) + 1
}

// fold appends text so that it can be compared: in lower case, and with the
// digits of both alphabets of base64 alike.
func fold(dst []byte, text string) []byte {
	for i := range len(text) {
		c := text[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '-':
			c = '+'
		case c == '_':
			c = '/'
		}
		dst = append(dst, c)
	}
	return dst
}
