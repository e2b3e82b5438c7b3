package smtp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// An Envelope says who a message is from and for whom it is. The header of the
// message says it too, to people; servers go by the envelope (RFC 5321, Section
// 2.3.1).
type Envelope struct {
	// From is the mailbox that bounces go to. Empty is the null reverse-path: no
	// bounces (RFC 5321, Section 4.5.5).
	From string

	// To are the mailboxes of the recipients, at least one. They are mailboxes
	// alone, as in "you@example.com": no names and no angle brackets.
	To []string
}

// check validates e and reports whether it holds characters outside ASCII.
func (e Envelope) check() (nonASCII bool, err error) {
	var errs []error
	if e.From != "" {
		nonASCII, err = checkMailbox("sender", e.From)
		errs = append(errs, err)
	}
	if len(e.To) == 0 {
		errs = append(errs, fmt.Errorf("%w: no recipient", ErrEnvelope))
	}
	for _, to := range e.To {
		utf8, err := checkMailbox("recipient", to)
		nonASCII = nonASCII || utf8
		errs = append(errs, err)
	}
	return nonASCII, join(errs...)
}

func checkMailbox(role, addr string) (nonASCII bool, err error) {
	nonASCII, err = wire.CheckMailbox(addr)
	if err == nil && role == "sender" && !strings.Contains(addr, "@") {
		err = errors.New("postmaster alone can only receive") // RFC 5321, Section 4.5.1
	}
	if err != nil {
		return false, fmt.Errorf("%w: %s %.100q: %w", ErrEnvelope, role, addr, err)
	}
	return nonASCII, nil
}
