package smtp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// Notify says on which events a report is sent about a recipient (RFC 3461,
// Section 4.1): NotifyNever alone, or any of the others together, as in
// NotifySuccess|NotifyFailure. Zero means that the server decides.
type Notify uint8

const (
	NotifySuccess Notify = 1 << iota // when the message is delivered
	NotifyFailure                    // when it cannot be
	NotifyDelay                      // when that takes unusually long
	NotifyNever                      // on none of these
)

// notifyNames are the events in the order of their bits.
var notifyNames = [...]string{"SUCCESS", "FAILURE", "DELAY", "NEVER"}

// String returns the value of NOTIFY, such as "SUCCESS,FAILURE"; "" for zero.
func (n Notify) String() string {
	var names []string
	for i, name := range notifyNames {
		if n&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

func (n Notify) valid() bool { return n <= NotifyNever }

// Return says how much of a message comes with a report of failure (RFC 3461,
// Section 4.3). Zero means that the server decides.
type Return uint8

const (
	ReturnFull    Return = 1 + iota // all of it
	ReturnHeaders                   // its header
)

// String returns the value of RET; "" for zero.
func (r Return) String() string {
	switch r {
	case ReturnFull:
		return "FULL"
	case ReturnHeaders:
		return "HDRS"
	}
	return ""
}

// RecipientOptions are what is asked for one recipient. They need DSN (RFC 3461).
type RecipientOptions struct {
	// Notify is as in [Envelope]. Zero means that of the envelope.
	Notify Notify

	// OriginalRecipient is the address that the sender gave, if that is not the
	// one that the message is sent to; reports name it (ORCPT: RFC 3461, Section
	// 4.2). Empty means none.
	OriginalRecipient string

	// OriginalType is the address type of OriginalRecipient, a name registered
	// for it. Empty means "rfc822" for ASCII and "utf-8" for anything else (RFC
	// 6533, Section 3).
	OriginalType string
}

// Bounds of RFC 3461, in octets.
const (
	maxORCPT = 500 // Section 4.2
	maxENVID = 100 // Section 4.4
)

// checkOptions validates what is in e besides the mailboxes.
func (e *Envelope) checkOptions() error {
	var errs []error
	fault := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrEnvelope}, args...)...))
	}
	if !e.Notify.valid() {
		fault("Notify is NotifyNever together with other events, or no event that there is")
	}
	if e.Return > ReturnHeaders {
		fault("unknown Return")
	}
	if !isPrintable(e.EnvelopeID) || len(wire.EncodeXtext(e.EnvelopeID)) > maxENVID {
		fault("EnvelopeID is not printable ASCII of at most %d octets as they are sent", maxENVID)
	}
	if e.Submitter != "" && e.Submitter != "<>" {
		if utf8, err := checkMailbox("submitter", e.Submitter); err != nil {
			errs = append(errs, err)
		} else if utf8 {
			fault("submitter %.100q: local part outside ASCII", e.Submitter)
		}
	}
	if len(e.Recipients) > 0 {
		known := make(map[string]bool, len(e.To))
		for _, to := range e.To {
			known[to] = true
		}
		for to, o := range e.Recipients {
			if !known[to] {
				fault("options for %.100q, who is no recipient", to)
			}
			if err := o.check(); err != nil {
				fault("options for %.100q: %w", to, err)
			}
		}
	}
	return join(errs...)
}

// check validates the options of a recipient.
func (o RecipientOptions) check() error {
	kind, isAtom := o.originalType(), true
	for _, c := range kind {
		isAtom = isAtom && (c == '-' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z')
	}
	switch {
	case !o.Notify.valid():
		return errors.New("Notify is NotifyNever together with other events, or no event that there is")
	case o.OriginalType != "" && o.OriginalRecipient == "":
		return errors.New("OriginalType without OriginalRecipient")
	case !isAtom:
		return errors.New("OriginalType is no address type")
	case kind == "utf-8" && !isPrintableUTF8(o.OriginalRecipient), kind != "utf-8" && !isPrintable(o.OriginalRecipient):
		return errors.New("OriginalRecipient holds characters that its type cannot have")
	case len(o.original(false)) > maxORCPT:
		return fmt.Errorf("OriginalRecipient is longer than %d octets as it is sent", maxORCPT)
	}
	return nil
}

func (o RecipientOptions) originalType() string {
	switch {
	case o.OriginalType != "":
		return strings.ToLower(o.OriginalType)
	case isPrintable(o.OriginalRecipient):
		return "rfc822"
	}
	return "utf-8"
}

// original returns the value of ORCPT, in UTF-8 if that may be (RFC 6533, Section
// 3), else in ASCII.
func (o RecipientOptions) original(utf8 bool) string {
	kind := o.originalType()
	if kind == "utf-8" {
		return kind + ";" + wire.EncodeUTF8Addr(o.OriginalRecipient, utf8)
	}
	return kind + ";" + wire.EncodeXtext(o.OriginalRecipient)
}

// isPrintable reports whether s is printable ASCII and spaces (RFC 3461, Section
// 4), or empty.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isPrintableUTF8 reports whether s is UTF-8 without control characters.
func isPrintableUTF8(s string) bool {
	return strings.ToValidUTF8(s, "") == s && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}

// wantsDSN reports whether e asks for anything of RFC 3461.
func (e *Envelope) wantsDSN() bool {
	if e.Notify != 0 || e.Return != 0 || e.EnvelopeID != "" {
		return true
	}
	for _, o := range e.Recipients {
		if o != (RecipientOptions{}) {
			return true
		}
	}
	return false
}

// appendMailParameters appends those parameters of MAIL that only e decides.
func (e *Envelope) appendMailParameters(dst []byte) []byte {
	if e.Return != 0 {
		dst = append(append(dst, " RET="...), e.Return.String()...)
	}
	if e.EnvelopeID != "" {
		dst = append(append(dst, " ENVID="...), wire.EncodeXtext(e.EnvelopeID)...)
	}
	if e.RequireTLS { // RFC 8689, Section 2
		dst = append(dst, " REQUIRETLS"...)
	}
	switch e.Submitter {
	case "":
	case "<>": // RFC 4954, Section 5: two characters that are no xtext, and stand for themselves
		dst = append(dst, " AUTH=<>"...)
	default:
		dst = append(append(dst, " AUTH="...), wire.EncodeXtext(string(appendMailbox(nil, e.Submitter)))...)
	}
	return dst
}

// appendRcptParameters appends the parameters of RCPT for a recipient. utf8 says
// whether they may hold UTF-8.
func (e *Envelope) appendRcptParameters(dst []byte, to string, utf8 bool) []byte {
	o := e.Recipients[to]
	if o.Notify == 0 {
		o.Notify = e.Notify
	}
	if o.Notify != 0 {
		dst = append(append(dst, " NOTIFY="...), o.Notify.String()...)
	}
	if o.OriginalRecipient != "" {
		dst = append(append(dst, " ORCPT="...), o.original(utf8)...)
	}
	return dst
}
