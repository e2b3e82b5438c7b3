package smtp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Errors about limits that the server announced (RFC 9422). Nothing was sent.
var (
	// ErrTooManyRecipients: the envelope has more recipients than the server takes
	// in one message. Send it in parts.
	ErrTooManyRecipients = errors.New("smtp: more recipients than the server takes in one message")
	// ErrSpent: the connection has carried as many messages as the server lets it.
	// Make another one.
	ErrSpent = errors.New("smtp: the connection has carried as many messages as the server lets it")
)

// limit returns a limit of the server's LIMITS keyword (RFC 9422, Section 4), 0
// if it announced none that makes sense.
func (e extensions) limit(name string) int {
	for _, word := range e["LIMITS"] {
		key, value, _ := strings.Cut(word, "=")
		if n, err := strconv.Atoi(value); err == nil && n > 0 && strings.EqualFold(key, name) {
			return n
		}
	}
	return 0
}

// checkLimits refuses a message that would pass a limit of the server.
func (t *transaction) checkLimits() error {
	ext, env := t.c.ext, &t.job.env
	if !ext.has("LIMITS") {
		return nil
	}
	if most := ext.limit("MAILMAX"); most > 0 && t.c.mails >= most {
		return fmt.Errorf("%w: %d", ErrSpent, most)
	}
	if most := ext.limit("RCPTMAX"); most > 0 && len(env.To) > most {
		return fmt.Errorf("%w: it has %d, the server takes %d", ErrTooManyRecipients, len(env.To), most)
	}
	if most := ext.limit("RCPTDOMAINMAX"); most > 0 {
		domains := make(map[string]bool)
		for _, to := range env.To {
			domains[strings.ToLower(to[strings.LastIndexByte(to, '@')+1:])] = true
		}
		if len(domains) > most {
			return fmt.Errorf("%w: of %d domains, the server takes %d", ErrTooManyRecipients, len(domains), most)
		}
	}
	return nil
}
