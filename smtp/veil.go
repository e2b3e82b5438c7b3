package smtp

import (
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A veil takes out of the lines of a reply what the client has sent to sign in: a
// server may repeat it, then or later, and replies end in errors and logs. It is a
// function so that nothing which walks through a Client can print what it knows.
// What was not sent, as the password of SCRAM, no server can repeat.
type veil func(lines []string)

// draw takes out of a line what v takes out of a reply.
func (v veil) draw(line string) string {
	if v == nil {
		return line
	}
	lines := []string{line}
	v(lines)
	return lines[0]
}

// hide keeps a message of the sign-in out of all replies from now on. The names of
// the user alone may show.
func (t *authTransport) hide(message []byte) {
	known := &t.c.cfg.Auth.Credentials
	t.c.conn.veil = t.c.conn.veil.over(message, known.Username, known.AuthzID)
}

// over returns a veil that also takes out the secrets of a message.
func (v veil) over(message []byte, names ...string) veil {
	if len(message) == 0 {
		return v
	}
	var r wire.Redactor
	r.AddText(string(wire.EncodeBase64(nil, message)))
	for part := range strings.FieldsFuncSeq(string(message), func(c rune) bool { return c < ' ' }) {
		hidePart(&r, part, names)
	}
	return func(lines []string) {
		if v != nil {
			v(lines)
		}
		r.Redact(lines)
	}
}

// hidePart hides what stands between two control characters of a message: a
// password or a name (RFC 4616), "auth=Bearer" and a token (RFC 7628), a header
// with a name (RFC 5801), or all of a message.
func hidePart(r *wire.Redactor, part string, names []string) {
	if part == "" || slices.Contains(names, part) {
		return
	}
	named := false
	for word := range strings.FieldsFuncSeq(part, func(c rune) bool { return c == ' ' || c == ',' }) {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case slices.Contains(names, word):
		case slices.Contains(names, value) && slices.Contains(nameKeys, key):
			named = true
		case len(word) >= 4 && word != part: // or else it would take many words apart
			r.Add(word)
		}
	}
	if !named {
		r.Add(part)
	}
}

// nameKeys come before the name of a user in messages of mechanisms: XOAUTH2's,
// those of RFC 5801 and those of SCRAM (RFC 5802).
var nameKeys = []string{"user", "a", "n"}
