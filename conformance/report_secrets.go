package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// ErrLeak says that a secret of the run stands in what was to be written.
var ErrLeak = errors.New("conformance: a secret has got out")

// A SecretScan looks for the secrets of a run in what is to be written, after all
// that keeps them out of it, and by other means. The zero value knows no secret.
//
// A secret of 16 octets or more is found in clear, in base64, in hexadecimal and in
// decimal, and so is half of it. A shorter one cannot be told from the words of the
// suite, and is looked for only in what the target said.
type SecretScan struct {
	long  leakScanner
	short []string
}

const (
	longSecret = 16 // what the scanner takes, in octets
	minShort   = 4  // the shortest secret that is looked for
)

// Add makes the scan look for a secret.
func (s *SecretScan) Add(secret sasl.Secret) {
	switch value := secret.Reveal(); {
	case len(value) >= longSecret:
		s.long.add(value)
	case len(value) >= minShort:
		s.short = append(s.short, value)
		if encoded := encodedAt([]byte(value), 0); len(encoded) >= minPiece {
			s.short = append(s.short, encoded)
		}
	}
}

// Watch returns a source that makes the scan look for all that it supplies.
func (s *SecretScan) Watch(source Source) Source {
	if source == nil {
		return nil
	}
	return func(ctx context.Context) (sasl.Secret, error) {
		value, err := source(ctx)
		if err == nil {
			s.Add(value)
		}
		return value, err
	}
}

// Text looks for secrets in a text. An error matches [ErrLeak] and says in what form
// there is one, not what it is.
func (s *SecretScan) Text(text string) error {
	if form := s.long.find(text); form != "" {
		return fmt.Errorf("%w: it would stand there in the form %s", ErrLeak, form)
	}
	return nil
}

// Report looks for secrets in all that a report says. An error matches [ErrLeak].
func (s *SecretScan) Report(r *Report) error {
	for _, result := range r.Results {
		for _, said := range append([]string{result.Got}, result.Transcript...) {
			if s.inShort(said) {
				return fmt.Errorf("%w: it would stand in %s", ErrLeak, result.ID)
			}
		}
		if err := s.Text(stringsOf(result)); err != nil {
			return fmt.Errorf("%w, in %s", err, result.ID)
		}
	}
	if r.Server != nil {
		said := []string{r.Server.Greeting}
		for _, state := range r.Server.States {
			said = append(said, state.Lines...)
		}
		for _, line := range said {
			if s.inShort(line) {
				return fmt.Errorf("%w: it would stand in what the server says of itself", ErrLeak)
			}
		}
	}
	return s.Text(stringsOf(r))
}

func (s *SecretScan) inShort(text string) bool {
	for _, secret := range s.short {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}

// stringsOf returns all strings within v, as they are.
func stringsOf(v any) string {
	octets, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	var tree any
	if json.Unmarshal(octets, &tree) != nil {
		return ""
	}
	var b strings.Builder
	gather(&b, tree)
	return b.String()
}

// gather writes all strings of a JSON value, a line each.
func gather(b *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.WriteString(v + "\n")
	case []any:
		for _, inner := range v {
			gather(b, inner)
		}
	case map[string]any:
		for _, inner := range v {
			gather(b, inner)
		}
	}
}
