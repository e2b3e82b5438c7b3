package providers

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxScrubbed is the longest text that Scrub returns, in octets.
const maxScrubbed = 400

// minScrubbed is the shortest secret that Scrub looks for, in octets.
const minScrubbed = 4

const redacted = "[redacted]"

// Scrub makes text of an authority fit for an error or a log: it takes out the
// secrets given, as they are and as they look in a form or a URL, and whatever
// has the look of a token; it replaces control characters and cuts what is
// longer than 400 octets. Secrets of fewer than four octets are ignored.
func Scrub(text string, secrets ...string) string {
	text = printable(text)
	for _, form := range formsOf(secrets) {
		text = strings.ReplaceAll(text, form, redacted)
	}
	text = tokenLike.ReplaceAllLiteralString(text, redacted)
	return strings.TrimSpace(cut(text, maxScrubbed))
}

// formsOf returns what secrets look like in a text, the longest first: one may be
// the beginning of another.
func formsOf(secrets []string) []string {
	var forms []string
	for _, s := range secrets {
		forms = append(forms, s, printable(s), url.QueryEscape(s), url.PathEscape(s))
	}
	forms = slices.DeleteFunc(forms, func(form string) bool { return len(form) < minScrubbed })
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return forms
}

// tokenLike matches a JWT, Google's tokens and client secrets, and any run of
// base64 that is longer than a UUID.
var tokenLike = regexp.MustCompile(`eyJ[A-Za-z0-9_.-]{8,}|ya29\.[A-Za-z0-9_.-]+|1//[A-Za-z0-9_-]+|GOCSPX-[A-Za-z0-9_-]+|[A-Za-z0-9_+/=~-]{40,}`)

// printable replaces what a terminal or a log would act on.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029':
			return '.'
		}
		return r
	}, strings.ToValidUTF8(s, "."))
}

// cut returns at most limit octets of s and no part of a rune.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
