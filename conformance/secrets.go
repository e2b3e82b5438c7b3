package conformance

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// A piece of a secret, in some form, is enough to say that it has got out. A piece
// of fewer than minPiece octets could be anything.
const (
	pieceLen = 16
	minPiece = 8
)

// A leakScanner knows secrets in all the forms in which they get into logs.
type leakScanner struct {
	whole  []string // forms of whole secrets
	pieces []piece
}

// A piece is part of a secret.
type piece struct {
	form string // "plain", "base64", ...
	text string
}

// add makes the scanner know a secret. It recognises each half of it and, of a
// long one, any 31 octets in a row. It takes no secrets of fewer than 16 octets.
func (s *leakScanner) add(secret string) {
	octets := []byte(secret)
	s.cut("plain", secret)
	s.cut("hexadecimal", hex.EncodeToString(octets))
	s.cut("hexadecimal", strings.ToUpper(hex.EncodeToString(octets)))
	s.cut("decimal", strings.Trim(fmt.Sprint(octets), "[]"))
	for shift := range 3 {
		s.cut("base64", encodedAt(octets, shift))
	}
}

// encodedAt returns what base64 makes of secret behind shift octets of something
// else, without the characters that depend on its neighbours.
func encodedAt(secret []byte, shift int) string {
	whole := append(make([]byte, shift), secret...)
	text := base64.RawStdEncoding.EncodeToString(whole[:len(whole)-len(whole)%3])
	if shift > 0 {
		text = text[min(4, len(text)):]
	}
	return text
}

// cut adds the pieces of one form: at most half of it each, so that half of a
// secret is enough.
func (s *leakScanner) cut(form, text string) {
	n := min(pieceLen, len(text)/2)
	if n < minPiece {
		return
	}
	s.whole = append(s.whole, text)
	for i := 0; i+n <= len(text); i += n {
		s.pieces = append(s.pieces, piece{form, text[i : i+n]})
	}
	s.pieces = append(s.pieces, piece{form, text[len(text)-n:]})
}

// find returns the form in which text holds a secret, "" if it holds none.
func (s *leakScanner) find(text string) (form string) {
	for _, p := range s.pieces {
		if strings.Contains(text, p.text) {
			return p.form
		}
	}
	return ""
}

// redact returns text without secrets.
func (s *leakScanner) redact(text string) string {
	for _, w := range s.whole { // the pieces alone would leave an end
		text = strings.ReplaceAll(text, w, "[redacted]")
	}
	for _, p := range s.pieces {
		text = strings.ReplaceAll(text, p.text, "[redacted]")
	}
	return text
}

// maxChain bounds how far the tree of an error is followed.
const maxChain = 64

// errorForms returns all that a program may print of an error and of those that
// it wraps.
func errorForms(err error) []string {
	var forms []string
	for _, e := range errorTree(err) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			forms = append(forms, fmt.Sprintf(verb, e)) // fmt survives an Error that panics
		}
		forms = append(forms, asJSON(e))
	}
	return forms
}

// errorTree returns err and all that it wraps.
func errorTree(err error) []error {
	tree := []error{err}
	for i := 0; i < len(tree) && len(tree) < maxChain; i++ {
		switch e := tree[i].(type) {
		case interface{ Unwrap() []error }:
			tree = append(tree, e.Unwrap()...)
		default:
			if inner := errors.Unwrap(e); inner != nil {
				tree = append(tree, inner)
			}
		}
	}
	return tree
}

// asJSON returns v as JSON, "" if it cannot be encoded.
func asJSON(v any) string {
	defer func() { _ = recover() }() // a MarshalJSON of the client's
	octets, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(octets)
}
