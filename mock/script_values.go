package mock

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// shortValue is the length below which a value is looked for as a word alone, in
// octets: as part of one, it may stand in any text.
const shortValue = 4

// secretValues are those that a dialogue was given, the longest first. They are
// not told, wherever a client sends them.
type secretValues []string

// valuesOf returns the values of a script.
func valuesOf(s Step) secretValues {
	var values secretValues
	var collect func(*step)
	collect = func(s *step) {
		values = append(values, s.values...)
		for _, kid := range s.kids {
			collect(kid.step())
		}
	}
	collect(s.step())
	for _, value := range slices.Clone(values) {
		if len(value) >= shortValue {
			values = append(values, string(wire.EncodeBase64(nil, []byte(value))))
		}
	}
	values = slices.DeleteFunc(values, func(value string) bool { return value == "" })
	slices.SortFunc(values, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	return slices.Compact(values)
}

// hide returns a text without the values.
func (v secretValues) hide(text string) string {
	for _, value := range v {
		if len(value) >= shortValue {
			text = strings.ReplaceAll(text, value, redacted(len(value)))
		} else {
			text = hideWord(text, value)
		}
	}
	return text
}

// hideWord replaces a word where it stands between spaces, or where a text begins
// or ends.
func hideWord(text, word string) string {
	words := strings.Split(text, " ")
	for i := range words {
		if words[i] == word {
			words[i] = redacted(len(word))
		}
	}
	return strings.Join(words, " ")
}
