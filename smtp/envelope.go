package smtp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// An Envelope says who a message is from and for whom it is, and what is asked
// of the servers on its way. The header of the message says who it is from and
// for, too, to people; servers go by the envelope (RFC 5321, Section 2.3.1).
//
// Mailboxes are as in "you@example.com": no names and no angle brackets. One with
// a domain outside ASCII goes out with that domain as A-labels (RFC 5891), lower
// case, so that any server takes it; the domain should be in Unicode
// normalization form C. One with a local part outside ASCII goes out as it is and
// needs SMTPUTF8 (RFC 6531).
//
// What is asked for and the server does not offer is an error that matches
// [ErrNotOffered], before MAIL: nothing is dropped silently.
type Envelope struct {
	// From is the mailbox that bounces go to. Empty is the null reverse-path: no
	// bounces (RFC 5321, Section 4.5.5).
	From string

	// To are the mailboxes of the recipients, at least one.
	To []string

	// AllOrNothing sends the message only if the server accepts every recipient.
	// If it refuses one, it gets no content and the error says which; with DATA
	// that takes one round trip more. Zero means that the message goes to those
	// who are accepted.
	AllOrNothing bool

	// Notify says when the sender is to be told what became of the message (DSN:
	// RFC 3461, Section 4.1), for all recipients that Recipients says nothing
	// else about. Zero means that the server decides: commonly on failure.
	Notify Notify

	// Return says how much of the message comes with a report of failure (RFC
	// 3461, Section 4.3). Zero means that the server decides.
	Return Return

	// EnvelopeID comes with each report, so that its reader knows which message
	// it is about (RFC 3461, Section 4.4): printable ASCII, at most 100 octets,
	// of which spaces, "+" and "=" count three each. Empty means none.
	EnvelopeID string

	// Recipients holds what is asked for single recipients, by the mailbox as it
	// is in To. Nil means nothing.
	Recipients map[string]RecipientOptions

	// RequireTLS lets the message go only over TLS with verified certificates,
	// all the way to its recipients, or else come back (RFC 8689). It needs such
	// a connection here, too.
	RequireTLS bool

	// Submitter is the mailbox of who handed the message in, for a server that
	// trusts this client to know (AUTH=: RFC 4954, Section 5); "<>" says that it
	// is not known. It needs a server that offers AUTH. Empty means that nothing
	// is said, which is right for anything but relays.
	Submitter string

	// UTF8 asks for SMTPUTF8 although no mailbox needs it, for a message with
	// UTF-8 in its header (RFC 6532). Zero means that it is asked for if a mailbox
	// needs it.
	UTF8 bool

	// Binary says that the message is binary MIME (RFC 3030, Section 3): any
	// octets, NUL and bare CR and LF among them, of which none is changed. It
	// needs BINARYMIME and CHUNKING. Zero means text; see [Message].
	Binary bool
}

// check validates e without a server, and reports whether it needs SMTPUTF8. All
// that is wrong is in the error.
func (e *Envelope) check() (utf8 bool, err error) {
	var errs []error
	fault := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	utf8 = e.UTF8
	if e.From != "" {
		wide, err := checkMailbox("sender", e.From)
		utf8 = utf8 || wide
		fault(err)
	}
	if len(e.To) == 0 {
		fault(fmt.Errorf("%w: no recipient", ErrEnvelope))
	}
	for _, to := range e.To {
		wide, err := checkMailbox("recipient", to)
		utf8 = utf8 || wide
		fault(err)
	}
	fault(e.checkOptions())
	if len(errs) > 0 {
		return false, join(errs...)
	}
	return utf8, nil
}

// checkMailbox validates a mailbox and reports whether it needs SMTPUTF8.
func checkMailbox(role, addr string) (utf8 bool, err error) {
	nonASCII, err := wire.CheckMailbox(addr)
	if err == nil && role != "recipient" && !strings.Contains(addr, "@") {
		err = errors.New("postmaster alone can only receive") // RFC 5321, Section 4.5.1
	}
	ascii := true
	if err == nil && nonASCII {
		_, ascii, err = wire.ASCIIMailbox(addr)
	}
	if err != nil {
		return false, fmt.Errorf("%w: %s %.100q: %w", ErrEnvelope, role, addr, err)
	}
	return !ascii, nil
}

// appendMailbox appends a mailbox, which checkMailbox has accepted, as it goes
// over the wire.
func appendMailbox(dst []byte, addr string) []byte {
	if ascii, ok, err := wire.ASCIIMailbox(addr); ok && err == nil {
		addr = ascii
	}
	return append(dst, addr...)
}
