package mock

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// A Matcher says whether octets are what a step wants: the decoded message of a
// mechanism, or content.
type Matcher struct {
	kind  string // "" if want is all there is to say
	want  []byte
	match func(got []byte) error

	veiled bool // what does not match may hold a value that a dialogue was given
}

// Exactly wants these octets and no others.
func Exactly(octets string) Matcher {
	return Matcher{want: []byte(octets), match: func(got []byte) error {
		if string(got) != octets {
			return errDiffers
		}
		return nil
	}}
}

// Like wants octets that fit a pattern: "*" stands for any octets, `\*` for the
// asterisk and `\\` for the backslash.
func Like(pattern string) Matcher {
	g := newGlob(pattern)
	return Matcher{kind: "like", want: []byte(pattern), match: func(got []byte) error {
		if !g.match(string(got)) {
			return errDiffers
		}
		return nil
	}}
}

// Containing wants these octets somewhere.
func Containing(octets string) Matcher {
	return Matcher{kind: "containing", want: []byte(octets), match: func(got []byte) error {
		if !bytes.Contains(got, []byte(octets)) {
			return errDiffers
		}
		return nil
	}}
}

// That wants octets for which check returns nil. Its error is part of the
// report, so it is to hold no secret. It runs in the server's goroutine: it must
// not call methods of a testing.T that end the test.
func That(check func(got []byte) error) Matcher {
	return Matcher{kind: "that", match: check}
}

// Bearer wants the message of XOAUTH2 with this user and token.
func Bearer(user, token string) Matcher {
	return Exactly("user=" + user + "\x01auth=Bearer " + token + "\x01\x01")
}

// Plain wants the message of PLAIN with this user and password, and no
// authorization identity.
func Plain(user, password string) Matcher { return Exactly("\x00" + user + "\x00" + password) }

// errDiffers says no more than that octets do not match.
var errDiffers = errors.New("mock: octets differ")

// check returns a mismatch if got is not as it should be. What is shown of
// octets is what show returns, beside those that are wanted.
func (m *Matcher) check(got []byte, show func(octets, want []byte) string) error {
	if m.match == nil {
		return nil // the zero Matcher takes anything
	}
	if m.veiled {
		show = func(octets, want []byte) string {
			if bytes.Equal(octets, want) {
				return string(octets)
			}
			return redacted(len(octets))
		}
	}
	err := m.match(got)
	switch {
	case err == nil:
		return nil
	case err != errDiffers: // of That
		return &mismatch{reason: err.Error(), final: true}
	case m.kind == "":
		return &mismatch{reason: "octets differ " + diff(show(m.want, m.want), show(got, m.want)), final: true}
	}
	return &mismatch{reason: fmt.Sprintf("want %s %s\ngot %s", m.kind, show(m.want, m.want), show(got, m.want)), final: true}
}

// checkAll returns the first mismatch.
func checkAll(matchers []Matcher, got []byte, show func(octets, want []byte) string) error {
	for i := range matchers {
		if err := matchers[i].check(got, show); err != nil {
			return err
		}
	}
	return nil
}

// A glob is a pattern: the texts between its asterisks.
type glob []string

func newGlob(pattern string) glob {
	var g glob
	var text strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && (pattern[i+1] == '*' || pattern[i+1] == '\\'):
			i++
			text.WriteByte(pattern[i])
		case c == '*':
			g = append(g, text.String())
			text.Reset()
		default:
			text.WriteByte(c)
		}
	}
	return append(g, text.String())
}

func (g glob) match(s string) bool {
	if len(g) == 1 {
		return s == g[0]
	}
	first, last := g[0], g[len(g)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, text := range g[1 : len(g)-1] {
		i := strings.Index(s, text)
		if i < 0 {
			return false
		}
		s = s[i+len(text):]
	}
	return true
}
