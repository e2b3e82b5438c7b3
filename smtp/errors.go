package smtp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// Errors that are about this side: nothing is sent that has one of them.
var (
	// ErrConfig: the Config cannot work.
	ErrConfig = errors.New("smtp: bad configuration")
	// ErrEnvelope: a sender or a recipient that cannot be sent.
	ErrEnvelope = errors.New("smtp: bad envelope")
	// ErrMessage: a message that cannot be read or sent.
	ErrMessage = errors.New("smtp: bad message")
	// ErrConsumed: a message that can be read only once was read already.
	ErrConsumed = errors.New("smtp: message was read already")
	// ErrTLSRequired: the server offers no STARTTLS, or does not even know EHLO,
	// so nothing was sent.
	ErrTLSRequired = errors.New("smtp: TLS is required and the server does not offer STARTTLS")
	// ErrNotOffered: the message needs an extension that the server lacks.
	ErrNotOffered = errors.New("smtp: the server lacks a needed extension")
	// ErrTooLarge: the message is larger than the server accepts.
	ErrTooLarge = errors.New("smtp: message too large for the server")
)

// Errors that are about the connection.
var (
	// ErrProtocol: the server broke the rules of SMTP.
	ErrProtocol = errors.New("smtp: protocol error")
	// ErrBroken: the connection failed before and cannot be used any more.
	ErrBroken = errors.New("smtp: connection is broken")
	// ErrUncertain: the connection failed after the last octet of the message and
	// before its reply. The message may have been delivered or not; to send it
	// again may deliver it twice.
	ErrUncertain = errors.New("smtp: delivery uncertain")
)

// A ReplyError is a reply that refused a command.
type ReplyError struct {
	Command string // the verb; "" for the greeting, "." for the end of the message, "*" for a reply that nothing asked for
	Reply   Reply
	Advice  string // what the user can do, "" if nothing is known
}

func (e *ReplyError) Error() string {
	return withAdvice("smtp: "+string(phaseOf(e.Command))+": "+e.Reply.String(), e.Advice)
}

// Temporary reports whether the same command may be accepted later (RFC 5321,
// Section 4.2.1: a 4yz reply). So may a recipient that is refused by 552, unless
// its enhanced status code says that there are not too many of them (Section
// 4.5.3.1.10).
func (e *ReplyError) Temporary() bool { return e.Reply.Code/100 == 4 || e.tooMany() }

// tooMany reports whether a recipient was refused as one too many by the code that
// this had before RFC 5321.
func (e *ReplyError) tooMany() bool {
	return e.Command == "RCPT" && e.Reply.Code == 552 &&
		(e.Reply.Enhanced == EnhancedCode{} || e.Reply.Enhanced == EnhancedCode{5, 5, 3})
}

func withAdvice(message, advice string) string {
	if advice == "" {
		return message
	}
	return message + " (" + advice + ")"
}

// An AuthError says that the sign-in failed. Reply and OAuth are nil if the
// failure came before the server said anything.
type AuthError struct {
	Mechanism string           // the mechanism that was chosen last, "" if none was
	Reply     *Reply           // the server's final reply
	OAuth     *sasl.OAuthError // its error challenge
	Advice    string           // what the user can do, "" if nothing is known
	Err       error            // what package sasl made of it
}

func (e *AuthError) Error() string {
	var b strings.Builder
	b.WriteString("smtp: sign-in")
	if e.Mechanism != "" {
		b.WriteString(" with " + e.Mechanism)
	}
	text := strings.TrimPrefix(strings.TrimPrefix(e.Err.Error(), "sasl: "), "smtp: ")
	return withAdvice(b.String()+": "+text, e.Advice)
}

// Unwrap returns Err.
func (e *AuthError) Unwrap() error { return e.Err }

// A TokenError says that the token generator failed; see [sasl.TokenError].
type TokenError = sasl.TokenError

// A RecipientError is the refusal of one recipient.
type RecipientError struct {
	Recipient string
	Err       *ReplyError
}

func (e *RecipientError) Error() string {
	return fmt.Sprintf("%v, for <%s>", e.Err, printable(e.Recipient))
}

// Unwrap returns Err.
func (e *RecipientError) Unwrap() error { return e.Err }

// A PartialError says that the message was accepted for some recipients and
// that these were refused.
type PartialError struct {
	Rejected []*RecipientError // in the order of the envelope
}

func (e *PartialError) Error() string {
	if len(e.Rejected) == 1 {
		return fmt.Sprintf("smtp: message accepted, but not for one recipient: %v", e.Rejected[0])
	}
	return fmt.Sprintf("smtp: message accepted, but not for %d recipients: %v and others", len(e.Rejected), e.Rejected[0])
}

// Unwrap returns the refusals, in the order of the envelope.
func (e *PartialError) Unwrap() []error { return recipientErrors(e.Rejected) }

// A rejectedError says that no recipient was accepted.
type rejectedError struct{ rejected []*RecipientError }

func (e *rejectedError) Error() string {
	if len(e.rejected) == 1 {
		return e.rejected[0].Error()
	}
	return fmt.Sprintf("smtp: all %d recipients refused: %v", len(e.rejected), e.rejected[0])
}

func (e *rejectedError) Unwrap() []error { return recipientErrors(e.rejected) }

func recipientErrors(rejected []*RecipientError) []error {
	errs := make([]error, len(rejected))
	for i, r := range rejected {
		errs[i] = r
	}
	return errs
}
