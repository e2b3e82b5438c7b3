package wire

import "strings"

// minRun is the shortest part of a secret, in octets, that Redact takes out.
const minRun = 12

// Redact takes out of text every run of 12 octets or more that secret holds,
// and a shorter secret where all of it stands, so that a peer that repeats a
// secret, or part of one, does not put it into an error or a log.
func Redact(text, secret string) string {
	run := min(minRun, len(secret))
	if run < 4 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		end := i + run
		for end <= len(text) && strings.Contains(secret, text[i:end]) {
			end++
		}
		if end--; end < i+run {
			b.WriteByte(text[i])
			i++
			continue
		}
		b.WriteString("[redacted]")
		i = end
	}
	return b.String()
}
